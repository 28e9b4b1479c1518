// SPDX-License-Identifier: MIT
/*
 * A million tasks in random trees: groups within scopes within groups, failing,
 * cancelled and timed out at random. Each writes down what it did (tree.h); who
 * waits for it compares, and at the end all that was reported is what nobody
 * had retrieved.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "tests/stress/tree_kids.h"
#include "tests/support/fault.h"

#include "sched/runtime.h"

static int step(struct node *node);

/* Scopes */

static int steps(struct node *node, unsigned n)
{
    int rc = 0;
    while (rc == 0 && n-- > 0)
        rc = step(node);
    return rc;
}

static int in_timeout(struct node *node)
{
    static const weft_ns times[] = {0, 1, 10000, 100000, 3000000, WEFT_FOREVER};
    weft_scope scope;
    struct frame *frame = frame_enter(node, TIMEOUT);
    if (frame == NULL)
        return 0;
    weft_ns after = times[draw(node, 6)];
    frame->deadline = weft_after(after);
    frame->scope = &scope;
    frame_show(node, frame);
    weft_timeout_enter(&scope, after);
    int body = steps(node, 1 + draw(node, 3));
    if (body == 0 && draw(node, 8) == 0) {
        atomic_store(&frame->fired, true);
        weft_scope_cancel(&scope);
        body = weft_yield();
        check_eq(body, -WEFT_ECANCELED);
    }
    int out = weft_timeout_exit(&scope, body);
    frame_exit(node, frame);
    check_timeout(node, frame, body, out);
    return passed(out);
}

/* Cancelled already: it lasts only so long. */
static int in_short_shield(struct node *node)
{
    weft_scope shield;
    weft_shield_enter(&shield, draw(node, 10000));
    int rc = weft_shield_exit(&shield, weft_sleep(WEFT_FOREVER));
    return judged(node, true, rc);
}

static int in_shield(struct node *node)
{
    if (must_fail(node))
        return in_short_shield(node);
    weft_scope shield;
    struct frame *frame = frame_enter(node, SHIELD);
    if (frame == NULL)
        return 0;
    frame_show(node, frame);
    node->shields++;
    weft_shield_enter(&shield, WEFT_S(1000));
    int rc = steps(node, 1 + draw(node, 3));
    check_eq(weft_shield_exit(&shield, rc), rc);
    node->shields--;
    frame_exit(node, frame);
    return passed(rc);
}

/* Groups */

static void *group_deferred(void *arg)
{
    struct frame *frame = arg;
    struct node *node = atomic_load(&frame->node);
    frame->defers--;
    check_kids_closed(node, frame);
    check(weft_var_get(var) == frame->deferred);
    check_eq(weft_yield(), 0);
    return NULL;
}

/* By its owner or by a sibling. */
static int spawn_grouped(struct node *spawner, weft_group *group,
                         struct frame *frame)
{
    struct node *owner = atomic_load(&frame->node);
    struct node *kid = node_new(spawner, owner, frame);
    if (kid == NULL)
        return yield(spawner);
    kid->siblings = group;
    kid->limited = frame->max > 0;
    int rc = weft_group_spawn_named(group, names[kid->number], run_node, kid);
    if (rc < 0) {
        kid->refused = true;
        check_eq(rc, -WEFT_ECANCELED);
        check(may_fire(frame) || may_be_cancelled(spawner) ||
              may_cancel_children(owner));
        tree_leave(kid->tree);
        return rc == -WEFT_ECANCELED ? passed(rc) : rc;
    }
    if (owner == spawner) {
        link_kid(owner, kid);
        return 0;
    }
    kid->next = atomic_load(&frame->pushed);
    while (!atomic_compare_exchange_weak(&frame->pushed, &kid->next, kid))
        ;
    return 0;
}

static int group_body(struct node *node, weft_group *group, struct frame *frame)
{
    int rc = 0;
    for (unsigned n = 1 + draw(node, 6); n > 0 && rc == 0; n--)
        rc = draw(node, 4) ? spawn_grouped(node, group, frame) : step(node);
    if (rc == 0 && draw(node, 8) == 0) {
        atomic_store(&frame->fired, true);
        check(weft_group_cancel(group) >= 0);
        rc = weft_yield();
        check_eq(rc, -WEFT_ECANCELED);
    }
    if (rc == 0 && draw(node, 8) == 0)
        rc = weft_code(weft_failf(own_code(node), "words of %u", node->number));
    return rc;
}

