/* system.h - what this process may use of the machine it runs on, and does: cores, memory,
 * descriptors. Control groups are considered. */
#ifndef SYSTEM_H
#define SYSTEM_H

#include <stdint.h>

/* What control groups leave to a process; UINT64_MAX where they set no limit. */
struct system_limits {
    uint64_t memory; /* bytes */
    uint64_t cores;  /* worth of time, rounded up */
};

/* The lowest limits of the groups that a process is in and of all those above them. groups: the
 * text of the process' /proc/self/cgroup, which is taken apart. mount: where control groups of
 * version 1 or 2 are mounted; its root, too, is above each group, even one that lies outside. What
 * is missing there or does not fit in PATH_MAX sets no limit. */
struct system_limits system_limits(const char *mount, char *groups);

/* Cores that the affinity mask allows, at most those that this process' control groups pay for; at
 * least 1. */
unsigned system_cores(void);

/* What the kernel knows of this process; members that cannot be read are 0. */
struct system_process {
    double cpu_seconds;   /* user and system */
    double start_seconds; /* since the Unix epoch */
    uint64_t resident_bytes;
    uint64_t virtual_bytes;
    uint64_t open_descriptors;
    uint64_t max_descriptors;
};

void system_process(struct system_process *process);

/* Bytes of physical memory, or the limit of this process' control groups where that is lower. */
uint64_t system_memory(void);

/* From now on the kernel gives huge pages only where they are asked for (MADV_HUGEPAGE); before
 * Linux 6.18, where it would give them unasked, none at all. */
void system_refuse_unasked_huge_pages(void);

#endif
