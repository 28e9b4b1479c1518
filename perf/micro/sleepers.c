// SPDX-License-Identifier: MIT
/*
 * sleepers: 1 000 000 tasks asleep at once, and what each of them takes of
 * memory: the growth of the process's resident set, all counted (stack,
 * descriptor, timer), divided by their number. The time that it took to get
 * them to sleep, by the clock and of CPU, is compared with that of as many bare
 * guarded stacks, made by one thread just before and just after.
 */
#include "perf/micro/micro.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/future.h>
#include <weft/task.h>

#include "perf/micro/footprint.h"

#define TASKS 1000000
#define NEEDED 6000 /* bytes of memory that there should be for each */
#define QUIET WEFT_MS(50)

struct crowd {
    struct perf_micro *micro;
    weft_future **all;
    _Atomic uint64_t asleep; /* or about to be */
    _Atomic uint64_t woken;
    double cpu; /* until all were asleep; ns */
};

static void *sleep_long(void *arg)
{
    struct crowd *crowd = arg;

    atomic_fetch_add_explicit(&crowd->asleep, 1, memory_order_relaxed);
    if (weft_sleep(WEFT_S(3600)) == -WEFT_ECANCELED) {
        atomic_fetch_add_explicit(&crowd->woken, 1, memory_order_relaxed);
    }
    return NULL;
}

static int spawn_all(struct crowd *crowd)
{
    int rc = 0;

    for (uint64_t i = 0; i < crowd->micro->ops; i++) {
        crowd->all[i] = weft_spawn(sleep_long, crowd);
        if (weft_future_state(crowd->all[i]) == WEFT_FUTURE_FAILED) {
            rc = weft_future_result(crowd->all[i], NULL);
        }
    }
    return rc;
}

/* Until all have said that they are about to sleep, and some moments more. */
static int wait_until_asleep(struct crowd *crowd)
{
    int rc = 0;

    while (rc == 0 && atomic_load(&crowd->asleep) < crowd->micro->ops) {
        rc = weft_sleep(WEFT_MS(1));
    }
    return rc != 0 ? rc : weft_sleep(QUIET);
}

/* All are cancelled, then all awaited; each must have been woken by that. */
static int end_all(struct crowd *crowd)
{
    int rc = 0;

    for (uint64_t i = 0; i < crowd->micro->ops; i++) {
        weft_cancel(crowd->all[i]);
    }
    for (uint64_t i = 0; i < crowd->micro->ops; i++) {
        int one = weft_await(crowd->all[i], NULL);

        rc = rc != 0 ? rc : one;
    }
    if (rc == 0 && atomic_load(&crowd->woken) != crowd->micro->ops) {
        rc = -EPROTO;
    }
    return rc;
}

static void *run(void *arg)
{
    struct crowd *crowd = arg;
    struct perf_micro *micro = crowd->micro;
    double before = perf_footprint_resident();
    double cpu = perf_footprint_cpu();
    weft_time start = weft_now();
    int rc = spawn_all(crowd), end;

    if (rc == 0) {
        rc = wait_until_asleep(crowd);
    }
    micro->ns = (double)(weft_now() - start - QUIET);
    crowd->cpu = perf_footprint_cpu() - cpu;
    micro->rss_per_task =
        (perf_footprint_resident() - before) / (double)micro->ops;
    micro->mappings = perf_footprint_mappings();
    end = end_all(crowd);
    return weft_fail(rc != 0 ? rc : end);
}

/* The faster of the two: the first may have found less memory at hand. */
static void compare(struct crowd *crowd, double before)
{
    struct perf_micro *micro = crowd->micro;
    double bare = perf_footprint_bare_stack(micro->ops);

    bare = before < bare ? before : bare;
    if (bare > 0) {
        micro->per_bare_stack = micro->ns / (double)micro->ops / bare;
        micro->cpu_per_bare_stack = crowd->cpu / (double)micro->ops / bare;
    }
}

/* The array of futures is ours, not theirs: it is touched before. */
int perf_micro_sleepers(struct perf_micro *micro)
{
    struct crowd crowd = {.micro = micro};
    double bare;
    int rc;

    micro->ops = perf_micro_scaled(micro, TASKS);
    if (perf_footprint_available() < micro->ops * NEEDED) {
        fprintf(stderr, "sleepers: needs %llu MiB of free memory\n",
                (unsigned long long)(micro->ops * NEEDED >> 20));
        return -ENOMEM;
    }
    crowd.all = malloc((size_t)micro->ops * sizeof(*crowd.all));
    if (crowd.all == NULL) {
        return -ENOMEM;
    }
    memset(crowd.all, 0xff, (size_t)micro->ops * sizeof(*crowd.all));
    bare = perf_footprint_bare_stack(micro->ops);
    rc = perf_micro_in_runtime(micro, run, &crowd);
    free(crowd.all);
    compare(&crowd, bare);
    return rc;
}
