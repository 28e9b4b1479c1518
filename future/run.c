// SPDX-License-Identifier: MIT
/*
 * weft_run() and weft_main(): a runtime for one main coroutine. The calling
 * thread only waits, and looks after SIGINT and SIGTERM.
 */
#include "future/block.h"
#include "future/shutdown.h"
#include "future/task.h"
#include "sched/report.h"

#include <weft/runtime.h>

/* The first signal cancels the main coroutine; a second SIGINT never gets
 * here: its handler exits. */
static void wait_for_main(weft_future *future, struct weft__block *block)
{
    for (uint32_t signals = 0; !weft__block_wait(block, signals, INT64_MAX);) {
        signals = weft__load_acquire(&block->word) / WEFT__BLOCK_SIGNAL;
        weft_cancel(future); /* the count pairs with the handler's */
    }
}

static int run_main(weft_runtime *rt, weft_fn *fn, void *arg, void **result,
                    struct weft__signals *signals)
{
    struct weft__block block = {0};
    signals->word = &block.word;
    signals->dump = weft__shutdown_name;
    signals->dump_arg = rt;
    bool take = !rt->options.no_signals;
    if (take) /* before main, which may tell the world that it is there */
        rt->driver->signals_open(signals);
    weft_future *future = weft_run_coroutine_threadsafe(rt, fn, arg);
    if (weft__load_relaxed(&future->kind) != WEFT__STATIC)
        future->name = "main";
    if (weft__block_open(&block, future) > 0)
        wait_for_main(future, &block);
    int rc = weft__future_take(future, result);
    int end = weft_runtime_shutdown(rt);
    if (take)
        rt->driver->signals_close(signals);
    return end < 0 ? end : rc;
}

static int run(const weft_options *options, weft_fn *fn, void *arg,
               void **result, struct weft__signals *signals)
{
    weft_runtime *rt;
    if (result != NULL)
        *result = NULL;
    if (weft__task_current() != NULL)
        return weft_await(weft_spawn_named("weft_run", fn, arg), result);
    int rc = weft_runtime_new(options, &rt);
    if (rc < 0)
        return rc;
    rc = run_main(rt, fn, arg, result, signals);
    weft_runtime_unref(rt);
    return rc;
}

int weft_run_with(const weft_options *options, weft_fn *fn, void *arg,
                  void **result)
{
    struct weft__signals signals = {0};
    return run(options, fn, arg, result, &signals);
}

int weft_run(weft_fn *fn, void *arg, void **result)
{
    return weft_run_with(NULL, fn, arg, result);
}

int weft_main(weft_fn *fn, void *arg)
{
    struct weft__signals signals = {0};
    int rc = run(NULL, fn, arg, NULL, &signals);
    bool interrupted = weft__load_relaxed(&signals.interrupts) > 0;
    bool terminated = weft__load_relaxed(&signals.terminations) > 0;
    if (rc == -WEFT_ECANCELED && interrupted)
        return 130;
    if (rc == 0 || (rc == -WEFT_ECANCELED && terminated))
        return 0;
    weft__report("main failed: %s", weft_strerror(rc));
    return 1;
}
