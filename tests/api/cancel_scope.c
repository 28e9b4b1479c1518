// SPDX-License-Identifier: MIT
/*
 * Scopes as trio's tests have them, restated: what is a point of cancellation,
 * deadlines, nesting, shields, reasons. In virtual time, one seed after the
 * other. The table is conformance.md.
 */
#include <weft/scope.h>

#include <errno.h>
#include <stdlib.h>
#include <weft/wait.h>

#include "tests/support/sweep.h"

#define SEEDS 100 /* where the order of things hardly matters */
#define RACES 1000

/* Points of cancellation */

static int sleep_forever(void)
{
    return weft_sleep(WEFT_FOREVER);
}

static int sleep_briefly(void)
{
    return weft_sleep(WEFT_MS(1));
}

static int sleep_not_at_all(void)
{
    return weft_sleep(0);
}

static int wait_for_made(void)
{
    weft_future *made = weft_future_new();
    int rc = weft_await(weft_future_ref(made), NULL);
    weft_future_unref(made);
    return rc;
}

static int (*const points[])(void) = {
    weft_yield,       sleep_forever, sleep_briefly,
    sleep_not_at_all, weft_suspend,  wait_for_made,
};

#define POINTS (sizeof(points) / sizeof(points[0]))

static void *each_point(void *unused)
{
    weft_scope scope;
    for (size_t i = 0; i < POINTS; i++) {
        weft_timeout_enter(&scope, WEFT_FOREVER);
        check(weft_yield() == 0 && !weft_cancelled());
        check(weft_scope_cancel(&scope) == 0);
        check(weft_cancelled());
        int rc = points[i]();
        check(rc == -WEFT_ECANCELED);
        check(weft_timeout_exit(&scope, rc) == -WEFT_ECANCELED);
        check(weft_yield() == 0 && !weft_cancelled());
    }
    return unused;
}

Test(cancel_scope, every_ordinary_call_is_a_point, .timeout = 60)
{
    weft_test_sweep(each_point, SEEDS);
}

static void *shielded_points(void *unused)
{
    weft_scope scope, shield;
    weft_timeout_enter(&scope, WEFT_FOREVER);
    weft_scope_cancel(&scope);
    for (int i = 0; i < 2; i++) {
        weft_shield_enter(&shield, WEFT_S(1));
        check(weft_shield_exit(&shield, weft_yield()) == 0);
        weft_shield_enter(&shield, WEFT_S(1));
        check(weft_shield_exit(&shield, sleep_briefly()) == 0);
    }
    check(weft_yield() == -WEFT_ECANCELED);
    check(weft_timeout_exit(&scope, 0) == 0);
    return unused;
}

Test(cancel_scope, a_shielded_call_is_none, .timeout = 60)
{
    weft_test_sweep(shielded_points, SEEDS);
}

static void *twice_and_for_good(void *unused)
{
    weft_scope scope;
    weft_timeout_enter(&scope, WEFT_FOREVER);
    check(weft_scope_cancel(&scope) == 0);
    check(weft_scope_cancel(&scope) == 1);
    for (int i = 0; i < 5; i++)
        for (size_t k = 0; k < POINTS; k++)
            check(points[k]() == -WEFT_ECANCELED);
    check(weft_timeout_exit(&scope, -WEFT_ECANCELED) == -WEFT_ECANCELED);
    check(!weft_cancelled());
    return unused;
}

Test(cancel_scope, cancels_once_and_stays_so, .timeout = 60)
{
    weft_test_sweep(twice_and_for_good, SEEDS);
}

static void *ended_before_a_call(void *unused)
{
    weft_scope scope, shield;
    weft_timeout_enter(&scope, WEFT_FOREVER);
    weft_scope_cancel(&scope);
    weft_shield_enter(&shield, WEFT_S(1));
    int rc = weft_shield_exit(&shield, weft_yield());
    check(weft_timeout_exit(&scope, rc) == 0);
    check(weft_yield() == 0);
    return unused;
}

Test(cancel_scope, what_nobody_met_goes_with_the_scope, .timeout = 60)
{
    weft_test_sweep(ended_before_a_call, SEEDS);
}

