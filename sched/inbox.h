// SPDX-License-Identifier: MIT
/*
 * A list that anybody may add to and anybody may empty, in one exchange; so
 * nothing is ever removed from its middle and no address can come back while
 * somebody looks at it. Needs no memory: the link lies in what is added.
 *
 * This is Concurrency Kit's ck_stack in its "unique producers, batch pop" form.
 * It is written out because ThreadSanitizer must see each access, and the load
 * in ck_stack's push is a plain volatile one even when CK is told to use the
 * compiler's atomics.
 */
#ifndef WEFT_SCHED_INBOX_H
#define WEFT_SCHED_INBOX_H

#include "sched/atomic.h"
#include "sched/base.h"

struct weft__link {
    struct weft__link *next;
};

struct weft__inbox {
    _Atomic(struct weft__link *) newest;
};

/** Add. Any thread. */
static inline void weft__inbox_push(struct weft__inbox *inbox,
                                    struct weft__link *link)
{
    struct weft__link *newest = weft__load_relaxed(&inbox->newest);
    do
        link->next = newest;
    /* Publishes what the link lies in; pairs with the exchange in take. */
    while (!weft__cas_sc(&inbox->newest, &newest, link));
}

/** Is there nothing in it? A look, no more. Any thread. */
static inline bool weft__inbox_is_empty(const struct weft__inbox *inbox)
{
    return weft__load_relaxed(&inbox->newest) == NULL;
}

/** Take everything; the result is the oldest, chained to the newest. Any
 * thread. */
static inline struct weft__link *weft__inbox_take(struct weft__inbox *inbox)
{
    if (weft__inbox_is_empty(inbox))
        return NULL;
    /* Pairs with the swap in push. */
    struct weft__link *newest = weft__xchg_sc(&inbox->newest, NULL);
    struct weft__link *oldest = NULL;
    while (newest != NULL) {
        struct weft__link *older = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = older;
    }
    return oldest;
}

#endif
