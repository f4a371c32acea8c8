/* machine.c - what this process may use of the machine it runs on. Linux: affinity and control groups, version 1 or 2.
 */
#include "machine.h"

#include <inttypes.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
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

int64_t machine_milliseconds(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}
