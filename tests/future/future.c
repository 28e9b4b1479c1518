// SPDX-License-Identifier: MIT
/*
 * Futures made by hand: completing them once, reading them, references, and
 * callbacks for when they are done.
 */
#include <weft/future.h>

#include <errno.h>
#include <pthread.h>

#include "tests/support/run.h"
#include "tests/support/test.h"

#define value(n) weft_test_value(n)

/* Without a runtime */

Test(future, pending_until_set)
{
    void *result = value(1);
    weft_future *future = weft_future_new();
    cr_assert_eq(weft_future_state(future), WEFT_FUTURE_PENDING);
    cr_assert_eq(weft_future_result(future, &result), -WEFT_EBUSY);
    cr_assert_eq(weft_future_set_result(future, value(42)), 0);
    cr_assert_eq(weft_future_state(future), WEFT_FUTURE_DONE);
    cr_assert_eq(weft_future_result(future, &result), 0);
    cr_assert_eq(result, value(42));
    cr_assert_eq(weft_future_result(future, NULL), 0);
    weft_future_unref(future);
}

Test(future, null_is_a_value)
{
    void *result = value(1);
    weft_future *future = weft_future_new();
    cr_assert_eq(weft_future_set_result(future, NULL), 0);
    cr_assert_eq(weft_future_state(future), WEFT_FUTURE_DONE);
    cr_assert_eq(weft_wait_blocking(future, 0, &result), 0);
    cr_assert_null(result);
}

static void completed_once(weft_future *future, enum weft_future_state state)
{
    cr_assert_eq(weft_future_set_result(future, value(2)), -WEFT_EALREADY);
    cr_assert_eq(weft_future_set_error(future, -EIO), -WEFT_EALREADY);
    cr_assert_eq(weft_cancel(future), -WEFT_EALREADY);
    cr_assert_eq(weft_future_state(future), state);
}

Test(future, the_first_completion_stays)
{
    void *result = value(1);
    weft_future *future = weft_future_new();
    cr_assert_eq(weft_future_set_result(future, value(7)), 0);
    completed_once(future, WEFT_FUTURE_DONE);
    cr_assert_eq(weft_future_result(future, &result), 0);
    cr_assert_eq(result, value(7));
    weft_future_unref(future);

    future = weft_future_new();
    cr_assert_eq(weft_future_set_error(future, -ENOENT), 0);
    completed_once(future, WEFT_FUTURE_FAILED);
    cr_assert_eq(weft_future_result(future, &result), -ENOENT);
    cr_assert_null(result);
    weft_future_unref(future);

    future = weft_future_new();
    cr_assert_eq(weft_cancel(future), 0);
    completed_once(future, WEFT_FUTURE_CANCELLED);
    cr_assert_eq(weft_future_result(future, &result), -WEFT_ECANCELED);
    weft_future_unref(future);
}

Test(future, a_failure_as_value_fails_it)
{
    weft_future *future = weft_future_new();
    cr_assert_eq(weft_future_set_result(future, weft_fail(-EPIPE)), 0);
    cr_assert_eq(weft_future_state(future), WEFT_FUTURE_FAILED);
    cr_assert_eq(weft_future_result(future, NULL), -EPIPE);
    weft_future_unref(future);
}

Test(future, codes_are_minus_1_to_minus_4095)
{
    static const int wrong[] = {0, 1, EIO, -4096, INT32_MIN, INT32_MAX};
    weft_future *future = weft_future_new();
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        cr_assert_eq(weft_future_set_error(future, wrong[i]), -EINVAL);
    cr_assert_eq(weft_future_state(future), WEFT_FUTURE_PENDING);
    cr_assert_eq(weft_future_set_error(future, -4095), 0);
    cr_assert_eq(weft_future_result(future, NULL), -4095);
    weft_future_unref(future);
}

Test(future, fail_and_code_are_inverse)
{
    for (int code = -4095; code <= 0; code++)
        cr_assert(weft_code(weft_fail(code)) == code);
    cr_assert_null(weft_fail(0));
    cr_assert_eq(weft_code(weft_fail(5)), -EINVAL);
    cr_assert_eq(weft_code(weft_fail(-4096)), -EINVAL);
    cr_assert_eq(weft_code(value(1)), 0);
    cr_assert_eq(weft_code((void *)(intptr_t)-4096), 0);
}

Test(future, every_code_has_a_text)
{
    cr_assert_str_eq(weft_strerror(-WEFT_ECANCELED), "cancelled");
    cr_assert_str_eq(weft_strerror(WEFT_ECANCELED), "cancelled");
    for (int code = -4095; code <= 4095; code++)
        cr_assert(weft_strerror(code) != NULL &&
                  weft_strerror(code)[0] != '\0');
}

Test(future, references_keep_it)
{
    weft_future *future = weft_future_new();
    for (int i = 0; i < 100; i++)
        cr_assert_eq(weft_future_ref(future), future);
    for (int i = 0; i < 99; i++)
        weft_future_unref(future);
    cr_assert_eq(weft_future_set_result(future, value(3)), 0);
    weft_future_unref(future);
    cr_assert_eq(weft_future_state(future), WEFT_FUTURE_DONE);
    weft_future_unref(future);
    weft_future_unref(NULL);
}

