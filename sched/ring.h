// SPDX-License-Identifier: MIT
/*
 * A growable FIFO with one producer and many consumers. Not for several
 * producers: foreign threads use the inbox.
 *
 * Threads: the owner pushes; anybody, the owner included, takes.
 *
 * No store-load fence is needed here, unlike in the deque. There the owner
 * removes at the end that it also writes, without a swap, and must know that
 * its store is visible before it looks where the thieves are. Here every
 * removal is a compare-and-swap on the one `first`: two takers of an index
 * cannot both win, and the producer never takes back what it has published.
 * Whoever wants to know that *all* pushes so far are visible (a worker about to
 * park) brings a fence of its own.
 *
 * The struct is aligned to two cache lines; so must be the memory it lies in.
 */
#ifndef WEFT_SCHED_RING_H
#define WEFT_SCHED_RING_H

#include "sched/array.h"

struct weft__ring {
    struct weft__window window;
};

/** An empty ring; `capacity` is a power of two, at least 2; `start` is the
 * first index. 0 or -ENOMEM. */
WEFT__MUST_CHECK int weft__ring_init(struct weft__ring *ring, size_t capacity,
                                     uint64_t start);

/** Nobody may be using it any more; items still in it are not looked at. */
void weft__ring_fini(struct weft__ring *ring);

/** Owner: add the newest; 0, or -ENOMEM and nothing was pushed. */
static inline WEFT__MUST_CHECK int weft__ring_push(struct weft__ring *ring,
                                                   void *item)
{
    return weft__window_push(&ring->window, item);
}

/** Anyone: the oldest item. *item is written only with WEFT__STEAL_GOT. */
static inline enum weft__steal weft__ring_take(struct weft__ring *ring,
                                               void **item)
{
    struct weft__window *window = &ring->window;
    /* Pairs with the swap in take: an end at least as new comes with it. */
    uint64_t first = weft__load_acquire(&window->first);
    /* Pairs with the release in push. */
    uint64_t end = weft__load_acquire(&window->end);

    if ((int64_t)(end - first) <= 0)
        return WEFT__STEAL_EMPTY;
    return weft__window_take(window, first, item);
}

/** Anyone: the oldest item, or NULL if there is none. */
static inline void *weft__ring_oldest(struct weft__ring *ring)
{
    void *item = NULL;
    enum weft__steal got;
    do
        got = weft__ring_take(ring, &item);
    while (got == WEFT__STEAL_RETRY);
    return got == WEFT__STEAL_GOT ? item : NULL;
}

/** Anyone: an estimate; see weft__window_size(). */
static inline size_t weft__ring_size(const struct weft__ring *ring)
{
    return weft__window_size(&ring->window);
}

#endif
