// SPDX-License-Identifier: MIT
/*
 * yield: 1 000 tasks that let each other run, 5 000 times each.
 */
#include "perf/micro/micro.h"

#include <weft/task.h>

#define TASKS 1000
#define YIELDS 5000

static void *yield_often(void *arg)
{
    uint64_t n = *(const uint64_t *)arg;
    int rc = 0;

    for (uint64_t i = 0; i < n && rc == 0; i++) {
        rc = weft_yield();
    }
    return weft_fail(rc);
}

static void *run(void *arg)
{
    struct perf_micro *micro = arg;
    uint64_t yields = perf_micro_scaled(micro, YIELDS);
    weft_future *all[TASKS];
    weft_time start = weft_now();
    int rc;

    for (int i = 0; i < TASKS; i++) {
        all[i] = weft_spawn(yield_often, &yields);
    }
    rc = perf_micro_await_all(all, TASKS);
    micro->ns = (double)(weft_now() - start);
    micro->ops = yields * TASKS;
    return weft_fail(rc);
}

int perf_micro_yield(struct perf_micro *micro)
{
    return perf_micro_in_runtime(micro, run, micro);
}
