// SPDX-License-Identifier: MIT
/*
 * The tree of uts, for every runtime that counts it: it is not known before it
 * is walked. Every node has 8 children down to a depth of 4; below, one in
 * eight has 8, the others none: most branches end at once, one is 1 489 deep.
 * C and C++.
 *
 * After Olivier et al., "UTS: An Unbalanced Tree Search Benchmark" (2006), the
 * binomial kind; the hash is perf_random_at().
 */
#ifndef WEFT_PERF_UTS_H
#define WEFT_PERF_UTS_H

#include <stdbool.h>
#include <stdint.h>

#include "perf/random.h"

#define PERF_UTS_CHILDREN 8
#define PERF_UTS_FULL 4 /* levels */
#define PERF_UTS_PROBABILITY 0.124875
#define PERF_UTS_SEED 17
#define PERF_UTS_NODES 3242833 /* that it has */

struct perf_uts_node {
    uint64_t hash;
    int full; /* levels still to come */
};

/** The root; a level less is about an eighth of the work. */
static inline struct perf_uts_node perf_uts_root(uint64_t scale)
{
    struct perf_uts_node root = {PERF_UTS_SEED, PERF_UTS_FULL};

    for (; scale > 1 && root.full > 1; scale /= PERF_UTS_CHILDREN) {
        root.full--;
    }
    return root;
}

/** Whether it has PERF_UTS_CHILDREN children, or none. */
static inline bool perf_uts_has_children(const struct perf_uts_node *node)
{
    return node->full > 0 ||
           node->hash < (uint64_t)(PERF_UTS_PROBABILITY * 0x1p32) << 32;
}

static inline struct perf_uts_node
perf_uts_child(const struct perf_uts_node *node, uint64_t n)
{
    struct perf_uts_node child = {perf_random_at(node->hash, n + 1),
                                  node->full - 1};

    return child;
}

/** Nodes from this one down, by a plain recursion. */
static inline uint64_t perf_uts_count(struct perf_uts_node node)
{
    uint64_t count = 1;

    for (uint64_t i = 0; perf_uts_has_children(&node) && i < PERF_UTS_CHILDREN;
         i++) {
        count += perf_uts_count(perf_uts_child(&node, i));
    }
    return count;
}

#endif
