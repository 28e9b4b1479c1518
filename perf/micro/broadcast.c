// SPDX-License-Identifier: MIT
/*
 * broadcast: 10 000 tasks wait for one future, which one task completes; from
 * there until the last of them runs, per waiter. Spawning and awaiting them is
 * not counted: that is the workload waiters.
 */
#include "perf/micro/micro.h"

#include <stdatomic.h>

#include <weft/future.h>
#include <weft/task.h>
#include <weft/wait.h>

#define WAITERS 10000
#define ROUNDS 100

struct round {
    weft_future *told_all; /* completed by who is told last */
    weft_future *future;
    atomic_uint waiting, told;
};

static void *wait_for_it(void *arg)
{
    struct round *round = arg;
    void *word = NULL;
    int rc;

    atomic_fetch_add_explicit(&round->waiting, 1, memory_order_relaxed);
    rc = weft_await(weft_future_ref(round->future), &word);
    if (word == round &&
        atomic_fetch_add_explicit(&round->told, 1, memory_order_relaxed) ==
            WAITERS - 1) {
        weft_future_set_result(round->told_all, NULL);
    }
    return weft_fail(rc);
}

/* Tell all, and hear that the last has heard; how long it took is added. */
static int tell(struct round *round, double *ns)
{
    weft_time start = weft_now();
    int rc = weft_future_set_result(round->future, round);

    /* Should one never be told, this says so instead of waiting forever. */
    if (rc == 0) {
        rc = weft_wait_for(weft_future_ref(round->told_all), WEFT_S(60), NULL);
    }
    *ns += (double)(weft_now() - start);
    return rc != 0 ? rc
                   : perf_micro_expect("broadcast",
                                       atomic_load_explicit(
                                           &round->told, memory_order_relaxed),
                                       WAITERS);
}

/* Who waits is cancelled if it was not told. */
static int gather(weft_future **all, int rc)
{
    for (unsigned i = 0; i < WAITERS; i++) {
        int one;

        if (rc != 0) {
            weft_cancel(all[i]);
        }
        one = weft_await(all[i], NULL);
        rc = rc != 0 ? rc : one;
    }
    return rc;
}

static int broadcast(double *ns)
{
    static weft_future *all[WAITERS]; /* one runtime at a time */
    struct round round = {.told_all = weft_future_new(),
                          .future = weft_future_new()};
    int rc = 0;

    for (unsigned i = 0; i < WAITERS; i++) {
        all[i] = weft_spawn(wait_for_it, &round);
    }
    /* All but the last few wait then; those find it done. */
    while (rc == 0 && atomic_load_explicit(&round.waiting,
                                           memory_order_relaxed) < WAITERS) {
        rc = weft_yield();
    }
    if (rc == 0) {
        rc = tell(&round, ns);
    }
    rc = gather(all, rc);
    weft_future_unref(round.future);
    weft_future_unref(round.told_all);
    return rc;
}

static void *run(void *arg)
{
    struct perf_micro *micro = arg;
    uint64_t rounds = perf_micro_scaled(micro, ROUNDS);
    int rc = 0;

    for (uint64_t i = 0; i < rounds && rc == 0; i++) {
        rc = broadcast(&micro->ns);
    }
    micro->ops = rounds * WAITERS;
    return weft_fail(rc);
}

int perf_micro_broadcast(struct perf_micro *micro)
{
    return perf_micro_in_runtime(micro, run, micro);
}
