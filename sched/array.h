// SPDX-License-Identifier: MIT
/*
 * The growable circular buffer under the deque and the ring, and the window of
 * indices [first, end) that slides over it. Items are opaque pointers. This is
 * not a queue: who may move `first`, and by which protocol, is decided by
 * deque.h and ring.h.
 *
 * Threads: one owner adds at `end` and grows the array; anybody takes at
 * `first`, by compare-and-swap.
 *
 * Invariants:
 *  1. Indices are 64 bits wide and only compared by their signed difference,
 *     so they may start anywhere and wrap around at 2^64.
 *  2. `first` never goes back, so an index is taken from it once.
 *  3. A slot is written again only after `first` has passed its old index.
 *  4. A replaced array keeps its items and stays readable until the end of the
 *     window: a thief may have read the pointer before the owner grew. The
 *     chain of old ones is never longer in sum than the newest.
 */
#ifndef WEFT_SCHED_ARRAY_H
#define WEFT_SCHED_ARRAY_H

#include "sched/atomic.h"
#include "sched/base.h"

struct weft__array {
    uint64_t mask; /* capacity - 1 */
    struct weft__array *previous;
    _Atomic(void *) slots[];
};

/** A new array of `capacity` slots (a power of two) in front of `previous`;
 * NULL when there is no memory. */
struct weft__array *weft__array_new(size_t capacity,
                                    struct weft__array *previous);

/** Free this array and all those before it. */
void weft__array_free(struct weft__array *newest);

static inline void *weft__array_get(struct weft__array *array, uint64_t index)
{
    return weft__load_relaxed(&array->slots[index & array->mask]);
}

static inline void weft__array_put(struct weft__array *array, uint64_t index,
                                   void *item)
{
    weft__store_relaxed(&array->slots[index & array->mask], item);
}

struct weft__window {
    /* The owner's line; thieves read the first two. */
    WEFT__APART _Atomic(uint64_t) end;
    _Atomic(struct weft__array *) array;
    uint64_t limit; /* owner only: where a push has to look at `first` again */
    /* The takers' line. */
    WEFT__APART _Atomic(uint64_t) first;
};

/* What an attempt to take the oldest item came to. RETRY: somebody else took
 * it meanwhile, and there may be more. */
enum weft__steal { WEFT__STEAL_EMPTY, WEFT__STEAL_RETRY, WEFT__STEAL_GOT };

/** An empty window that begins at index `start`; 0 or -ENOMEM. */
WEFT__MUST_CHECK int weft__window_init(struct weft__window *window,
                                       size_t capacity, uint64_t start);
void weft__window_fini(struct weft__window *window);

/** The rest of a push that ran into `limit`; 0 or -ENOMEM. */
WEFT__NOINLINE __attribute__((cold)) int
weft__window_push_slow(struct weft__window *window, void *item);

static inline void weft__window_put(struct weft__window *window, uint64_t end,
                                    void *item)
{
    weft__array_put(weft__load_relaxed(&window->array), end, item);
    /* Pairs with the takers' load of `end`: whoever sees the new end sees the
     * slot, what the item points to, and the array that holds it. */
    weft__store_release(&window->end, end + 1);
}

/** Owner: add at the end; 0, or -ENOMEM and nothing was added. */
static inline int weft__window_push(struct weft__window *window, void *item)
{
    uint64_t end = weft__load_relaxed(&window->end);
    if (weft__unlikely(end == window->limit))
        return weft__window_push_slow(window, item);
    weft__window_put(window, end, item);
    return 0;
}

/** Anyone who has seen an `end` behind `first` with acquire: take that item. */
static inline enum weft__steal weft__window_take(struct weft__window *window,
                                                 uint64_t first, void **item)
{
    /* Pairs with the release in push_slow. The item has to be read before the
     * swap: after it the owner may reuse the slot. */
    struct weft__array *array = weft__load_acquire(&window->array);
    void *found = weft__array_get(array, first);

    /* Its release pairs with the acquire of `first` in push_slow (the slot is
     * free), its place in the total order with the fence in deque pop. */
    if (!weft__cas_sc(&window->first, &first, first + 1))
        return WEFT__STEAL_RETRY;
    *item = found;
    return WEFT__STEAL_GOT;
}

/** Anyone: about how many items there are. Too many if somebody takes one
 * meanwhile; 0 only if it was empty at some moment of the call. */
static inline size_t weft__window_size(const struct weft__window *window)
{
    /* Pairs with the swap in take, and keeps the two loads in this order. */
    uint64_t first = weft__load_acquire(&window->first);
    int64_t size = (int64_t)(weft__load_relaxed(&window->end) - first);
    return size > 0 ? (size_t)size : 0;
}

#endif
