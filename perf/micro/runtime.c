// SPDX-License-Identifier: MIT
/*
 * The runtimes that workloads run in: each run has a fresh one, so that none
 * inherits another's caches, threads or memory. And what workloads share.
 */
#include "perf/micro/micro.h"

#include <errno.h>
#include <stdio.h>

#include <weft/future.h>
#include <weft/task.h>
#include <weft/time.h>

int perf_micro_open(struct perf_micro *micro, weft_runtime **out)
{
    weft_options options = {.size = sizeof(options),
                            .workers = micro->workers,
                            .no_monitor = micro->no_monitor};

    return weft_runtime_new(&options, out);
}

int perf_micro_close(struct perf_micro *micro, weft_runtime *runtime)
{
    int rc = weft_runtime_shutdown(runtime);

    weft_stats(runtime, &micro->counters);
    weft_runtime_unref(runtime);
    return rc;
}

int perf_micro_in_runtime(struct perf_micro *micro, weft_fn *fn, void *arg)
{
    weft_runtime *runtime;
    int rc = perf_micro_open(micro, &runtime), end;

    if (rc != 0) {
        return rc;
    }
    rc = weft_wait_blocking(weft_run_coroutine_threadsafe(runtime, fn, arg),
                            WEFT_FOREVER, NULL);
    end = perf_micro_close(micro, runtime);
    return rc != 0 ? rc : end;
}

int perf_micro_expect(const char *what, uint64_t is, uint64_t wanted)
{
    if (is == wanted) {
        return 0;
    }
    fprintf(stderr, "weft-perf micro: %s: %llu, but it must be %llu\n", what,
            (unsigned long long)is, (unsigned long long)wanted);
    return -EBADMSG;
}

int perf_micro_await_all(weft_future **all, size_t n)
{
    int rc = 0;

    for (size_t i = 0; i < n; i++) {
        int one = weft_await(all[i], NULL);

        rc = rc != 0 ? rc : one;
    }
    return rc;
}

void *perf_micro_nothing(void *arg)
{
    return arg;
}
