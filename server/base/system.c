/* system.c - what this process may use of the machine it runs on. Linux: affinity and control
 * groups, version 1 or 2. */
#include "base/system.h"

#include <dirent.h>
#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* Reads up to two numbers from the first line of a folder's file; 0 where the file is missing or
 * says "max". */
static int read_numbers(const char *folder, const char *name, uint64_t *first, uint64_t *second)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = length < (int)sizeof path ? fopen(path, "re") : NULL;
    if (file == NULL) return 0;
    int count = fscanf(file, "%" SCNu64 " %" SCNu64, first, second);
    fclose(file);
    return count > 0 ? count : 0;
}

static uint64_t group_memory(const char *folder)
{
    uint64_t limit;
    uint64_t unused;
    bool limited = read_numbers(folder, "memory.max", &limit, &unused) >= 1 ||
                   read_numbers(folder, "memory.limit_in_bytes", &limit, &unused) >= 1;
    return limited ? limit : UINT64_MAX;
}

/* A quota of -1, which is read as the largest number, is none. */
static uint64_t group_cores(const char *folder)
{
    uint64_t quota;
    uint64_t period;
    uint64_t unused;
    bool limited = read_numbers(folder, "cpu.max", &quota, &period) == 2 ||
                   (read_numbers(folder, "cpu.cfs_quota_us", &quota, &unused) >= 1 &&
                    read_numbers(folder, "cpu.cfs_period_us", &period, &unused) >= 1);
    if (!limited || period == 0 || quota > INT64_MAX) return UINT64_MAX;
    return quota / period + (quota % period != 0);
}

/* Lowers the limits to those of a group and of all above it, which hold for it, too. The mount's
 * root is always one of them: a container's group is there, whatever its path outside. Names that
 * do not fit are the first to be left out. */
static void lower_to_group(struct system_limits *limits, const char *mount, const char *controller,
                           const char *group)
{
    char path[PATH_MAX];
    int root = snprintf(path, sizeof path, "%s/%s", mount, controller);
    if (root >= (int)sizeof path) return;
    snprintf(path + root, sizeof path - (size_t)root, "/%s/", group);
    /* "/../other" is outside of the control group namespace, and so of the mount. */
    if (strstr(path + root, "/../") != NULL) path[root + 1] = '\0';
    for (char *end; (end = strrchr(path + root, '/')) != NULL;) {
        *end = '\0';
        uint64_t memory = group_memory(path);
        uint64_t cores = group_cores(path);
        if (memory < limits->memory) limits->memory = memory;
        if (cores < limits->cores) limits->cores = cores;
    }
}

/* A line is "5:cpu,cpuacct:/group", where the mount has a folder for each of these controllers, or,
 * of version 2, "0::/group": without a controller, and in the mount itself. */
struct system_limits system_limits(const char *mount, char *groups)
{
    struct system_limits limits = {UINT64_MAX, UINT64_MAX};
    for (char *line; (line = strsep(&groups, "\n")) != NULL;) {
        strsep(&line, ":");
        char *controllers = strsep(&line, ":");
        const char *group = line;
        if (group == NULL) continue;
        for (const char *controller; (controller = strsep(&controllers, ",")) != NULL;) {
            lower_to_group(&limits, mount, controller, group);
        }
    }
    return limits;
}

static struct system_limits own_limits(void)
{
    char groups[16384] = ""; /* a dozen lines, of some hundred bytes at most */
    FILE *file = fopen("/proc/self/cgroup", "re");
    if (file != NULL) {
        groups[fread(groups, 1, sizeof groups - 1, file)] = '\0';
        fclose(file);
    }
    return system_limits("/sys/fs/cgroup", groups);
}

unsigned system_cores(void)
{
    cpu_set_t set;
    uint64_t cores = sched_getaffinity(0, sizeof set, &set) == 0 ? (uint64_t)CPU_COUNT(&set) : 1;
    uint64_t quota = own_limits().cores;
    if (quota < cores) cores = quota;
    return cores > 0 ? (unsigned)cores : 1;
}

uint64_t system_memory(void)
{
    uint64_t memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t limit = own_limits().memory;
    return limit < memory ? limit : memory;
}

static double seconds(struct timespec time)
{
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* The kernel keeps a process' start in clock ticks since the machine's boot: field 22 of
 * /proc/self/stat, counted after the name, which may hold anything but ends at the last ')'. */
static double start_seconds(void)
{
    char line[1024];
    unsigned long long ticks = 0;
    FILE *file = fopen("/proc/self/stat", "re");
    if (file == NULL) return 0;
    const char *name_end = fgets(line, sizeof line, file) != NULL ? strrchr(line, ')') : NULL;
    fclose(file);
    if (name_end == NULL ||
        sscanf(name_end + 1,
               "%*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu",
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

void system_process(struct system_process *process)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t virtual_pages = 0;
    uint64_t resident_pages = 0;
    struct timespec cpu = {0};
    struct rlimit limit = {0};
    read_numbers("/proc/self", "statm", &virtual_pages, &resident_pages);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    getrlimit(RLIMIT_NOFILE, &limit);
    *process = (struct system_process){.cpu_seconds = seconds(cpu),
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

void system_refuse_unasked_huge_pages(void)
{
    const unsigned long except_advised =
        1 << 1; /* PR_THP_DISABLE_EXCEPT_ADVISED, which older headers lack */
    if (prctl(PR_SET_THP_DISABLE, 1, except_advised, 0, 0) != 0 && gives_huge_pages_unasked()) {
        prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
    }
}
