// SPDX-License-Identifier: MIT
/*
 * Cancelling: it stays, ordinary calls fail without having begun, joins hand it
 * down and wait, releases do not ask; and what it does to whom.
 */
#include <weft/task.h>

#include <errno.h>

#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/test.h"

#define value(n) weft_test_value(n)

/* Level-triggered */

static int wrong_codes;
static atomic_int started;

static void expect_cancelled(int rc)
{
    wrong_codes += rc != -WEFT_ECANCELED;
}

static void *ordinary_calls(void *unused)
{
    (void)unused;
    atomic_fetch_add(&started, 1);
    for (int i = 0; i < 100; i++) {
        expect_cancelled(weft_yield());
        expect_cancelled(weft_sleep(0));
        expect_cancelled(weft_sleep(WEFT_S(100)));
        expect_cancelled(weft_sleep(WEFT_FOREVER));
        expect_cancelled(weft_sleep_until(0));
        expect_cancelled(weft_suspend());
        wrong_codes += !weft_cancelled();
    }
    return value(5);
}

static void *cancel_before_start(void *unused)
{
    void *result = NULL;
    (void)unused;
    wrong_codes = 0;
    atomic_store(&started, 0);
    weft_future *task = weft_spawn(ordinary_calls, NULL);
    cr_expect_eq(weft_cancel(task), 0);
    cr_expect_eq(weft_cancel(task), 1);
    cr_expect_eq(weft_await(task, &result), 0, "its own result counts");
    cr_expect_eq(result, value(5));
    cr_expect_eq(atomic_load(&started), 1, "a spawned function always runs");
    cr_expect_eq(wrong_codes, 0);
    return NULL;
}

Test(cancel, before_the_start_and_for_good, .timeout = 30)
{
    cr_assert_eq(weft_test_run(1, cancel_before_start, NULL), 0);
}

static void *cancel_self(void *unused)
{
    (void)unused;
    wrong_codes = 0;
    wrong_codes += weft_cancelled();
    wrong_codes += weft_cancel(weft_current()) != 0;
    wrong_codes += weft_cancel(weft_current()) != 1;
    ordinary_calls(NULL);
    return NULL;
}

static void *cancels_itself(void *unused)
{
    (void)unused;
    cr_expect_eq(weft_await(weft_spawn(cancel_self, NULL), NULL), 0);
    cr_expect_eq(wrong_codes, 0);
    cr_expect(!weft_cancelled());
    cr_expect_eq(weft_yield(), 0, "it does not flow up");
    return NULL;
}

Test(cancel, oneself, .timeout = 30)
{
    cr_assert_eq(weft_test_run(2, cancels_itself, NULL), 0);
}

/* Asleep in each kind of call */

static void *asleep(void *unused)
{
    (void)unused;
    atomic_store(&started, 1);
    return weft_fail(weft_sleep(WEFT_FOREVER));
}

static void *suspended(void *unused)
{
    (void)unused;
    atomic_store(&started, 1);
    return weft_fail(weft_suspend());
}

static void *yielding(void *unused)
{
    (void)unused;
    int rc;
    atomic_store(&started, 1);
    do
        rc = weft_yield();
    while (rc == 0);
    return weft_fail(rc);
}

static void *cancel_each(void *unused)
{
    weft_fn *const kinds[] = {asleep, suspended, yielding};
    (void)unused;
    int wrong = 0;
    for (int i = 0; i < 3000; i++) {
        atomic_store(&started, 0);
        weft_future *task = weft_spawn(kinds[i % 3], NULL);
        weft_test_yield_until(&started, 1);
        for (int turns = i / 3 % 4; turns > 0; turns--)
            weft_yield();
        wrong += weft_cancel(task) != 0;
        wrong += weft_await(task, NULL) != -WEFT_ECANCELED;
    }
    cr_expect_eq(wrong, 0);
    return NULL;
}

Test(cancel, wakes_who_sleeps, .timeout = 60)
{
    for (unsigned workers = 1; workers <= 4; workers++)
        cr_assert_eq(weft_test_run(workers, cancel_each, NULL), 0);
}

