// SPDX-License-Identifier: MIT
/*
 * Contexts inside: who keeps a snapshot alive, without atomics at a spawn.
 *
 * A snapshot has counted references (`refs`): of users, of futures that nobody
 * owns (->counted), of threads; and one of the task that made it, for which it
 * is one of its OWN snapshots. A child in its owner's account only borrows what
 * it inherits: the owner outlives it. So
 *
 *   ->inherited is kept alive by the task's owner, or counted by the task;
 *   ->own is the newest of the task's own snapshots, which form a circle, or
 *     NULL: then the present one is ->inherited. An older one stays in the
 *     circle as long as something borrows it.
 *
 * `borrowed` counts the children in the account that inherited an own snapshot,
 * and weft_context_run() that will come back to it. What a task inherited it
 * does not count: its children end before it does.
 */
#ifndef WEFT_FUTURE_CONTEXT_H
#define WEFT_FUTURE_CONTEXT_H

#include "future/local.h"

#include <weft/context.h>

#define WEFT__CONTEXT_SLOTS 8

struct weft_context {
    _Atomic(uint32_t) refs;
    uint32_t borrowed;         /* the maker only, while it is its own */
    weft_context *next, *prev; /* the circle; the same */
    /* Far enough off to lie on other lines than the counts: read by many while
     * the maker counts. What stands in them is known to context.c; fixed, but
     * for who is alone with it. */
    char apart[WEFT__LINE - 2 * sizeof(uint32_t) - 2 * sizeof(void *)];
    void *slots[WEFT__CONTEXT_SLOTS];
};

/** The present one of the task that runs here. */
static inline weft_context *weft__context_of(weft_future *self)
{
    return self->own ? self->own : self->inherited;
}

/** The present context, borrowed; NULL: nothing is set. */
static inline weft_context *weft__context_here(void)
{
    weft_future *self = weft__task_current();
    return weft__likely(self != NULL) ? weft__context_of(self)
                                      : weft__local_peek()->context;
}

/** An own snapshot that is not, or not any more, the present one. */
void weft__context_retire(weft_context *);

/** An own snapshot is borrowed once less. */
static inline void weft__context_returned(weft_future *maker,
                                          weft_context *context)
{
    WEFT__ASSERT(context != NULL && context->borrowed > 0);
    if (--context->borrowed == 0 && context != maker->own)
        weft__context_retire(context);
}

/** A child inherits by being in its parent's account, before anybody else sees
 * it. The parent runs here. */
static inline void weft__context_spawned(weft_future *child,
                                         weft_future *parent)
{
    child->inherited = weft__context_of(parent);
    if (weft__unlikely(parent->own != NULL))
        parent->own->borrowed++;
}

/** Is what a child inherited, uncounted, an own snapshot of its owner? A child
 * that a task without a context put into the owner's group has none. */
static inline bool weft__context_is_borrowed(const weft_future *owner,
                                             const weft_future *child)
{
    return child->inherited != NULL && child->inherited != owner->inherited;
}

/** The owner takes a child that is done out of its account; it runs here. */
static inline void weft__context_released(weft_future *owner,
                                          weft_future *child)
{
    if (weft__unlikely(weft__context_is_borrowed(owner, child)) &&
        !child->counted)
        weft__context_returned(owner, child->inherited);
}

/** Make what it inherited a counted reference, where none was. Somebody keeps
 * the context alive meanwhile. */
static inline void weft__context_count(weft_future *future)
{
    future->counted = true;
    if (weft__unlikely(future->inherited != NULL))
        (void)weft_context_ref(future->inherited);
}

/** The owner lets go of a child that may run on; the owner runs here, and still
 * has the account's reference to it. */
static inline void weft__context_detached(weft_future *owner,
                                          weft_future *child)
{
    if (child->counted)
        return;
    weft__context_count(child);
    if (weft__unlikely(weft__context_is_borrowed(owner, child)))
        weft__context_returned(owner, child->inherited);
}

/** For what nobody owns, instead of weft__context_spawned(): it inherits the
 * context of who registers or submits it, here. */
static inline void weft__context_capture(weft_future *future)
{
    weft_context *context = weft__context_here();
    if (weft__likely(context == NULL))
        return;
    future->inherited = context;
    weft__context_count(future);
}

/** The present one of the current task becomes this one again; it is the one
 * inherited, or an own one that something borrows. */
void weft__context_back(weft_future *self, weft_context *);

/** Another context than it has by now, still before anybody else sees it; its
 * owner runs here. */
void weft__context_given(weft_future *, weft_context *);

/** If it has own ones: the task has returned and has no children
 * any more. Drops its own snapshots. It runs here. */
void weft__context_ended(weft_future *task);

/** The memory of a future goes. */
static inline void weft__context_freed(weft_future *future)
{
    if (weft__unlikely(future->counted) && future->inherited != NULL)
        weft_context_unref(future->inherited);
}

#endif
