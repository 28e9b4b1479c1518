// SPDX-License-Identifier: MIT
/*
 * Groups as trio's tests have nurseries, restated: how failures come out, who
 * is cancelled by whom, what may be spawned when. In virtual time, one seed
 * after the other. The table is conformance.md.
 */
#include <weft/group.h>

#include <errno.h>
#include <string.h>
#include <weft/context.h>
#include <weft/error.h>
#include <weft/inspect.h>

#include "tests/support/child.h"
#include "tests/support/sweep.h"

#define SEEDS 100
#define RACES 1000

#define value(n) weft_test_value(n)

/* Failures */

static int first_failure; /* in time */
static int cancelled_children;

static void *fails(void *code)
{
    if (first_failure == 0)
        first_failure = -(int)(uintptr_t)code;
    return weft_fail(-(int)(uintptr_t)code);
}

static void *notes_cancelling(void *unused)
{
    (void)unused;
    int rc = weft_sleep(WEFT_FOREVER);
    cancelled_children += rc == -WEFT_ECANCELED;
    return weft_fail(rc);
}

/* How many times the last error has this code, in all; -1 for a chain without
 * an end. */
static int count_errors(int code)
{
    int count = 0, length = 0;
    for (const weft_error *e = weft_last_error(); e != NULL; e = e->other) {
        count += e->code == code;
        for (const weft_error *c = e->cause; c != NULL; c = c->cause)
            if (++length > 1000)
                return -1;
        if (++length > 1000)
            return -1;
    }
    return count;
}

static void *body_fails(void *unused)
{
    weft_group group;
    weft_group_enter(&group, NULL);
    check(weft_group_exit(&group, -EIO) == -EIO);
    weft_group_enter(&group, NULL);
    check(weft_group_exit(&group, 5) == 5);
    check(weft_yield() == 0);
    return unused;
}

Test(nursery, the_code_of_the_body_comes_out, .timeout = 60)
{
    weft_test_sweep(body_fails, SEEDS);
}

static void *child_fails(void *unused)
{
    weft_group group;
    weft_group_enter(&group, NULL);
    check(weft_group_spawn(&group, fails, value(EPIPE)) == 0);
    check(weft_group_exit(&group, 0) == -EPIPE);
    check(count_errors(-EPIPE) == 1);
    check(weft_last_error()->other == NULL);
    check(!weft_cancelled() && weft_yield() == 0);
    return unused;
}

Test(nursery, the_failure_of_a_child_comes_out, .timeout = 60)
{
    weft_test_sweep(child_fails, SEEDS);
}

static void *yields_until_cancelled(void *unused)
{
    int rc = 0;
    (void)unused;
    while (rc == 0)
        rc = weft_yield();
    cancelled_children += rc == -WEFT_ECANCELED;
    return NULL;
}

static void *crash_ends_looper(void *unused)
{
    weft_group group;
    cancelled_children = 0;
    weft_group_enter(&group, NULL);
    check(weft_group_spawn(&group, yields_until_cancelled, NULL) == 0);
    int rc = weft_group_spawn(&group, fails, value(EPIPE));
    check(weft_group_exit(&group, rc) == -EPIPE);
    check(cancelled_children == 1);
    return unused;
}

Test(nursery, a_failure_cancels_the_siblings, .timeout = 60)
{
    weft_test_sweep(crash_ends_looper, RACES);
}

static void *crash_wakes_owner(void *unused)
{
    weft_group group;
    weft_group_enter(&group, NULL);
    check(weft_group_spawn(&group, fails, value(EPIPE)) == 0);
    int rc = weft_sleep(WEFT_FOREVER);
    check(rc == -WEFT_ECANCELED);
    check(weft_group_exit(&group, rc) == -EPIPE);
    check(weft_yield() == 0);
    return unused;
}

Test(nursery, a_failure_wakes_the_owner, .timeout = 60)
{
    weft_test_sweep(crash_wakes_owner, RACES);
}

static void *both_fail(void *unused)
{
    weft_group group;
    first_failure = 0;
    weft_group_enter(&group, NULL);
    check(weft_group_spawn(&group, fails, value(EPIPE)) == 0);
    if (weft_test_roll(2))
        weft_yield();
    int first = first_failure ? first_failure : -EIO;
    int body = weft_code(weft_failf(-EIO, "the body"));
    check(weft_group_exit(&group, body) == first);
    check(weft_last_error()->code == first);
    check(count_errors(-EPIPE) == 1);
    check(count_errors(-EIO) == 1);
    return unused;
}

