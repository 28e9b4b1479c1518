// SPDX-License-Identifier: MIT
/* How many workers there are by default: the mask, the quota, the smaller. */
#define _GNU_SOURCE
#include "sched/cpus.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "sched/os.h"
#include "tests/support/child.h"
#include "tests/support/run.h"
#include "tests/support/test.h"

/* The text of a quota */

struct quota {
    const char *text;
    unsigned cpus;
};

Test(cpus, of_a_quota)
{
    static const struct quota table[] = {
        {"max 100000\n", 0},   {"100000 100000\n", 1}, {"100001 100000\n", 2},
        {"50000 100000\n", 1}, {"1000 100000\n", 1},   {"250000 100000\n", 3},
        {"400000 100000", 4},  {"-1 100000", 0},       {"0 100000", 0},
        {"100000 0", 0},       {"100000", 0},          {"", 0},
        {"nonsense", 0},       {"100000 nonsense", 0}, {"99999999999999 1", 0},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        unsigned cpus = weft__cpus_of_quota(table[i].text);
        cr_expect_eq(cpus, table[i].cpus, "\"%s\" gives %u", table[i].text,
                     cpus);
    }
}

/* A system made of files: path, content. */

struct file {
    const char *path;
    const char *text;
};

static const struct file *files;
static long mask;

static long fake_open(int dir, const char *path, int flags, unsigned mode)
{
    (void)dir;
    (void)flags;
    (void)mode;
    for (long i = 0; files[i].path != NULL; i++)
        if (strcmp(files[i].path, path) == 0)
            return 1000 + i;
    return -ENOENT;
}

static long fake_pread(int fd, void *buffer, size_t size, int64_t offset)
{
    const char *text = files[fd - 1000].text;
    size_t n = strlen(text);
    n = n < size ? n : size;
    memcpy(buffer, text, n);
    return offset == 0 ? (long)n : 0;
}

static long fake_close(int fd)
{
    (void)fd;
    return 0;
}

static long fake_cpus(void)
{
    return mask;
}

static unsigned cpus_of(long cpus, const struct file *system)
{
    struct weft__os os = weft__os_real;
    os.open = fake_open;
    os.pread = fake_pread;
    os.close = fake_close;
    os.cpus = fake_cpus;
    files = system;
    mask = cpus;
    weft__os = &os;
    unsigned found = weft__cpus();
    weft__os = &weft__os_real;
    return found;
}

#define V2 "/sys/fs/cgroup"
#define V1 "/sys/fs/cgroup/cpu/"

Test(cpus, without_a_quota_is_the_mask)
{
    static const struct file none[] = {{NULL, NULL}};
    static const struct file max[] = {
        {"/proc/self/cgroup", "0::/\n"},
        {V2 "/cpu.max", "max 100000\n"},
        {NULL, NULL},
    };
    cr_assert_eq(cpus_of(7, none), 7);
    cr_assert_eq(cpus_of(7, max), 7);
    cr_assert_eq(cpus_of(-EFAULT, none), 1);
}

Test(cpus, every_group_above_may_have_a_quota)
{
    static const struct file own[] = {
        {"/proc/self/cgroup", "0::/a/b\n"},
        {V2 "/a/b/cpu.max", "200000 100000\n"},
        {V2 "/a/cpu.max", "max 100000\n"},
        {NULL, NULL},
    };
    static const struct file parent[] = {
        {"/proc/self/cgroup", "4:memory:/x\n0::/a/b\n"},
        {V2 "/a/b/cpu.max", "300000 100000\n"},
        {V2 "/a/cpu.max", "100000 100000\n"},
        {NULL, NULL},
    };
    cr_assert_eq(cpus_of(8, own), 2);
    cr_assert_eq(cpus_of(8, parent), 1);
    cr_assert_eq(cpus_of(1, own), 1, "the mask is smaller");
}

Test(cpus, version_1_has_two_files)
{
    static const struct file v1[] = {
        {V1 "cpu.cfs_quota_us", "150000\n"},
        {V1 "cpu.cfs_period_us", "100000\n"},
        {NULL, NULL},
    };
    static const struct file unlimited[] = {
        {V1 "cpu.cfs_quota_us", "-1\n"},
        {V1 "cpu.cfs_period_us", "100000\n"},
        {NULL, NULL},
    };
    cr_assert_eq(cpus_of(8, v1), 2);
    cr_assert_eq(cpus_of(8, unlimited), 8);
}

/* For real: a process that may use one CPU has one worker. */

static void *count_workers(void *unused)
{
    weft_runtime_info info;
    (void)unused;
    weft_info(weft_running_loop(), &info);
    return weft_test_value(info.workers);
}

static int workers_on_first_cpu(void *unused)
{
    cpu_set_t all;
    cpu_set_t one;
    void *result = NULL;
    size_t cpu = 0;
    (void)unused;
    unsetenv("WEFT_WORKERS");
    if (sched_getaffinity(0, sizeof(all), &all) < 0)
        return 100;
    while (!CPU_ISSET(cpu, &all))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    if (sched_setaffinity(0, sizeof(one), &one) < 0)
        return 101;
    return weft_run(count_workers, NULL, &result) < 0 ? 102
                                                      : (int)(intptr_t)result;
}

Test(cpus, of_one_cpu_is_one_worker, .timeout = 60)
{
    struct weft_test_child child;
    if (WEFT_TEST_NO_CHILDREN)
        cr_skip("no children under this sanitizer");
    cr_assert(weft_test_child_run(&child, workers_on_first_cpu, NULL));
    cr_assert_eq(weft_test_child_exit(&child), 1);
}
