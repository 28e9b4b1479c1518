// SPDX-License-Identifier: MIT
/*
 * Tasks as asyncio's users know them: results, sleeping, and who they are. What
 * each test stands for says conformance.md. See also tasks_seen.c (names, lists,
 * errors), tasks_context.c and cancelling.c.
 */
#include <weft.h>

#include <errno.h>

#include "tests/support/run.h"
#include "tests/support/seeds.h"
#include "tests/support/test.h"

#define value(n) weft_test_value(n)
#define SEEDS 300 /* of what does not race: the order varies all the same */

/* Long enough, in virtual time, for everybody who can run to have run. */
static void settle(void)
{
    check_eq(weft_sleep(WEFT_MS(1)), 0);
}

static void *await_made(void *future)
{
    void *result = NULL;
    int rc = weft_await(future, &result);
    return rc < 0 ? weft_fail(rc) : result;
}

/* Outcomes */

static void *two_and_forty(void *unused)
{
    (void)unused;
    return value(42);
}

/* One part plainly called, one as a task. */
static void *sum_of_two(void *unused)
{
    void *plain = two_and_forty(unused);
    void *awaited = NULL;
    check_eq(weft_await(weft_spawn(weft_test_echo, value(1000)), &awaited), 0);
    return value((uintptr_t)plain + (uintptr_t)awaited);
}

static void *adds_up(void *unused)
{
    void *result = NULL;
    check_eq(weft_await(weft_spawn(sum_of_two, unused), &result), 0);
    check_eq(result, value(1042));
    check_eq(weft_await(weft_spawn(two_and_forty, unused), &result), 0);
    check_eq(result, value(42));
    return NULL;
}

Test(tasks, plain_calls_and_awaits_add_up, .timeout = 60)
{
    weft_test_seeds(SEEDS, adds_up);
}

static void *same_function_twice(void *unused)
{
    weft_future *first = weft_spawn(weft_test_echo, value(1));
    weft_future *second = weft_spawn(weft_test_echo, value(2));
    void *result = NULL;
    (void)unused;
    check(first != second);
    check_eq(weft_await(first, &result), 0);
    check_eq(result, value(1));
    check_eq(weft_await(second, &result), 0);
    check_eq(result, value(2));
    return NULL;
}

Test(tasks, one_function_makes_any_number_of_tasks, .timeout = 60)
{
    weft_test_seeds(SEEDS, same_function_twice);
}

static void *await_oneself(void *unused)
{
    weft_future *self = weft_future_ref(weft_current());
    (void)unused;
    int rc = weft_await(self, NULL);
    weft_future_unref(self); /* it was not dropped */
    return weft_fail(rc);
}

static void *awaits_itself(void *unused)
{
    check_eq(weft_await(weft_spawn(await_oneself, unused), NULL),
             -WEFT_EDEADLK);
    return NULL;
}

Test(tasks, awaiting_oneself_is_refused, .timeout = 60)
{
    weft_test_seeds(SEEDS, awaits_itself);
}

static int calls;

static void *count_call(void *result)
{
    calls++;
    return result;
}

/* A task that another one started and handed over. */
static void *start_for_others(void *unused)
{
    (void)unused;
    return weft_spawn(count_call, value(7));
}

static void *spawned_inside(void *unused)
{
    void *task = NULL;
    void *result = NULL;
    calls = 0;
    check_eq(weft_await(weft_spawn(start_for_others, unused), &task), 0);
    check_eq(weft_await(task, &result), 0);
    check_eq(result, value(7));
    check_eq(calls, 1);
    return NULL;
}

Test(tasks, are_spawned_inside_a_runtime_only, .timeout = 60)
{
    calls = 0;
    weft_future *outside = weft_spawn(count_call, NULL);
    cr_assert_eq(weft_future_state(outside), WEFT_FUTURE_FAILED);
    cr_assert_eq(weft_wait_blocking(outside, 0, NULL), -WEFT_ENORUNTIME);
    cr_assert_eq(calls, 0);
    weft_test_seeds(SEEDS, spawned_inside);
}

static void *complete_from_outside(void *unused)
{
    weft_future *task = weft_spawn(weft_test_echo, value(1));
    void *result = NULL;
    (void)unused;
    check_eq(weft_future_set_result(task, value(2)), -EINVAL);
    check_eq(weft_future_set_error(task, -EIO), -EINVAL);
    check_eq(weft_await(task, &result), 0);
    check_eq(result, value(1));
    return NULL;
}

Test(tasks, complete_themselves, .timeout = 60)
{
    weft_test_seeds(SEEDS, complete_from_outside);
}

