// SPDX-License-Identifier: MIT
/*
 * Branches of fork/join in a deque: what stands there is a coroutine, or, with
 * the lowest bit set, something of a room above that whoever takes it out has
 * made a coroutine of (hooks->take). The forker itself takes it out as it is.
 */
#ifndef WEFT_SCHED_BRANCH_H
#define WEFT_SCHED_BRANCH_H

#include "sched/runtime.h"

#define WEFT__CALLS 128 /* of branches, until others get a turn */

static inline void *weft__branch_mark(void *branch)
{
    return (char *)branch + 1;
}

static inline bool weft__branch_is(const void *item)
{
    return (uintptr_t)item & 1;
}

/** What was taken out of a deque, as a coroutine; NULL if there was nothing, or
 * no memory for it. By the worker that is going to run it. */
static inline struct weft__coro *weft__branch_coro(struct weft__worker *worker,
                                                   void *item)
{
    if (weft__likely(!weft__branch_is(item)))
        return item;
    return worker->rt->hooks->take(worker, (char *)item - 1);
}

/** Queue one. False: no memory. Owner. No fence: who parks just now may miss
 * it, but the next fork sees that it has, and so does a sentinel. */
static inline bool weft__branch_push(struct weft__worker *worker, void *branch)
{
    struct weft_runtime *rt = worker->rt;
    if (weft__deque_push(&worker->deque, weft__branch_mark(branch)) < 0)
        return false;
    if (weft__unlikely(weft__idle_wants(&rt->idle, rt->workers)))
        weft__idle_announce(rt);
    return true;
}

/** Take it back if it is the newest. Owner. */
static inline bool weft__branch_pop(struct weft__worker *worker, void *branch)
{
    struct weft__deque *deque = &worker->deque;
    return weft__deque_newest(deque) == weft__branch_mark(branch) &&
           weft__deque_pop(deque) != NULL;
}

#endif
