// SPDX-License-Identifier: MIT
/*
 * Context variables in random trees of tasks, groups, callbacks, jobs and runs:
 * everybody has the values that it should have, and each value is destroyed
 * exactly once, and not as long as somebody can get it.
 */
#include <weft.h>

#include <string.h>

#include "sched/base.h"
#include "tests/support/fault.h"
#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/sim.h"
#include "tests/support/test.h"
#include "tests/support/values.h"

#define VARS 5
#define BRANCHES 200000 /* of one test, at most */

struct branch {
    struct weft_test_random random;
    unsigned depth;
    bool jobs; /* may have some */
    void *values[VARS];
};

static atomic_int wrong;
static weft_var *vars[VARS];
static struct branch branches[BRANCHES];
static atomic_size_t used;

static void must(bool condition)
{
    atomic_fetch_add(&wrong, !condition);
}

static void check(const struct branch *branch)
{
    for (unsigned i = 0; i < VARS; i++) {
        void *got = weft_var_get(vars[i]);
        must(got == branch->values[i]);
        must(weft_test_value_lives(got));
    }
}

/* Never freed: some belong to callbacks that are dropped. */
static struct branch *branch_off(struct branch *from)
{
    size_t at = atomic_fetch_add(&used, 1);
    if (at >= BRANCHES)
        return NULL;
    branches[at] = *from;
    branches[at].random.state = weft_test_next(&from->random);
    branches[at].depth = from->depth > 0 ? from->depth - 1 : 0;
    return &branches[at];
}

static void *grow(void *arg);

static void grow_children(struct branch *self)
{
    weft_future *children[4];
    unsigned n = 1 + (unsigned)weft_test_below(&self->random, 4);
    unsigned made = 0;
    for (unsigned i = 0; i < n; i++) {
        struct branch *branch = branch_off(self);
        if (branch != NULL)
            children[made++] = weft_spawn(grow, branch);
        if (i % 2 == 0)
            self->values[0] = weft_test_value_set(vars[0]);
    }
    while (made > 0) {
        weft_future *child = children[--made];
        uint64_t how = weft_test_below(&self->random, 8);
        if (how == 0)
            weft_detach(child);
        else if (how == 1)
            weft_future_unref(child);
        else if (how == 2)
            weft_cancel(child), weft_await(child, NULL);
        else
            weft_await(child, NULL);
    }
}

static void grow_group(struct branch *self)
{
    weft_group group;
    weft_group_enter(&group, NULL);
    for (unsigned i = 0; i < 3; i++) {
        struct branch *branch = branch_off(self);
        if (branch != NULL && weft_group_spawn(&group, grow, branch) == 0)
            self->values[1] = weft_test_value_set(vars[1]);
    }
    if (weft_test_below(&self->random, 4) == 0)
        weft_group_cancel(&group);
    weft_group_exit(&group, 0);
}

static void grow_callbacks(struct branch *self)
{
    weft_future *made = weft_future_new();
    struct branch *branch = branch_off(self);
    if (branch != NULL)
        weft_detach(weft_call_soon(grow, branch));
    branch = branch_off(self);
    if (branch != NULL)
        weft_detach(weft_call_later(WEFT_US(20), grow, branch));
    branch = branch_off(self);
    if (branch != NULL)
        must(weft_future_add_done_callback(made, grow, branch) == 0);
    self->values[2] = weft_test_value_set(vars[2]);
    if (weft_test_below(&self->random, 4) != 0)
        weft_future_set_result(made, NULL);
    weft_future_unref(made);
}

static void grow_job(struct branch *self)
{
    struct branch *branch = self->jobs ? branch_off(self) : NULL;
    if (branch == NULL)
        return;
    branch->depth = 0;
    weft_future *future = weft_run_in_executor(NULL, grow, branch);
    if (weft_test_below(&self->random, 4) == 0)
        weft_detach(future);
    else
        weft_await(future, NULL);
}

static void grow_chosen(struct branch *self)
{
    weft_spawn_options options = {.size = sizeof(options)};
    options.context = weft_context_copy();
    struct branch *branch = branch_off(self);
    self->values[3] = weft_test_value_set(vars[3]);
    weft_future *child =
        branch ? weft_spawn_with(&options, grow, branch) : NULL;
    weft_context_unref(options.context);
    if (child != NULL)
        weft_await(child, NULL);
}

