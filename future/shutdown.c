// SPDX-License-Identifier: MIT
/*
 * The end of a runtime, as its users see it:
 *
 *   0. In weft_run(): main has returned. Its children are cancelled with all
 *      others by step 1; it waits for them, but for the .keep ones, and then
 *      makes its deferred calls.
 *   1. New submissions are refused; all tasks but the .keep ones are cancelled,
 *      callbacks whose moment has not come are dropped.
 *   2. Everything has the grace period to end.
 *   3. What has not is cancelled, .keep or not, shield or not, and has one
 *      second more.
 *   4. What weft_runtime_defer() registered is called, last come first, within
 *      what is left of the grace period, or a second.
 *   5. What is left is named; its worker is left to it.
 *   6. The workers stop.
 *
 * Whoever asks for the end (main's return, a signal, weft_runtime_shutdown() in
 * a task, a foreign thread, the last unref), only one thread walks the steps.
 *
 * A spawn by a task that still runs is taken at any step, and cancelled if its
 * spawner is. sched/runtime.c says how each step is done.
 */
#include "future/debug.h"
#include "future/defer.h"
#include "future/dump.h"
#include "future/task.h"
#include "sched/report.h"

#include <weft/runtime.h>

#define LAST_NS INT64_C(1000000000)
#define NAMED 10 /* at most */

struct naming {
    struct weft_runtime *rt;
    unsigned named;
};

static void name_one(struct weft__coro *coro, void *arg)
{
    struct naming *naming = arg;
    if (naming->named < NAMED &&
        weft__dump_stuck(naming->rt, weft__future_of(coro)))
        naming->named++;
}

/* Each with what it waits for and where it stands. */
static void name_all(struct weft_runtime *rt)
{
    struct naming naming = {.rt = rt};
    weft__pool_each(rt->pool, name_one, &naming);
    uint64_t alive = weft__runtime_alive(rt);
    if (alive > naming.named)
        weft__report_to(rt, WEFT_REPORT_STUCK, 0, NULL, 0, NULL,
                        "still running: %llu more",
                        (unsigned long long)alive - naming.named);
}

/* Deferred calls of the runtime */

int weft_runtime_defer(weft_runtime *rt, weft_fn *fn, void *arg)
{
    int rc = -WEFT_ESHUTDOWN;
    weft__lock(&rt->defers_lock);
    if (!rt->defers_over)
        rc = weft__defer_push(&rt->defers, fn, arg);
    weft__unlock(&rt->defers_lock);
    return rc;
}

/* What they register themselves comes next. */
static void *call_deferred(void *arg)
{
    struct weft_runtime *rt = arg;
    for (;;) {
        weft__lock(&rt->defers_lock);
        struct weft__defer *taken = rt->defers;
        rt->defers = taken ? taken->next : NULL;
        rt->defers_over = taken == NULL;
        weft__unlock(&rt->defers_lock);
        if (taken == NULL)
            return NULL;
        taken->next = NULL;
        weft__defer_run(weft__task_current(), &taken, NULL);
    }
}

static bool has_deferred(struct weft_runtime *rt)
{
    weft__lock(&rt->defers_lock);
    bool any = rt->defers != NULL;
    rt->defers_over = !any;
    weft__unlock(&rt->defers_lock);
    return any;
}

/* Step 4. Returns false if something is still alive. */
static bool run_deferred(struct weft_runtime *rt, bool drained, int64_t until)
{
    if (!has_deferred(rt))
        return drained;
    weft_future *task =
        weft__task_new_foreign(rt, 0, WEFT__TASK, call_deferred, rt);
    if (task == NULL) {
        weft__report_to(rt, WEFT_REPORT_CLEANUP, -ENOMEM, NULL, 0, NULL,
                        "no memory to make the deferred calls");
        return drained;
    }
    weft__store_relaxed(&task->name, "weft_runtime_defer");
    task->coro.flags |= WEFT__CORO_KEEP | WEFT__CORO_MAIN;
    weft_detach(task);
    weft__runtime_submit_last(rt, &task->coro);
    int64_t least = weft_after(LAST_NS);
    return weft__runtime_wait_drained(rt, until > least ? until : least);
}

/* Steps 1 to 6; one thread at a time, the others get its outcome. */
static int shut_down(struct weft_runtime *rt)
{
    int64_t grace = weft_after(rt->options.grace);
    weft__runtime_enter(rt, WEFT__CLOSING);
    bool drained = weft__runtime_wait_drained(rt, grace);
    if (!drained) {
        weft__runtime_enter(rt, WEFT__KILLING);
        drained = weft__runtime_wait_drained(rt, weft_after(LAST_NS));
    }
    drained = run_deferred(rt, drained, grace);
    if (!drained) {
        name_all(rt);
        weft__fetch_add(&rt->refs, 1); /* what is stuck still uses it */
    }
    if (drained)
        weft__debug_leaks(rt);
    weft__runtime_stop(rt, drained);
    return drained ? 0 : -WEFT_EBUSY;
}

int weft_runtime_shutdown(weft_runtime *rt)
{
    struct weft__worker *self = weft__worker_self();
    if (self != NULL && self->rt != rt)
        return weft__misuse(-WEFT_EDEADLK, __func__,
                            "this would block a worker of another runtime");
    if (self != NULL) {
        weft__runtime_enter(rt, WEFT__CLOSING);
        return 0;
    }
    weft__lock(&rt->closing);
    if (!rt->ended) {
        rt->outcome = shut_down(rt);
        rt->ended = true;
    }
    int rc = rt->outcome;
    weft__unlock(&rt->closing);
    return rc;
}

int weft_runtime_new(const weft_options *options, weft_runtime **out)
{
    int rc = weft__runtime_open(options, &weft__task_hooks, NULL, true, out);
    if (rc == 0)
        weft__store_relaxed(&(*out)->users, 1);
    return rc;
}

weft_runtime *weft_runtime_ref(weft_runtime *rt)
{
    weft__fetch_add(&rt->users, 1);
    return rt;
}

static void reap(void *rt)
{
    weft_runtime_shutdown(rt);
    weft__runtime_leave(rt);
}

/* A worker cannot wait for its own end. */
static void reap_elsewhere(struct weft_runtime *rt)
{
    uintptr_t thread;
    long rc = weft__os->thread_start(&thread, "weft-reaper", 0, reap, rt);
    if (rc < 0) {
        weft__runtime_enter(rt, WEFT__CLOSING);
        weft__report_to(rt, WEFT_REPORT_OTHER, (int)rc, NULL, 0, NULL,
                        "no thread to end a runtime with: it stays");
        return;
    }
    weft__os->thread_detach(thread);
}

void weft_runtime_unref(weft_runtime *rt)
{
    /* Orders what every user did before the end. */
    if (rt == NULL || weft__fetch_sub(&rt->users, 1) != 1)
        return;
    if (weft__worker_self() != NULL)
        reap_elsewhere(rt);
    else
        reap(rt);
}
