// SPDX-License-Identifier: MIT
/*
 * Who took what: each thread of a queue test keeps a tally of the items 1 to n
 * that it got, alone; at the end the tallies must add up to each item once.
 *
 * An item is a pointer to its number, which the producer writes, without any
 * atomic, just before the push: so ThreadSanitizer sees it if a queue hands
 * over an item without what it points to.
 */
#ifndef WEFT_TESTS_SUPPORT_TALLY_H
#define WEFT_TESTS_SUPPORT_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

struct weft_test_tally {
    size_t n;
    size_t count;
    size_t doubled;      /* got twice by this thread */
    size_t out_of_order; /* not newer than the one before, by `in_order` */
    uint64_t last;
    uint8_t *seen;
};

static inline bool weft_test_tally_init(struct weft_test_tally *tally, size_t n)
{
    *tally = (struct weft_test_tally){.n = n, .seen = calloc(n / 8 + 1, 1)};
    return tally->seen != NULL;
}

static inline void weft_test_tally_fini(struct weft_test_tally *tally)
{
    free(tally->seen);
}

static inline void weft_test_tally_take(struct weft_test_tally *tally,
                                        const void *item)
{
    uint64_t value = *(const uint64_t *)item;
    uint8_t bit = (uint8_t)(1 << value % 8);

    tally->count++;
    if (value == 0 || value > tally->n || (tally->seen[value / 8] & bit) != 0)
        tally->doubled++;
    else
        tally->seen[value / 8] |= bit;
}

/** The same for a taker that must see the items in the order of the pushes. */
static inline void weft_test_tally_in_order(struct weft_test_tally *tally,
                                            const void *item)
{
    uint64_t value = *(const uint64_t *)item;

    tally->out_of_order += value <= tally->last;
    tally->last = value;
    weft_test_tally_take(tally, item);
}

/** How many of the items 1 to n were not taken exactly once by `count`
 * tallies together, plus what the tallies complain of themselves. */
static inline size_t weft_test_tally_wrong(const struct weft_test_tally *tally,
                                           size_t count)
{
    size_t wrong = 0;

    for (size_t i = 0; i < count; i++)
        wrong += tally[i].doubled + tally[i].out_of_order;
    for (size_t value = 1; value <= tally->n; value++) {
        unsigned takers = 0;

        for (size_t i = 0; i < count; i++)
            takers += tally[i].seen[value / 8] >> value % 8 & 1;
        wrong += takers != 1;
    }
    return wrong;
}

#endif
