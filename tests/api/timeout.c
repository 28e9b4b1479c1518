// SPDX-License-Identifier: MIT
/*
 * What a deadline around a block promises, case by case: who is interrupted,
 * and what which exit says. The cases are those that CPython has for its
 * timeout(); see conformance.md. For wait_for(): wait_for.c.
 */
#include <weft/scope.h>

#include <errno.h>
#include <weft/error.h>
#include <weft/future.h>
#include <weft/group.h>
#include <weft/task.h>
#include <weft/time.h>

#include "tests/support/seeds.h"
#include "tests/support/test.h"

#define SEEDS 1000
#define SHORT WEFT_MS(1)
#define SLACK WEFT_MS(1) /* of virtual time: what the steps take */

/* Expired, and not */

static void *expires(void *unused)
{
    weft_scope scope;
    weft_timeout_enter(&scope, SHORT);
    int rc = weft_sleep(WEFT_FOREVER);
    check_eq(rc, -WEFT_ECANCELED);
    check_eq(weft_cancel_reason(NULL), WEFT_REASON_TIMEOUT);
    check(weft_cancelled());
    check_eq(weft_timeout_exit(&scope, rc), -WEFT_ETIMEOUT);
    check(!weft_cancelled());
    check_eq(weft_sleep(SHORT), 0);
    return unused;
}

Test(timeout, expires, .timeout = 60)
{
    weft_test_everywhere(SEEDS, expires);
}

static void *expires_at(void *unused)
{
    weft_scope scope;
    weft_time moment = weft_after(SHORT);
    weft_timeout_enter_at(&scope, moment);
    check_eq(weft_deadline(), moment);
    check_eq(weft_timeout_exit(&scope, weft_sleep(WEFT_FOREVER)),
             -WEFT_ETIMEOUT);
    check(weft_now() >= moment);
    check(weft_test_seed_now == 0 || weft_now() < moment + SLACK);
    check_eq(weft_deadline(), WEFT_FOREVER);
    return unused;
}

Test(timeout, expires_at_its_moment, .timeout = 60)
{
    weft_test_everywhere(SEEDS, expires_at);
}

static void *in_time(void *unused)
{
    weft_scope scope;
    weft_timeout_enter(&scope, WEFT_S(1000));
    int rc = weft_sleep(SHORT);
    check_eq(rc, 0);
    check(weft_deadline() > weft_now());
    check_eq(weft_cancel_reason(NULL), WEFT_REASON_NONE);
    check_eq(weft_timeout_exit(&scope, 17), 17);
    return unused;
}

Test(timeout, leaves_alone_who_is_in_time, .timeout = 60)
{
    weft_test_everywhere(SEEDS, in_time);
}

static void *never(void *unused)
{
    weft_scope scope;
    weft_timeout_enter(&scope, WEFT_FOREVER);
    check_eq(weft_deadline(), WEFT_FOREVER);
    check_eq(weft_timeout_exit(&scope, weft_sleep(SHORT)), 0);
    weft_timeout_enter_at(&scope, WEFT_FOREVER);
    check_eq(weft_deadline(), WEFT_FOREVER);
    check_eq(weft_timeout_exit(&scope, weft_sleep(SHORT)), 0);
    return unused;
}

Test(timeout, forever_is_no_deadline, .timeout = 60)
{
    weft_test_everywhere(SEEDS, never);
}

/* Expired from the start: even what would only give way is refused. */
static void *at_once(void *unused)
{
    static const weft_ns afters[] = {0, -1, WEFT_S(-11)};
    weft_scope scope;
    for (int i = 0; i < 3; i++) {
        weft_timeout_enter(&scope, afters[i]);
        check(weft_deadline() <= weft_now());
        check_eq(weft_sleep(WEFT_FOREVER), -WEFT_ECANCELED);
        check_eq(weft_sleep(0), -WEFT_ECANCELED);
        check_eq(weft_yield(), -WEFT_ECANCELED);
        check_eq(weft_timeout_exit(&scope, -WEFT_ECANCELED), -WEFT_ETIMEOUT);
        check_eq(weft_yield(), 0);
    }
    weft_timeout_enter_at(&scope, weft_now() - 1);
    check_eq(weft_timeout_exit(&scope, weft_yield()), -WEFT_ETIMEOUT);
    return unused;
}

