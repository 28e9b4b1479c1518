// SPDX-License-Identifier: MIT
/*
 * weft_run() and weft_main(): a runtime for one main coroutine. The calling
 * thread only waits, looks after signals, and tells if nothing can run any
 * more.
 */
#include "future/block.h"
#include "future/callback.h"
#include "future/deadlock.h"
#include "future/task.h"
#include "sched/report.h"

#include <unistd.h>
#include <weft/inspect.h>
#include <weft/runtime.h>

#define WORDS 1600 /* bytes of main's failure, with its causes */

/* What has come since the last time (the end of the runtime may be it, too): the first SIGINT or SIGTERM cancels the
 * main coroutine, a second SIGINT never gets here: its handler exits. */
static void serve_signals(weft_runtime *rt, weft_future *future,
                          struct weft__signals *signals, uint32_t *quits)
{
    uint32_t quit = weft__load_relaxed(&signals->quits);
    if (weft__load_relaxed(&signals->interrupts) > 0 ||
        weft__load_relaxed(&signals->terminations) > 0)
        weft_cancel(future);
    if (quit != *quits)
        weft_dump(rt, STDERR_FILENO);
    *quits = quit;
}

static void wait_for_main(weft_runtime *rt, weft_future *future,
                          struct weft__block *block,
                          struct weft__signals *signals)
{
    struct weft__deadlock watch;
    uint32_t quits = 0;
    uint32_t seen = 0;
    weft__deadlock_open(&watch, rt, &block->word, WEFT__BLOCK_SIGNAL);
    while (!weft__block_wait(block, seen, watch.until)) {
        /* The count pairs with who adds to it: their flags are visible. */
        seen = weft__load_acquire(&block->word) / WEFT__BLOCK_SIGNAL;
        serve_signals(rt, future, signals, &quits);
        weft__deadlock_look(&watch);
        if (weft__load_relaxed(&rt->phase) != WEFT__OPEN)
            break;
    }
    weft__deadlock_close(&watch);
}

static void dump(void *rt)
{
    weft_dump(rt, STDERR_FILENO);
}

static int run_main(weft_runtime *rt, weft_fn *fn, void *arg, void **result,
                    struct weft__signals *signals)
{
    struct weft__block block = {0};
    signals->word = &block.word;
    signals->step = WEFT__BLOCK_SIGNAL;
    signals->dump = dump;
    signals->dump_arg = rt;
    signals->stop = !rt->options.no_signals;
    signals->quit = rt->options.dump_on_sigquit;
    bool take = signals->stop || signals->quit;
    if (take) /* before main, which may tell the world that it is there */
        rt->driver->signals_open(signals);
    weft__runtime_watch(rt, &block.word, WEFT__BLOCK_SIGNAL);
    weft_future *future =
        weft__callback_run_coroutine(rt, "main", WEFT__CORO_MAIN, fn, arg);
    bool waits = weft__block_open(&block, future) > 0;
    if (waits)
        wait_for_main(rt, future, &block, signals);
    int end = weft_runtime_shutdown(rt);
    weft__runtime_watch(rt, NULL, 0);
    if (take)
        rt->driver->signals_close(signals);
    if (!waits || weft__block_close(&block, future)) {
        int rc = weft__future_take(future, result);
        return end < 0 ? end : rc;
    }
    weft_future_unref(future);
    return end;
}

/* Of exec/, above: does not return in a child of a pool of processes. In
 * programs that have no such pools it is not there. */
extern void weft__child_enter(void) __attribute__((weak));

static int run(const weft_options *options, weft_fn *fn, void *arg,
               void **result, struct weft__signals *signals)
{
    weft_runtime *rt;
    if (result != NULL)
        *result = NULL;
    if (weft__task_current() != NULL)
        return weft_await(weft_spawn_named("weft_run", fn, arg), result);
    if (weft__child_enter != NULL)
        weft__child_enter();
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

/* The runtime has handed its main's error to this thread. */
static void report_main(int code)
{
    char words[WORDS];
    const weft_error *error = weft_last_error();
    if (error != NULL && error->code == code)
        weft_error_format(error, words, sizeof(words));
    else
        error = NULL;
    weft__report_to(NULL, WEFT_REPORT_MAIN, code, "main", 0, error,
                    "main failed: %s", error ? words : weft_strerror(code));
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
    report_main(rc);
    return 1;
}
