// SPDX-License-Identifier: MIT
/*
 * The door of sched/: what the upper rooms need to suspend and wake.
 *
 *   register with what you wait for, anywhere, on your own stack;
 *   reason = weft__sched_suspend(WEFT__WAKE_NOTIFY | WEFT__WAKE_INTERRUPT);
 *
 * Whoever takes a registration calls weft__sched_wake(coro, NOTIFY), exactly
 * once. On INTERRUPT look whether you are cancelled; if so, take the
 * registration back, and if it is gone already, suspend for NOTIFY alone: it
 * comes in a moment.
 */
#ifndef WEFT_SCHED_SCHED_H
#define WEFT_SCHED_SCHED_H

#include "sched/runtime.h"

/** Suspend the current coroutine. Returns the wakes that ended it. The calling
 * OS thread may be another one afterwards. */
uint32_t weft__sched_suspend(uint32_t mask);

/** Lend the worker to a fresh coroutine, the newest that was spawned here, and
 * go on when it has ended: true. Or as if by weft__sched_suspend(): false, with
 * ->settled, and the wakes in the coroutine's ->reason. False and not settled:
 * that one is not the newest, or others should get a turn. */
bool weft__sched_lend(struct weft__lend *, struct weft__coro *fresh);

/** Settle whoever has lent this worker. */
void weft__sched_settle(struct weft__worker *);

/** The same if a lender has been interrupted: it has to look at itself. */
static inline void weft__sched_hand_on(struct weft__worker *worker)
{
    for (struct weft__lend *at = worker->lent; at != NULL; at = at->outer)
        if (weft__load_relaxed(&at->lender->wake) & WEFT__WAKE_INTERRUPT) {
            weft__sched_settle(worker);
            weft__idle_announce_one(worker->rt); /* we go on computing */
            return;
        }
}

/** Let others run. */
void weft__sched_yield(void);

/** Deliver a wake. Any thread. */
static inline void weft__sched_wake(struct weft__coro *coro, uint32_t wake)
{
    struct weft__worker *self = weft__worker_self();
    if (weft__unlikely(self == NULL || self->rt != coro->rt))
        weft__queue_wake_from_outside(coro, wake);
    else if (weft__coro_wake(coro, wake))
        weft__queue_woken(coro);
}

/** The coroutine that runs here, or NULL. */
static inline struct weft__coro *weft__sched_current(void)
{
    struct weft__worker *self = weft__worker_self();
    return self ? self->current : NULL;
}

#endif
