// SPDX-License-Identifier: MIT
/*
 * Of the thread a test's task runs on just now: how low it is, and CPU time.
 */
#ifndef WEFT_TESTS_SUPPORT_THREAD_H
#define WEFT_TESTS_SUPPORT_THREAD_H

#include <stdbool.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <weft/time.h>

/* By how much this thread has been lowered: the main thread never is. */
static inline int weft_test_nice(void)
{
    return getpriority(PRIO_PROCESS, (id_t)gettid()) -
           getpriority(PRIO_PROCESS, (id_t)getpid());
}

static inline bool weft_test_is_low_already(void)
{
    return getpriority(PRIO_PROCESS, (id_t)getpid()) > 9;
}

static inline weft_ns weft_test_cpu_time(void)
{
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return WEFT_S(used.tv_sec) + used.tv_nsec;
}

/* Of CPU time: the machine may have other things to do. */
static inline void weft_test_compute_for(weft_ns time)
{
    weft_ns until = weft_test_cpu_time() + time;
    while (weft_test_cpu_time() < until)
        ;
}

#endif