static void *keep_the_failure(void *unused)
{
    weft_scope scope;
    weft_timeout_enter(&scope, WEFT_FOREVER);
    weft_scope_cancel(&scope);
    check(weft_timeout_exit(&scope, -EPIPE) == -EPIPE);
    weft_timeout_enter(&scope, 0);
    check(weft_yield() == -WEFT_ECANCELED);
    check(weft_timeout_exit(&scope, -EPIPE) == -EPIPE);
    weft_timeout_enter(&scope, 0);
    check(weft_timeout_exit(&scope, 7) == 7);
    return unused;
}

Test(cancel_scope, another_outcome_is_left_as_it_is, .timeout = 60)
{
    weft_test_sweep(keep_the_failure, SEEDS);
}

/* From another task */

static void *sleeps_in_scope(void *scope)
{
    weft_time start = weft_now();
    weft_timeout_enter(scope, WEFT_S(1));
    int rc = weft_sleep(WEFT_FOREVER);
    check(weft_now() - start < WEFT_MS(500));
    check(weft_timeout_exit(scope, rc) == -WEFT_ECANCELED);
    check(weft_yield() == 0);
    return NULL;
}

static void *cancel_from_outside(void *unused)
{
    weft_scope scope;
    weft_future *task = weft_spawn(sleeps_in_scope, &scope);
    weft_test_settle();
    check(weft_scope_cancel(&scope) == 0);
    check(weft_scope_cancel(&scope) == 1);
    check(weft_await(task, NULL) == 0);
    check(!weft_cancelled());
    return unused;
}

Test(cancel_scope, cancelled_by_another_task, .timeout = 60)
{
    weft_test_sweep(cancel_from_outside, SEEDS);
}

static void *reuse(void *unused)
{
    weft_scope scope;
    for (int i = 0; i < 3; i++) {
        weft_timeout_enter(&scope, WEFT_FOREVER);
        check(weft_yield() == 0);
        weft_scope_cancel(&scope);
        int rc = weft_yield();
        check(weft_timeout_exit(&scope, rc) == -WEFT_ECANCELED);
    }
    return unused;
}

Test(cancel_scope, its_memory_can_be_entered_again, .timeout = 60)
{
    weft_test_sweep(reuse, SEEDS);
}

/* What cannot be interrupted */

static bool woken;
static weft_scope stubborn_scope;

static void *stubborn(void *unused)
{
    weft_scope shield;
    weft_timeout_enter(&stubborn_scope, WEFT_FOREVER);
    weft_shield_enter(&shield, WEFT_S(100));
    check(weft_suspend() == 0);
    woken = true;
    int rc = weft_shield_exit(&shield, 0);
    check(weft_yield() == -WEFT_ECANCELED);
    check(weft_timeout_exit(&stubborn_scope, rc) == 0);
    return unused;
}

static void *wait_for_stubborn(void *unused)
{
    woken = false;
    weft_future *task = weft_spawn(stubborn, NULL);
    weft_test_settle();
    check(weft_scope_cancel(&stubborn_scope) == 0);
    weft_test_settle();
    check(!woken);
    check(weft_ready(task) == 0);
    check(weft_await(task, NULL) == 0);
    check(woken);
    return unused;
}

Test(cancel_scope, shielded_sleep_goes_on_and_learns_of_it_later, .timeout = 60)
{
    weft_test_sweep(wait_for_stubborn, SEEDS);
}

static int interruptions;

/* Takes its time to end once it has been told. */
static void *slow_to_end(void *unused)
{
    weft_scope shield;
    check(weft_sleep(WEFT_FOREVER) == -WEFT_ECANCELED);
    interruptions++;
    weft_shield_enter(&shield, WEFT_S(5));
    int rc = weft_sleep(WEFT_MS(300));
    check(weft_shield_exit(&shield, rc) == 0);
    interruptions += 10;
    return unused;
}