Test(timeout, zero_or_less_has_expired_already, .timeout = 60)
{
    weft_test_everywhere(SEEDS, at_once);
}

/* What else the body comes to */

static void *fails_in_time(void *unused)
{
    weft_scope scope;
    weft_timeout_enter(&scope, WEFT_S(1000));
    check_eq(weft_timeout_exit(&scope, -ENOENT), -ENOENT);
    check_eq(weft_cancel_reason(NULL), WEFT_REASON_NONE);
    return unused;
}

static void *fails_too_late(void *unused)
{
    weft_scope scope;
    weft_timeout_enter(&scope, SHORT);
    check_eq(weft_sleep(WEFT_FOREVER), -WEFT_ECANCELED);
    check_eq(weft_timeout_exit(&scope, -EDOM), -EDOM);
    check_eq(weft_yield(), 0);
    return unused;
}

static void *succeeds_too_late(void *unused)
{
    weft_scope scope;
    weft_timeout_enter(&scope, SHORT);
    check_eq(weft_sleep(WEFT_FOREVER), -WEFT_ECANCELED);
    check_eq(weft_timeout_exit(&scope, 3), 3);
    check_eq(weft_yield(), 0);
    return unused;
}

Test(timeout, lets_failures_pass, .timeout = 60)
{
    weft_test_everywhere(SEEDS, fails_in_time);
    weft_test_everywhere(SEEDS, fails_too_late);
}

Test(timeout, lets_a_late_success_pass, .timeout = 60)
{
    weft_test_everywhere(SEEDS, succeeds_too_late);
}

/* The last error has this code, and the one before it that. */
static bool caused_by(int code, int before)
{
    const weft_error *error = weft_last_error();
    return error != NULL && error->code == code && error->cause != NULL &&
           error->cause->code == before;
}

/* Each new failure has the one before as its cause, across the expiry. */
static void *fails_again_and_again(void *unused)
{
    weft_scope scope;
    weft_timeout_enter(&scope, SHORT);
    check_eq(weft_code(weft_failf(-EILSEQ, "before")), -EILSEQ);
    check_eq(weft_sleep(WEFT_FOREVER), -WEFT_ECANCELED);
    int rc = weft_code(weft_failf(-EDOM, "after"));
    check_eq(weft_timeout_exit(&scope, rc), -EDOM);
    check(caused_by(-EDOM, -EILSEQ));
    weft_timeout_enter(&scope, SHORT);
    rc = weft_timeout_exit(&scope, weft_sleep(WEFT_FOREVER));
    check_eq(weft_code(weft_failf(rc, "too slow")), -WEFT_ETIMEOUT);
    check(caused_by(-WEFT_ETIMEOUT, -EDOM));
    return unused;
}

Test(timeout, keeps_the_causes_of_a_failure, .timeout = 60)
{
    weft_test_everywhere(SEEDS, fails_again_and_again);
}

static void *crashes_when_cancelled(void *woke)
{
    *(int *)woke = weft_sleep(WEFT_FOREVER);
    return weft_fail(-EDOM);
}

static void *around_a_group(void *unused)
{
    int woke = 1;
    weft_scope scope;
    weft_group group;
    weft_timeout_enter(&scope, SHORT);
    weft_group_enter(&group, NULL);
    check_eq(weft_group_spawn(&group, crashes_when_cancelled, &woke), 0);
    int rc = weft_sleep(WEFT_FOREVER);
    check_eq(rc, -WEFT_ECANCELED);
    check_eq(weft_timeout_exit(&scope, weft_group_exit(&group, rc)), -EDOM);
    check_eq(woke, -WEFT_ECANCELED);
    check_eq(weft_last_error() ? weft_last_error()->code : 0, -EDOM);
    check_eq(weft_yield(), 0);
    return unused;
}

Test(timeout, around_a_group_reaches_the_children, .timeout = 60)
{
    weft_test_everywhere(SEEDS, around_a_group);
}

/* Cancelled from elsewhere */

