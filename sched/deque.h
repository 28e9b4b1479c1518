// SPDX-License-Identifier: MIT
/*
 * The work-stealing deque of Chase and Lev, in the C11 form of Le, Pop, Cohen
 * and Zappa Nardelli, "Correct and Efficient Work-Stealing for Weak Memory
 * Models" (PPoPP 2013), growable. Their `bottom` is `end` here, their `top` is
 * `first`. Not a FIFO for its owner: that is ring.h.
 *
 * Threads: the owner pushes and pops at the newest end; anybody (the owner as
 * well) steals the oldest item, one at a time.
 *
 * Invariants, beside those of array.h:
 *  1. `end` is written by the owner only, `first` by compare-and-swap only.
 *  2. The owner takes an item without a swap only if, after its `end` became
 *     visible to all, another item was still in front of it. Hence the fence.
 *
 * Departures from the paper: a push looks at `first` only when the last known
 * one no longer proves that there is room. As `first` only grows, a pop of an
 * empty deque is answered without a fence, and one of a single item takes it
 * where a thief would, by the swap alone.
 *
 * The struct is aligned to two cache lines; so must be the memory it lies in.
 */
#ifndef WEFT_SCHED_DEQUE_H
#define WEFT_SCHED_DEQUE_H

#include "sched/array.h"

struct weft__deque {
    struct weft__window window;
};

/** An empty deque. `capacity` is a power of two, at least 2; `start` is the
 * first index (tests begin near the places where an index could overflow).
 * 0 or -ENOMEM. */
WEFT__MUST_CHECK int weft__deque_init(struct weft__deque *deque,
                                      size_t capacity, uint64_t start);

/** Nobody may be using it any more; items still in it are not looked at. */
void weft__deque_fini(struct weft__deque *deque);

/** The pop of an item that has none in front of it. */
void *weft__deque_pop_only(struct weft__deque *deque, uint64_t first);

/** The end of a pop that met thieves. */
void *weft__deque_pop_last(struct weft__deque *deque, uint64_t end,
                           uint64_t first);

/** Owner: 0, or -ENOMEM and nothing was pushed. */
static inline WEFT__MUST_CHECK int weft__deque_push(struct weft__deque *deque,
                                                    void *item)
{
    return weft__window_push(&deque->window, item);
}

/** Owner: the newest item, or NULL. */
static inline void *weft__deque_pop(struct weft__deque *deque)
{
    struct weft__window *window = &deque->window;
    struct weft__array *array = weft__load_relaxed(&window->array);
    uint64_t end = weft__load_relaxed(&window->end);
    uint64_t first = weft__load_relaxed(&window->first);
    if (weft__unlikely((int64_t)(end - first) <= 1))
        return end == first ? NULL : weft__deque_pop_only(deque, first);
    end--;
    /* A thief that reads this one has synchronised with the pushes before it:
     * only the owner writes `end`, so it continues their release sequence. */
    weft__store_fenced(&window->end, end);
    weft__fence(); /* pairs with the one in steal */
    first = weft__load_fenced(&window->first);
    if (weft__likely((int64_t)(end - first) > 0))
        return weft__array_get(array, end);
    return weft__deque_pop_last(deque, end, first);
}

/** Owner: the newest item as it stands, unless a thief takes it just now; any
 * value if the deque is empty. */
static inline void *weft__deque_newest(struct weft__deque *deque)
{
    struct weft__window *window = &deque->window;
    return weft__array_get(weft__load_relaxed(&window->array),
                           weft__load_relaxed(&window->end) - 1);
}

/** Anyone: the index of the oldest item; it goes up with each that is taken. */
static inline uint64_t weft__deque_first(const struct weft__deque *deque)
{
    return weft__load_relaxed(&deque->window.first);
}

/** Anyone: a guess at the oldest item. */
static inline void *weft__deque_peek(struct weft__deque *deque)
{
    struct weft__window *window = &deque->window;
    /* Pairs with the release in push_slow, as in take. */
    return weft__array_get(weft__load_acquire(&window->array),
                           weft__load_relaxed(&window->first));
}

/** Anyone: the oldest item. *item is written only with WEFT__STEAL_GOT. */
static inline enum weft__steal weft__deque_steal(struct weft__deque *deque,
                                                 void **item)
{
    struct weft__window *window = &deque->window;
    uint64_t first = weft__load_fenced(&window->first);
    weft__fence(); /* pairs with the one in pop */
    /* Pairs with the release in push. Where there is no fence, the sc load
     * above keeps the order of the two loads. */
    uint64_t end = weft__load_acquire(&window->end);

    if ((int64_t)(end - first) <= 0)
        return WEFT__STEAL_EMPTY;
    return weft__window_take(window, first, item);
}

/** Anyone: the oldest item, or NULL if there is none. */
static inline void *weft__deque_oldest(struct weft__deque *deque)
{
    void *item = NULL;
    enum weft__steal got;
    do
        got = weft__deque_steal(deque, &item);
    while (got == WEFT__STEAL_RETRY);
    return got == WEFT__STEAL_GOT ? item : NULL;
}

/** Anyone: an estimate; see weft__window_size(). */
static inline size_t weft__deque_size(const struct weft__deque *deque)
{
    return weft__window_size(&deque->window);
}

#endif
