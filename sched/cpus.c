// SPDX-License-Identifier: MIT
/*
 * How many workers: sched_getaffinity(2) and the quota of the control group,
 * version 2 (cpu.max of every group above us) or 1 (cpu.cfs_quota_us).
 */
#include "sched/cpus.h"

#include "sched/os.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The start of a small file as text; false if there is none. */
static bool slurp(const char *path, char *text, size_t size)
{
    long fd = weft__os->open(AT_FDCWD, path, O_RDONLY, 0);
    if (fd < 0)
        return false;
    long n = weft__os->pread((int)fd, text, size - 1, 0);
    weft__os->close((int)fd);
    if (n <= 0)
        return false;
    text[n] = '\0';
    return true;
}

unsigned weft__cpus_of_quota(const char *text)
{
    char *end;
    long long quota = strtoll(text, &end, 10);
    long long period = strtoll(end, NULL, 10);
    if (quota <= 0 || period <= 0)
        return 0;
    long long cpus = (quota + period - 1) / period;
    return cpus > 1024 ? 0 : (unsigned)cpus;
}

static unsigned least(unsigned a, unsigned b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* "0::/path": each group from ours to the root may have a quota. */
static unsigned quota_v2(char *path)
{
    unsigned cpus = 0;
    path[strcspn(path, "\n")] = '\0';
    for (;;) {
        char file[600];
        char text[64];
        snprintf(file, sizeof(file), "/sys/fs/cgroup%s/cpu.max", path);
        if (slurp(file, text, sizeof(text)))
            cpus = least(cpus, weft__cpus_of_quota(text));
        char *slash = strrchr(path, '/');
        if (slash == NULL)
            return cpus;
        *slash = '\0';
    }
}

static unsigned quota_v1(void)
{
    char quota[32];
    char period[32];
    char text[72];
    if (!slurp("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", quota, sizeof(quota)) ||
        !slurp("/sys/fs/cgroup/cpu/cpu.cfs_period_us", period, sizeof(period)))
        return 0;
    snprintf(text, sizeof(text), "%s %s", quota, period);
    return weft__cpus_of_quota(text);
}

unsigned weft__cpus(void)
{
    char groups[2048];
    long allowed = weft__os->cpus();
    unsigned cpus = allowed > 0 ? (unsigned)allowed : 1;
    unsigned quota = 0;
    if (slurp("/proc/self/cgroup", groups, sizeof(groups))) {
        char *line = strstr(groups, "0::");
        if (line != NULL && (line == groups || line[-1] == '\n'))
            quota = quota_v2(line + 3);
    }
    quota = least(quota, quota_v1());
    return least(cpus, quota);
}
