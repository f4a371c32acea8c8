/* machine.c - what this process may use of the machine it runs on. Linux: affinity and control groups, version 1 or 2.
 */
#include "machine.h"

#include <dirent.h>
#include <inttypes.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* A container sees its own control group at the root of the mount. */
#define CGROUP "/sys/fs/cgroup/"

/* Reads up to two numbers from the first line of a file; 0 where the file is missing or says "max" or "-1". */
static int read_numbers(const char *path, uint64_t *first, uint64_t *second)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) return 0;
    int count = fscanf(file, "%" SCNu64 " %" SCNu64, first, second);
    fclose(file);
    return count > 0 ? count : 0;
}

/* Cores' worth of time that the control group pays for, rounded up; UINT64_MAX where it sets no quota. */
static uint64_t quota_cores(void)
{
    uint64_t quota = 0;
    uint64_t period = 0;
    uint64_t unused;
    bool limited = read_numbers(CGROUP "cpu.max", &quota, &period) == 2;
    if (!limited) {
        limited = read_numbers(CGROUP "cpu/cpu.cfs_quota_us", &quota, &unused) >= 1 &&
                  read_numbers(CGROUP "cpu/cpu.cfs_period_us", &period, &unused) >= 1;
    }
    if (!limited || period == 0 || quota > INT64_MAX) return UINT64_MAX;
    return (quota + period - 1) / period;
}

unsigned machine_cores(void)
{
    cpu_set_t set;
    uint64_t cores = sched_getaffinity(0, sizeof set, &set) == 0 ? (uint64_t)CPU_COUNT(&set) : 1;
    uint64_t quota = quota_cores();
    if (quota < cores) cores = quota;
    return cores > 0 ? (unsigned)cores : 1;
}

uint64_t machine_memory(void)
{
    uint64_t limit;
    uint64_t unused;
    uint64_t memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    bool limited = read_numbers(CGROUP "memory.max", &limit, &unused) >= 1 ||
                   read_numbers(CGROUP "memory/memory.limit_in_bytes", &limit, &unused) >= 1;
    return limited && limit < memory ? limit : memory;
}

uint64_t machine_nanoseconds(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

int64_t machine_milliseconds(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static double seconds(struct timespec time)
{
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* The kernel keeps a process' start in clock ticks since the machine's boot: field 22 of /proc/self/stat, counted after
 * the name, which may hold anything but ends at the last ')'. */
static double start_seconds(void)
{
    char line[1024];
    unsigned long long ticks = 0;
    FILE *file = fopen("/proc/self/stat", "re");
    if (file == NULL) return 0;
    const char *name_end = fgets(line, sizeof line, file) != NULL ? strrchr(line, ')') : NULL;
    fclose(file);
    if (name_end == NULL ||
        sscanf(name_end + 1, "%*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu",
               &ticks) != 1) {
        return 0;
    }
    struct timespec wall;
    struct timespec boot;
    clock_gettime(CLOCK_REALTIME, &wall);
    clock_gettime(CLOCK_BOOTTIME, &boot);
    return seconds(wall) - seconds(boot) + (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

static uint64_t count_descriptors(void)
{
    uint64_t count = 0;
    DIR *directory = opendir("/proc/self/fd");
    if (directory == NULL) return 0;
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (entry->d_name[0] != '.') count++;
    }
    closedir(directory);
    return count - 1; /* less the directory's own */
}

void machine_process(struct machine_process *process)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t virtual_pages = 0;
    uint64_t resident_pages = 0;
    struct timespec cpu = {0};
    struct rlimit limit = {0};
    read_numbers("/proc/self/statm", &virtual_pages, &resident_pages);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    getrlimit(RLIMIT_NOFILE, &limit);
    *process = (struct machine_process){.cpu_seconds = seconds(cpu),
                                        .start_seconds = start_seconds(),
                                        .resident_bytes = resident_pages * page,
                                        .virtual_bytes = virtual_pages * page,
                                        .open_descriptors = count_descriptors(),
                                        .max_descriptors = limit.rlim_cur};
}

static bool gives_huge_pages_unasked(void)
{
    char line[64] = "";
    FILE *file = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "re");
    if (file == NULL) return false;
    bool unasked = fgets(line, sizeof line, file) != NULL && strstr(line, "[always]") != NULL;
    fclose(file);
    return unasked;
}

void machine_refuse_unasked_huge_pages(void)
{
    const unsigned long except_advised = 1 << 1; /* PR_THP_DISABLE_EXCEPT_ADVISED, which older headers lack */
    if (prctl(PR_SET_THP_DISABLE, 1, except_advised, 0, 0) != 0 && gives_huge_pages_unasked()) {
        prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
    }
}