static int in_group(struct node *node)
{
    weft_group group;
    weft_group_options options = {.size = sizeof(options)};
    struct frame *frame = frame_enter(node, GROUP);
    if (frame == NULL)
        return 0;
    frame->max = options.max_running = draw(node, 2) ? draw(node, 4) : 0;
    frame->keep_going = options.keep_going = draw(node, 3) == 0;
    frame_show(node, frame);
    weft_group_enter(&group, &options);
    frame->defers = draw(node, 3);
    frame->deferred = node->value;
    for (unsigned i = frame->defers; i > 0; i--)
        check_eq(weft_group_defer(&group, group_deferred, frame), 0);
    int body = group_body(node, &group, frame);
    if (body < 0)
        atomic_store(&frame->fired, true);
    unsigned turn = atomic_fetch_add(&node->tree->turns, 1);
    int out = weft_group_exit(&group, body);
    frame_exit(node, frame);
    check_eq(frame->defers, 0);
    check(weft_var_get(var) == node->value);
    check_group(node, frame, body, turn, out);
    return passed(out);
}

/* Among siblings: the group's frame is there as long as we are. */
static int with_siblings(struct node *node)
{
    struct frame *group = node->group;
    if (node->siblings == NULL)
        return yield(node);
    switch (draw(node, 4)) {
    case 0:
        atomic_store(&group->fired, true);
        check(weft_group_cancel(node->siblings) >= 0);
        return yield(node);
    case 1:
        if (group->outer == NULL || group->outer->kind != TIMEOUT)
            return yield(node);
        atomic_store(&group->outer->fired, true);
        check(weft_scope_cancel(group->outer->scope) >= 0);
        return yield(node);
    default: /* one who waits for its own place would wait for ever */
        return group->max > 0 ? yield(node)
                              : spawn_grouped(node, node->siblings, group);
    }
}

/* A node */

static int set_variable(struct node *node)
{
    node->value = weft_test_value(node->number + 1);
    check_eq(weft_var_set(var, node->value), 0);
    atomic_fetch_add(&sets, 1);
    return 0;
}

/* Last come first: each finds as many before it as there were. */
static void *deferred(void *arg)
{
    struct node *node = arg;
    check(node->defers > 0);
    node->defers--;
    check_kids_closed(node, NULL);
    check(weft_var_get(var) == node->deferred[node->defers]);
    if (draw(node, 2))
        check_eq(weft_yield(), 0);
    if (draw(node, 8))
        return NULL;
    atomic_fetch_add(&due.cleanups, 1);
    return weft_fail(-EIO);
}

static int defer_one(struct node *node)
{
    if (node->defers == DEFERS)
        return yield(node);
    node->deferred[node->defers++] = node->value;
    check_eq(weft_defer(deferred, node), 0);
    return 0;
}

static int step(struct node *node)
{
    bool deep = node->nest > 3;
    switch (draw(node, 16)) {
    case 0:
    case 1:
    case 2:
        return one_kid(node);
    case 3:
    case 4:
        return deep ? yield(node) : in_timeout(node);
    case 5:
        return deep ? yield(node) : in_shield(node);
    case 6:
    case 7:
    case 8:
        return deep ? yield(node) : in_group(node);
    case 9:
    case 10:
        return several_kids(node);
    case 11:
        return with_siblings(node);
    case 12:
        return set_variable(node);
    case 13:
        return defer_one(node);
    case 14:
        return sleep_some(node);
    default:
        return yield(node);
    }
}

/* The first call to be deferred, so the last to run. */
static void *close_node(void *arg)
{
    struct node *node = arg;
    struct tree *tree = node->tree;
    check_eq(node->defers, 0);
    check_kids_closed(node, NULL);
    check(weft_var_get(var) == node->inherited);
    if (is_failure(node->code) && node->group != NULL)
        atomic_store(&node->group->failed, true);
    if (node->limited)
        atomic_fetch_sub(&node->group->running, 1);
    node->turn = atomic_fetch_add(&tree->turns, 1);
    check_eq(atomic_fetch_add(&node->closed, 1), 0);
    tree_leave(tree);
    return NULL;
}

static void *conclude(struct node *node, int rc)
{
    unsigned chance = draw(node, 32);
    node->words = rc == 0 ? chance < 6 : chance < 4;
    if (rc < 0 && chance > 27)
        rc = 0;
    else if (rc == 0 && chance == 31)
        rc = -WEFT_ECANCELED;
    node->code = node->words ? own_code(node) : rc;
    if (node->words)
        return weft_failf(node->code, "words of %u", node->number);
    return rc < 0 ? weft_fail(rc) : node;
}