Test(nursery, the_owner_and_a_child_fail, .timeout = 60)
{
    weft_test_sweep(both_fail, RACES);
}

static void *two_fail(void *unused)
{
    weft_group group;
    first_failure = 0;
    weft_group_enter(&group, NULL);
    int rc = weft_group_spawn(&group, fails, value(EPIPE));
    check(rc == 0);
    rc = weft_group_spawn(&group, fails, value(EIO));
    bool both = rc == 0;
    rc = weft_group_exit(&group, rc);
    check(rc == first_failure && weft_last_error()->code == rc);
    check(count_errors(-EPIPE) == 1);
    check(count_errors(-EIO) == both);
    return unused;
}

Test(nursery, two_children_fail, .timeout = 60)
{
    weft_test_sweep(two_fail, RACES);
}

static void *fails_with_cause(void *unused)
{
    (void)unused;
    (void)weft_failf(-ENOENT, "no such page");
    return weft_failf(-EIO, "no book");
}

static void *cause_is_kept(void *unused)
{
    weft_group group;
    weft_group_enter(&group, NULL);
    int rc =
        weft_group_spawn_named(&group, "librarian", fails_with_cause, NULL);
    check(weft_group_exit(&group, rc) == -EIO);
    const weft_error *error = weft_last_error();
    check(error != NULL && strcmp(error->message, "no book") == 0);
    check(strcmp(error->task, "librarian") == 0 && error->task_id != 0);
    check(error->place != NULL && strstr(error->place, "nursery.c") != NULL);
    check(error->cause != NULL && error->cause->code == -ENOENT);
    check(strcmp(error->cause->message, "no such page") == 0);
    return unused;
}

Test(nursery, an_error_keeps_its_cause_and_its_task, .timeout = 60)
{
    weft_test_sweep(cause_is_kept, SEEDS);
}

static void *fails_in_nested(void *unused)
{
    weft_group group;
    (void)unused;
    weft_group_enter(&group, NULL);
    int rc = weft_group_spawn(&group, notes_cancelling, NULL);
    if (rc == 0)
        rc = weft_group_spawn(&group, fails, value(EPIPE));
    return weft_fail(weft_group_exit(&group, rc));
}

/* One failure in each of two nested groups, the rest cancelled. */
static void *nested_failures(void *unused)
{
    weft_group outer;
    weft_group_enter(&outer, NULL);
    check(weft_group_spawn(&outer, notes_cancelling, NULL) == 0);
    check(weft_group_spawn(&outer, fails, value(EPIPE)) == 0);
    int rc = weft_code(fails_in_nested(NULL));
    check(rc == -EPIPE || rc == -WEFT_ECANCELED);
    check(weft_group_cancel(&outer) >= 0);
    check(weft_group_exit(&outer, rc) == -EPIPE);
    check(count_errors(-EPIPE) >= 1);
    check(count_errors(-WEFT_ECANCELED) == 0);
    return unused;
}

Test(nursery, cancelled_children_hide_no_failure, .timeout = 60)
{
    weft_test_sweep(nested_failures, RACES);
}

/* Three children cancelled from two sides, and one that fails. */
static void *filter(void *unused)
{
    weft_scope outer, shield;
    weft_group group;
    weft_future *late[2];
    cancelled_children = 0;
    weft_timeout_enter(&outer, WEFT_FOREVER);
    weft_group_enter(&group, NULL);
    check(weft_group_spawn(&group, notes_cancelling, NULL) == 0);
    check(weft_group_spawn(&group, notes_cancelling, NULL) == 0);
    check(weft_group_cancel(&group) == 0);
    weft_shield_enter(&shield, WEFT_S(1));
    weft_test_settle();
    weft_shield_exit(&shield, 0);
    late[0] = weft_spawn(notes_cancelling, NULL);
    weft_scope_cancel(&outer);
    late[1] = weft_spawn(fails, value(EPIPE));
    check(weft_group_exit(&group, 0) == -EPIPE);
    check(count_errors(-EPIPE) == 1 && weft_last_error()->other == NULL);
    check(cancelled_children == 3);
    check(weft_timeout_exit(&outer, -EPIPE) == -EPIPE);
    check(weft_await(late[0], NULL) == -WEFT_ECANCELED);
    check(weft_await(late[1], NULL) == -EPIPE);
    return unused;
}

