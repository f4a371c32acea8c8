/* test_system.c - control groups, version 1 and 2, as folders and files -> what they leave to a
 * process. */
#include "base/system.h"

#include "support/cmocka_all.h"
#include "support/folder.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define NONE UINT64_MAX

static char folder[FOLDER_PATH_MAX];
static char mount[FOLDER_PATH_MAX + 8];

/* The mount is a folder's folder, so that there is a place outside it. */
static int make_mount(void **state)
{
    (void)state;
    folder_make(folder);
    snprintf(mount, sizeof mount, "%s/mount", folder);
    return mkdir(mount, 0700);
}

static int remove_mount(void **state)
{
    (void)state;
    folder_remove(folder);
    return 0;
}

/* Writes a file below the mount, in a group that is made where it is not yet there. */
static void set(const char *name, const char *text)
{
    char path[2 * FOLDER_PATH_MAX];
    size_t root = strlen(mount);
    snprintf(path, sizeof path, "%s/%s", mount, name);
    for (char *end = path + root; (end = strchr(end + 1, '/')) != NULL;) {
        *end = '\0';
        mkdir(path, 0700);
        *end = '/';
    }
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static struct system_limits limits_of(const char *groups)
{
    char *text = strdup(groups);
    assert_non_null(text);
    struct system_limits limits = system_limits(mount, text);
    free(text);
    return limits;
}

static void expect(const char *groups, uint64_t memory, uint64_t cores)
{
    struct system_limits limits = limits_of(groups);
    if (limits.memory != memory || limits.cores != cores) {
        fail_msg("%s: %ju bytes, %ju cores", groups, (uintmax_t)limits.memory,
                 (uintmax_t)limits.cores);
    }
}

static void where_no_limit_is_set_there_is_none(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",     "\n",   ":",    "::",       "0::",  "0::/",  "0::/\n", "0::/a/b\n",
        "0:/a", "junk", ":::a", "1:,,,:/a", "::::", "0::..", "\n\n0"};
    for (size_t i = 0; i < COUNT(rows); i++) expect(rows[i], NONE, NONE);
    set("a/b/memory.max", "max\n");
    set("a/b/cpu.max", "max 100000\n");
    set("a/memory.max", "");
    set("a/cpu.max", "junk\n");
    set("memory/a/memory.limit_in_bytes", "9223372036854771712\n");
    set("cpu/a/cpu.cfs_quota_us", "-1\n");
    set("cpu/a/cpu.cfs_period_us", "100000\n");
    expect("0::/a/b\n", NONE, NONE);
    expect("2:cpu:/a\n1:memory:/a\n", 9223372036854771712u, NONE);
    set("cpu/a/cpu.cfs_quota_us", "100000\n");
    set("cpu/a/cpu.cfs_period_us", "0\n");
    expect("2:cpu:/a\n", NONE, NONE);
}

static void a_limit_holds_for_all_groups_below_it(void **state)
{
    (void)state;
    set("memory.max", "5000\n");
    set("cpu.max", "900000 100000\n");
    set("own.slice/memory.max", "max\n");
    set("own.slice/cpu.max", "200000 100000\n");
    set("own.slice/own.service/memory.max", "4000\n");
    set("own.slice/own.service/cpu.max", "800000 100000\n");
    set("own.slice/own.service/below/memory.max", "1\n");
    set("other.slice/memory.max", "2\n");
    expect("0::/own.slice/own.service\n", 4000, 2);
    set("own.slice/memory.max", "3000\n");
    expect("0::/own.slice/own.service\n", 3000, 2);
    set("memory.max", "2000\n");
    set("cpu.max", "100000 100000\n");
    expect("0::/own.slice/own.service\n", 2000, 1);
    expect("0::/own.slice/own.service (deleted)\n", 2000, 1);
}

static void cores_are_rounded_up(void **state)
{
    (void)state;
    static const struct {
        const char *quota;
        uint64_t cores;
    } rows[] = {{"1000 100000\n", 1},   {"100000 100000\n", 1},
                {"100001 100000\n", 2}, {"250000 100000\n", 3},
                {"50000 10000\n", 5},   {"0 100000\n", 0},
                {"200000\n", NONE},     {"200000 0\n", NONE},
                {"1 1000000000\n", 1},  {"9223372036854775807 18446744073709551615\n", 1}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        set("own/cpu.max", rows[i].quota);
        expect("0::/own\n", NONE, rows[i].cores);
    }
}

