// SPDX-License-Identifier: MIT
/*
 * Tasks: spawn, await, detach, yield, suspend and ready, and what a task is
 * told about itself.
 */
#include <weft/task.h>

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/test.h"

#define value(n) weft_test_value(n)

static void *fail_with(void *code)
{
    return weft_fail((int)(intptr_t)code);
}

/* Outcomes */

static void *outcomes(void *unused)
{
    void *result = value(1);
    (void)unused;
    cr_expect_eq(weft_await(weft_spawn(weft_test_echo, value(42)), &result), 0);
    cr_expect_eq(result, value(42));
    cr_expect_eq(weft_await(weft_spawn(weft_test_echo, NULL), &result), 0);
    cr_expect_null(result);
    result = value(1);
    cr_expect_eq(
        weft_await(weft_spawn(fail_with, (void *)(intptr_t)-ENOENT), &result),
        -ENOENT);
    cr_expect_null(result, "NULL on failure");
    cr_expect_eq(weft_await(weft_spawn(weft_test_echo, value(1)), NULL), 0);
    weft_future *task = weft_spawn(weft_test_forever, NULL);
    cr_expect_eq(weft_cancel(task), 0);
    cr_expect_eq(weft_await(task, &result), -WEFT_ECANCELED);
    return NULL;
}

Test(task, value_error_and_cancellation_are_told_apart, .timeout = 30)
{
    for (unsigned workers = 1; workers <= 3; workers++)
        cr_assert_eq(weft_test_run(workers, outcomes, NULL), 0);
}

static void *done_is_at_hand(void *unused)
{
    void *result = NULL;
    weft_counters before;
    weft_counters after;
    weft_runtime *rt = weft_running_loop();
    weft_future *task = weft_spawn(weft_test_echo, value(6));
    (void)unused;
    while (weft_future_state(task) == WEFT_FUTURE_PENDING)
        weft_yield();
    weft_stats(rt, &before);
    cr_expect_eq(weft_await(task, &result), 0);
    weft_stats(rt, &after);
    cr_expect_eq(before.steps, after.steps, "await of a done task suspended");
    cr_expect_eq(result, value(6));
    return NULL;
}

Test(task, awaiting_what_is_done_does_not_suspend, .timeout = 30)
{
    cr_assert_eq(weft_test_run(1, done_is_at_hand, NULL), 0);
}

/* Two children each, down to the leaves: returns the number of leaves. */
static void *tree(void *depth)
{
    intptr_t n = (intptr_t)depth;
    void *left = NULL;
    void *right = NULL;
    if (n == 0)
        return value(1);
    weft_future *a = weft_spawn(tree, (void *)(n - 1));
    weft_future *b = weft_spawn(tree, (void *)(n - 1));
    if (weft_await(a, &left) < 0 || weft_await(b, &right) < 0)
        return weft_fail(-EIO);
    return value((uintptr_t)left + (uintptr_t)right);
}

Test(task, trees_add_up, .timeout = 60)
{
    for (unsigned workers = 1; workers <= 4; workers++) {
        void *result = NULL;
        weft_options options = {.size = sizeof(options), .workers = workers};
        cr_assert_eq(weft_run_with(&options, tree, value(10), &result), 0);
        cr_assert_eq(result, value(1024));
    }
}

/* Plain calls and detaching */

Test(task, a_coroutine_function_may_be_called_plainly)
{
    cr_assert_eq(weft_code(tree(NULL)), 0);
    cr_assert_eq(weft_code(fail_with((void *)(intptr_t)-EIO)), -EIO);
}

static atomic_int ended;

static void *count_after_sleep(void *unused)
{
    (void)unused;
    int rc = weft_sleep(WEFT_US(100));
    atomic_fetch_add(&ended, 1);
    return weft_fail(rc);
}

static void *detach_many(void *arg)
{
    int n = *(int *)arg;
    for (int i = 0; i < n; i++) {
        weft_future *task = weft_spawn(count_after_sleep, NULL);
        if (i % 2)
            weft_detach(task);
        else
            weft_future_unref(task);
        if (i % 1000 == 999)
            weft_test_yield_until(&ended, i - 500);
    }
    return NULL;
}

