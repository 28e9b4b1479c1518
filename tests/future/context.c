// SPDX-License-Identifier: MIT
/*
 * Context variables on one thread, in a task and outside any: what a get finds,
 * what restoring and running in a context undo, when values are destroyed, and
 * what happens without memory. How they flow: context_flow.c.
 */
#include <weft/context.h>

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "sched/base.h"
#include "tests/support/fault.h"
#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/test.h"
#include "tests/support/values.h"

#define value(n) weft_test_value(n)

/* Each of these runs outside any task, on a thread of its own, and in one. */

static int failures;

#define expect(condition)                                                      \
    do {                                                                       \
        bool holds = (condition);                                              \
        failures += !holds;                                                    \
        cr_expect(holds, "%s", #condition);                                    \
    } while (0)

static void everywhere(weft_fn *fn)
{
    pthread_t thread;
    failures = 0;
    cr_assert_eq(pthread_create(&thread, NULL, fn, NULL), 0);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    cr_expect_eq(failures, 0, "outside a task");
    cr_assert_eq(weft_test_run(2, fn, NULL), 0);
    cr_assert_eq(failures, 0, "in a task");
}

static weft_var *var_new(void *initial)
{
    weft_var *var = NULL;
    cr_expect_eq(weft_var_new("a", initial, weft_test_value_destroy, &var), 0);
    return var;
}

/* Get, set, restore */

static void *get_and_set(void *unused)
{
    (void)unused;
    weft_var *a = var_new(value(7));
    weft_var *b = var_new(NULL);
    weft_context *before = weft_context_copy();
    expect(weft_var_get(a) == value(7));
    expect(weft_var_get(b) == NULL);
    void *first = weft_test_value_set(a);
    expect(weft_var_get(a) == first);
    expect(weft_var_get(b) == NULL);
    weft_context *middle = weft_context_copy();
    void *second = weft_test_value_set(a);
    void *other = weft_test_value_set(b);
    expect(weft_var_get(a) == second);
    expect(weft_var_get(b) == other);
    expect(weft_context_restore(middle) == 0);
    expect(weft_var_get(a) == first);
    expect(weft_var_get(b) == NULL);
    expect(weft_context_restore(before) == 0);
    expect(weft_var_get(a) == value(7));
    expect(weft_test_value_lives(first)); /* in `middle` */
    weft_context_unref(before);
    weft_context_unref(middle);
    expect(!weft_test_value_lives(first));
    weft_var_free(a);
    weft_var_free(b);
    return NULL;
}

Test(context, get_set_restore, .timeout = 30)
{
    everywhere(get_and_set);
    cr_assert_eq(weft_test_values_wrong(), 0);
}

static void *destroys_at_once(void *unused)
{
    (void)unused;
    weft_var *a = var_new(NULL);
    for (int i = 0; i < 100; i++) {
        void *old = weft_var_get(a);
        expect(weft_test_value_set(a) != NULL);
        expect(i == 0 || !weft_test_value_lives(old));
    }
    expect(weft_context_restore(weft_context_empty()) == 0);
    expect(weft_test_values_wrong() == 0);
    weft_var_free(a);
    return NULL;
}

Test(context, a_value_that_nobody_can_get_is_destroyed_at_once, .timeout = 30)
{
    everywhere(destroys_at_once);
}

static void *sets(void *var)
{
    return weft_test_value_set(var) ? NULL : weft_fail(-ENOMEM);
}

Test(context, the_end_of_a_task_or_thread_drops_what_it_set, .timeout = 30)
{
    weft_var *a = var_new(NULL);
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, sets, a), 0);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    cr_assert_eq(weft_test_values_wrong(), 0, "of a thread");
    cr_assert_eq(weft_test_run(1, sets, a), 0);
    cr_assert_eq(weft_test_values_wrong(), 0, "of a task");
    weft_var_free(a);
}

static void *key_again(void *unused)
{
    (void)unused;
    weft_var *a = var_new(NULL);
    void *old = weft_test_value_set(a);
    weft_context *held = weft_context_copy();
    weft_var_free(a);
    weft_var *b = var_new(value(3)); /* has the number that `a` had */
    expect(weft_var_get(b) == value(3));
    expect(weft_test_value_set(b) != NULL);
    expect(weft_test_value_lives(old));
    weft_context_unref(held);
    expect(!weft_test_value_lives(old));
    weft_var_free(b);
    weft_var_free(NULL);
    return NULL;
}

Test(context, a_new_variable_has_nothing_of_a_freed_one, .timeout = 30)
{
    everywhere(key_again);
    cr_assert_eq(weft_test_values_wrong(), 0);
}

static void *edges(void *unused)
{
    (void)unused;
    weft_context *empty = weft_context_empty();
    expect(empty != NULL);
    expect(weft_context_ref(empty) == empty);
    weft_context_unref(empty);
    weft_context_unref(empty);
    weft_context_unref(NULL);
    expect(weft_context_restore(empty) == 0);
    weft_context *copy = weft_context_copy();
    expect(copy != NULL);
    weft_context_unref(copy);
    return NULL;
}

