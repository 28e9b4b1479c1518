// SPDX-License-Identifier: MIT
/*
 * Context variables and tasks: a task has what its spawner had at the spawn, and
 * what it sets stays with it.
 */
#include <weft.h>

#include "tests/support/run.h"
#include "tests/support/seeds.h"
#include "tests/support/test.h"

#define value(n) weft_test_value(n)
#define SEEDS 300

enum { INITIAL = 1, MINE, OTHER };

static weft_var *var;

static void make_var(void)
{
    cr_assert_eq(weft_var_new("test", value(INITIAL), NULL, &var), 0);
}

static void free_var(void)
{
    weft_var_free(var);
}

static void set(uintptr_t n)
{
    check_eq(weft_var_set(var, value(n)), 0);
}

static void is(uintptr_t n)
{
    check_eq(weft_var_get(var), value(n));
}

/* Both sides set it after the spawn. */

static void *set_other(void *unused)
{
    (void)unused;
    check_eq(weft_sleep(WEFT_MS(10)), 0);
    is(INITIAL);
    set(OTHER);
    is(OTHER);
    return NULL;
}

static void *set_after_spawn(void *unused)
{
    is(INITIAL);
    weft_future *task = weft_spawn(set_other, unused);
    set(MINE);
    is(MINE);
    check_eq(weft_await(task, NULL), 0);
    is(MINE);
    return NULL;
}

Test(tasks_context, what_is_set_after_the_spawn_stays_on_its_side,
     .timeout = 60, .init = make_var, .fini = free_var)
{
    weft_test_seeds(SEEDS, set_after_spawn);
    is(INITIAL);
}

/* Callbacks run in the context of their registration, and keep their own. */

static void *callback_sets(void *seen)
{
    *(uintptr_t *)seen = (uintptr_t)weft_var_get(var);
    set(OTHER);
    return NULL;
}

static void *complete(void *made)
{
    return weft_fail(weft_future_set_result(made, NULL));
}

static void *callbacks_beside(void *unused)
{
    (void)unused;
    for (uintptr_t round = 0; round < 2; round++) {
        uintptr_t seen = 0;
        weft_future *made = weft_future_new();
        set(10 + round);
        check_eq(weft_future_add_done_callback(made, callback_sets, &seen), 0);
        set(20 + round);
        weft_future *soon = weft_call_soon(complete, made);
        check_eq(weft_await(weft_future_ref(made), NULL), 0);
        is(20 + round);
        for (uintptr_t i = 0; i < 3; i++) {
            set(30 + i);
            check_eq(weft_sleep(WEFT_MS(1)), 0);
            is(30 + i);
        }
        check_eq(seen, 10 + round);
        check_eq(weft_await(soon, NULL), 0);
        weft_future_unref(made);
    }
    return NULL;
}

Test(tasks_context, callbacks_do_not_disturb_the_task, .timeout = 60,
     .init = make_var, .fini = free_var)
{
    weft_test_seeds(SEEDS, callbacks_beside);
    is(INITIAL);
}

/* Many at once, all with the one variable */

static void *set_and_sleep(void *base)
{
    for (uintptr_t i = 0; i < 5; i++) {
        set((uintptr_t)base + i);
        check_eq(weft_sleep(WEFT_US(1 + weft_test_draw(50))), 0);
        is((uintptr_t)base + i);
    }
    return NULL;
}

static void *many_at_once(void *unused)
{
    weft_future *task[30];
    (void)unused;
    for (uintptr_t i = 0; i < 30; i++)
        task[i] = weft_spawn(set_and_sleep, value(100 + 7 * (i % 11)));
    for (int i = 0; i < 30; i++)
        check_eq(weft_await(task[i], NULL), 0);
    is(INITIAL);
    return NULL;
}

Test(tasks_context, of_many_tasks_do_not_mix, .timeout = 120, .init = make_var,
     .fini = free_var)
{
    weft_test_seeds(SEEDS, many_at_once);
    is(INITIAL);
}

/* A context given to a task is a snapshot: the task's sets do not show in it.
 */

static void *get_var(void *unused)
{
    (void)unused;
    return weft_var_get(var);
}

static uintptr_t in_context(weft_context *context)
{
    void *result = NULL;
    check_eq(weft_context_run(context, get_var, NULL, &result), 0);
    return (uintptr_t)result;
}

static void *yield_and_set(void *n)
{
    check_eq(weft_yield(), 0);
    is(MINE);
    set((uintptr_t)n);
    is((uintptr_t)n);
    return NULL;
}

static void *given_context(void *unused)
{
    (void)unused;
    set(MINE);
    weft_context *context = weft_context_copy();
    weft_spawn_options options = {.size = sizeof(options), .context = context};
    set(OTHER);
    for (uintptr_t i = 0; i < 2; i++) {
        check_eq(
            weft_await(weft_spawn_with(&options, yield_and_set, value(50 + i)),
                       NULL),
            0);
        check_eq(in_context(context), MINE);
    }
    is(OTHER);
    weft_context_unref(context);
    return NULL;
}

Test(tasks_context, that_was_given_is_not_changed, .timeout = 60,
     .init = make_var, .fini = free_var)
{
    weft_test_seeds(SEEDS, given_context);
}
