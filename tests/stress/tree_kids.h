// SPDX-License-Identifier: MIT
/*
 * What a node of a random tree does with children of weft_spawn(): one or
 * several of them, awaited, raced, cancelled, detached; each answer is compared
 * with what the child has written down.
 */
#ifndef WEFT_TESTS_STRESS_TREE_KIDS_H
#define WEFT_TESTS_STRESS_TREE_KIDS_H

#include "tests/stress/tree.h"

/* A node's function; in trees.c. */
static void *run_node(void *arg);

/* Ordinary calls: each is judged */

static inline int judged(struct node *node, bool must, int rc)
{
    if (rc == -WEFT_ECANCELED) {
        check(weft_cancelled());
        check(may_be_cancelled(node));
    } else {
        check_eq(rc, 0);
        check(!must);
    }
    check(weft_var_get(var) == node->value);
    return rc;
}

static inline bool must_fail(struct node *node)
{
    return node->shields == 0 && atomic_load(&node->must);
}

static inline int yield(struct node *node)
{
    bool must = must_fail(node);
    return judged(node, must, weft_yield());
}

static inline int sleep_some(struct node *node)
{
    bool must = must_fail(node);
    return judged(node, must, weft_sleep(draw(node, 30000)));
}

/* What a child came to is not what happened to us. */
static inline int passed(int rc)
{
    return rc == -WEFT_ECANCELED && !weft_cancelled() ? 0 : rc;
}

/* Nodes */

/* A child of `parent`, in a group or not; NULL: there are enough. */
static inline struct node *node_new(struct node *spawner, struct node *parent,
                                    struct frame *group)
{
    struct tree *tree = spawner->tree;
    unsigned at = atomic_fetch_add(&tree->nodes, 1);
    if (at >= NODES || spawner->depth > 6)
        return at < NODES ? tree->node[at].refused = true, NULL : NULL;
    struct node *node = &tree->node[at];
    node->parent = parent;
    node->group = group;
    node->depth = parent->depth + 1;
    node->inherited = spawner->value;
    atomic_fetch_add(&tree->open, 1);
    return node;
}

static inline void link_kid(struct node *parent, struct node *kid)
{
    kid->next = parent->kids;
    parent->kids = kid;
}

static inline struct frame *group_of(struct node *node)
{
    struct frame *frame = node->frame;
    while (frame != NULL && frame->kind != GROUP)
        frame = frame->outer;
    return frame;
}

/* A child by weft_spawn(); NULL: there are enough. */
static inline weft_future *plain_kid(struct node *node, struct node **out)
{
    struct node *kid = node_new(node, node, group_of(node));
    *out = kid;
    if (kid == NULL)
        return NULL;
    link_kid(node, kid);
    return weft_spawn_named(names[kid->number], run_node, kid);
}

/* From outside */

static inline void cancel_kid(struct node *kid, weft_future *future)
{
    atomic_store(&kid->asked, true);
    int rc = weft_cancel(future);
    if (rc >= 0)
        atomic_store(&kid->must, true);
    else
        check(rc == -WEFT_EALREADY && atomic_load(&kid->closed) == 1);
}

static inline void wait_a_little(struct node *kid)
{
    for (unsigned turns = kid->number % 5; turns > 0; turns--)
        if (weft_yield() < 0)
            return;
}

/* A task that is no node, but in the tree. */
static inline void *killer(void *arg)
{
    struct node *kid = arg;
    struct tree *tree = kid->tree;
    wait_a_little(kid);
    cancel_kid(kid, kid->handle);
    weft_future_unref(kid->handle);
    tree_leave(tree);
    return NULL;
}

static inline void *detacher(void *arg)
{
    struct node *kid = arg;
    struct tree *tree = kid->tree;
    wait_a_little(kid);
    weft_detach(kid->handle);
    tree_leave(tree);
    return NULL;
}

/* It takes over a reference to the child. */
static inline void set_on(weft_fn *fn, struct node *kid, weft_future *reference)
{
    kid->handle = reference;
    atomic_fetch_add(&kid->tree->open, 1);
    weft_future_unref(weft_spawn(fn, kid));
}

/* Retrieving */

static inline void check_words(struct node *kid, int rc)
{
    const weft_error *error = weft_last_error();
    check(error != NULL && error->code == rc);
    check(error != NULL && node_named(kid->tree, error->task) == kid);
}

/* An await has given this; `shared`: somebody else holds the child. */
static inline int retrieved(struct node *node, struct node *kid, bool shared,
                            int rc, void *result)
{
    check(weft_var_get(var) == node->value);
    if (shared && rc == -WEFT_ECANCELED)
        return rc; /* we may merely have stopped waiting */
    check_eq(kid->closed, 1);
    check_eq(rc, kid->code);
    check(result == (rc < 0 ? NULL : kid));
    if (is_failure(rc))
        check_words(kid, rc);
    kid->retrieved = true;
    return rc;
}

static inline int await_kid(struct node *node, struct node *kid,
                            weft_future *future, bool shared)
{
    void *result = NULL;
    int rc = weft_await(future, &result);
    return passed(retrieved(node, kid, shared, rc, result));
}