static void *cancelled_inside(void *unused)
{
    weft_scope scope;
    (void)unused;
    weft_timeout_enter(&scope, WEFT_S(1000));
    check_eq(weft_cancel(weft_current()), 0);
    int rc = weft_sleep(WEFT_FOREVER);
    check_eq(weft_cancel_reason(NULL), WEFT_REASON_USER);
    rc = weft_timeout_exit(&scope, rc);
    check_eq(weft_yield(), -WEFT_ECANCELED);
    return weft_fail(rc);
}

static void *cancels_inside(void *unused)
{
    check_eq(weft_await(weft_spawn(cancelled_inside, NULL), NULL),
             -WEFT_ECANCELED);
    return unused;
}

Test(timeout, does_not_take_a_cancellation_for_its_own, .timeout = 60)
{
    weft_test_everywhere(SEEDS, cancels_inside);
}

static void *times_out(void *unused)
{
    weft_scope scope;
    weft_timeout_enter(&scope, SHORT);
    check_eq(weft_timeout_exit(&scope, weft_sleep(WEFT_FOREVER)),
             -WEFT_ETIMEOUT);
    return unused;
}

static void *task_around(void *unused)
{
    weft_future *task = weft_spawn(times_out, NULL);
    check_eq(weft_await(weft_future_ref(task), NULL), 0);
    check_eq(weft_future_state(task), WEFT_FUTURE_DONE);
    weft_future_unref(task);
    return unused;
}

Test(timeout, does_not_cancel_the_task_around_it, .timeout = 60)
{
    weft_test_everywhere(SEEDS, task_around);
}

/* In a cancelled task a deadline can only come second, unless the clean-up is
 * shielded. */
static void *cleans_up(void *unused)
{
    weft_scope scope, shield;
    (void)unused;
    weft_cancel(weft_current());
    check_eq(weft_sleep(WEFT_FOREVER), -WEFT_ECANCELED);
    weft_timeout_enter(&scope, 0);
    check_eq(weft_timeout_exit(&scope, weft_sleep(WEFT_FOREVER)),
             -WEFT_ECANCELED);
    weft_shield_enter(&shield, WEFT_S(1000));
    weft_timeout_enter(&scope, SHORT);
    check_eq(weft_timeout_exit(&scope, weft_sleep(WEFT_FOREVER)),
             -WEFT_ETIMEOUT);
    check_eq(weft_shield_exit(&shield, 0), 0);
    return weft_fail(weft_sleep(WEFT_FOREVER));
}

static void *after_cancellation(void *unused)
{
    check_eq(weft_await(weft_spawn(cleans_up, NULL), NULL), -WEFT_ECANCELED);
    return unused;
}

Test(timeout, of_a_cancelled_task_needs_a_shield, .timeout = 60)
{
    weft_test_everywhere(SEEDS, after_cancellation);
}

static void *cancelled_again(void *unused)
{
    weft_scope scope;
    (void)unused;
    check_eq(weft_cancel(weft_current()), 0);
    check_eq(weft_sleep(WEFT_FOREVER), -WEFT_ECANCELED);
    weft_timeout_enter(&scope, WEFT_S(1000));
    check_eq(weft_cancel(weft_current()), 1);
    return weft_fail(weft_timeout_exit(&scope, weft_sleep(WEFT_FOREVER)));
}

static void *cancel_twice(void *unused)
{
    check_eq(weft_await(weft_spawn(cancelled_again, NULL), NULL),
             -WEFT_ECANCELED);
    return unused;
}

Test(timeout, of_a_task_cancelled_twice, .timeout = 60)
{
    weft_test_everywhere(SEEDS, cancel_twice);
}

/* Nested */

static void *same_moment(void *unused)
{
    weft_scope outer, inner;
    weft_time moment = weft_after(SHORT);
    weft_timeout_enter_at(&outer, moment);
    weft_timeout_enter_at(&inner, moment);
    int rc = weft_sleep(WEFT_FOREVER);
    check_eq(rc, -WEFT_ECANCELED);
    rc = weft_timeout_exit(&inner, rc);
    check_eq(rc, -WEFT_ECANCELED);
    check_eq(weft_timeout_exit(&outer, rc), -WEFT_ETIMEOUT);
    return unused;
}

Test(timeout, of_two_at_one_moment_the_outer_tells, .timeout = 60)
{
    weft_test_everywhere(SEEDS, same_moment);
}

