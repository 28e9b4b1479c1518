// SPDX-License-Identifier: MIT
/*
 * uts: count the nodes of an unbalanced tree, which is not known before it is
 * walked. Every node has 8 children down to a depth of 4; below, one in eight
 * has 8, the others none: most branches end at once, one is 1 489 deep. A fork
 * for each child; per node.
 *
 * After Olivier et al., "UTS: An Unbalanced Tree Search Benchmark" (2006), the
 * binomial kind; the hash is perf_random_at().
 */
#include "perf/micro/micro.h"

#include <weft/fork.h>
#include <weft/time.h>

#include "perf/random.h"

#define CHILDREN 8
#define FULL 4 /* levels */
#define PROBABILITY 0.124875
#define SEED 17
#define NODES 3242833 /* that it has */

struct node {
    uint64_t hash;
    uint64_t count; /* of nodes, itself included */
    int full;       /* levels still to come */
};

static bool has_children(const struct node *node)
{
    return node->full > 0 || node->hash < (uint64_t)(PROBABILITY * 0x1p32)
                                              << 32;
}

static struct node child_of(const struct node *node, uint64_t n)
{
    return (struct node){.hash = perf_random_at(node->hash, n + 1),
                         .full = node->full - 1};
}

static void walk_alone(struct node *node)
{
    node->count = 1;
    for (uint64_t i = 0; has_children(node) && i < CHILDREN; i++) {
        struct node child = child_of(node, i);

        walk_alone(&child);
        node->count += child.count;
    }
}

static void walk_children(struct node *node);

static void *walk(void *arg)
{
    struct node *node = arg;

    node->count = 1;
    if (has_children(node)) {
        walk_children(node);
    }
    return NULL;
}

static void walk_children(struct node *node)
{
    struct node children[CHILDREN];
    weft_branch branches[CHILDREN];

    /* All of them: only a join looks whether the stack has room for a call. */
    for (unsigned i = 0; i < CHILDREN; i++) {
        children[i] = child_of(node, i);
        weft_fork(&branches[i], walk, &children[i]);
    }
    for (unsigned i = CHILDREN; i-- > 0;) {
        weft_join(&branches[i], NULL);
        node->count += children[i].count;
    }
}

struct job {
    struct perf_micro *micro;
    struct node root;
    uint64_t nodes;
    double alone; /* ns */
};

static void *run(void *arg)
{
    struct job *job = arg;
    struct perf_micro *micro = job->micro;
    struct node root = job->root;
    weft_time start = weft_now();

    walk(&root);
    micro->ns = (double)(weft_now() - start);
    micro->ops = root.count;
    perf_micro_against(micro, job->alone);
    return weft_fail(perf_micro_expect("uts", root.count, job->nodes));
}

int perf_micro_uts(struct perf_micro *micro)
{
    struct job job = {.micro = micro, .root = {SEED, 0, FULL}};
    struct node root;
    weft_time start;
    int rc = 0;

    for (uint64_t s = micro->scale; s > 1 && job.root.full > 1; s /= CHILDREN) {
        job.root.full--;
    }
    root = job.root;
    start = weft_now();
    walk_alone(&root);
    job.alone = (double)(weft_now() - start);
    job.nodes = root.count;
    if (job.root.full == FULL) {
        rc = perf_micro_expect("uts: the tree", root.count, NODES);
    }
    return rc != 0 ? rc : perf_micro_in_runtime(micro, run, &job);
}
