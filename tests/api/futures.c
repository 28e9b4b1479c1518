// SPDX-License-Identifier: MIT
/*
 * Futures made by hand, as asyncio's users know them: states, reading the
 * result, done-callbacks, failures nobody looked at. What each test stands for
 * says conformance.md; jobs of an executor are in threadsafe.c.
 */
#include <weft.h>

#include <errno.h>
#include <stdio.h>

#include "tests/support/run.h"
#include "tests/support/seeds.h"
#include "tests/support/test.h"

#define value(n) weft_test_value(n)
#define SEEDS 300

/* Long enough, in virtual time, for everybody who can run to have run. */
static void settle(void)
{
    check_eq(weft_sleep(WEFT_MS(1)), 0);
}

/* States: no runtime is needed for any of them. */

static void nothing_changes_it(weft_future *future)
{
    enum weft_future_state state = weft_future_state(future);
    cr_assert_eq(weft_future_set_result(future, value(1)), -WEFT_EALREADY);
    cr_assert_eq(weft_future_set_error(future, -EIO), -WEFT_EALREADY);
    cr_assert_eq(weft_cancel(future), -WEFT_EALREADY);
    cr_assert_eq(weft_future_state(future), state);
}

Test(futures, begin_pending_and_may_be_cancelled)
{
    void *result = value(1);
    weft_future *future = weft_future_new();
    cr_assert_eq(weft_future_state(future), WEFT_FUTURE_PENDING);
    cr_assert_eq(weft_cancel(future), 0);
    cr_assert_eq(weft_future_state(future), WEFT_FUTURE_CANCELLED);
    cr_assert_eq(weft_future_result(future, &result), -WEFT_ECANCELED);
    cr_assert_null(result);
    nothing_changes_it(future);
    weft_future_unref(future);
}

Test(futures, have_a_result_once_it_is_set)
{
    void *result = NULL;
    weft_future *future = weft_future_new();
    cr_assert_eq(weft_future_result(future, &result), -WEFT_EBUSY);
    cr_assert_eq(weft_future_set_result(future, value(42)), 0);
    cr_assert_eq(weft_future_state(future), WEFT_FUTURE_DONE);
    nothing_changes_it(future);
    cr_assert_eq(weft_future_result(future, &result), 0);
    cr_assert_eq(result, value(42));
    weft_future_unref(future);
}

Test(futures, have_a_failure_once_it_is_set)
{
    void *result = value(1);
    weft_future *future = weft_future_new();
    cr_assert_eq(weft_future_set_error(future, 0), -EINVAL);
    cr_assert_eq(weft_future_set_error(future, 5), -EINVAL);
    cr_assert_eq(weft_future_state(future), WEFT_FUTURE_PENDING);
    cr_assert_eq(weft_future_set_error(future, -EPERM), 0);
    cr_assert_eq(weft_future_state(future), WEFT_FUTURE_FAILED);
    nothing_changes_it(future);
    cr_assert_eq(weft_future_result(future, &result), -EPERM);
    cr_assert_null(result);
    weft_future_unref(future);
}

static void *make_one(void *unused)
{
    (void)unused;
    return weft_future_new();
}

/* Made inside one runtime, used after it. */
Test(futures, belong_to_no_runtime, .timeout = 60)
{
    void *made = NULL;
    void *result = NULL;
    cr_assert_eq(weft_run(make_one, NULL, &made), 0);
    cr_assert_eq(weft_future_set_result(made, value(6)), 0);
    cr_assert_eq(weft_wait_blocking(made, 0, &result), 0);
    cr_assert_eq(result, value(6));
}

Test(futures, know_where_they_were_made)
{
    char site[512];
    int line = __LINE__ + 1;
    weft_future *future = weft_future_new();
    snprintf(site, sizeof(site), "weft_future_new@%s:%d", __FILE__, line);
    cr_assert_str_eq(weft_task_name(future), site);
    cr_assert_eq(weft_task_id(future), 0);
    cr_assert_eq(weft_cancel(future), 0);
    cr_assert_str_eq(weft_task_name(future), site);
    weft_future_unref(future);
}

