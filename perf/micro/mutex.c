// SPDX-License-Identifier: MIT
/*
 * mutex: 1 000 tasks lock one mutex, add one to a plain counter, and unlock;
 * 2 000 times each.
 */
#include "perf/micro/micro.h"

#include <errno.h>

#include <weft.h>

#define TASKS 1000
#define TIMES 2000

struct counter {
    weft_mutex mutex;
    uint64_t times; /* of each task */
    uint64_t value; /* under the mutex */
};

static void *count(void *arg)
{
    struct counter *counter = arg;
    int rc = 0;

    for (uint64_t i = 0; i < counter->times && rc == 0; i++) {
        rc = weft_mutex_lock(&counter->mutex);
        if (rc == 0) {
            counter->value++;
            rc = weft_mutex_unlock(&counter->mutex);
        }
    }
    return weft_fail(rc);
}

static void *run(void *arg)
{
    struct perf_micro *micro = arg;
    struct counter counter = {.times = perf_micro_scaled(micro, TIMES)};
    weft_future *all[TASKS];
    weft_time start = weft_now();
    int rc;

    for (int i = 0; i < TASKS; i++) {
        all[i] = weft_spawn(count, &counter);
    }
    rc = perf_micro_await_all(all, TASKS);
    micro->ns = (double)(weft_now() - start);
    micro->ops = counter.times * TASKS;
    if (rc == 0 && counter.value != micro->ops) {
        rc = -EPROTO;
    }
    return weft_fail(rc);
}

int perf_micro_mutex(struct perf_micro *micro)
{
    return perf_micro_in_runtime(micro, run, micro);
}
