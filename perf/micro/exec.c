// SPDX-License-Identifier: MIT
/*
 * exec_sync: a job that does nothing is given to a pool of two threads and
 * awaited at once; 200 000 times. exec_pipe: 1 000 of them are given, then
 * awaited; 2 000 000 in all.
 */
#include "perf/micro/micro.h"

#include <weft/exec.h>
#include <weft/task.h>

#define THREADS 2
#define TIMES 200000
#define WINDOW 1000
#define WINDOWS 2000

struct jobs {
    struct perf_micro *micro;
    uint64_t windows, window;
};

static int run_window(weft_executor *pool, uint64_t window)
{
    weft_future *all[WINDOW];

    for (uint64_t i = 0; i < window; i++) {
        all[i] = weft_run_in_executor(pool, perf_micro_nothing, NULL);
    }
    return perf_micro_await_all(all, window);
}

static void *run(void *arg)
{
    struct jobs *jobs = arg;
    weft_executor *pool;
    int rc = weft_thread_pool_new(THREADS, &pool), end;
    weft_time start = weft_now();

    if (rc != 0) {
        return weft_fail(rc);
    }
    for (uint64_t i = 0; i < jobs->windows && rc == 0; i++) {
        rc = run_window(pool, jobs->window);
    }
    jobs->micro->ns = (double)(weft_now() - start);
    end = weft_executor_shutdown(pool);
    return weft_fail(rc != 0 ? rc : end);
}

static int in_windows(struct perf_micro *micro, uint64_t windows,
                      uint64_t window)
{
    struct jobs jobs = {micro, windows, window};

    micro->ops = windows * window;
    return perf_micro_in_runtime(micro, run, &jobs);
}

int perf_micro_exec_sync(struct perf_micro *micro)
{
    return in_windows(micro, perf_micro_scaled(micro, TIMES), 1);
}

int perf_micro_exec_pipe(struct perf_micro *micro)
{
    return in_windows(micro, perf_micro_scaled(micro, WINDOWS), WINDOW);
}
