// SPDX-License-Identifier: MIT
/*
 * Allocation and growth of the circular buffer: the part of array.h that a push
 * needs once in `capacity` times at most.
 */
#include "sched/array.h"

#include <errno.h>

#include "sched/os.h"

/* Above this the size of a doubled array would not fit in a size_t. */
#define CAPACITY_MAX (SIZE_MAX / 4 / sizeof(void *))

struct weft__array *weft__array_new(size_t capacity,
                                    struct weft__array *previous)
{
    WEFT__ASSERT(capacity >= 2 && (capacity & (capacity - 1)) == 0);
    if (capacity > CAPACITY_MAX)
        return NULL;
    struct weft__array *array;
    array =
        weft__mem_alloc(1, sizeof(*array) + capacity * sizeof(array->slots[0]));
    if (array == NULL)
        return NULL;
    array->mask = capacity - 1;
    array->previous = previous;
    return array;
}

void weft__array_free(struct weft__array *newest)
{
    while (newest != NULL) {
        struct weft__array *previous = newest->previous;
        weft__mem_free(newest);
        newest = previous;
    }
}

int weft__window_init(struct weft__window *window, size_t capacity,
                      uint64_t start)
{
    struct weft__array *array = weft__array_new(capacity, NULL);
    if (array == NULL)
        return -ENOMEM;
    atomic_init(&window->end, start);
    atomic_init(&window->array, array);
    atomic_init(&window->first, start);
    window->limit = start + capacity;
    return 0;
}

void weft__window_fini(struct weft__window *window)
{
    weft__array_free(weft__load_relaxed(&window->array));
    weft__store_relaxed(&window->array, NULL);
}

/* Replace the array, full from `first` to `end`, by one twice as large. */
static int grow(struct weft__window *window, uint64_t first, uint64_t end)
{
    struct weft__array *old = weft__load_relaxed(&window->array);
    struct weft__array *array = weft__array_new((old->mask + 1) * 2, old);
    if (array == NULL)
        return -ENOMEM;
    for (uint64_t index = first; index != end; index++)
        weft__array_put(array, index, weft__array_get(old, index));
    /* Pairs with the load in take: whoever sees the array sees its slots. */
    weft__store_release(&window->array, array);
    window->limit = first + array->mask + 1;
    return 0;
}

int weft__window_push_slow(struct weft__window *window, void *item)
{
    uint64_t end = weft__load_relaxed(&window->end);
    /* Pairs with the swap in take: its slot was read before it is reused. */
    uint64_t first = weft__load_acquire(&window->first);
    struct weft__array *array = weft__load_relaxed(&window->array);

    window->limit = first + array->mask + 1;
    if (end == window->limit) {
        int rc = grow(window, first, end);
        if (rc < 0)
            return rc;
    }
    weft__window_put(window, end, item);
    return 0;
}