/* Awaiting */

static int turns;

static void *count_turn(void *unused)
{
    turns++;
    return unused;
}

/* With one worker, a turn given away shows in the counter. */
static void *await_twice(void *unused)
{
    weft_future *future = weft_future_new();
    weft_future *setter = weft_call_soon(count_turn, NULL);
    void *result = NULL;
    turns = 0;
    (void)unused;
    check_eq(weft_await(setter, NULL), 0);
    check_eq(turns, 1);
    check_eq(weft_future_set_result(future, value(42)), 0);
    weft_future *beside = weft_call_soon(count_turn, NULL);
    for (int i = 0; i < 2; i++) {
        check_eq(weft_await(weft_future_ref(future), &result), 0);
        check_eq(result, value(42));
    }
    check_eq(turns, 1);
    check_eq(weft_await(beside, NULL), 0);
    weft_future_unref(future);
    return NULL;
}

Test(futures, may_be_awaited_again_at_once, .timeout = 60)
{
    struct weft_sim_report report;
    cr_assert_eq(weft_sim_run(1, 1, await_twice, NULL, &report), 0);
    cr_assert_eq(report.code, 0);
    cr_assert_eq(atomic_load(&weft_test_wrong), 0);
}

static void *fail_with_words(void *unused)
{
    (void)unused;
    return weft_failf(-EDOM, "42");
}

static size_t causes(void)
{
    size_t n = 0;
    for (const weft_error *at = weft_last_error(); at && n < 100; n++)
        at = at->cause;
    return n;
}

/* The chain of causes does not grow with every look at it. */
static void *await_failed_again(void *unused)
{
    weft_future *task = weft_spawn(fail_with_words, unused);
    for (int i = 0; i < 5; i++) {
        check_eq(weft_await(weft_future_ref(task), NULL), -EDOM);
        check(weft_last_error() != NULL && weft_last_error()->code == -EDOM);
        check_eq(causes(), 1);
    }
    weft_future_unref(task);
    return NULL;
}

Test(futures, that_failed_give_the_same_error_each_time, .timeout = 60)
{
    weft_test_seeds(SEEDS, await_failed_again);
}

static void *set_after_cancel(void *future)
{
    return weft_fail(weft_future_set_result(future, value(2)));
}

static void *timer_comes_too_late(void *unused)
{
    weft_future *future = weft_future_new();
    weft_future *timer =
        weft_call_later(WEFT_MS(1), set_after_cancel, weft_future_ref(future));
    (void)unused;
    check_eq(weft_cancel(future), 0);
    check_eq(weft_await(timer, NULL), -WEFT_EALREADY);
    check_eq(weft_future_state(future), WEFT_FUTURE_CANCELLED);
    weft_future_unref(future);
    weft_future_unref(future);
    return NULL;
}

Test(futures, stay_cancelled_when_a_result_comes_late, .timeout = 60)
{
    weft_test_seeds(SEEDS, timer_comes_too_late);
}

/* Done-callbacks. Those of one task's calls start in their order. */

static int bag[200];
static int in_bag;

static void *put(void *n)
{
    if (in_bag < 200)
        bag[in_bag++] = (int)(uintptr_t)n;
    return NULL;
}

static void add(weft_future *future, uintptr_t n)
{
    check_eq(weft_future_add_done_callback(future, put, value(n)), 0);
}

static int take_back(weft_future *future, uintptr_t n)
{
    return weft_future_remove_done_callback(future, put, value(n));
}

static weft_future *with_three(void)
{
    weft_future *future = weft_future_new();
    in_bag = 0;
    add(future, 42);
    add(future, 17);
    add(future, 100);
    return future;
}

