// SPDX-License-Identifier: MIT
/* The life of a ring. Pushing and taking are in ring.h, growth in array.c. */
#include "sched/ring.h"

int weft__ring_init(struct weft__ring *ring, size_t capacity, uint64_t start)
{
    return weft__window_init(&ring->window, capacity, start);
}

void weft__ring_fini(struct weft__ring *ring)
{
    weft__window_fini(&ring->window);
}
