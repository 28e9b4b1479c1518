// SPDX-License-Identifier: MIT
/*
 * spawn_join: 1 000 tasks that do nothing are spawned, then awaited in the
 * order of their spawning; 2 000 rounds.
 */
#include "perf/micro/micro.h"

#include <weft/task.h>

#define TASKS 1000
#define ROUNDS 2000

static int round_of(uint64_t tasks)
{
    weft_future *all[TASKS];

    for (uint64_t i = 0; i < tasks; i++) {
        all[i] = weft_spawn(perf_micro_nothing, NULL);
    }
    return perf_micro_await_all(all, tasks);
}

void *perf_micro_spawn_rounds(void *arg)
{
    struct perf_micro *micro = arg;
    uint64_t rounds = perf_micro_scaled(micro, ROUNDS);
    weft_time start = weft_now();
    int rc = 0;

    for (uint64_t i = 0; i < rounds && rc == 0; i++) {
        rc = round_of(TASKS);
    }
    micro->ns = (double)(weft_now() - start);
    micro->ops = rounds * TASKS;
    return weft_fail(rc);
}

int perf_micro_spawn_join(struct perf_micro *micro)
{
    return perf_micro_in_runtime(micro, perf_micro_spawn_rounds, micro);
}
