// SPDX-License-Identifier: MIT
/*
 * timer_cancel: a callback is asked for an hour from now and cancelled at once,
 * as every timeout that does not happen; 2 000 000 times.
 */
#include "perf/micro/micro.h"

#include <errno.h>

#include <weft/future.h>
#include <weft/task.h>

#define TIMES 2000000

static int arm_and_cancel(void)
{
    weft_future *timer =
        weft_call_later(WEFT_S(3600), perf_micro_nothing, NULL);
    int rc = weft_cancel(timer);

    if (rc != 0) {
        rc = weft_future_result(timer, NULL);
        rc = rc != 0 ? rc : -EPROTO;
    }
    weft_future_unref(timer);
    return rc;
}

static void *run(void *arg)
{
    struct perf_micro *micro = arg;
    weft_time start = weft_now();
    int rc = 0;

    micro->ops = perf_micro_scaled(micro, TIMES);
    for (uint64_t i = 0; i < micro->ops && rc == 0; i++) {
        rc = arm_and_cancel();
    }
    micro->ns = (double)(weft_now() - start);
    return weft_fail(rc);
}

int perf_micro_timer_cancel(struct perf_micro *micro)
{
    return perf_micro_in_runtime(micro, run, micro);
}