Test(task, what_was_detached_ends_before_run_returns, .timeout = 60)
{
    int n = (int)weft_test_scaled(100000);
    atomic_store(&ended, 0);
    cr_assert_eq(weft_test_run(2, detach_many, &n), 0);
    cr_assert_eq(atomic_load(&ended), n);
}

/* Yield */

static atomic_int stop;
static int turns[2];

static void *take_turns(void *which)
{
    while (!atomic_load(&stop)) {
        turns[(uintptr_t)which]++;
        weft_yield();
    }
    return NULL;
}

static void *third_within_three(void *unused)
{
    (void)unused;
    atomic_store(&stop, 0);
    memset(turns, 0, sizeof(turns));
    weft_future *a = weft_spawn(take_turns, value(0));
    weft_future *b = weft_spawn(take_turns, value(1));
    while (turns[0] == 0 || turns[1] == 0)
        weft_yield();
    for (int i = 0; i < 1000; i++) {
        int before = turns[0] + turns[1];
        weft_yield();
        cr_expect_leq(turns[0] + turns[1] - before, 6);
    }
    atomic_store(&stop, 1);
    weft_await(a, NULL);
    weft_await(b, NULL);
    return NULL;
}

Test(task, two_that_yield_let_a_third_run, .timeout = 30)
{
    cr_assert_eq(weft_test_run(1, third_within_three, NULL), 0);
}

/* Suspend and ready */

static atomic_int woken;

static void *wait_twice(void *unused)
{
    (void)unused;
    for (int i = 0; i < 2; i++) {
        int rc = weft_suspend();
        if (rc < 0)
            return weft_fail(rc);
        atomic_fetch_add(&woken, 1);
    }
    return NULL;
}

static void *ready_first(void *unused)
{
    (void)unused;
    atomic_store(&woken, 0);
    weft_future *task = weft_spawn(wait_twice, NULL);
    cr_expect_eq(weft_ready(task), 0, "before it starts");
    cr_expect_eq(weft_ready(task), 0, "two count once");
    weft_test_yield_until(&woken, 1);
    for (int i = 0; i < 100; i++)
        weft_yield();
    cr_expect_eq(atomic_load(&woken), 1, "the second ready counted");
    cr_expect_eq(weft_ready(task), 0);
    weft_test_yield_until(&woken, 2);
    while (weft_future_state(task) == WEFT_FUTURE_PENDING)
        weft_yield();
    cr_expect_eq(weft_ready(task), -WEFT_EALREADY);
    cr_expect_eq(weft_await(task, NULL), 0);
    return NULL;
}

Test(task, a_ready_that_comes_first_is_kept, .timeout = 30)
{
    cr_assert_eq(weft_test_run(1, ready_first, NULL), 0);
    cr_assert_eq(weft_test_run(2, ready_first, NULL), 0);
}

static void *ready_forever(void *task)
{
    while (!atomic_load(&stop))
        weft_ready(task);
    weft_future_unref(task);
    return NULL;
}

static void *permit_beside_wait(void *unused)
{
    (void)unused;
    pthread_t thread;
    atomic_store(&stop, 0);
    pthread_create(&thread, NULL, ready_forever,
                   weft_future_ref(weft_current()));
    int wrong = 0;
    for (int i = 0; i < 300; i++) {
        void *result = NULL;
        weft_future *task = weft_spawn(weft_test_echo, value(i + 1));
        wrong += weft_sleep(WEFT_US(10)) != 0;
        wrong += weft_yield() != 0;
        wrong += weft_await(task, &result) != 0 || result != value(i + 1);
    }
    cr_expect_eq(wrong, 0);
    cr_expect_eq(weft_suspend(), 0);
    atomic_store(&stop, 1);
    pthread_join(thread, NULL);
    return NULL;
}

Test(task, permits_disturb_no_other_wait, .timeout = 60)
{
    cr_assert_eq(weft_test_run(2, permit_beside_wait, NULL), 0);
}