Test(context, the_empty_context_can_be_counted_and_restored, .timeout = 30)
{
    everywhere(edges);
}

/* Values that set others when they go, as clean-up code may. */

static weft_var *last;

static void destroy_and_set(void *unused)
{
    static atomic_int times;
    (void)unused;
    if (atomic_fetch_add(&times, 1) % 3 < 2)
        weft_test_value_set(last);
}

static void *sets_at_the_end(void *unused)
{
    weft_var *a = NULL;
    expect(weft_var_new("a", NULL, destroy_and_set, &a) == 0);
    expect(weft_var_set(a, unused) == 0);
    expect(weft_var_set(a, unused) == 0);
    weft_var_free(a);
    return NULL;
}

Test(context, a_value_that_is_destroyed_may_set_another, .timeout = 30)
{
    last = var_new(NULL);
    everywhere(sets_at_the_end);
    everywhere(sets_at_the_end);
    cr_assert_eq(weft_test_values_wrong(), 0);
    weft_var_free(last);
}

/* Against an oracle: a plain array for each context */

#define VARS 80 /* three levels */
#define SAVED 12

struct oracle {
    weft_context *context;
    void *values[VARS];
};

struct model {
    struct weft_test_random random;
    weft_var *vars[VARS];
    unsigned count; /* of the variables in use */
    struct oracle now;
    struct oracle saved[SAVED];
};

static bool agrees(struct model *model)
{
    for (unsigned i = 0; i < model->count; i++) {
        void *got = weft_var_get(model->vars[i]);
        if (got != model->now.values[i] || !weft_test_value_lives(got))
            return false;
    }
    return true;
}

static void save(struct model *model, struct oracle *to)
{
    weft_context_unref(to->context);
    *to = model->now;
    to->context = weft_context_copy();
}

static bool restore(struct model *model, struct oracle *from)
{
    if (from->context == NULL)
        return true;
    model->now = *from;
    return weft_context_restore(from->context) == 0;
}

static bool act(struct model *model);

static void *acts(void *arg)
{
    struct model *model = arg;
    for (int i = 0; i < 20; i++)
        if (!act(model) || !agrees(model))
            return weft_fail(-EIO);
    return NULL;
}

static bool run_within(struct model *model, struct oracle *from)
{
    struct oracle before = model->now;
    if (from->context == NULL)
        return true;
    /* The call may drop it. */
    weft_context *held = weft_context_ref(from->context);
    model->now = *from;
    int rc = weft_context_run(held, acts, model, NULL);
    weft_context_unref(held);
    model->now = before;
    return rc == 0;
}

static bool act(struct model *model)
{
    struct oracle *saved =
        &model->saved[weft_test_below(&model->random, SAVED)];
    uint64_t i = weft_test_below(&model->random, model->count);
    switch (weft_test_below(&model->random, 24)) {
    case 0:
    case 1:
        save(model, saved);
        return true;
    case 2:
        return restore(model, saved);
    case 3:
        return run_within(model, saved);
    default:
        model->now.values[i] = weft_test_value_set(model->vars[i]);
        return model->now.values[i] != NULL;
    }
}

static void *oracle(void *unused)
{
    static struct model model;
    (void)unused;
    for (unsigned seed = 0; seed < weft_test_scaled(60); seed++) {
        model = (struct model){.random = {weft_test_seed() + seed}};
        model.count = seed % 3 == 0 ? 3 : seed % 3 == 1 ? 8 : VARS;
        for (unsigned i = 0; i < model.count; i++)
            model.vars[i] = var_new(NULL);
        save(&model, &model.saved[0]);
        weft_context *before = weft_context_copy();
        for (int i = 0; i < 300; i++)
            expect(act(&model) && agrees(&model));
        expect(weft_context_restore(before) == 0);
        weft_context_unref(before);
        for (unsigned i = 0; i < SAVED; i++)
            weft_context_unref(model.saved[i].context);
        for (unsigned i = 0; i < model.count; i++)
            weft_var_free(model.vars[i]);
        expect(weft_test_values_wrong() == 0);
    }
    return NULL;
}

Test(context, random_sets_copies_and_restores_agree_with_an_oracle,
     .timeout = 120)
{
    everywhere(oracle);
}

/* Running in a context */

static weft_var *shared;

static void *sets_and_fails(void *code)
{
    expect(weft_var_get(shared) == NULL);
    expect(weft_test_value_set(shared) != NULL);
    expect(weft_yield() <= 0);
    return weft_fail((int)(intptr_t)code);
}

static void *sets_and_returns(void *arg)
{
    expect(weft_test_value_set(shared) != NULL);
    return arg;
}

static void *run_in(void *unused)
{
    (void)unused;
    void *result = value(1);
    void *mine = weft_test_value_set(shared);
    weft_context *empty = weft_context_empty();
    weft_context *here = weft_context_copy();
    expect(weft_context_run(empty, sets_and_fails, (void *)(intptr_t)-ENOENT,
                            &result) == -ENOENT);
    expect(result == NULL);
    expect(weft_var_get(shared) == mine);
    expect(weft_context_run(here, sets_and_returns, value(5), &result) == 0);
    expect(result == value(5));
    expect(weft_var_get(shared) == mine);
    expect(weft_context_run(empty, sets_and_returns, NULL, NULL) == 0);
    expect(weft_var_get(shared) == mine);
    weft_context_unref(here);
    return NULL;
}

