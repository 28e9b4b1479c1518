// SPDX-License-Identifier: MIT
/*
 * foreign_sync: an OS thread that weft did not make submits a coroutine and
 * waits for it; 200 000 times.
 */
#include "perf/micro/micro.h"

#include <weft/future.h>
#include <weft/time.h>

#define TIMES 200000

static int submit_and_wait(weft_runtime *runtime)
{
    return weft_wait_blocking(
        weft_run_coroutine_threadsafe(runtime, perf_micro_nothing, NULL),
        WEFT_FOREVER, NULL);
}

int perf_micro_foreign_sync(struct perf_micro *micro)
{
    weft_runtime *runtime;
    int rc = perf_micro_open(micro, &runtime), end;
    weft_time start;

    if (rc != 0) {
        return rc;
    }
    micro->ops = perf_micro_scaled(micro, TIMES);
    start = weft_now();
    for (uint64_t i = 0; i < micro->ops && rc == 0; i++) {
        rc = submit_and_wait(runtime);
    }
    micro->ns = (double)(weft_now() - start);
    end = perf_micro_close(micro, runtime);
    return rc != 0 ? rc : end;
}