static void *slow_join(void *unused)
{
    weft_scope scope;
    interruptions = 0;
    weft_timeout_enter(&scope, WEFT_FOREVER);
    weft_scope_cancel(&scope);
    weft_time start = weft_now();
    int rc = weft_await(weft_spawn(slow_to_end, NULL), NULL);
    check(weft_test_took(start, WEFT_MS(300)));
    check(rc == 0 && interruptions == 11);
    check(weft_yield() == -WEFT_ECANCELED);
    check(weft_timeout_exit(&scope, -WEFT_ECANCELED) == -WEFT_ECANCELED);
    return unused;
}

Test(cancel_scope, a_join_waits_for_what_ends_slowly, .timeout = 60)
{
    weft_test_sweep(slow_join, SEEDS);
}

static weft_scope outer_scope, inner_scope;

static void *joins_in_two_scopes(void *unused)
{
    weft_timeout_enter(&outer_scope, WEFT_FOREVER);
    weft_timeout_enter(&inner_scope, WEFT_FOREVER);
    int rc = weft_await(weft_spawn(slow_to_end, NULL), NULL);
    rc = weft_timeout_exit(&inner_scope, rc);
    check(weft_timeout_exit(&outer_scope, rc) == 0);
    return unused;
}

static void *cancel_both(void *unused)
{
    interruptions = 0;
    weft_future *task = weft_spawn(joins_in_two_scopes, NULL);
    weft_test_settle();
    check(weft_scope_cancel(&outer_scope) == 0);
    if (weft_test_roll(2))
        weft_test_settle();
    check(weft_scope_cancel(&inner_scope) == 0);
    check(weft_await(task, NULL) == 0);
    check(interruptions == 11);
    return unused;
}

Test(cancel_scope, two_at_once_interrupt_once, .timeout = 60)
{
    weft_test_sweep(cancel_both, SEEDS);
}

/* Deadlines */

static void *deadlines(void *unused)
{
    weft_scope scope;
    weft_timeout_enter(&scope, WEFT_FOREVER);
    check(weft_deadline() == WEFT_FOREVER);
    check(weft_timeout_reschedule(&scope, WEFT_S(1)) == 0);
    check(weft_deadline() <= weft_now() + WEFT_S(1));
    check(weft_timeout_exit(&scope, weft_yield()) == 0);
    check(weft_sleep(WEFT_S(2)) == 0); /* it is gone with its scope */
    check(weft_yield() == 0);

    weft_time start = weft_now();
    weft_timeout_enter_at(&scope, start + WEFT_S(1));
    int rc = weft_sleep(WEFT_FOREVER);
    check(rc == -WEFT_ECANCELED);
    check(weft_test_took(start, WEFT_S(1)));
    check(weft_timeout_exit(&scope, rc) == -WEFT_ETIMEOUT);
    return unused;
}

Test(cancel_scope, a_deadline_counts_inside_only, .timeout = 60)
{
    weft_test_sweep(deadlines, SEEDS);
}

static void *move_it(void *unused)
{
    weft_scope scope;
    weft_time start = weft_now();
    weft_timeout_enter(&scope, WEFT_FOREVER);
    check(weft_yield() == 0);
    check(weft_timeout_reschedule(&scope, WEFT_S(10)) == 0);
    check(weft_sleep(WEFT_S(5)) == 0);
    check(weft_timeout_reschedule(&scope, start + WEFT_S(1) - weft_now()) == 0);
    check(weft_yield() == -WEFT_ECANCELED);
    check(weft_yield() == -WEFT_ECANCELED);
    check(weft_timeout_reschedule(&scope, WEFT_S(10)) == -WEFT_EALREADY);
    check(weft_yield() == -WEFT_ECANCELED);
    check(weft_timeout_exit(&scope, -WEFT_ECANCELED) == -WEFT_ETIMEOUT);
    return unused;
}

static void *move_it_later(void *unused)
{
    weft_scope scope;
    weft_time start = weft_now();
    weft_timeout_enter(&scope, WEFT_S(1));
    check(weft_sleep(WEFT_MS(500)) == 0);
    check(weft_timeout_reschedule(&scope, WEFT_S(2)) == 0);
    int rc = weft_sleep(WEFT_FOREVER);
    check(weft_test_took(start, WEFT_MS(2500)));
    check(weft_timeout_exit(&scope, rc) == -WEFT_ETIMEOUT);
    return unused;
}

