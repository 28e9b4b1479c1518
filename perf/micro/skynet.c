// SPDX-License-Identifier: MIT
/*
 * skynet: a tree of tasks, ten children each, with 1 000 000 leaves, which
 * return their numbers, and everybody else the sum of those; per node. Tasks
 * and awaits, no fork: that is fib.
 */
#include "perf/micro/micro.h"

#include <weft/task.h>

#define CHILDREN 10
#define LEAVES 1000000

struct node {
    uint64_t first, leaves, sum;
};

static void *visit(void *node);

static int visit_children(struct node *node)
{
    struct node children[CHILDREN];
    weft_future *all[CHILDREN];
    uint64_t leaves = node->leaves / CHILDREN;
    int rc = 0;

    for (uint64_t i = 0; i < CHILDREN; i++) {
        children[i] = (struct node){node->first + i * leaves, leaves, 0};
        all[i] = weft_spawn(visit, &children[i]);
    }
    for (unsigned i = 0; i < CHILDREN; i++) {
        int one = weft_await(all[i], NULL);

        rc = rc != 0 ? rc : one;
        node->sum += children[i].sum;
    }
    return rc;
}

static void *visit(void *arg)
{
    struct node *node = arg;

    if (node->leaves == 1) {
        node->sum = node->first;
        return NULL;
    }
    return weft_fail(visit_children(node));
}

static void *run(void *arg)
{
    struct perf_micro *micro = arg;
    struct node root = {.leaves = CHILDREN};
    weft_time start;
    int rc;

    while (root.leaves < perf_micro_scaled(micro, LEAVES)) {
        root.leaves *= CHILDREN;
    }
    start = weft_now();
    rc = visit_children(&root);
    micro->ns = (double)(weft_now() - start);
    for (uint64_t level = root.leaves; level > 0; level /= CHILDREN) {
        micro->ops += level;
    }
    return weft_fail(
        rc != 0 ? rc
                : perf_micro_expect("skynet", root.sum,
                                    root.leaves * (root.leaves - 1) / 2));
}

int perf_micro_skynet(struct perf_micro *micro)
{
    return perf_micro_in_runtime(micro, run, micro);
}