/* As on machines where systemd mounts both; the name "cpu" leads to where "cpu,cpuacct" is. */
static void each_controller_of_version_1_has_a_group_of_its_own(void **state)
{
    (void)state;
    static const char groups[] =
        "9:name=systemd:/own.slice\n5:memory:/own.slice/m\n3:cpuacct,cpu:/own.slice/c\n"
        "2:cpuset:/\n0::/own.slice\n";
    set("memory/memory.limit_in_bytes", "9223372036854771712\n");
    set("memory/own.slice/memory.limit_in_bytes", "6000\n");
    set("memory/own.slice/m/memory.limit_in_bytes", "7000\n");
    set("cpu/own.slice/cpu.cfs_quota_us", "-1\n");
    set("cpu/own.slice/cpu.cfs_period_us", "100000\n");
    set("cpu/own.slice/c/cpu.cfs_quota_us", "250000\n");
    set("cpu/own.slice/c/cpu.cfs_period_us", "100000\n");
    set("unified/own.slice/cgroup.procs", "1\n");
    expect(groups, 6000, 3);
    set("cpu/cpu.cfs_quota_us", "200000\n");
    set("cpu/cpu.cfs_period_us", "100000\n");
    set("memory/memory.limit_in_bytes", "5000\n");
    expect(groups, 5000, 2);
}

/* It sees its own groups as roots, and may be told where they are outside. */
static void a_container_has_the_limits_of_the_root(void **state)
{
    (void)state;
    set("memory.max", "1000\n");
    set("cpu.max", "100000 100000\n");
    expect("0::/", 1000, 1);
    expect("0::/kubepods/pod/container\n", 1000, 1);
    set("memory/memory.limit_in_bytes", "900\n");
    expect("4:memory:/docker/container\n", 900, NONE);
}

static void a_group_outside_the_mount_is_not_looked_for(void **state)
{
    (void)state;
    set("memory.max", "1000\n");
    set("own/memory.max", "900\n");
    set("...own/memory.max", "800\n");
    set("../memory.max", "10\n");
    set("../outside/memory.max", "20\n");
    static const char *const rows[] = {
        "0::/..\n",         "0::/../..\n",  "0::/../outside\n", "0::/own/../../outside\n",
        "0::/../mount/own", "0::/own/..\n", "0::..\n",          "0::../outside\n"};
    for (size_t i = 0; i < COUNT(rows); i++) expect(rows[i], 1000, NONE);
    expect("0::/...own\n", 800, NONE);
    expect("0::/own\n", 900, NONE);
}

static void a_path_that_does_not_fit_has_the_limits_of_what_does(void **state)
{
    (void)state;
    static char groups[2 * PATH_MAX];
    set("memory.max", "1000\n");
    set("own/memory.max", "900\n");
    for (size_t length = PATH_MAX - 300; length < PATH_MAX + 300; length++) {
        memset(groups, 'a', length);
        memcpy(groups, "0::/own/", 8);
        groups[length] = '\0';
        expect(groups, 900, NONE);
    }
    memset(groups, 'a', sizeof groups - 1);
    memcpy(groups, "4:", 2);
    memcpy(groups + sizeof groups - 20, ":/\n0::/\n", 9);
    expect(groups, 1000, NONE);
}

static void a_text_may_end_anywhere(void **state)
{
    (void)state;
    static const char groups[] =
        "5:memory:/own.slice\n3:cpu,cpuacct:/own.slice\n0::/own.slice/own.service\n";
    char text[sizeof groups];
    set("memory/own.slice/memory.limit_in_bytes", "3000\n");
    set("cpu.max", "200000 100000\n");
    set("own.slice/own.service/memory.max", "2000\n");
    for (size_t length = 0; length < sizeof groups; length++) {
        snprintf(text, sizeof text, "%.*s", (int)length, groups);
        uint64_t memory = length >= sizeof groups - 2               ? 2000
                          : length >= strlen("5:memory:/own.slice") ? 3000
                                                                    : NONE;
        expect(text, memory,
               length >= (size_t)(strstr(groups, "0::") - groups) + strlen("0::") ? 2 : NONE);
    }
}

static void this_process_has_memory_and_a_core(void **state)
{
    (void)state;
    assert_true(system_memory() > 0);
    assert_true(system_cores() > 0);
}

#define WITH_MOUNT(test) cmocka_unit_test_setup_teardown(test, make_mount, remove_mount)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_MOUNT(where_no_limit_is_set_there_is_none),
        WITH_MOUNT(a_limit_holds_for_all_groups_below_it),
        WITH_MOUNT(cores_are_rounded_up),
        WITH_MOUNT(each_controller_of_version_1_has_a_group_of_its_own),
        WITH_MOUNT(a_container_has_the_limits_of_the_root),
        WITH_MOUNT(a_group_outside_the_mount_is_not_looked_for),
        WITH_MOUNT(a_path_that_does_not_fit_has_the_limits_of_what_does),
        WITH_MOUNT(a_text_may_end_anywhere),
        cmocka_unit_test(this_process_has_memory_and_a_core),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