static inline int wait_for_kid(struct node *node, struct node *kid,
                               weft_future *future)
{
    void *result = NULL;
    weft_time start = weft_now();
    weft_ns timeout = draw(node, 50000);
    atomic_store(&kid->asked, true);
    int rc = weft_wait_for(future, timeout, &result);
    if (rc == -WEFT_ETIMEOUT && kid->code == -WEFT_ECANCELED) {
        check(is_over(start + timeout));
        return 0;
    }
    return passed(retrieved(node, kid, false, rc, result));
}

static inline int one_kid(struct node *node)
{
    struct node *kid;
    weft_future *future = plain_kid(node, &kid);
    if (future == NULL)
        return yield(node);
    switch (draw(node, 9)) {
    case 0:
        weft_future_unref(future);
        return yield(node);
    case 1:
        kid->detached = true;
        weft_detach(future);
        return 0;
    case 2:
        kid->detached = true;
        set_on(detacher, kid, future);
        return yield(node);
    case 3:
        set_on(killer, kid, weft_future_ref(future));
        return await_kid(node, kid, future, true);
    case 4:
        (void)yield(node);
        cancel_kid(kid, future);
        return await_kid(node, kid, future, false);
    case 5:
        return wait_for_kid(node, kid, future);
    default:
        return await_kid(node, kid, future, false);
    }
}

/* Several at once */

struct batch {
    struct node *kid[6];
    weft_future *future[6];
    void *result[6];
    size_t n;
};

static inline void check_all(struct node *node, struct batch *batch, int rc)
{
    bool found = rc == 0;
    for (size_t i = 0; i < batch->n; i++) {
        struct node *kid = batch->kid[i];
        check_eq(kid->closed, 1);
        check_eq(weft_code(batch->result[i]), kid->code);
        found |= kid->code == rc;
        kid->retrieved = true;
    }
    check(found);
    check(weft_var_get(var) == node->value);
}

static inline int gather(struct node *node, struct batch *batch)
{
    int rc = weft_gather(batch->future, batch->n, batch->result);
    for (size_t i = 0; i < batch->n; i++)
        check(rc != 0 || batch->kid[i]->code == 0);
    check_all(node, batch, rc);
    return passed(rc);
}

static inline int collect(struct node *node, struct batch *batch)
{
    int failed = 0;
    int rc = weft_gather_collect(batch->future, batch->n, batch->result);
    for (size_t i = 0; i < batch->n; i++)
        failed += batch->kid[i]->code < 0;
    check_eq(rc, failed);
    check_all(node, batch, failed ? weft_code(batch->result[0]) : 0);
    return 0;
}

static inline int race(struct node *node, struct batch *batch)
{
    size_t winner = batch->n;
    void *result = NULL;
    int rc = weft_race(batch->future, batch->n, &winner, &result);
    for (size_t i = 0; i < batch->n; i++) {
        batch->result[i] = weft_fail(batch->kid[i]->code);
        check(rc == 0 || batch->kid[i]->code < 0);
    }
    if (rc == 0)
        check(winner < batch->n && batch->kid[winner] == result);
    check_all(node, batch, rc ? rc : weft_code(batch->result[0]));
    return passed(rc);
}

/* Wait for some of them, then await each. */
static inline int wait_some(struct node *node, struct batch *batch)
{
    size_t done[6];
    bool must = must_fail(node);
    int mode = (int)draw(node, 3);
    int rc = weft_wait(batch->future, batch->n, mode, done);
    for (int i = 0; i < rc; i++)
        check_eq(batch->kid[done[i]]->closed, 1);
    check(rc != 0 && (mode != WEFT_WAIT_ALL || rc < 0 || rc == (int)batch->n));
    rc = judged(node, must, rc < 0 ? rc : 0);
    for (size_t i = 0; i < batch->n; i++) {
        int code = await_kid(node, batch->kid[i], batch->future[i], false);
        rc = rc < 0 ? rc : code;
    }
    return rc;
}

static inline int as_completed(struct node *node, struct batch *batch)
{
    weft_as_completed it;
    size_t index;
    int more;
    unsigned last = 0;
    size_t given = 0;
    check_eq(weft_as_completed_enter(&it, batch->future, batch->n), 0);
    while ((more = weft_as_completed_next(&it, &index)) > 0) {
        struct node *kid = batch->kid[index];
        check_eq(kid->closed, 1);
        last = kid->turn > last ? kid->turn : last;
        given++;
    }
    weft_as_completed_exit(&it);
    check(more == -WEFT_ECANCELED || given == batch->n);
    int rc = more < 0 ? judged(node, false, more) : 0;
    for (size_t i = 0; i < batch->n; i++) {
        int code = await_kid(node, batch->kid[i], batch->future[i], false);
        rc = rc < 0 ? rc : code;
    }
    return rc;
}

static inline int several_kids(struct node *node)
{
    static int (*const ways[])(struct node *, struct batch *) = {
        gather, collect, race, wait_some, as_completed};
    struct batch batch = {.n = 0};
    unsigned way = draw(node, 5);
    for (size_t n = 1 + draw(node, 6); batch.n < n; batch.n++) {
        batch.future[batch.n] = plain_kid(node, &batch.kid[batch.n]);
        if (batch.future[batch.n] == NULL)
            break;
        atomic_store(&batch.kid[batch.n]->asked, way == 0 || way == 2);
    }
    return batch.n > 0 ? ways[way](node, &batch) : yield(node);
}

#endif
