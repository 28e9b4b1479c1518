// SPDX-License-Identifier: MIT
/*
 * What context variables cost: context_get and context_set with 20 of them;
 * spawn_vars is spawn_join with 20 set, and has to cost what that costs.
 */
#include "perf/micro/micro.h"

#include <weft.h>

#define VARS 20
#define GETS 20000000
#define SETS 1000000

static weft_var *vars[VARS];

/* They live as long as the program: each run sets them anew. */
static int set_all(void)
{
    for (unsigned i = 0; i < VARS; i++) {
        int rc = vars[i] ? 0 : weft_var_new("perf", NULL, NULL, &vars[i]);

        if (rc == 0) {
            rc = weft_var_set(vars[i], &vars[i]);
        }
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static void *get(void *arg)
{
    struct perf_micro *micro = arg;
    int rc = set_all();
    weft_time start = weft_now();
    uintptr_t sum = 0;

    micro->ops = perf_micro_scaled(micro, GETS);
    for (uint64_t i = 0; i < micro->ops && rc == 0; i++) {
        sum += (uintptr_t)weft_var_get(vars[i % VARS]);
    }
    micro->ns = (double)(weft_now() - start);
    return rc != 0 ? weft_fail(rc) : (void *)(sum & 1);
}

static void *set(void *arg)
{
    struct perf_micro *micro = arg;
    int rc = set_all();
    weft_time start = weft_now();

    micro->ops = perf_micro_scaled(micro, SETS);
    for (uint64_t i = 0; i < micro->ops && rc == 0; i++) {
        rc = weft_var_set(vars[i % VARS], micro);
    }
    micro->ns = (double)(weft_now() - start);
    return weft_fail(rc);
}

static void *spawn(void *arg)
{
    int rc = set_all();

    return rc != 0 ? weft_fail(rc) : perf_micro_spawn_rounds(arg);
}

int perf_micro_context_get(struct perf_micro *micro)
{
    return perf_micro_in_runtime(micro, get, micro);
}

int perf_micro_context_set(struct perf_micro *micro)
{
    return perf_micro_in_runtime(micro, set, micro);
}

int perf_micro_spawn_vars(struct perf_micro *micro)
{
    return perf_micro_in_runtime(micro, spawn, micro);
}
