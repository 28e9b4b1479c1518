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

#include <errno.h>

/** The task or callback that runs here, or NULL. */
static inline weft_future *weft__task_current(void)
{
    struct weft__coro *coro = weft__sched_current();
    return coro ? weft__future_of(coro) : NULL;
}

/** Is it cancelled? The task itself asks. */
static inline bool weft__task_cancelled(weft_future *task)
{
    return weft__unlikely(weft__load_relaxed(&task->state) & WEFT__CANCEL) ||
           weft__runtime_cancels(&task->coro);
}

/** May an ordinary call begin? 0, -WEFT_ECANCELED or -WEFT_ENORUNTIME. */
static inline int weft__task_check(void)
{
    weft_future *self = weft__task_current();
    if (weft__unlikely(self == NULL))
        return -WEFT_ENORUNTIME;
    return weft__task_cancelled(self) ? -WEFT_ECANCELED : 0;
}

/** A descriptor ready to be queued, not counted; NULL without memory. */
weft_future *weft__task_new(struct weft__worker *, enum weft__kind, weft_fn *,
                            void *arg);

/** The same from a thread that is no worker of the runtime. */
weft_future *weft__task_new_foreign(struct weft_runtime *, unsigned loop,
                                    enum weft__kind, weft_fn *, void *arg);

/** weft_await() that no cancellation touches: for releases that must wait. */
int weft__task_join(weft_future *, void **result);

/** It has ended: complete it, and count. Any worker of its runtime. */
void weft__task_end(weft_future *, void *result);

extern const struct weft__hooks weft__task_hooks;

#endif