Test(nursery, only_what_failed_comes_out, .timeout = 60)
{
    weft_test_sweep(filter, RACES);
}

/* Cancelling */

static int started;

static void *notes_start(void *unused)
{
    (void)unused;
    started++;
    return weft_fail(weft_sleep(WEFT_FOREVER));
}

static void *spawn_into_cancelled(void *unused)
{
    weft_group group;
    started = 0;
    weft_group_enter(&group, NULL);
    check(weft_group_cancel(&group) == 0);
    check(weft_group_cancel(&group) == 1);
    weft_future *task = weft_spawn(notes_start, NULL);
    check(weft_group_spawn(&group, notes_start, NULL) == -WEFT_ECANCELED);
    check(weft_group_exit(&group, 0) == -WEFT_ECANCELED);
    check(started == 1);
    check(weft_await(task, NULL) == -WEFT_ECANCELED);
    check(weft_yield() == 0);
    return unused;
}

Test(nursery, a_child_of_a_cancelled_one_runs_to_its_first_call, .timeout = 60)
{
    weft_test_sweep(spawn_into_cancelled, SEEDS);
}

static int leaves;

static void *branch(void *unused)
{
    weft_group group;
    (void)unused;
    weft_group_enter(&group, NULL);
    int rc = 0;
    for (int i = 0; i < 2 && rc == 0; i++) {
        rc = weft_group_spawn(&group, notes_cancelling, NULL);
        leaves += rc == 0;
    }
    return weft_fail(weft_group_exit(&group, rc));
}

static void *cancel_tree(void *unused)
{
    weft_group group;
    bool settled = weft_test_roll(2) == 0;
    cancelled_children = leaves = 0;
    weft_group_enter(&group, NULL);
    check(weft_group_spawn(&group, branch, NULL) == 0);
    check(weft_group_spawn(&group, branch, NULL) == 0);
    if (settled)
        weft_test_settle();
    check(weft_group_cancel(&group) == 0);
    check(weft_group_exit(&group, 0) == -WEFT_ECANCELED);
    check(cancelled_children == leaves);
    check(!settled || leaves == 4);
    return unused;
}

Test(nursery, cancelling_reaches_the_children_of_children, .timeout = 60)
{
    weft_test_sweep(cancel_tree, RACES);
}

/* Opening and closing a group looks at nothing by itself. */
static void *empty_ones(void *unused)
{
    weft_scope scope;
    weft_group group;
    weft_timeout_enter(&scope, WEFT_FOREVER);
    weft_scope_cancel(&scope);
    weft_group_enter(&group, NULL);
    check(weft_group_exit(&group, 0) == 0);

    weft_group_enter(&group, NULL);
    weft_future *task = weft_spawn(weft_test_echo, value(3));
    check(weft_group_exit(&group, 0) == 0);
    check(weft_await(task, NULL) == 0);

    weft_group_enter(&group, NULL);
    check(weft_group_exit(&group, -EIO) == -EIO);
    check(weft_timeout_exit(&scope, 0) == 0);
    return unused;
}

Test(nursery, is_no_point_of_cancellation_itself, .timeout = 60)
{
    weft_test_sweep(empty_ones, SEEDS);
}

static void *inner_fails(void *unused)
{
    weft_group outer, inner;
    cancelled_children = 0;
    weft_group_enter(&outer, NULL);
    check(weft_group_spawn(&outer, notes_cancelling, NULL) == 0);
    weft_group_enter(&inner, NULL);
    check(weft_group_exit(&inner, -EIO) == -EIO);
    check(!weft_cancelled());
    check(weft_sleep(WEFT_MS(1)) == 0);
    check(cancelled_children == 0);
    weft_group_cancel(&outer);
    check(weft_group_exit(&outer, 0) == -WEFT_ECANCELED);
    check(cancelled_children == 1);
    return unused;
}

Test(nursery, the_failure_of_an_inner_one_stays_there, .timeout = 60)
{
    weft_test_sweep(inner_fails, SEEDS);
}