/* Complete it; then the bag has these two (0: none), in this order. */
static void complete_and_look(weft_future *future, int first, int second)
{
    void *result = NULL;
    check_eq(in_bag, 0);
    check_eq(weft_future_set_result(future, value(5)), 0);
    check_eq(in_bag, 0); /* not inside the call */
    settle();
    check_eq(in_bag, (first != 0) + (second != 0));
    check(first == 0 || bag[0] == first);
    check(second == 0 || bag[1] == second);
    check_eq(weft_future_result(future, &result), 0);
    check_eq(result, value(5));
    weft_future_unref(future);
}

static void *remove_first(void *unused)
{
    weft_future *future = with_three();
    (void)unused;
    check_eq(take_back(future, 42), 1);
    check_eq(take_back(future, 42), 0);
    complete_and_look(future, 17, 100);
    return NULL;
}

static void *remove_two(void *unused)
{
    weft_future *future = with_three();
    (void)unused;
    check_eq(take_back(future, 42), 1);
    check_eq(take_back(future, 17), 1);
    check_eq(take_back(future, 42), 0);
    complete_and_look(future, 100, 0);
    return NULL;
}

static void *remove_third(void *unused)
{
    weft_future *future = with_three();
    (void)unused;
    check_eq(take_back(future, 100), 1);
    check_eq(take_back(future, 100), 0);
    complete_and_look(future, 42, 17);
    return NULL;
}

Test(futures, callbacks_taken_back_leave_the_others, .timeout = 60)
{
    weft_test_seeds(SEEDS, remove_first);
    weft_test_seeds(SEEDS, remove_two);
    weft_test_seeds(SEEDS, remove_third);
}

static void *callbacks_on_result(void *unused)
{
    weft_future *future = weft_future_new();
    (void)unused;
    in_bag = 0;
    add(future, 42);
    add(future, 17);
    complete_and_look(future, 42, 17);
    return NULL;
}

static void *callbacks_on_error(void *unused)
{
    weft_future *future = weft_future_new();
    (void)unused;
    in_bag = 0;
    add(future, 100);
    check_eq(weft_future_set_error(future, -ERANGE), 0);
    settle();
    check_eq(in_bag, 1);
    check_eq(bag[0], 100);
    check_eq(weft_future_result(future, NULL), -ERANGE);
    weft_future_unref(future);
    return NULL;
}

Test(futures, callbacks_run_on_a_result, .timeout = 60)
{
    weft_test_seeds(SEEDS, callbacks_on_result);
}

Test(futures, callbacks_run_on_a_failure, .timeout = 60)
{
    weft_test_seeds(SEEDS, callbacks_on_error);
}

/* Each call takes one registration back: of six equal ones, six. */
static void *remove_equal_ones(void *unused)
{
    weft_future *future = weft_future_new();
    (void)unused;
    in_bag = 0;
    add(future, 1);
    add(future, 2);
    check_eq(take_back(future, 2), 1);
    check_eq(take_back(future, 3), 0);
    add(future, 2);
    for (int i = 0; i < 5; i++)
        add(future, 1);
    for (int i = 0; i < 6; i++)
        check_eq(take_back(future, 1), 1);
    check_eq(take_back(future, 1), 0);
    complete_and_look(future, 2, 0);
    return NULL;
}

Test(futures, equal_callbacks_are_taken_back_one_by_one, .timeout = 60)
{
    weft_test_seeds(SEEDS, remove_equal_ones);
}

/* From inside a callback of the same future */

static int taken_back;

static void *take_others_back(void *future)
{
    for (int i = 0; i < 3; i++)
        taken_back += take_back(future, 9);
    return NULL;
}

/* Taken back or run: each registration is exactly one of the two. */
static void *remove_inside(void *unused)
{
    weft_future *future = weft_future_new();
    (void)unused;
    in_bag = 0;
    taken_back = 0;
    check_eq(weft_future_add_done_callback(future, take_others_back, future),
             0);
    add(future, 9);
    add(future, 9);
    check_eq(weft_future_set_result(future, value(1)), 0);
    settle();
    check_eq(in_bag + taken_back, 2);
    weft_future_unref(future);
    return NULL;
}