static void *waits_for_made(void *unused)
{
    static int object;
    weft_future *made = weft_future_new();
    weft_future *task = weft_spawn(await_made, weft_future_ref(made));
    void *result = NULL;
    (void)unused;
    settle();
    check_eq(weft_future_state(task), WEFT_FUTURE_PENDING);
    check_eq(weft_future_set_result(made, &object), 0);
    settle();
    check_eq(weft_future_state(task), WEFT_FUTURE_DONE);
    check_eq(weft_await(task, &result), 0);
    check_eq(result, &object);
    weft_future_unref(made);
    return NULL;
}

Test(tasks, wake_with_the_very_value_of_a_future, .timeout = 60)
{
    weft_test_seeds(SEEDS, waits_for_made);
}

static void *set_later(void *made)
{
    return weft_fail(weft_future_set_result(made, value(1)));
}

static void *future_set_by_timer(void *unused)
{
    weft_time start = weft_now();
    weft_future *made = weft_future_new();
    weft_future *timer = weft_call_later(WEFT_MS(100), set_later, made);
    void *result = NULL;
    (void)unused;
    check_eq(weft_await(weft_spawn(await_made, weft_future_ref(made)), &result),
             0);
    check_eq(result, value(1));
    check(weft_now() - start >= WEFT_MS(100));
    check(weft_now() - start < WEFT_MS(101));
    check_eq(weft_await(timer, NULL), 0);
    weft_future_unref(made);
    return NULL;
}

Test(tasks, wait_for_what_a_timer_completes, .timeout = 60)
{
    weft_test_seeds(SEEDS, future_set_by_timer);
}

/* A future is a value like any other: nobody awaits it unasked. */
static void *future_as_result(void *unused)
{
    weft_future *made = weft_future_new();
    void *result = NULL;
    (void)unused;
    check_eq(weft_await(weft_spawn(weft_test_echo, made), &result), 0);
    check_eq(result, made);
    check_eq(weft_future_state(made), WEFT_FUTURE_PENDING);
    check_eq(weft_future_set_result(made, value(3)), 0);
    check_eq(weft_await(made, &result), 0);
    check_eq(result, value(3));
    return NULL;
}

Test(tasks, may_return_a_future, .timeout = 60)
{
    weft_test_seeds(SEEDS, future_as_result);
}

/* A task is a future: what takes one takes the other. */

static int noted;

static void *note(void *n)
{
    noted += (int)(uintptr_t)n;
    return NULL;
}

static void *task_as_future(void *unused)
{
    noted = 0;
    weft_future *task = weft_spawn(weft_test_echo, value(4));
    void *result = NULL;
    (void)unused;
    check_eq(weft_future_ref(task), task);
    check_eq(weft_future_result(task, &result), -WEFT_EBUSY);
    check_eq(weft_future_add_done_callback(task, note, value(1)), 0);
    check_eq(weft_future_add_done_callback(task, note, value(10)), 0);
    check_eq(weft_future_remove_done_callback(task, note, value(1)), 1);
    settle();
    check_eq(weft_future_state(task), WEFT_FUTURE_DONE);
    check_eq(weft_future_result(task, &result), 0);
    check_eq(result, value(4));
    check_eq(noted, 10);
    weft_future_unref(task);
    check_eq(weft_await(task, NULL), 0);
    return NULL;
}

Test(tasks, are_futures, .timeout = 60)
{
    weft_test_seeds(SEEDS, task_as_future);
}

/* Asleep */

static void *sleep_twice(void *half)
{
    weft_time start = weft_now();
    weft_ns each = (weft_ns)(intptr_t)half;
    check_eq(weft_sleep(each), 0);
    check(weft_now() - start >= each);
    check_eq(weft_sleep(each), 0);
    check(weft_now() - start >= 2 * each);
    check(weft_now() - start < 2 * each + WEFT_MS(1));
    return value(5);
}

static void *sleeps(void *unused)
{
    void *result = NULL;
    (void)unused;
    check_eq(weft_await(weft_spawn(sleep_twice, (void *)(intptr_t)WEFT_MS(50)),
                        &result),
             0);
    check_eq(result, value(5));
    return NULL;
}

Test(tasks, sleep_for_as_long_as_they_said, .timeout = 60)
{
    weft_test_seeds(SEEDS, sleeps);
}

/* With one worker it is certain who runs meanwhile. */
static void *sleep_of_nothing(void *unused)
{
    noted = 0;
    weft_future *soon = weft_call_soon(note, value(1));
    (void)unused;
    check_eq(noted, 0);
    check_eq(weft_sleep(0), 0);
    check_eq(noted, 1);
    check_eq(weft_await(soon, NULL), 0);
    return NULL;
}

Test(tasks, sleeping_for_nothing_lets_a_callback_run, .timeout = 60)
{
    struct weft_sim_report report;
    cr_assert_eq(weft_sim_run(1, 1, sleep_of_nothing, NULL, &report), 0);
    cr_assert_eq(report.code, 0);
    cr_assert_eq(atomic_load(&weft_test_wrong), 0);
}

/* A deadline cancels its block, and nothing after it. */