static void *run_node(void *arg)
{
    struct node *node = arg;
    check_eq(atomic_fetch_add(&node->begun, 1), 0);
    check_eq(weft_defer(close_node, node), 0);
    if (node->limited)
        check(atomic_fetch_add(&node->group->running, 1) < node->group->max);
    node->value = node->inherited;
    check(weft_var_get(var) == node->value);
    return conclude(node, steps(node, draw(node, 6)));
}

/* A tree */

static void tree_begin(struct tree *tree, uint64_t seed)
{
    memset(tree, 0, sizeof(*tree));
    tree->seed = seed;
    tree->all = weft_future_new();
    for (unsigned i = 0; i < NODES; i++) {
        tree->node[i].tree = tree;
        tree->node[i].number = i;
        tree->node[i].dice.state = seed * NODES + i;
    }
    atomic_store(&tree->nodes, 1);
    atomic_store(&tree->open, 2); /* the root and we */
}

/* How many tasks it had. */
static size_t tree_grow(struct tree *tree, uint64_t seed)
{
    tree_begin(tree, seed);
    struct node *root = &tree->node[0];
    bool cancel = draw(root, 4) == 0; /* its dice are its own from the spawn */
    unsigned turns = draw(root, 5);
    weft_future *future = weft_spawn_named(names[0], run_node, root);
    if (cancel) {
        wait_a_little(&tree->node[turns]);
        cancel_kid(root, future);
    }
    void *result = NULL;
    int rc = weft_await(future, &result);
    check_eq(root->closed, 1);
    check_eq(rc, root->code);
    root->retrieved = true;
    weft_future *all = weft_future_ref(tree->all);
    tree_leave(tree);
    check_eq(weft_await(all, NULL), 0);
    weft_future_unref(tree->all);
    return tree_check(tree);
}

/* Runs */

static void destroy(void *value)
{
    (void)value;
    atomic_fetch_add(&destroyed, 1);
}

static void begin(void)
{
    for (unsigned i = 0; i < NODES; i++)
        snprintf(names[i], sizeof(names[i]), "node%u", i);
    memset(&told, 0, sizeof(told));
    memset(&due, 0, sizeof(due));
    sets = destroyed = 0;
    cr_assert_eq(weft_var_new("node", NULL, destroy, &var), 0);
}

static void end(void)
{
    weft_var_free(var);
    compare_reports();
    cr_assert_eq(atomic_load(&weft_test_wrong), 0);
}

static void *simulated(void *unused)
{
    static struct tree tree;
    weft_running_loop()->options.on_report = on_report;
    compare_reports(); /* those of the seed before */
    tree_grow(&tree, weft_test_seed_now);
    return unused;
}

Test(trees, simulated, .timeout = 3000)
{
    begin();
    weft_test_seeds(1000, simulated);
    end();
}

static atomic_long left; /* tasks to come */
static atomic_long seeds;

static void *grower(void *unused)
{
    struct tree *tree = malloc(sizeof(*tree));
    while (tree != NULL && atomic_load(&left) > 0)
        atomic_fetch_sub(
            &left,
            (long)tree_grow(tree, (uint64_t)atomic_fetch_add(&seeds, 1)));
    free(tree);
    return unused;
}

static void *forest(void *unused)
{
    weft_group group;
    weft_group_enter(&group, NULL);
    for (int i = 0; i < 8; i++)
        check_eq(weft_group_spawn(&group, grower, NULL), 0);
    check_eq(weft_group_exit(&group, 0), 0);
    return unused;
}

static void grow(unsigned workers, size_t tasks)
{
    weft_options options = {
        .size = sizeof(options), .workers = workers, .on_report = on_report};
    weft_test_faults_open();
    struct weft_test_balance before = weft_test_balance();
    atomic_store(&left, (long)weft_test_scaled(tasks));
    atomic_store(&seeds, (long)(weft_test_seed() % 1000000 * 1000));
    begin();
    cr_assert_eq(weft_run_with(&options, forest, NULL, NULL), 0);
    end();
    cr_assert(weft_test_balanced(&before));
    weft_test_faults_close();
}

Test(trees, one_worker, .timeout = 500)
{
    grow(1, 200000);
}

Test(trees, two_workers, .timeout = 500)
{
    grow(2, 500000);
}

Test(trees, eight_workers, .timeout = 500)
{
    grow(8, 300000);
}
