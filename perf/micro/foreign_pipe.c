// SPDX-License-Identifier: MIT
/*
 * foreign_pipe: an OS thread that weft did not make submits 1 000 coroutines,
 * then waits for each; 2 000 000 in all.
 */
#include "perf/micro/micro.h"

#include <weft/future.h>
#include <weft/time.h>

#define WINDOW 1000
#define WINDOWS 2000

static int submit_window(weft_runtime *runtime)
{
    weft_future *all[WINDOW];
    int rc = 0;

    for (int i = 0; i < WINDOW; i++) {
        all[i] =
            weft_run_coroutine_threadsafe(runtime, perf_micro_nothing, NULL);
    }
    for (int i = 0; i < WINDOW; i++) {
        int one = weft_wait_blocking(all[i], WEFT_FOREVER, NULL);

        rc = rc != 0 ? rc : one;
    }
    return rc;
}

int perf_micro_foreign_pipe(struct perf_micro *micro)
{
    uint64_t windows = perf_micro_scaled(micro, WINDOWS);
    weft_runtime *runtime;
    int rc = perf_micro_open(micro, &runtime), end;
    weft_time start;

    if (rc != 0) {
        return rc;
    }
    start = weft_now();
    for (uint64_t i = 0; i < windows && rc == 0; i++) {
        rc = submit_window(runtime);
    }
    micro->ns = (double)(weft_now() - start);
    micro->ops = windows * WINDOW;
    end = perf_micro_close(micro, runtime);
    return rc != 0 ? rc : end;
}
