// SPDX-License-Identifier: MIT
/*
 * Tasks inside: what the other files of future/ and the upper rooms need of
 * them. The three classes of call, for who writes a new one:
 *
 *   ordinary  rc = weft__task_check(); if (rc < 0) return rc;   then begin
 *   join      hand the cancellation down, then wait for NOTIFY alone
 *   release   do not ask
 */
#ifndef WEFT_FUTURE_TASK_H
#define WEFT_FUTURE_TASK_H

#include "future/future.h"
#include "future/scope.h"
#include "sched/debug.h"

#include <errno.h>
#include <weft/inspect.h>

/** The task or callback that runs here, or NULL. */
static inline weft_future *weft__task_current(void)
{
    struct weft__coro *coro = weft__sched_current();
    return coro ? weft__future_of(coro) : NULL;
}

/** Nothing has happened that could have cancelled it. */
static inline bool weft__task_is_calm(const weft_future *task)
{
    uint64_t state = weft__load_relaxed(&task->state);
    return weft__likely(!(state & (WEFT__CANCEL | WEFT__LOOK))) &&
           weft__likely(weft__load_relaxed(&task->coro.rt->phase) ==
                        WEFT__OPEN);
}

/** Is it cancelled? The task itself asks; tells the children of its groups. */
static inline bool weft__task_cancelled(weft_future *task)
{
    struct weft__worker *worker = weft__worker_self();
    if (weft__unlikely(worker->lent != NULL))
        weft__sched_hand_on(worker);
    return !weft__task_is_calm(task) &&
           weft__scope_look(task) != WEFT_REASON_NONE;
}

/** May an ordinary call of `self`, the current task or NULL, begin? 0,
 * -WEFT_ECANCELED or -WEFT_ENORUNTIME. */
static inline int weft__task_check_of(weft_future *self, const char *who)
{
    if (weft__unlikely(self == NULL))
        return weft__misuse(-WEFT_ENORUNTIME, who, WEFT__OUTSIDE);
    return weft__task_cancelled(self) ? -WEFT_ECANCELED : 0;
}

/** May an ordinary call begin? */
static inline int weft__task_check_for(const char *who)
{
    return weft__task_check_of(weft__task_current(), who);
}

/** The same, of the public function that it stands in. */
#define weft__task_check() weft__task_check_for(__func__)

/* What a task waits for, for people: a kind and an object, in one word. */
static inline uint64_t weft__waits(enum weft_wait_kind kind, uint64_t object)
{
    return (uint64_t)kind << 56 | object;
}

static inline uint64_t weft__waits_future(enum weft_wait_kind kind,
                                          const weft_future *future)
{
    return weft__waits(kind, (uint64_t)(uintptr_t)future);
}

/**
 * Suspend the current task, in the sense of weft__sched_suspend(): the way for
 * every call that honours deadlines. May return INTERRUPT, if the mask has it,
 * without having slept: a deadline had passed.
 */
static inline uint32_t weft__task_suspend(weft_future *self, uint32_t mask,
                                          uint64_t waits)
{
    if (weft__unlikely(self->touched) && self->scope != NULL &&
        !weft__scope_arm(self) && (mask & WEFT__WAKE_INTERRUPT))
        return WEFT__WAKE_INTERRUPT;
    weft__store_relaxed(&self->waits, waits);
    return weft__sched_suspend(mask);
}

/** Let others run, and arm deadlines as if suspending. */
void weft__task_yield(void);

/** The same after calls that did not suspend, if there were enough of them. */
void weft__task_give_way(void);

/** A descriptor ready to be owned and started; NULL without memory. */
weft_future *weft__task_new(struct weft__worker *, enum weft__kind, weft_fn *,
                            void *arg);

/** The same from a thread that is no worker of the runtime. */
weft_future *weft__task_new_foreign(struct weft_runtime *, unsigned loop,
                                    enum weft__kind, weft_fn *, void *arg);

/** Its account is ->owner's, who may be another than its spawner. The caller
 * links it. `flags` are more of the state word's. */
void weft__task_own(weft_future *child, weft_future *spawner, uint64_t flags);

/** Count it and queue it. */
static inline void weft__task_start(struct weft__worker *worker,
                                    weft_future *task)
{
    weft__count(worker, tasks_spawned);
    weft__queue_spawned(worker, &task->coro);
}

/** Its number, given when somebody first asks; 0 if it is no task. */
uint64_t weft__task_number(weft_future *);

/** weft_cancel() for a reason. */
int weft__task_cancel(weft_future *, enum weft_reason);

/** Who is to own what the current task spawns: its innermost group, or NULL. */
struct weft__group *weft__task_group(weft_future *self);

/** May others need it than the one who would cancel it? Then it is left alone.
 */
bool weft__task_is_shared(weft_future *);

/** Is it what this task ends before: itself, its owner, its owner's owner? */
bool weft__task_is_above(weft_future *future, weft_future *self);

/** Wait until it is done; nothing else. */
void weft__task_wait(weft_future *);

/** The result of what is done, dropping one reference: the tail of every join
 * of a task; the error is handed up. */
int weft__task_take(weft_future *self, weft_future *future, void **result);

/** weft_await(), of what is no handle of the debug mode. */
int weft__task_await(weft_future *, void **result);

/** weft_await() that no cancellation touches: for releases that must wait. */
int weft__task_join(weft_future *, void **result);

/** It has ended: complete it, and count. Any worker of its runtime. */
void weft__task_end(weft_future *, void *result);

/** Its function has returned: children, deferred calls, context. On its own
 * stack, before the end. */
void weft__task_close(weft_future *);

static inline bool weft__task_has_business(weft_future *task)
{
    return weft__unlikely(task->touched);
}

extern const struct weft__hooks weft__task_hooks;

#endif