static void *deadline_over_children(void *unused)
{
    weft_scope scope;
    weft_group group;
    cancelled_children = 0;
    weft_time start = weft_now();
    weft_timeout_enter(&scope, WEFT_S(1));
    weft_group_enter(&group, NULL);
    int rc = 0;
    for (int i = 0; i < 10 && rc == 0; i++)
        rc = weft_group_spawn(&group, notes_cancelling, NULL);
    rc = weft_group_exit(&group, rc);
    check(weft_test_took(start, WEFT_S(1)));
    check(rc == -WEFT_ECANCELED && cancelled_children == 10);
    check(weft_timeout_exit(&scope, rc) == -WEFT_ETIMEOUT);
    return unused;
}

Test(nursery, a_deadline_around_it_reaches_the_children, .timeout = 60)
{
    weft_test_sweep(deadline_over_children, SEEDS);
}

static bool cleaned;

static void *cleans(void *unused)
{
    check(weft_sleep(WEFT_MS(5)) == 0); /* it may still suspend */
    cleaned = true;
    return unused;
}

static void *has_to_clean(void *unused)
{
    (void)unused;
    check(weft_defer(cleans, NULL) == 0);
    return weft_fail(weft_sleep(WEFT_FOREVER));
}

static void *clean_before_exit(void *unused)
{
    weft_group group;
    cleaned = false;
    weft_group_enter(&group, NULL);
    check(weft_group_spawn(&group, has_to_clean, NULL) == 0);
    if (weft_test_roll(2))
        weft_test_settle();
    weft_group_cancel(&group);
    check(weft_group_exit(&group, 0) == -WEFT_ECANCELED);
    check(cleaned);
    return unused;
}

Test(nursery, a_cancelled_child_has_cleaned_up_before_the_exit, .timeout = 60)
{
    weft_test_sweep(clean_before_exit, RACES);
}

/* Reasons */

static enum weft_reason child_reason;
static int child_code;

static void *notes_reason(void *unused)
{
    (void)unused;
    check(weft_sleep(WEFT_FOREVER) == -WEFT_ECANCELED);
    child_code = 0;
    child_reason = weft_cancel_reason(&child_code);
    return weft_fail(-EIO);
}

static void *reason_is_sibling(void *unused)
{
    weft_group group;
    bool settled = weft_test_roll(2) == 0;
    weft_group_enter(&group, NULL);
    check(weft_group_spawn(&group, notes_reason, NULL) == 0);
    if (settled)
        weft_test_settle();
    check(weft_group_spawn(&group, fails, value(EPIPE)) == 0);
    int rc = weft_sleep(WEFT_FOREVER);
    int code = 0;
    check(weft_cancel_reason(&code) == WEFT_REASON_SIBLING);
    check(code == -EPIPE);
    check(weft_group_exit(&group, rc) == -EPIPE);
    check(child_reason == WEFT_REASON_SIBLING && child_code == -EPIPE);
    check(count_errors(-EIO) == 1 && count_errors(-EPIPE) == 1);
    return unused;
}

static void *reason_after_failure(void *unused)
{
    weft_group group;
    weft_group_enter(&group, NULL);
    check(weft_group_spawn(&group, fails, value(EPIPE)) == 0);
    weft_test_settle();
    weft_future *late = weft_spawn(notes_reason, NULL);
    check(weft_group_exit(&group, 0) == -EPIPE);
    check(child_reason == WEFT_REASON_SIBLING && child_code == -EPIPE);
    check(weft_await(late, NULL) == -EIO);
    return unused;
}

static void *reason_is_body(void *unused)
{
    weft_group group;
    weft_group_enter(&group, NULL);
    check(weft_group_spawn(&group, notes_reason, NULL) == 0);
    if (weft_test_roll(2))
        weft_test_settle();
    check(weft_group_exit(&group, -EPIPE) == -EPIPE);
    check(child_reason == WEFT_REASON_SIBLING && child_code == -EPIPE);
    return unused;
}

static void *reason_is_owner(void *unused)
{
    weft_group group;
    weft_group_enter(&group, NULL);
    check(weft_group_spawn(&group, notes_reason, NULL) == 0);
    weft_group_cancel(&group);
    check(weft_group_exit(&group, 0) == -EIO);
    check(child_reason == WEFT_REASON_USER && child_code == 0);
    return unused;
}

Test(nursery, children_are_told_who_failed, .timeout = 60)
{
    weft_test_sweep(reason_is_sibling, RACES);
    weft_test_sweep(reason_after_failure, SEEDS);
}

Test(nursery, children_are_told_of_the_body, .timeout = 60)
{
    weft_test_sweep(reason_is_body, RACES);
    weft_test_sweep(reason_is_owner, SEEDS);
}
