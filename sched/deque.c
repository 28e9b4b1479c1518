// SPDX-License-Identifier: MIT
/*
 * The rare parts of the deque: its life, and pops that race for the last
 * item. Growth is in array.c. Owner's thread only.
 */
#include "sched/deque.h"

int weft__deque_init(struct weft__deque *deque, size_t capacity, uint64_t start)
{
    return weft__window_init(&deque->window, capacity, start);
}

void weft__deque_fini(struct weft__deque *deque)
{
    weft__window_fini(&deque->window);
}

void *weft__deque_pop_only(struct weft__deque *deque, uint64_t first)
{
    void *item = NULL;
    enum weft__steal got = weft__window_take(&deque->window, first, &item);
    return got == WEFT__STEAL_GOT ? item : NULL; /* else a thief has */
}

void *weft__deque_pop_last(struct weft__deque *deque, uint64_t end,
                           uint64_t first)
{
    struct weft__window *window = &deque->window;
    void *item = NULL;
    if (end == first) {
        item = weft__array_get(weft__load_relaxed(&window->array), end);
        /* Races with the swap in take; pairs with the fence in steal. */
        if (!weft__cas_sc(&window->first, &first, first + 1))
            item = NULL;
    }
    /* Needs no release: `first` is here already, so a thief that reads this
     * end finds nothing in front of it. */
    weft__store_relaxed(&window->end, end + 1);
    return item;
}
