// SPDX-License-Identifier: MIT
/*
 * later: 1 000 000 callbacks that wait for their moment, an hour ahead, and
 * what each of them takes of memory: a descriptor with its timer, no stack.
 */
#include "perf/micro/micro.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <weft/future.h>
#include <weft/task.h>

#include "perf/micro/footprint.h"

#define CALLS 1000000

struct calls {
    struct perf_micro *micro;
    weft_future **all;
};

/* Each that was cancelled before its moment has not run. */
static int cancel_all(const struct calls *calls)
{
    uint64_t cancelled = 0;

    for (uint64_t i = 0; i < calls->micro->ops; i++) {
        weft_cancel(calls->all[i]);
    }
    for (uint64_t i = 0; i < calls->micro->ops; i++) {
        cancelled += weft_await(calls->all[i], NULL) == -WEFT_ECANCELED;
    }
    return perf_micro_expect("cancelled", cancelled, calls->micro->ops);
}

static void *run(void *arg)
{
    struct calls *calls = arg;
    struct perf_micro *micro = calls->micro;
    double before = perf_footprint_resident();
    weft_time start = weft_now();

    for (uint64_t i = 0; i < micro->ops; i++) {
        calls->all[i] = weft_call_later(WEFT_S(3600), perf_micro_nothing, NULL);
    }
    micro->ns = (double)(weft_now() - start);
    micro->rss_per_task =
        (perf_footprint_resident() - before) / (double)micro->ops;
    micro->mappings = perf_footprint_mappings();
    return weft_fail(cancel_all(calls));
}

/* The array of futures is ours, not theirs: it is touched before. */
int perf_micro_later(struct perf_micro *micro)
{
    struct calls calls = {.micro = micro};
    int rc;

    micro->ops = perf_micro_scaled(micro, CALLS);
    calls.all = malloc((size_t)micro->ops * sizeof(*calls.all));
    if (calls.all == NULL) {
        return -ENOMEM;
    }
    memset(calls.all, 0xff, (size_t)micro->ops * sizeof(*calls.all));
    rc = perf_micro_in_runtime(micro, run, &calls);
    free(calls.all);
    return rc;
}