/* About itself */

static void *myself(void *out)
{
    *(weft_future **)out = weft_current();
    weft_yield();
    if (*(weft_future **)out != weft_current())
        return weft_fail(-EIO);
    return weft_running_loop();
}

static void *knows_itself(void *unused)
{
    void *result = NULL;
    weft_future *seen = NULL;
    weft_future *task = weft_spawn(myself, &seen);
    (void)unused;
    cr_expect_neq(task, weft_current());
    cr_expect_eq(weft_await(weft_future_ref(task), &result), 0);
    cr_expect_eq(seen, task);
    cr_expect_eq(result, weft_running_loop());
    weft_future_unref(task);
    seen = NULL;
    weft_future *callback = weft_call_soon(myself, &seen);
    cr_expect_eq(weft_await(weft_future_ref(callback), &result), 0);
    cr_expect_eq(seen, callback);
    cr_expect_eq(result, weft_running_loop());
    weft_future_unref(callback);
    return NULL;
}

Test(task, knows_itself_and_its_runtime, .timeout = 30)
{
    cr_assert_null(weft_current());
    cr_assert_null(weft_running_loop());
    cr_assert_eq(weft_test_run(2, knows_itself, NULL), 0);
    cr_assert_null(weft_running_loop());
}

/* Options */

static void *fill_stack(void *bytes)
{
    volatile char area[600 << 10];
    memset((void *)area, (int)(uintptr_t)bytes, sizeof(area));
    weft_yield();
    for (size_t i = 0; i < sizeof(area); i += 4096)
        if (area[i] != (char)(uintptr_t)bytes)
            return weft_fail(-EIO);
    return NULL;
}

static void *options_rule(void *unused)
{
    (void)unused;
    weft_spawn_options options = {.size = sizeof(options)};
    cr_expect_eq(weft_await(weft_spawn_with(NULL, weft_test_echo, NULL), NULL),
                 0);
    cr_expect_eq(
        weft_await(weft_spawn_with(&options, weft_test_echo, NULL), NULL), 0);
    options.stack_size = 1 << 20;
    for (int i = 0; i < 20; i++)
        cr_expect_eq(
            weft_await(weft_spawn_with(&options, fill_stack, value(i)), NULL),
            0);
    options.stack_size = (8 << 20) + 1;
    cr_expect_eq(
        weft_await(weft_spawn_with(&options, weft_test_echo, NULL), NULL),
        -EINVAL);
    options = (weft_spawn_options){.size = 0};
    cr_expect_eq(
        weft_await(weft_spawn_with(&options, weft_test_echo, NULL), NULL),
        -EINVAL);
    options.size = sizeof(options) + 1;
    cr_expect_eq(
        weft_await(weft_spawn_with(&options, weft_test_echo, NULL), NULL),
        -EINVAL);
    return NULL;
}

Test(task, options_are_read_and_checked, .timeout = 30)
{
    cr_assert_eq(weft_test_run(2, options_rule, NULL), 0);
}

static __attribute__((noinline)) void *eat(void *bytes)
{
    volatile char area[64 << 10];
    size_t left = (uintptr_t)bytes;
    area[0] = area[sizeof(area) - 1] = 1;
    if (left > sizeof(area))
        eat(value(left - sizeof(area)));
    return value(area[0]);
}

static void *all_of_each_class(void *unused)
{
    static const size_t sizes[] = {192 << 10, 1 << 20, 8 << 20};
    (void)unused;
    for (size_t i = 0; i < 3; i++) {
        weft_spawn_options options = {.size = sizeof(options),
                                      .stack_size = sizes[i]};
        size_t room = sizes[i] - (64 << 10);
        cr_expect_eq(
            weft_await(weft_spawn_with(&options, eat, value(room)), NULL), 0);
    }
    return NULL;
}

Test(task, a_stack_is_as_large_as_asked_for, .timeout = 30)
{
    cr_assert_eq(weft_test_run(1, all_of_each_class, NULL), 0);
}