static void deadline_around(weft_ns sleep, weft_ns timeout, int due)
{
    weft_time start = weft_now();
    weft_scope scope;
    weft_timeout_enter(&scope, timeout);
    int rc = weft_sleep(sleep);
    check_eq(rc, due == 0 ? 0 : -WEFT_ECANCELED);
    check_eq(weft_yield(), rc);
    check_eq(weft_timeout_exit(&scope, rc), due);
    check(!weft_cancelled());
    check_eq(weft_cancel_reason(NULL), WEFT_REASON_NONE);
    check_eq(weft_sleep(0), 0);
    check(weft_now() - start < WEFT_MS(101));
}

static void *blocks_with_deadlines(void *unused)
{
    (void)unused;
    deadline_around(WEFT_S(10), WEFT_MS(100), -WEFT_ETIMEOUT);
    deadline_around(0, WEFT_S(10), 0);
    return NULL;
}

static void *in_a_task(void *unused)
{
    weft_future *task = weft_spawn(blocks_with_deadlines, NULL);
    (void)unused;
    check_eq(weft_await(weft_future_ref(task), NULL), 0);
    check_eq(weft_future_state(task), WEFT_FUTURE_DONE);
    weft_future_unref(task);
    return NULL;
}

Test(tasks, are_cancelled_by_a_deadline_within_its_block, .timeout = 120)
{
    weft_test_seeds(SEEDS, in_a_task);
}

/* Who am I */

struct meeting {
    weft_future *made[2];
    weft_future *task[2];
};

static void *first_of_two(void *arg)
{
    struct meeting *meeting = arg;
    check_eq(weft_current(), meeting->task[0]);
    check_eq(weft_await(weft_future_ref(meeting->made[0]), NULL), 0);
    check_eq(weft_current(), meeting->task[0]);
    return weft_fail(weft_future_set_result(meeting->made[1], NULL));
}

static void *second_of_two(void *arg)
{
    struct meeting *meeting = arg;
    check_eq(weft_current(), meeting->task[1]);
    check_eq(weft_future_set_result(meeting->made[0], NULL), 0);
    check_eq(weft_await(weft_future_ref(meeting->made[1]), NULL), 0);
    check_eq(weft_current(), meeting->task[1]);
    return NULL;
}

static void *two_take_turns(void *unused)
{
    weft_future *self = weft_current();
    struct meeting meeting = {{weft_future_new(), weft_future_new()}, {0}};
    (void)unused;
    meeting.task[0] = weft_spawn(first_of_two, &meeting);
    meeting.task[1] = weft_spawn(second_of_two, &meeting);
    check_eq(weft_await(meeting.task[0], NULL), 0);
    check_eq(weft_await(meeting.task[1], NULL), 0);
    check_eq(weft_current(), self);
    weft_future_unref(meeting.made[0]);
    weft_future_unref(meeting.made[1]);
    return NULL;
}

Test(tasks, know_themselves_after_each_suspension, .timeout = 60)
{
    cr_assert_null(weft_current());
    cr_assert_null(weft_running_loop());
    weft_test_seeds(SEEDS, two_take_turns);
    cr_assert_null(weft_current());
}

static void *runtime_of_mine(void *unused)
{
    (void)unused;
    return weft_running_loop();
}

static void *task_in_another_runtime(void *arg)
{
    weft_runtime *other = arg;
    void *result = NULL;
    cr_expect_eq(weft_await(weft_spawn(runtime_of_mine, NULL), &result), 0);
    cr_expect_eq(result, weft_running_loop());
    weft_future *far =
        weft_run_coroutine_threadsafe(other, runtime_of_mine, NULL);
    cr_expect_eq(weft_await(far, &result), 0);
    cr_expect_eq(result, other);
    cr_expect_neq(other, weft_running_loop());
    return NULL;
}

Test(tasks, know_their_runtime, .timeout = 60)
{
    weft_runtime *other = NULL;
    cr_assert_eq(weft_test_runtime(1, &other), 0);
    cr_assert_eq(weft_test_run(1, task_in_another_runtime, other), 0);
    weft_runtime_unref(other);
}

/* A future of no runtime, completed in one, awaited in another. */
static void *complete(void *made)
{
    return weft_fail(weft_future_set_result(made, value(8)));
}

static void *await_across(void *arg)
{
    weft_future *made = weft_future_new();
    weft_future *far = weft_run_coroutine_threadsafe(arg, complete, made);
    void *result = NULL;
    cr_expect_eq(weft_await(weft_future_ref(made), &result), 0);
    cr_expect_eq(result, value(8));
    cr_expect_eq(weft_await(far, NULL), 0);
    weft_future_unref(made);
    return NULL;
}

Test(tasks, await_futures_of_any_runtime, .timeout = 60)
{
    weft_runtime *other = NULL;
    cr_assert_eq(weft_test_runtime(1, &other), 0);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(weft_test_run(1, await_across, other), 0);
    weft_runtime_unref(other);
}
