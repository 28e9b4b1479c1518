// SPDX-License-Identifier: MIT
/*
 * crowded: spawn_join with 64 workers, whatever the CPUs, and beside it the
 * same with two: what of their throughput is left. The two take turns, so that
 * a slow moment of the machine hits both.
 */
#include "perf/micro/micro.h"

#define CROWD 64
#define TURNS 4 /* pairs of them */

static int turn(struct perf_micro *micro, unsigned workers, double *ns)
{
    struct perf_micro one = {.workers = workers, .scale = micro->scale * TURNS};
    int rc = perf_micro_in_runtime(&one, perf_micro_spawn_rounds, &one);

    *ns += one.ns;
    if (workers == CROWD) {
        micro->ops += one.ops;
        micro->counters = one.counters;
    }
    return rc;
}

int perf_micro_crowded(struct perf_micro *micro)
{
    double two = 0;
    int rc = 0;

    for (int i = 0; i < TURNS && rc == 0; i++) {
        rc = turn(micro, 2, &two);
        if (rc == 0) {
            rc = turn(micro, CROWD, &micro->ns);
        }
    }
    if (rc == 0) {
        micro->of_two = two / micro->ns;
    }
    return rc;
}
