// SPDX-License-Identifier: MIT
/*
 * The limits of limits.h.
 */
#include "perf/limits.h"

#include <sys/resource.h>

void perf_limits_raise(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}