Test(cancel_scope, a_deadline_can_be_moved_until_it_has_passed, .timeout = 60)
{
    weft_test_sweep(move_it, SEEDS);
    weft_test_sweep(move_it_later, SEEDS);
}

static void *move_it_often(void *unused)
{
    weft_scope scope;
    weft_timeout_enter(&scope, WEFT_FOREVER);
    for (int i = 0; i < 2000; i++) {
        check(weft_timeout_reschedule(&scope, WEFT_S(9998)) == 0);
        check(weft_timeout_reschedule(&scope, WEFT_S(9999)) == 0);
        if (i % 100 == 0)
            check(weft_yield() == 0);
    }
    check(weft_timeout_exit(&scope, weft_sleep(WEFT_MS(10))) == 0);
    return unused;
}

static void *nothing_is_left(void *unused)
{
    struct weft_sim_report report;
    (void)unused;
    cr_assert_eq(weft_sim_run(1, 1, move_it_often, NULL, &report), 0);
    cr_expect_eq(report.code, 0);
    cr_expect_lt(report.virtual_ns, WEFT_S(60), "an alarm was left behind");
    return NULL;
}

Test(cancel_scope, a_deadline_moved_often_leaves_nothing, .timeout = 60)
{
    nothing_is_left(NULL);
    weft_test_sweep(move_it_often, 20);
}

static void *only_yields(void *unused)
{
    weft_scope scope;
    int rc = 0;
    weft_time start = weft_now();
    weft_timeout_enter(&scope, WEFT_MS(1));
    while (rc == 0)
        rc = weft_yield();
    check(weft_test_took(start, WEFT_MS(1)));
    check(weft_timeout_exit(&scope, rc) == -WEFT_ETIMEOUT);
    return unused;
}

Test(cancel_scope, who_never_sleeps_learns_of_the_deadline, .timeout = 60)
{
    weft_test_sweep(only_yields, SEEDS);
}

static void *never_early(void *unused)
{
    weft_scope scope;
    for (int i = 0; i < 20; i++) {
        weft_ns duration = (weft_ns)weft_test_roll(1 << (i + 8));
        weft_time start = weft_now();
        weft_timeout_enter(&scope, duration);
        int rc = weft_sleep(WEFT_FOREVER);
        check(weft_test_took(start, duration));
        check(weft_timeout_exit(&scope, rc) == -WEFT_ETIMEOUT);
    }
    return unused;
}

Test(cancel_scope, is_never_early_and_soon_after, .timeout = 60)
{
    weft_test_sweep(never_early, RACES);
}

static void *sleeps_on(void *unused)
{
    weft_scope scope;
    weft_time start = weft_now();
    check(weft_sleep_until(start + WEFT_S(1)) == 0);
    check(weft_test_took(start, WEFT_S(1)));
    start = weft_now();
    check(weft_sleep(WEFT_S(1)) == 0);
    check(weft_test_took(start, WEFT_S(1)));
    weft_timeout_enter_at(&scope, weft_now());
    check(weft_sleep(0) == -WEFT_ECANCELED);
    weft_timeout_exit(&scope, 0);
    weft_timeout_enter(&scope, WEFT_S(100)); /* time enough */
    check(weft_timeout_exit(&scope, weft_sleep(0)) == 0);
    weft_timeout_enter_at(&scope, weft_now() + WEFT_S(100));
    check(weft_timeout_exit(&scope, weft_sleep(0)) == 0);
    return unused;
}

Test(cancel_scope, sleeps_and_time_enough, .timeout = 60)
{
    weft_test_sweep(sleeps_on, SEEDS);
}

static void *negative(void *unused)
{
    weft_scope scope;
    weft_timeout_enter(&scope, -WEFT_S(1));
    int rc = weft_yield();
    check(weft_timeout_exit(&scope, rc) == -WEFT_ETIMEOUT);
    weft_timeout_enter_at(&scope, -1);
    rc = weft_sleep(1);
    check(weft_timeout_exit(&scope, rc) == -WEFT_ETIMEOUT);
    weft_timeout_enter(&scope, WEFT_S(1));
    check(weft_timeout_reschedule(&scope, -1) == 0);
    rc = weft_sleep(1);
    check(weft_timeout_exit(&scope, rc) == -WEFT_ETIMEOUT);
    check(weft_sleep(-WEFT_S(1)) == 0);
    return unused;
}