Test(future, a_timeout_keeps_the_reference)
{
    void *result = value(1);
    weft_future *future = weft_future_new();
    cr_assert_eq(weft_wait_blocking(future, 0, &result), -WEFT_ETIMEOUT);
    cr_assert_eq(weft_wait_blocking(future, -5, &result), -WEFT_ETIMEOUT);
    cr_assert_eq(weft_wait_blocking(future, WEFT_US(50), &result),
                 -WEFT_ETIMEOUT);
    cr_assert_null(result);
    cr_assert_eq(weft_future_set_result(future, value(9)), 0);
    cr_assert_eq(weft_wait_blocking(future, WEFT_FOREVER, &result), 0);
    cr_assert_eq(result, value(9));
}

static void *set_seven(void *future)
{
    weft_future_set_result(future, value(7));
    weft_future_unref(future);
    return NULL;
}

Test(future, threads_need_no_runtime, .timeout = 30)
{
    for (int i = 0; i < 200; i++) {
        pthread_t thread;
        void *result = NULL;
        weft_future *future = weft_future_new();
        cr_assert_eq(
            pthread_create(&thread, NULL, set_seven, weft_future_ref(future)),
            0);
        cr_assert_eq(weft_wait_blocking(future, WEFT_S(20), &result), 0);
        cr_assert_eq(result, value(7));
        pthread_join(thread, NULL);
    }
}

/* Done-callbacks */

struct log {
    int count;
    int order[16];
};

static struct log log_;

static void *note(void *n)
{
    log_.order[log_.count++ % 16] = (int)(intptr_t)n;
    return NULL;
}

static void *note_other(void *n)
{
    return note((void *)(-(intptr_t)n));
}

static void settle(void)
{
    for (int i = 0; i < 10; i++)
        weft_yield();
}

static void *callbacks_in_order(void *unused)
{
    weft_future *future = weft_future_new();
    (void)unused;
    log_ = (struct log){0};
    for (intptr_t i = 1; i <= 5; i++)
        cr_expect_eq(weft_future_add_done_callback(future, note, (void *)i), 0);
    settle();
    cr_expect_eq(log_.count, 0, "before it is done");
    weft_future_set_result(future, NULL);
    cr_expect_eq(log_.count, 0, "inside the call that completes it");
    settle();
    cr_expect_eq(log_.count, 5);
    for (int i = 0; i < 5; i++)
        cr_expect_eq(log_.order[i], i + 1);
    weft_future_unref(future);
    return NULL;
}

Test(future, callbacks_run_in_order_and_later, .timeout = 30)
{
    cr_assert_eq(weft_test_run(1, callbacks_in_order, NULL), 0);
}

static void *callback_when_done(void *unused)
{
    weft_future *future = weft_future_new();
    (void)unused;
    log_ = (struct log){0};
    weft_cancel(future);
    cr_expect_eq(weft_future_add_done_callback(future, note, value(8)), 0);
    weft_future_unref(future);
    cr_expect_eq(log_.count, 0);
    settle();
    cr_expect_eq(log_.count, 1);
    return NULL;
}

Test(future, a_callback_added_late_runs_soon, .timeout = 30)
{
    cr_assert_eq(weft_test_run(1, callback_when_done, NULL), 0);
}

static void *callback_taken_back(void *unused)
{
    weft_future *future = weft_future_new();
    (void)unused;
    log_ = (struct log){0};
    for (intptr_t i = 1; i <= 3; i++)
        cr_expect_eq(weft_future_add_done_callback(future, note, (void *)i), 0);
    cr_expect_eq(weft_future_add_done_callback(future, note_other, value(2)),
                 0);
    cr_expect_eq(weft_future_remove_done_callback(future, note, value(4)), 0);
    cr_expect_eq(weft_future_remove_done_callback(future, note, value(2)), 1);
    cr_expect_eq(weft_future_remove_done_callback(future, note, value(2)), 0);
    weft_future_set_result(future, NULL);
    settle();
    cr_expect_eq(weft_future_remove_done_callback(future, note, value(1)), 0);
    cr_expect_eq(log_.count, 3);
    cr_expect_eq(log_.order[0], 1);
    cr_expect_eq(log_.order[1], 3);
    cr_expect_eq(log_.order[2], -2);
    weft_future_unref(future);
    return NULL;
}

Test(future, a_callback_taken_back_never_runs, .timeout = 30)
{
    cr_assert_eq(weft_test_run(1, callback_taken_back, NULL), 0);
}

static void *callback_left_behind(void *future)
{
    cr_expect_eq(weft_future_add_done_callback(future, note, value(1)), 0);
    return NULL;
}

Test(future, callbacks_of_an_ended_runtime_do_not_run, .timeout = 30)
{
    weft_future *future = weft_future_new();
    log_ = (struct log){0};
    cr_assert_eq(weft_test_run(2, callback_left_behind, future), 0);
    cr_assert_eq(weft_future_set_result(future, NULL), 0);
    cr_assert_eq(log_.count, 0);
    weft_future_unref(future);
}

Test(future, callbacks_of_one_never_completed_are_freed, .timeout = 30)
{
    weft_future *future = weft_future_new();
    cr_assert_eq(weft_test_run(2, callback_left_behind, future), 0);
    cr_assert_eq(weft_test_run(2, callback_left_behind, future), 0);
    weft_future_unref(future); /* LeakSanitizer and valgrind look */
}

static void *callback_of_task(void *unused)
{
    weft_future *task = weft_spawn(weft_test_echo, value(5));
    (void)unused;
    log_ = (struct log){0};
    cr_expect_eq(weft_future_add_done_callback(task, note, value(5)), 0);
    cr_expect_eq(weft_await(task, NULL), 0);
    settle();
    cr_expect_eq(log_.count, 1);
    return NULL;
}

Test(future, tasks_have_callbacks_too, .timeout = 30)
{
    cr_assert_eq(weft_test_run(1, callback_of_task, NULL), 0);
}
