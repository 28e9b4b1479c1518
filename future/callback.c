// SPDX-License-Identifier: MIT
/* Callbacks: weft_call_soon(), _later(), _at(), and how they start and drop. */
#include "future/callback.h"

#include "future/context.h"
#include "future/debug.h"

#include <weft/runtime.h>

/* Cancelled, by name or by the end of the runtime: it does not run. */
static void callback_entry(struct weft__coro *coro)
{
    weft_future *callback = weft__future_of(coro);
    void *result = weft_fail(-WEFT_ECANCELED);
    if (!weft__runtime_cancels(coro) && weft__future_start(callback))
        result = callback->fn(callback->arg);
    if (weft__task_has_business(callback))
        weft__task_close(callback);
    weft__task_end(callback, result);
}

WEFT__INLINE weft_future *new_callback(struct weft__worker *worker, weft_fn *fn,
                                       void *arg)
{
    weft_future *callback = weft__task_new(worker, WEFT__CALLBACK, fn, arg);
    if (callback == NULL)
        return NULL;
    callback->coro.entry = callback_entry;
    weft__context_capture(callback);
    return callback;
}

weft_future *weft__callback_new(struct weft__worker *worker, weft_fn *fn,
                                void *arg)
{
    return new_callback(worker, fn, arg);
}

void weft__callback_due(struct weft__alarm *alarm, struct weft__worker *worker)
{
    struct weft__coro *coro =
        weft__container_of(alarm, struct weft__coro, alarm);
    if (worker == NULL) /* early, by the end: dropped, even a kept one */
        weft__fetch_or(&weft__future_of(coro)->state, WEFT__CANCEL);
    weft__strand_push(&alarm->loop->strand, coro);
}

/* It may run at once, and its runtime end: see weft__sched_wake(). */
static void push_from_outside(struct weft__strand *strand,
                              struct weft__coro *coro)
{
    struct weft__pool *pool = weft__pool_of(coro);
    weft__fetch_add(&pool->wakers, 1); /* pairs with weft__runtime_stop() */
    weft__strand_push(strand, coro);
    weft__fetch_sub(&pool->wakers, 1); /* the same */
}

void weft__callback_drop(weft_future *callback)
{
    struct weft__alarm *alarm = &callback->coro.alarm;
    struct weft__worker *self = weft__worker_self();
    if (alarm->loop == NULL || !weft__alarm_disarm(alarm))
        return;
    /* Not due any more: ours to end. Elsewhere its runtime could be gone
     * before we have counted, so there its own strand does it. */
    if (self != NULL && self->rt == callback->coro.rt)
        weft__task_end(callback, weft_fail(-WEFT_ECANCELED));
    else
        push_from_outside(&alarm->loop->strand, &callback->coro);
}

/* From a coroutine */

WEFT__INLINE weft_future *new_counted(struct weft__worker *self,
                                      const char *who, const char *name,
                                      weft_fn *fn, void *arg)
{
    if (self == NULL || self->current == NULL)
        return weft__future_failed(
            weft__misuse(-WEFT_ENORUNTIME, who, WEFT__OUTSIDE));
    weft_future *callback = new_callback(self, fn, arg);
    if (callback == NULL)
        return weft__future_failed(-ENOMEM);
    weft__store_relaxed(&callback->name, name);
    weft__count(self, tasks_spawned);
    return callback;
}

weft_future *weft_call_soon_named(const char *name, weft_fn *fn, void *arg)
{
    struct weft__worker *self = weft__worker_self();
    weft_future *callback = new_counted(self, "weft_call_soon", name, fn, arg);
    if (weft__load_relaxed(&callback->kind) == WEFT__STATIC)
        return callback;
    weft__strand_push(&self->loop->strand, &callback->coro);
    return weft__debug_give(callback);
}

weft_future *(weft_call_soon)(weft_fn *fn, void *arg)
{
    return weft_call_soon_named("weft_call_soon", fn, arg);
}

weft_future *weft_call_at_named(weft_time moment, const char *name, weft_fn *fn,
                                void *arg)
{
    struct weft__worker *self = weft__worker_self();
    weft_future *callback = new_counted(self, "weft_call_at", name, fn, arg);
    if (weft__load_relaxed(&callback->kind) == WEFT__STATIC)
        return callback;
    callback->coro.alarm.fire = weft__callback_due;
    weft__alarm_arm(&callback->coro.alarm, self->loop, moment);
    /* After the flush of the close: it would wait out the grace. The timers'
     * lock orders the two. */
    if (weft__unlikely(weft__runtime_cancels(&callback->coro)))
        weft__callback_drop(callback);
    return weft__debug_give(callback);
}

weft_future *(weft_call_at)(weft_time moment, weft_fn *fn, void *arg)
{
    return weft_call_at_named(moment, "weft_call_at", fn, arg);
}

weft_future *(weft_call_later)(weft_ns delay, weft_fn *fn, void *arg)
{
    return weft_call_at_named(weft_after(delay), "weft_call_later", fn, arg);
}

/* From anywhere */

/* What was counted does not come. Returns `rc`. */
static int refuse(struct weft__loop *loop, int rc)
{
    weft__fetch_add_relaxed(&loop->started, 1);
    weft__runtime_ended(loop->rt, NULL, loop->index);
    weft__runtime_left(loop);
    return rc;
}

/* Counted first, then looked at the phase: the close counts after it has set
 * it, so either it waits for us or we see it. *before: those counted so far. */