Test(cancel_scope, a_negative_duration_has_passed, .timeout = 60)
{
    weft_test_sweep(negative, SEEDS);
}

/* weft_ready() is for weft_suspend() alone. */
static void *wakes_main(void *main)
{
    check(weft_ready(main) == 0);
    return NULL;
}

static void *cannot_be_woken(void *unused)
{
    weft_scope scope;
    weft_future *task = weft_spawn(wakes_main, weft_current());
    weft_time start = weft_now();
    weft_timeout_enter(&scope, WEFT_S(3));
    int rc = weft_sleep(WEFT_FOREVER);
    check(weft_test_took(start, WEFT_S(3)));
    check(weft_timeout_exit(&scope, rc) == -WEFT_ETIMEOUT);
    check(weft_await(task, NULL) == 0);
    check(weft_suspend() == 0); /* the permit is still there */
    return unused;
}

Test(cancel_scope, a_sleep_cannot_be_woken_by_hand, .timeout = 60)
{
    weft_test_sweep(cannot_be_woken, SEEDS);
}

static bool is_at(weft_time moment)
{
    weft_ns off = weft_deadline() - moment;
    return off >= 0 && off < WEFT_MS(1);
}

static void *effective_deadline(void *unused)
{
    weft_scope outer, inner, shield;
    weft_time t = weft_now();
    check(weft_deadline() == WEFT_FOREVER);
    weft_timeout_enter_at(&outer, t + WEFT_S(5));
    weft_timeout_enter_at(&inner, t + WEFT_S(10));
    check(weft_deadline() == t + WEFT_S(5));
    check(weft_timeout_reschedule(&inner, WEFT_S(3)) == 0);
    check(is_at(t + WEFT_S(3)));
    check(weft_timeout_reschedule(&inner, WEFT_S(10)) == 0);
    check(weft_deadline() == t + WEFT_S(5));
    weft_shield_enter(&shield, WEFT_S(20));
    check(weft_deadline() > t + WEFT_S(5)); /* that does not reach here */
    weft_shield_exit(&shield, 0);
    check(weft_deadline() == t + WEFT_S(5));
    weft_timeout_exit(&inner, 0);
    check(weft_deadline() == t + WEFT_S(5));
    weft_timeout_exit(&outer, 0);
    check(weft_deadline() == WEFT_FOREVER);
    return unused;
}

static void *inherits_deadline(void *moment)
{
    check(weft_deadline() == *(weft_time *)moment);
    return NULL;
}

static void *deadline_of_a_child(void *unused)
{
    weft_scope scope;
    weft_time moment = weft_now() + WEFT_S(7);
    weft_timeout_enter_at(&scope, moment);
    int rc = weft_await(weft_spawn(inherits_deadline, &moment), NULL);
    check(weft_timeout_exit(&scope, rc) == 0);
    return unused;
}

Test(cancel_scope, the_deadline_here, .timeout = 60)
{
    weft_test_sweep(effective_deadline, SEEDS);
    weft_test_sweep(deadline_of_a_child, SEEDS);
}

static void *from_the_entry(void *unused)
{
    weft_scope scope;
    check(weft_sleep(WEFT_S(3)) == 0);
    weft_time start = weft_now();
    weft_timeout_enter(&scope, WEFT_S(5));
    check(is_at(start + WEFT_S(5)));
    check(weft_sleep(WEFT_S(1)) == 0);
    check(is_at(start + WEFT_S(5)));
    weft_time later = weft_now();
    check(weft_timeout_reschedule(&scope, WEFT_S(4)) == 0);
    check(is_at(later + WEFT_S(4)));
    check(weft_timeout_exit(&scope, 0) == 0);
    return unused;
}

Test(cancel_scope, a_duration_counts_from_the_entry, .timeout = 60)
{
    weft_test_sweep(from_the_entry, SEEDS);
}