static void *done_already(void *unused)
{
    (void)unused;
    weft_future *task = weft_spawn(weft_test_echo, NULL);
    while (weft_future_state(task) == WEFT_FUTURE_PENDING)
        weft_yield();
    cr_expect_eq(weft_cancel(task), -WEFT_EALREADY);
    cr_expect_eq(weft_future_state(task), WEFT_FUTURE_DONE);
    cr_expect_eq(weft_await(task, NULL), 0);
    return NULL;
}

Test(cancel, what_is_done_stays_done, .timeout = 30)
{
    cr_assert_eq(weft_test_run(2, done_already, NULL), 0);
}

/* Joins */

static atomic_int child_ended;

static void *stubborn(void *unused)
{
    (void)unused;
    atomic_store(&started, 1);
    int rc = weft_sleep(WEFT_FOREVER);
    for (int i = 0; i < 50; i++)
        sched_yield(); /* it takes its time to end */
    atomic_fetch_add(&child_ended, 1);
    return weft_fail(rc == -WEFT_ECANCELED ? -EPIPE : -EIO);
}

static void *awaits_child(void *unused)
{
    (void)unused;
    return weft_fail(weft_await(weft_spawn(stubborn, NULL), NULL));
}

static void *handed_down(void *unused)
{
    (void)unused;
    for (int i = 0; i < 300; i++) {
        atomic_store(&started, 0);
        atomic_store(&child_ended, 0);
        weft_future *task = weft_spawn(awaits_child, NULL);
        weft_test_yield_until(&started, 1);
        weft_cancel(task);
        int rc = weft_await(task, NULL);
        cr_expect(rc == -EPIPE && atomic_load(&child_ended) == 1,
                  "rc %d, ended %d", rc, atomic_load(&child_ended));
    }
    return NULL;
}

Test(cancel, a_join_hands_it_down_and_waits, .timeout = 60)
{
    cr_assert_eq(weft_test_run(1, handed_down, NULL), 0);
    cr_assert_eq(weft_test_run(3, handed_down, NULL), 0);
}

static void *joins_while_cancelled(void *unused)
{
    void *result = NULL;
    (void)unused;
    weft_cancel(weft_current());
    /* The child always runs, and its outcome is what counts. */
    weft_future *child = weft_spawn(weft_test_echo, value(4));
    int rc = weft_await(child, &result);
    return weft_fail(rc == 0 && result == value(4) ? -EPIPE : rc);
}

static void *cancelled_parent(void *unused)
{
    (void)unused;
    cr_expect_eq(weft_await(weft_spawn(joins_while_cancelled, NULL), NULL),
                 -EPIPE);
    return NULL;
}

Test(cancel, a_cancelled_task_can_still_spawn_and_join, .timeout = 30)
{
    cr_assert_eq(weft_test_run(1, cancelled_parent, NULL), 0);
    cr_assert_eq(weft_test_run(2, cancelled_parent, NULL), 0);
}

/* Shared and hand-made: the waiter merely stops waiting */

static void *awaits(void *future)
{
    atomic_fetch_add(&started, 1);
    return weft_fail(weft_await(future, NULL));
}

static void *stops_waiting_for_made(void *unused)
{
    (void)unused;
    atomic_store(&started, 0);
    weft_future *made = weft_future_new();
    weft_future *task = weft_spawn(awaits, weft_future_ref(made));
    weft_test_yield_until(&started, 1);
    weft_yield();
    weft_cancel(task);
    cr_expect_eq(weft_await(task, NULL), -WEFT_ECANCELED);
    cr_expect_eq(weft_future_state(made), WEFT_FUTURE_PENDING);
    cr_expect_eq(weft_future_set_result(made, value(1)), 0);
    cr_expect_eq(weft_await(made, NULL), 0);
    return NULL;
}

static void *stops_waiting_for_shared(void *unused)
{
    (void)unused;
    atomic_store(&started, 0);
    weft_future *shared = weft_spawn(weft_test_forever, NULL);
    weft_future *task = weft_spawn(awaits, weft_future_ref(shared));
    weft_test_yield_until(&started, 1);
    weft_yield();
    weft_cancel(task);
    cr_expect_eq(weft_await(task, NULL), -WEFT_ECANCELED);
    cr_expect_eq(weft_future_state(shared), WEFT_FUTURE_PENDING);
    cr_expect_eq(weft_cancel(shared), 0, "nobody had cancelled it");
    cr_expect_eq(weft_await(shared, NULL), -WEFT_ECANCELED);
    return NULL;
}