static void *steps(void *arg)
{
    struct branch *self = arg;
    void (*const kinds[])(struct branch *) = {
        grow_children, grow_children,  grow_group,
        grow_job,      grow_callbacks, grow_chosen,
    };
    uint64_t count = 1 + weft_test_below(&self->random, 5);
    while (count-- > 0) {
        uint64_t i = weft_test_below(&self->random, 12);
        if (i < weft__count_of(kinds) && self->depth > 0)
            kinds[i](self);
        else if (i < 10)
            self->values[i % VARS] = weft_test_value_set(vars[i % VARS]);
        else
            (void)weft_yield();
        check(self);
    }
    return weft_test_below(&self->random, 4) == 0 ? weft_fail(-WEFT_ECANCELED)
                                                  : NULL;
}

/* Some steps within a context: the present one, or the empty one. */
static void run_steps(struct branch *self, bool with_nothing)
{
    struct branch inside = *self;
    weft_context *context =
        with_nothing ? weft_context_empty() : weft_context_copy();
    if (with_nothing)
        memset(inside.values, 0, sizeof(inside.values));
    weft_context_run(context, steps, &inside, NULL);
    self->random = inside.random;
    weft_context_unref(context);
}

/* Some steps, undone. */
static void undo_steps(struct branch *self)
{
    struct branch inside = *self;
    weft_context *context = weft_context_copy();
    steps(&inside);
    must(weft_context_restore(context) == 0);
    weft_context_unref(context);
    self->random = inside.random;
}

static void *grow(void *arg)
{
    struct branch self = *(struct branch *)arg;
    check(&self);
    steps(&self);
    switch (weft_test_below(&self.random, 4)) {
    case 0:
        run_steps(&self, true);
        break;
    case 1:
        run_steps(&self, false);
        break;
    case 2:
        undo_steps(&self);
        break;
    default:
        break;
    }
    check(&self);
    return steps(&self);
}

static void open_vars(void)
{
    for (unsigned i = 0; i < VARS; i++)
        cr_assert_eq(weft_var_new("v", NULL, weft_test_value_destroy, &vars[i]),
                     0);
    atomic_store(&wrong, 0);
}

static void close_vars(void)
{
    for (unsigned i = 0; i < VARS; i++)
        weft_var_free(vars[i]);
}

static void *grows(void *random)
{
    struct branch root = {
        .random = *(struct weft_test_random *)random, .depth = 4, .jobs = true};
    grow(&root);
    return NULL;
}

Test(context_tree, random_trees_destroy_each_value_once, .timeout = 300)
{
    weft_test_faults_open();
    open_vars();
    for (uint64_t seed = 0; seed < weft_test_scaled(150); seed++) {
        struct weft_test_random random = {weft_test_seed() + seed};
        struct weft_test_balance before = weft_test_balance();
        unsigned workers = 1u << seed % 4;
        atomic_store(&used, 0);
        int rc = weft_test_run(workers, grows, &random);
        cr_assert_eq(rc, 0, "seed %d: %d", (int)seed, rc);
        cr_assert_eq(atomic_load(&wrong), 0, "seed %d", (int)seed);
        cr_assert_eq(weft_test_values_wrong(), 0, "seed %d", (int)seed);
        cr_assert(weft_test_balanced(&before), "seed %d", (int)seed);
    }
    close_vars();
    weft_test_faults_close();
}

static void *grows_in_simulation(void *random)
{
    struct branch root = {.random = *(struct weft_test_random *)random,
                          .depth = 3};
    grow(&root);
    return NULL;
}

Test(context_tree, random_trees_in_seeded_schedules, .timeout = 300)
{
    open_vars();
    for (uint64_t seed = 0; seed < weft_test_scaled(1000); seed++) {
        struct weft_test_random random = {weft_test_seed() + seed};
        struct weft_sim_report report;
        unsigned workers = 1u << seed % 4;
        atomic_store(&used, 0);
        cr_assert_eq(
            weft_sim_run(seed, workers, grows_in_simulation, &random, &report),
            0);
        cr_assert_eq(report.code, 0, "seed %d: %d", (int)seed, report.code);
        cr_assert_eq(report.end, 0, "seed %d: %d", (int)seed, report.end);
        cr_assert_eq(atomic_load(&wrong), 0, "seed %d", (int)seed);
        cr_assert_eq(weft_test_values_wrong(), 0, "seed %d", (int)seed);
    }
    close_vars();
}
