// SPDX-License-Identifier: MIT
/*
 * spawn_one: a task that does nothing is spawned and awaited at once; 1 000 000
 * times.
 */
#include "perf/micro/micro.h"

#include <weft/task.h>

#define TIMES 1000000

static void *run(void *arg)
{
    struct perf_micro *micro = arg;
    weft_time start = weft_now();
    int rc = 0;

    micro->ops = perf_micro_scaled(micro, TIMES);
    for (uint64_t i = 0; i < micro->ops && rc == 0; i++) {
        rc = weft_await(weft_spawn(perf_micro_nothing, NULL), NULL);
    }
    micro->ns = (double)(weft_now() - start);
    return weft_fail(rc);
}

int perf_micro_spawn_one(struct perf_micro *micro)
{
    return perf_micro_in_runtime(micro, run, micro);
}