Test(futures, a_callback_may_take_others_back, .timeout = 60)
{
    weft_test_seeds(1000, remove_inside);
}

static void *add_another(void *future)
{
    put(value(7));
    if (in_bag < 100)
        check_eq(weft_future_add_done_callback(future, add_another, future), 0);
    return NULL;
}

static void *add_inside(void *unused)
{
    weft_future *future = weft_future_new();
    (void)unused;
    in_bag = 0;
    check_eq(weft_future_add_done_callback(future, add_another, future), 0);
    check_eq(weft_future_set_result(future, value(1)), 0);
    settle();
    check_eq(in_bag, 100);
    weft_future_unref(future);
    return NULL;
}

Test(futures, a_callback_may_add_others, .timeout = 60)
{
    weft_test_seeds(SEEDS, add_inside);
}

/* What nobody looked at is reported, once; nothing else is. */

static atomic_int reports;
static atomic_int last_code;

static void on_report(const weft_report *report, void *unused)
{
    (void)unused;
    atomic_store(&last_code,
                 report->kind == WEFT_REPORT_UNRETRIEVED ? report->code : 0);
    atomic_fetch_add(&reports, 1);
}

static int reports_of(weft_fn *fn)
{
    weft_options options = {
        .size = sizeof(options), .workers = 2, .on_report = on_report};
    atomic_store(&reports, 0);
    cr_assert_eq(weft_run_with(&options, fn, NULL, NULL), 0);
    return atomic_load(&reports);
}

static void *abandon(void *unused)
{
    (void)unused;
    weft_future_unref(weft_future_new());
    return NULL;
}

static void *ignore_result(void *unused)
{
    weft_future *future = weft_future_new();
    (void)unused;
    cr_expect_eq(weft_future_set_result(future, value(42)), 0);
    weft_future_unref(future);
    return NULL;
}

static void *read_result(void *unused)
{
    void *result = NULL;
    weft_future *future = weft_future_new();
    (void)unused;
    cr_expect_eq(weft_future_set_result(future, value(42)), 0);
    cr_expect_eq(weft_future_result(future, &result), 0);
    cr_expect_eq(result, value(42));
    weft_future_unref(future);
    return NULL;
}

Test(futures, without_a_failure_are_not_reported, .timeout = 60)
{
    cr_assert_eq(reports_of(abandon), 0);
    cr_assert_eq(reports_of(ignore_result), 0);
    cr_assert_eq(reports_of(read_result), 0);
}

static weft_future *failed_one(void)
{
    weft_future *future = weft_future_new();
    cr_expect_eq(weft_future_set_error(future, -ESTALE), 0);
    return future;
}

static void *ignore_failure(void *unused)
{
    (void)unused;
    weft_future_unref(failed_one());
    return NULL;
}

static void *cancel_failure(void *unused)
{
    weft_future *future = failed_one();
    (void)unused;
    cr_expect_eq(weft_cancel(future), -WEFT_EALREADY);
    weft_future_unref(future);
    return NULL;
}

Test(futures, a_failure_nobody_looked_at_is_reported_once, .timeout = 60)
{
    cr_assert_eq(reports_of(ignore_failure), 1);
    cr_assert_eq(atomic_load(&last_code), -ESTALE);
    cr_assert_eq(reports_of(cancel_failure), 1);
    cr_assert_eq(atomic_load(&last_code), -ESTALE);
}

static void *read_failure(void *unused)
{
    weft_future *future = failed_one();
    (void)unused;
    cr_expect_eq(weft_future_result(future, NULL), -ESTALE);
    weft_future_unref(future);
    return NULL;
}

static void *await_failure(void *unused)
{
    (void)unused;
    cr_expect_eq(weft_await(failed_one(), NULL), -ESTALE);
    return NULL;
}

Test(futures, a_failure_somebody_looked_at_is_not, .timeout = 60)
{
    cr_assert_eq(reports_of(read_failure), 0);
    cr_assert_eq(reports_of(await_failure), 0);
}
