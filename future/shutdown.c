// SPDX-License-Identifier: MIT
/*
 * The end of a runtime, as its users see it:
 *
 *   1. New submissions are refused; all tasks but the .keep ones are cancelled,
 *      callbacks whose moment has not come are dropped.
 *   2. Everything has the grace period to end.
 *   3. What has not is cancelled, .keep or not, and has one second more.
 *   4. What is left is named; its worker is left to it.
 *   5. The workers stop.
 *
 * A spawn by a task that still runs is taken at any step, and cancelled if its
 * spawner is. sched/runtime.c says how each step is done.
 */
#include "future/shutdown.h"

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
    const struct weft__hooks *hooks = naming->rt->hooks;
    if (naming->named >= NAMED || !hooks->alive(coro))
        return;
    naming->named++;
    weft__report("still running: %s", hooks->name(coro));
}

void weft__shutdown_name(void *arg)
{
    struct naming naming = {.rt = arg};
    weft__pool_each(naming.rt->pool, name_one, &naming);
    uint64_t alive = weft__runtime_alive(naming.rt);
    if (alive > naming.named)
        weft__report("and %llu more", (unsigned long long)alive - naming.named);
}

/* Steps 1 to 5; one thread at a time, the others get its outcome. */
static int shut_down(struct weft_runtime *rt)
{
    int64_t grace = weft_after(rt->options.grace);
    weft__runtime_enter(rt, WEFT__CLOSING);
    bool drained = weft__runtime_wait_drained(rt, grace);
    if (!drained) {
        weft__runtime_enter(rt, WEFT__KILLING);
        drained = weft__runtime_wait_drained(rt, weft_after(LAST_NS));
    }
    if (!drained) {
        weft__shutdown_name(rt);
        weft__fetch_add(&rt->refs, 1); /* what is stuck still uses it */
    }
    weft__runtime_stop(rt, drained);
    return drained ? 0 : -WEFT_EBUSY;
}

int weft_runtime_shutdown(weft_runtime *rt)
{
    struct weft__worker *self = weft__worker_self();
    if (self != NULL && self->rt != rt)
        return -WEFT_EDEADLK;
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
    weft__runtime_drop(rt);
}

/* A worker cannot wait for its own end. */
static void reap_elsewhere(struct weft_runtime *rt)
{
    uintptr_t thread;
    if (weft__os->thread_start(&thread, "weft-reaper", reap, rt) < 0) {
        weft__runtime_enter(rt, WEFT__CLOSING);
        weft__report("no thread to end a runtime with: it stays");
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

void weft_info(weft_runtime *rt, weft_runtime_info *out)
{
    *out = (weft_runtime_info){
        .workers = rt->workers,
        .engine = rt->engine,
        .threads = weft__load_relaxed(&rt->census.count),
        .stack_size = weft__stack_size(WEFT__STACK_DEFAULT),
        .guard_install = rt->stacks.guard_install,
    };
}
