// SPDX-License-Identifier: MIT
/*
 * What structure costs: group (1 000 children, per child), scope (a deadline
 * entered and left), gather (of 100, per future), waiters (1 000 tasks that
 * wait for one future, per task).
 */
#include "perf/micro/micro.h"

#include <weft.h>

#define CHILDREN 1000
#define GROUPS 2000
#define SCOPES 10000000
#define GATHERED 100
#define GATHERS 10000
#define WAITERS 1000
#define WAITS 500

static void *group(void *arg)
{
    struct perf_micro *micro = arg;
    uint64_t rounds = perf_micro_scaled(micro, GROUPS);
    weft_time start = weft_now();
    int rc = 0;

    for (uint64_t i = 0; i < rounds && rc == 0; i++) {
        weft_group children;

        weft_group_enter(&children, NULL);
        for (unsigned k = 0; k < CHILDREN && rc == 0; k++) {
            rc = weft_group_spawn(&children, perf_micro_nothing, NULL);
        }
        rc = weft_group_exit(&children, rc);
    }
    micro->ns = (double)(weft_now() - start);
    micro->ops = rounds * CHILDREN;
    return weft_fail(rc);
}

static void *scope(void *arg)
{
    struct perf_micro *micro = arg;
    weft_time start = weft_now();
    int rc = 0;

    micro->ops = perf_micro_scaled(micro, SCOPES);
    for (uint64_t i = 0; i < micro->ops; i++) {
        weft_scope deadline;

        weft_timeout_enter(&deadline, WEFT_S(3600));
        rc |= weft_timeout_exit(&deadline, 0);
    }
    micro->ns = (double)(weft_now() - start);
    return weft_fail(rc);
}

static void *gather(void *arg)
{
    struct perf_micro *micro = arg;
    uint64_t rounds = perf_micro_scaled(micro, GATHERS);
    weft_time start = weft_now();
    int rc = 0;

    for (uint64_t i = 0; i < rounds && rc == 0; i++) {
        weft_future *all[GATHERED];

        for (unsigned k = 0; k < GATHERED; k++) {
            all[k] = weft_spawn(perf_micro_nothing, NULL);
        }
        rc = weft_gather(all, GATHERED, NULL);
    }
    micro->ns = (double)(weft_now() - start);
    micro->ops = rounds * GATHERED;
    return weft_fail(rc);
}

static void *wait_for_it(void *future)
{
    return weft_fail(weft_await(weft_future_ref(future), NULL));
}

static int wake_all(void)
{
    weft_group waiters;
    weft_future *future = weft_future_new();
    int rc = 0;

    weft_group_enter(&waiters, NULL);
    for (unsigned k = 0; k < WAITERS && rc == 0; k++) {
        rc = weft_group_spawn(&waiters, wait_for_it, future);
    }
    if (rc == 0) {
        rc = weft_yield();
    }
    if (rc == 0) {
        rc = weft_future_set_result(future, NULL);
    }
    rc = weft_group_exit(&waiters, rc);
    weft_future_unref(future);
    return rc;
}

static void *waiters(void *arg)
{
    struct perf_micro *micro = arg;
    uint64_t rounds = perf_micro_scaled(micro, WAITS);
    weft_time start = weft_now();
    int rc = 0;

    for (uint64_t i = 0; i < rounds && rc == 0; i++) {
        rc = wake_all();
    }
    micro->ns = (double)(weft_now() - start);
    micro->ops = rounds * WAITERS;
    return weft_fail(rc);
}

int perf_micro_group(struct perf_micro *micro)
{
    return perf_micro_in_runtime(micro, group, micro);
}

int perf_micro_scope(struct perf_micro *micro)
{
    return perf_micro_in_runtime(micro, scope, micro);
}

int perf_micro_gather(struct perf_micro *micro)
{
    return perf_micro_in_runtime(micro, gather, micro);
}

int perf_micro_waiters(struct perf_micro *micro)
{
    return perf_micro_in_runtime(micro, waiters, micro);
}