static void *inner_first(void *unused)
{
    weft_scope outer, inner;
    weft_timeout_enter(&outer, WEFT_S(1000));
    weft_timeout_enter(&inner, SHORT);
    check_eq(weft_timeout_exit(&inner, weft_sleep(WEFT_FOREVER)),
             -WEFT_ETIMEOUT);
    check_eq(weft_timeout_exit(&outer, weft_sleep(SHORT)), 0);
    return unused;
}

static void *outer_first(void *unused)
{
    weft_scope outer, inner;
    weft_timeout_enter(&outer, SHORT);
    weft_timeout_enter(&inner, WEFT_S(1000));
    int rc = weft_timeout_exit(&inner, weft_sleep(WEFT_FOREVER));
    check_eq(rc, -WEFT_ECANCELED);
    check_eq(weft_sleep(WEFT_FOREVER), -WEFT_ECANCELED);
    check_eq(weft_timeout_exit(&outer, rc), -WEFT_ETIMEOUT);
    return unused;
}

Test(timeout, an_inner_one_is_told_by_the_inner_exit, .timeout = 60)
{
    weft_test_everywhere(SEEDS, inner_first);
}

Test(timeout, an_outer_one_is_told_by_the_outer_exit, .timeout = 60)
{
    weft_test_everywhere(SEEDS, outer_first);
}

/* Computing past deadlines, on real time: nothing says so before a call. */
static void compute_past(weft_time moment)
{
    while (weft_now() < moment)
        continue;
}

static void *busy_past_the_outer(void *unused)
{
    weft_scope outer, inner;
    weft_timeout_enter(&outer, SHORT);
    weft_timeout_enter(&inner, WEFT_S(1000));
    compute_past(weft_after(WEFT_MS(30)));
    int rc = weft_sleep(WEFT_FOREVER);
    check_eq(rc, -WEFT_ECANCELED);
    rc = weft_timeout_exit(&inner, rc);
    check_eq(rc, -WEFT_ECANCELED);
    check_eq(weft_timeout_exit(&outer, rc), -WEFT_ETIMEOUT);
    return unused;
}

static void *busy_past_both(void *unused)
{
    weft_scope outer, inner;
    weft_timeout_enter(&outer, WEFT_MS(10));
    weft_timeout_enter(&inner, SHORT);
    compute_past(weft_after(WEFT_MS(150)));
    int rc = weft_timeout_exit(&inner, weft_sleep(WEFT_FOREVER));
    check_eq(rc, -WEFT_ECANCELED);
    check_eq(weft_sleep(WEFT_FOREVER), -WEFT_ECANCELED);
    check_eq(weft_timeout_exit(&outer, rc), -WEFT_ETIMEOUT);
    return unused;
}

static void *busy_past_the_other(void *unused)
{
    weft_scope outer, inner;
    weft_time moment = weft_after(WEFT_MS(5));
    weft_timeout_enter_at(&outer, moment);
    weft_timeout_enter(&inner, SHORT);
    int rc = weft_sleep(WEFT_FOREVER);
    check_eq(rc, -WEFT_ECANCELED);
    compute_past(moment);
    rc = weft_timeout_exit(&inner, rc);
    check_eq(rc, -WEFT_ECANCELED);
    check_eq(weft_timeout_exit(&outer, rc), -WEFT_ETIMEOUT);
    return unused;
}

Test(timeout, catches_up_with_who_computes, .timeout = 60)
{
    weft_test_everywhere(0, busy_past_the_outer);
}

Test(timeout, of_two_that_passed_unseen_the_outer_tells, .timeout = 60)
{
    weft_test_everywhere(0, busy_past_both);
    weft_test_everywhere(0, busy_past_the_other);
}

/* Cleaning up after an expired deadline, with one of its own. */
static void *inside_the_clean_up(void *unused)
{
    weft_scope outer, shield, inner;
    weft_timeout_enter(&outer, SHORT);
    int rc = weft_sleep(WEFT_FOREVER);
    check_eq(rc, -WEFT_ECANCELED);
    weft_timeout_enter(&inner, SHORT);
    check_eq(weft_timeout_exit(&inner, weft_sleep(WEFT_FOREVER)),
             -WEFT_ECANCELED);
    weft_shield_enter(&shield, WEFT_S(1000));
    weft_timeout_enter(&inner, SHORT);
    check_eq(weft_timeout_exit(&inner, weft_sleep(WEFT_FOREVER)),
             -WEFT_ETIMEOUT);
    weft_shield_exit(&shield, 0);
    check_eq(weft_timeout_exit(&outer, rc), -WEFT_ETIMEOUT);
    return unused;
}