static int enter(struct weft__loop *loop, uint64_t *before)
{
    *before = weft__fetch_add_sc(&loop->submitted, 1);
    weft__fence_after_rmw(); /* pairs with weft__runtime_enter() */
    return weft__load_fenced(&loop->rt->phase) == WEFT__OPEN
               ? 0
               : refuse(loop, -WEFT_ESHUTDOWN);
}

int weft__callback_submit(weft_future *callback)
{
    struct weft_runtime *rt = callback->coro.rt;
    struct weft__worker *self = weft__worker_self();
    struct weft__loop *loop =
        self && self->rt == rt ? self->loop : weft__runtime_loop(rt);
    uint64_t before;
    int rc = enter(loop, &before);
    if (rc < 0)
        return rc;
    weft__fetch_add_relaxed(&loop->started, 1); /* none for the limit */
    weft__strand_push(&loop->strand, &callback->coro);
    weft__runtime_left(loop);
    return 0;
}

static bool exceeds(uint64_t before, uint64_t started, size_t limit)
{
    int64_t waiting = (int64_t)(before - started); /* may have passed us */
    return waiting > 0 && (uint64_t)waiting >= limit;
}

/* Do so many wait already? The workers' count is on a line of theirs: it is
 * only looked at if what was known last of it does not do. */
static bool is_full(struct weft__loop *loop, uint64_t before)
{
    size_t limit = loop->rt->options.submit_limit;
    if (!exceeds(before, weft__load_relaxed(&loop->known), limit))
        return false;
    uint64_t started = weft__load_relaxed(&loop->started);
    weft__store_relaxed(&loop->known, started);
    return exceeds(before, started, limit);
}

static int enter_limited(struct weft__loop *loop)
{
    uint64_t before;
    int rc = enter(loop, &before);
    return rc == 0 && is_full(loop, before) ? refuse(loop, -WEFT_EBUSY) : rc;
}

/* A submission of a foreign thread, counted and within the limit. */
static weft_future *submission(struct weft__loop *loop, const char *name,
                               enum weft__kind kind, weft_fn *fn, void *arg)
{
    int rc = enter_limited(loop);
    if (rc < 0)
        return weft__future_failed(rc);
    weft_future *task =
        weft__task_new_foreign(loop->rt, loop->index, kind, fn, arg);
    if (task == NULL)
        return weft__future_failed(refuse(loop, -ENOMEM));
    weft__store_relaxed(&task->name, name);
    task->coro.flags |= WEFT__CORO_SUBMITTED;
    task->coro.alarm.loop = loop;
    weft__context_capture(task);
    return task;
}

static bool runs_here(struct weft_runtime *rt)
{
    struct weft__worker *self = weft__worker_self();
    return self != NULL && self->rt == rt && self->current != NULL;
}

weft_future *weft_call_soon_threadsafe_named(weft_runtime *rt, const char *name,
                                             weft_fn *fn, void *arg)
{
    if (runs_here(rt))
        return weft_call_soon_named(name, fn, arg);
    struct weft__loop *loop = weft__runtime_loop(rt);
    weft_future *callback = submission(loop, name, WEFT__CALLBACK, fn, arg);
    if (weft__load_relaxed(&callback->kind) == WEFT__STATIC)
        return callback;
    callback->coro.entry = callback_entry;
    weft__strand_push(&loop->strand, &callback->coro);
    weft__runtime_left(loop);
    return weft__debug_give(callback);
}

weft_future *(weft_call_soon_threadsafe)(weft_runtime *rt, weft_fn *fn,
                                         void *arg)
{
    return weft_call_soon_threadsafe_named(rt, "weft_call_soon_threadsafe", fn,
                                           arg);
}

/* On one of its workers, a coroutine goes the short way; it is the runtime's as
 * well, not the caller's. */
static weft_future *start_here(struct weft__worker *self, const char *name,
                               weft_fn *fn, void *arg)
{
    weft_future *task = weft__task_new(self, WEFT__TASK, fn, arg);
    if (task == NULL)
        return weft__future_failed(-ENOMEM);
    weft__store_relaxed(&task->name, name);
    weft__context_capture(task);
    weft__task_start(self, task);
    return task;
}

weft_future *weft__callback_run_coroutine(weft_runtime *rt, const char *name,
                                          uint8_t flags, weft_fn *fn, void *arg)
{
    struct weft__loop *loop = weft__runtime_loop(rt);
    weft_future *task = submission(loop, name, WEFT__TASK, fn, arg);
    if (weft__load_relaxed(&task->kind) == WEFT__STATIC)
        return task;
    task->coro.flags |= flags;
    weft__queue_inject(loop, &task->coro);
    weft__runtime_left(loop);
    return task;
}

weft_future *weft_run_coroutine_threadsafe_named(weft_runtime *rt,
                                                 const char *name, weft_fn *fn,
                                                 void *arg)
{
    if (runs_here(rt))
        return weft__debug_give(start_here(weft__worker_self(), name, fn, arg));
    return weft__debug_give(weft__callback_run_coroutine(rt, name, 0, fn, arg));
}

weft_future *(weft_run_coroutine_threadsafe)(weft_runtime *rt, weft_fn *fn,
                                             void *arg)
{
    return weft_run_coroutine_threadsafe_named(
        rt, "weft_run_coroutine_threadsafe", fn, arg);
}
