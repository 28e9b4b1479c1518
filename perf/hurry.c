// SPDX-License-Identifier: MIT
/*
 * The two system calls of hurry.h. The structure of sched_setattr(2) is in no
 * header of the C library.
 */
#define _GNU_SOURCE
#include "perf/hurry.h"

#include <sched.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SLICE_NS 100000

struct attributes {
    uint32_t size;
    uint32_t policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime; /* of SCHED_OTHER: the slice, since Linux 6.12 */
    uint64_t deadline;
    uint64_t period;
};

void perf_hurry(void)
{
    struct attributes attributes = {.size = sizeof(attributes)};

    /* 1 ns; the default of 50 us is the largest part of a sleep's lateness. */
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    if (syscall(SYS_sched_getattr, 0, &attributes, sizeof(attributes), 0) !=
            0 ||
        attributes.policy != SCHED_OTHER) {
        return;
    }
    attributes.size = sizeof(attributes);
    attributes.flags = 0;
    attributes.runtime = SLICE_NS;
    syscall(SYS_sched_setattr, 0, &attributes, 0);
}
