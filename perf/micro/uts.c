// SPDX-License-Identifier: MIT
/*
 * uts: count the nodes of an unbalanced tree (perf/uts.h). A fork for each
 * child; per node.
 */
#include "perf/micro/micro.h"

#include <weft/fork.h>
#include <weft/time.h>

#include "perf/uts.h"

#define CHILDREN PERF_UTS_CHILDREN

struct node {
    struct perf_uts_node at;
    uint64_t count; /* of nodes, itself included */
};

static void walk_children(struct node *node);

static void *walk(void *arg)
{
    struct node *node = arg;

    node->count = 1;
    if (perf_uts_has_children(&node->at)) {
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
        children[i].at = perf_uts_child(&node->at, i);
        weft_fork(&branches[i], walk, &children[i]);
    }
    for (unsigned i = CHILDREN; i-- > 0;) {
        weft_join(&branches[i], NULL);
        node->count += children[i].count;
    }
}

struct job {
    struct perf_micro *micro;
    struct perf_uts_node root;
    uint64_t nodes;
    double alone; /* ns */
};

static void *run(void *arg)
{
    struct job *job = arg;
    struct perf_micro *micro = job->micro;
    struct node root = {.at = job->root};
    weft_time start = weft_now();

    walk(&root);
    micro->ns = (double)(weft_now() - start);
    micro->ops = root.count;
    perf_micro_against(micro, job->alone);
    return weft_fail(perf_micro_expect("uts", root.count, job->nodes));
}

int perf_micro_uts(struct perf_micro *micro)
{
    struct job job = {.micro = micro, .root = perf_uts_root(micro->scale)};
    weft_time start = weft_now();
    int rc = 0;

    job.nodes = perf_uts_count(job.root);
    job.alone = (double)(weft_now() - start);
    if (job.root.full == PERF_UTS_FULL) {
        rc = perf_micro_expect("uts: the tree", job.nodes, PERF_UTS_NODES);
    }
    return rc != 0 ? rc : perf_micro_in_runtime(micro, run, &job);
}
