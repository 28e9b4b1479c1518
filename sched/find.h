// SPDX-License-Identifier: MIT
/*
 * What a worker runs next: from its own queues, else from others, else it
 * sleeps. Now and then it looks at the clock first, and at its loop.
 */
#ifndef WEFT_SCHED_FIND_H
#define WEFT_SCHED_FIND_H

#include "sched/worker.h"

#define WEFT__POLL_EVERY 64 /* steps between two looks at the clock */

/** Has the monitor something to say? Always, if it is not active. Owner. */
WEFT__INLINE bool weft__find_is_called(struct weft__worker *worker)
{
    return weft__unlikely(weft__load_relaxed(&worker->slow) != worker->heeded);
}

/** Should the dispatcher look at the clock? Owner. */
WEFT__INLINE bool weft__find_is_time(struct weft__worker *worker)
{
    return weft__unlikely(worker->tick % WEFT__POLL_EVERY == 0) ||
           weft__find_is_called(worker);
}

/** The next thing to run; NULL: the worker is to end. Owner. */
struct weft__coro *weft__find(struct weft__worker *);

#endif