Test(timeout, in_a_clean_up_needs_a_shield, .timeout = 60)
{
    weft_test_everywhere(SEEDS, inside_the_clean_up);
}

/* Moved */

static void *moved(void *unused)
{
    weft_scope scope;
    weft_time first = weft_after(WEFT_S(10));
    (void)unused;
    weft_timeout_enter_at(&scope, first);
    check_eq(weft_deadline(), first);
    check_eq(weft_timeout_reschedule(&scope, WEFT_S(30)), 0);
    check(weft_deadline() >= first + WEFT_S(20));
    check_eq(weft_timeout_reschedule(&scope, WEFT_FOREVER), 0);
    check_eq(weft_deadline(), WEFT_FOREVER);
    int rc = weft_sleep(WEFT_S(100));
    check_eq(weft_cancel_reason(NULL), WEFT_REASON_USER);
    return weft_fail(weft_timeout_exit(&scope, rc));
}

static void *cancel_moved(void *unused)
{
    weft_future *task = weft_spawn(moved, NULL);
    check_eq(weft_sleep(WEFT_S(50)), 0);
    check_eq(weft_cancel(task), 0);
    check_eq(weft_await(task, NULL), -WEFT_ECANCELED);
    return unused;
}

static void *brought_forward(void *unused)
{
    weft_scope scope;
    weft_timeout_enter(&scope, WEFT_S(1000));
    check_eq(weft_sleep(SHORT), 0);
    check_eq(weft_timeout_reschedule(&scope, SHORT), 0);
    check_eq(weft_timeout_exit(&scope, weft_sleep(WEFT_FOREVER)),
             -WEFT_ETIMEOUT);
    return unused;
}

Test(timeout, may_be_put_off_and_called_off, .timeout = 60)
{
    weft_test_seeds(SEEDS, cancel_moved);
}

Test(timeout, may_be_brought_forward, .timeout = 60)
{
    weft_test_everywhere(SEEDS, brought_forward);
}

static void *too_late_to_move(void *unused)
{
    weft_scope scope;
    weft_timeout_enter(&scope, SHORT);
    check_eq(weft_sleep(WEFT_FOREVER), -WEFT_ECANCELED);
    check_eq(weft_timeout_reschedule(&scope, WEFT_S(1000)), -WEFT_EALREADY);
    check_eq(weft_sleep(0), -WEFT_ECANCELED);
    check_eq(weft_timeout_exit(&scope, -WEFT_ECANCELED), -WEFT_ETIMEOUT);
    return unused;
}

Test(timeout, cannot_be_moved_once_expired, .timeout = 60)
{
    weft_test_everywhere(SEEDS, too_late_to_move);
}

/* Used again, and outside */

static void *again(void *unused)
{
    weft_scope scope;
    for (int i = 0; i < 3; i++) {
        weft_timeout_enter(&scope, SHORT);
        check_eq(weft_timeout_exit(&scope, weft_sleep(WEFT_FOREVER)),
                 -WEFT_ETIMEOUT);
        weft_timeout_enter(&scope, WEFT_S(1000));
        check_eq(weft_timeout_exit(&scope, weft_yield()), 0);
    }
    return unused;
}

Test(timeout, may_be_entered_again_after_its_exit, .timeout = 60)
{
    weft_test_everywhere(SEEDS, again);
}

Test(timeout, is_inert_outside_a_coroutine)
{
    weft_scope scope;
    weft_timeout_enter(&scope, 0);
    cr_expect_eq(weft_timeout_reschedule(&scope, 1), -WEFT_ENORUNTIME);
    cr_expect_eq(weft_timeout_exit(&scope, -ENOENT), -ENOENT);
    weft_timeout_enter(&scope, 0);
    cr_expect_eq(weft_timeout_exit(&scope, 5), 5);
}