Test(cancel, of_a_waiter_leaves_a_made_future_alone, .timeout = 30)
{
    cr_assert_eq(weft_test_run(1, stops_waiting_for_made, NULL), 0);
    cr_assert_eq(weft_test_run(2, stops_waiting_for_made, NULL), 0);
}

Test(cancel, of_a_waiter_leaves_a_shared_task_alone, .timeout = 30)
{
    cr_assert_eq(weft_test_run(1, stops_waiting_for_shared, NULL), 0);
    cr_assert_eq(weft_test_run(2, stops_waiting_for_shared, NULL), 0);
}

static void *cancel_made(void *unused)
{
    (void)unused;
    atomic_store(&started, 0);
    weft_future *made = weft_future_new();
    weft_future *task = weft_spawn(awaits, weft_future_ref(made));
    weft_test_yield_until(&started, 1);
    cr_expect_eq(weft_cancel(made), 0);
    cr_expect_eq(weft_future_state(made), WEFT_FUTURE_CANCELLED);
    cr_expect_eq(weft_await(task, NULL), -WEFT_ECANCELED);
    weft_future_unref(made);
    return NULL;
}

Test(cancel, a_made_future_is_cancelled_at_once, .timeout = 30)
{
    cr_assert_eq(weft_test_run(2, cancel_made, NULL), 0);
}

/* Across workers */

static void *busy_forever(void *unused)
{
    (void)unused;
    atomic_fetch_add(&started, 1);
    while (!weft_cancelled())
        sched_yield();
    return weft_fail(weft_yield());
}

static void *cancel_elsewhere(void *unused)
{
    (void)unused;
    int wrong = 0;
    int n = (int)weft_test_scaled(500);
    for (int i = 0; i < n; i++) {
        atomic_store(&started, 0);
        weft_future *a = weft_spawn(busy_forever, NULL);
        weft_future *b = weft_spawn(asleep, NULL);
        /* Without a yield of ours: only another worker can have taken it. */
        weft_test_spin_until(&started, 1);
        wrong += weft_cancel(a) != 0;
        wrong += weft_await(a, NULL) != -WEFT_ECANCELED;
        wrong += weft_cancel(b) != 0;
        wrong += weft_await(b, NULL) != -WEFT_ECANCELED;
    }
    cr_expect_eq(wrong, 0);
    return NULL;
}

Test(cancel, reaches_a_task_that_was_stolen, .timeout = 60)
{
    cr_assert_eq(weft_test_run(3, cancel_elsewhere, NULL), 0);
}

/* A sleep ends with one of two answers, and nothing is left of its alarm. */
static void *sleep_shortly(void *unused)
{
    (void)unused;
    int rc = weft_sleep(WEFT_US(30));
    return value(rc == 0 ? 1 : rc == -WEFT_ECANCELED ? 2 : 3);
}

static void *cancel_sleepers(void *unused)
{
    (void)unused;
    int answers[4] = {0};
    int wrong = 0;
    int n = (int)weft_test_scaled(20000);
    for (int i = 0; i < n; i++) {
        void *result = NULL;
        weft_future *task = weft_spawn(sleep_shortly, NULL);
        for (int turns = i % 40; turns > 0; turns--)
            weft_yield();
        weft_cancel(task);
        wrong += weft_await(task, &result) != 0;
        answers[(uintptr_t)result & 3]++;
    }
    cr_expect_eq(wrong, 0);
    cr_expect_eq(answers[0] + answers[3], 0);
    cr_expect_eq(answers[1] + answers[2], n);
    cr_expect_gt(answers[2], 0);
    return NULL;
}

Test(cancel, of_a_sleep_that_ends_just_now, .timeout = 60)
{
    cr_assert_eq(weft_test_run(2, cancel_sleepers, NULL), 0);
}