Test(context, a_run_leaves_the_present_context_as_it_was, .timeout = 30)
{
    shared = var_new(NULL);
    everywhere(run_in);
    cr_assert_eq(weft_test_values_wrong(), 0);
    weft_var_free(shared);
}

/* Memory */

static void *unused_is_free(void *unused)
{
    (void)unused;
    weft_future *tasks[50];
    uint64_t before = weft_test_calls(WEFT_TEST_CALL_alloc);
    for (unsigned i = 0; i < weft__count_of(tasks); i++)
        tasks[i] = weft_spawn(weft_test_echo, NULL);
    for (unsigned i = 0; i < weft__count_of(tasks); i++)
        expect(weft_await(tasks[i], NULL) == 0);
    expect(weft_var_get(shared) == NULL);
    weft_context *here = weft_context_copy();
    expect(weft_context_restore(here) == 0);
    weft_context_unref(here);
    expect(weft_test_calls(WEFT_TEST_CALL_alloc) - before <= 2); /* slabs */
    return NULL;
}

Test(context, costs_no_memory_as_long_as_nothing_is_set, .timeout = 30)
{
    weft_test_faults_open();
    failures = 0;
    shared = var_new(NULL);
    cr_assert_eq(weft_test_run(1, unused_is_free, NULL), 0);
    cr_assert_eq(failures, 0);
    weft_var_free(shared);
    weft_test_faults_close();
}

static void *undo(void *unused)
{
    weft_var *a = var_new(NULL);
    void *mine = weft_test_value_set(a);
    weft_context *before = weft_context_copy();
    expect(weft_test_value_set(a) != NULL);
    expect(weft_test_value_set(a) != NULL);
    weft_test_fault_arm(WEFT_TEST_CALL_alloc, 1, -ENOMEM, true);
    expect(weft_context_restore(before) == 0);
    expect(weft_var_get(a) == mine);
    expect(weft_context_restore(weft_context_empty()) == 0);
    weft_test_fault_disarm();
    weft_context_unref(before);
    weft_var_free(a);
    return unused;
}

Test(context, undoing_sets_takes_no_memory, .timeout = 30)
{
    weft_test_faults_open();
    everywhere(undo);
    cr_assert_eq(weft_test_values_wrong(), 0);
    weft_test_faults_close();
}

static weft_var *many[20];

/* One of everything that takes memory. Returns 0 or -ENOMEM, with everything
 * as it was but for what it returned 0 for. */
static int one_of_each(void **expected)
{
    weft_var *extra;
    int rc = weft_var_new("extra", NULL, NULL, &extra);
    if (rc < 0)
        return rc;
    weft_var_free(extra);
    weft_context *before = weft_context_copy();
    for (unsigned i = 0; i < weft__count_of(many) && rc == 0; i++) {
        void *fresh = weft_test_value_new();
        rc = weft_var_set(many[i], fresh);
        if (rc < 0)
            weft_test_value_destroy(fresh);
        else
            expected[i] = fresh;
    }
    if (rc == 0)
        rc = weft_context_run(before, weft_test_echo, NULL, NULL);
    weft_context *held = weft_context_copy(); /* so it is not in place */
    if (rc == 0)
        rc = weft_context_restore(before);
    if (rc == 0)
        memset(expected, 0, sizeof(many));
    weft_context_unref(held);
    weft_context_unref(before);
    return rc;
}

static void *no_memory(void *unused)
{
    (void)unused;
    uint64_t happened;
    uint64_t nth = 0;
    int rc;
    do {
        void *expected[weft__count_of(many)] = {NULL};
        expect(weft_context_restore(weft_context_empty()) == 0);
        weft_test_fault_arm(WEFT_TEST_CALL_alloc, ++nth, -ENOMEM, false);
        rc = one_of_each(expected);
        happened = weft_test_fault_disarm();
        expect(rc == (happened > 0 ? -ENOMEM : 0) || rc == 0);
        for (unsigned i = 0; i < weft__count_of(many); i++)
            expect(weft_var_get(many[i]) == expected[i]);
    } while (happened > 0 && nth < 1000);
    expect(nth > 25 && nth < 1000);
    return NULL;
}

Test(context, without_memory_nothing_changes, .timeout = 60)
{
    weft_test_faults_open();
    for (unsigned i = 0; i < weft__count_of(many); i++)
        many[i] = var_new(NULL);
    struct weft_test_balance before = weft_test_balance();
    everywhere(no_memory);
    cr_expect(weft_test_balanced(&before));
    for (unsigned i = 0; i < weft__count_of(many); i++)
        weft_var_free(many[i]);
    cr_assert_eq(weft_test_values_wrong(), 0);
    weft_test_faults_close();
}
