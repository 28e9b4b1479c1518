// SPDX-License-Identifier: MIT
/*
 * Cancelling tasks: before they start, asleep, waiting for others, by
 * themselves, at their end; and who answers a cancellation how. What each test
 * stands for says conformance.md; shields are in shielding.c.
 */
#include <weft.h>

#include <errno.h>

#include "tests/support/run.h"
#include "tests/support/seeds.h"
#include "tests/support/test.h"

#define value(n) weft_test_value(n)
#define SEEDS 1000

/* Long enough, in virtual time, for everybody who can run to have run. */
static void settle(void)
{
    check_eq(weft_sleep(WEFT_MS(1)), 0);
}

static void *cancel_it(void *future)
{
    return weft_fail(weft_cancel(future));
}

static void *await_made(void *future)
{
    void *result = NULL;
    int rc = weft_await(future, &result);
    return rc < 0 ? weft_fail(rc) : result;
}

static void *sleep_long(void *n)
{
    int rc = weft_sleep(WEFT_S(10));
    return rc < 0 ? weft_fail(rc) : n;
}

/* It is cancelled, and stays so: no second answer, and nothing to undo. */
static void is_cancelled_for_good(weft_future *task)
{
    check_eq(weft_future_state(task), WEFT_FUTURE_CANCELLED);
    check_eq(weft_future_result(task, NULL), -WEFT_ECANCELED);
    check_eq(weft_cancel(task), -WEFT_EALREADY);
    check_eq(weft_await(task, NULL), -WEFT_ECANCELED);
}

/* Asleep */

static void *cancel_by_callback(void *unused)
{
    weft_time start = weft_now();
    weft_future *task = weft_spawn(sleep_long, value(12));
    weft_future *soon = weft_call_soon(cancel_it, task);
    (void)unused;
    check_eq(weft_await(weft_future_ref(task), NULL), -WEFT_ECANCELED);
    check(weft_now() - start < WEFT_MS(1));
    check_eq(weft_await(soon, NULL), 0);
    is_cancelled_for_good(task);
    return NULL;
}

Test(cancelling, by_a_callback, .timeout = 120)
{
    weft_test_seeds(SEEDS, cancel_by_callback);
}

static void *cancel_by_timer(void *unused)
{
    weft_time start = weft_now();
    weft_future *task = weft_spawn(sleep_long, NULL);
    weft_future *timer = weft_call_later(WEFT_MS(100), cancel_it, task);
    (void)unused;
    check_eq(weft_await(weft_future_ref(task), NULL), -WEFT_ECANCELED);
    check(weft_now() - start >= WEFT_MS(100));
    check(weft_now() - start < WEFT_MS(101));
    check_eq(weft_await(timer, NULL), 0);
    is_cancelled_for_good(task);
    return NULL;
}

Test(cancelling, by_a_timer_at_its_moment, .timeout = 120)
{
    weft_test_seeds(SEEDS, cancel_by_timer);
}

static void *cancel_a_sleep(void *unused)
{
    weft_future *task = weft_spawn(sleep_long, NULL);
    (void)unused;
    settle();
    check_eq(weft_cancel(task), 0);
    settle();
    is_cancelled_for_good(task);
    return NULL;
}

/* The clock jumps to the next alarm there is, also at the end. */
Test(cancelling, leaves_no_alarm_of_a_sleep, .timeout = 120)
{
    size_t seeds = weft_test_scaled(SEEDS);
    for (size_t seed = 1; seed <= seeds; seed++) {
        struct weft_sim_report report;
        cr_assert_eq(weft_sim_run(seed, 1 + (unsigned)(seed % 3),
                                  cancel_a_sleep, NULL, &report),
                     0);
        cr_assert_eq(report.code, 0);
        cr_assert_eq(report.end, 0);
        cr_assert_lt(report.virtual_ns, WEFT_S(1));
        cr_assert_eq(atomic_load(&weft_test_wrong), 0);
    }
}

static void *yield_on(void *unused)
{
    int rc = 0;
    (void)unused;
    for (int i = 0; i < 1000000 && rc == 0; i++)
        rc = weft_yield();
    return weft_fail(rc);
}

static void *cancel_a_yielding_one(void *unused)
{
    weft_future *task = weft_spawn(yield_on, NULL);
    (void)unused;
    for (unsigned turns = weft_test_draw(20); turns > 0; turns--)
        check_eq(weft_yield(), 0);
    check_eq(weft_cancel(task), 0);
    check_eq(weft_await(weft_future_ref(task), NULL), -WEFT_ECANCELED);
    is_cancelled_for_good(task);
    return NULL;
}

Test(cancelling, one_that_yields, .timeout = 120)
{
    weft_test_seeds(SEEDS, cancel_a_yielding_one);
}

/* How often, and how it shows */

static bool shown_cancelled;

static void look_for(const weft_task_info *info, void *id)
{
    if (info->id == *(uint64_t *)id)
        shown_cancelled = info->cancelled;
}

static bool shows_cancelled(weft_future *task)
{
    uint64_t id = weft_task_id(task);
    shown_cancelled = false;
    weft_all_tasks(weft_running_loop(), look_for, &id);
    return shown_cancelled;
}

static void *cancel_twice(void *unused)
{
    weft_future *task = weft_spawn(sleep_long, NULL);
    (void)unused;
    if (weft_test_draw(2))
        settle();
    check(!shows_cancelled(task));
    check_eq(weft_cancel(task), 0);
    check(shows_cancelled(task));
    check_eq(weft_future_state(task), WEFT_FUTURE_PENDING);
    check_eq(weft_cancel(task), 1);
    check(shows_cancelled(task));
    settle();
    is_cancelled_for_good(task);
    return NULL;
}

Test(cancelling, is_requested_once_and_shows, .timeout = 120)
{
    weft_test_seeds(SEEDS, cancel_twice);
}

/* asyncio sends a message along; here a task is told the reason. */

static void *ask_why(void *unused)
{
    int code = 1;
    (void)unused;
    check_eq(weft_sleep(WEFT_S(10)), -WEFT_ECANCELED);
    check_eq(weft_cancel_reason(&code), WEFT_REASON_USER);
    check_eq(code, 0);
    check_eq(weft_cancel_reason(NULL), WEFT_REASON_USER);
    return weft_fail(-WEFT_ECANCELED);
}

static void *give_reason(void *unused)
{
    weft_future *task = weft_spawn(ask_why, NULL);
    (void)unused;
    if (weft_test_draw(2))
        settle();
    check_eq(weft_cancel_reason(NULL), WEFT_REASON_NONE);
    check_eq(weft_cancel(task), 0);
    check_eq(weft_wait(&task, 1, WEFT_WAIT_ALL, NULL), 1);
    is_cancelled_for_good(task);
    return NULL;
}

Test(cancelling, has_a_reason, .timeout = 120)
{
    weft_test_seeds(SEEDS, give_reason);
    cr_assert_eq(weft_cancel_reason(NULL), WEFT_REASON_NONE);
}

static void *await_and_fail(void *task)
{
    int rc = weft_await(task, NULL);
    check_eq(rc, -WEFT_ECANCELED);
    check(!weft_cancelled()); /* the other one was */
    return weft_failf(-EIO, "cancelled while needed");
}

static void *cancelled_then_failed(void *unused)
{
    weft_future *inner = weft_spawn(sleep_long, NULL);
    weft_future *outer = weft_spawn(await_and_fail, weft_future_ref(inner));
    (void)unused;
    settle();
    check_eq(weft_cancel(inner), 0);
    check_eq(weft_await(outer, NULL), -EIO);
    check(weft_last_error() != NULL && weft_last_error()->code == -EIO);
    is_cancelled_for_good(inner);
    return NULL;
}

Test(cancelling, of_what_one_needs_may_become_a_failure, .timeout = 120)
{
    weft_test_seeds(SEEDS, cancelled_then_failed);
}

/* While it waits for a future made by hand */

struct waiting {
    weft_future *made;
    weft_future *task;
};

static struct waiting wait_for_made(void)
{
    struct waiting w;
    w.made = weft_future_new();
    w.task = weft_spawn(await_made, weft_future_ref(w.made));
    settle();
    return w;
}

static void *cancel_what_it_waits_for(void *unused)
{
    struct waiting w = wait_for_made();
    (void)unused;
    check_eq(weft_cancel(w.made), 0);
    check_eq(weft_future_state(w.made), WEFT_FUTURE_CANCELLED);
    settle();
    is_cancelled_for_good(w.task);
    weft_future_unref(w.made);
    return NULL;
}

static void *cancel_both(void *unused)
{
    struct waiting w = wait_for_made();
    bool made_first = weft_test_draw(2);
    (void)unused;
    check_eq(weft_cancel(made_first ? w.made : w.task), 0);
    check_eq(weft_cancel(made_first ? w.task : w.made), 0);
    settle();
    check_eq(weft_future_state(w.made), WEFT_FUTURE_CANCELLED);
    is_cancelled_for_good(w.task);
    weft_future_unref(w.made);
    return NULL;
}

static void *cancel_the_waiter(void *unused)
{
    struct waiting w = wait_for_made();
    (void)unused;
    check_eq(weft_cancel(w.task), 0);
    settle();
    is_cancelled_for_good(w.task);
    check_eq(weft_future_state(w.made), WEFT_FUTURE_PENDING);
    check_eq(weft_future_set_result(w.made, NULL), 0);
    weft_future_unref(w.made);
    return NULL;
}

Test(cancelling, the_future_it_waits_for, .timeout = 120)
{
    weft_test_seeds(SEEDS, cancel_what_it_waits_for);
}

Test(cancelling, both_the_task_and_the_future, .timeout = 120)
{
    weft_test_seeds(SEEDS, cancel_both);
}

Test(cancelling, a_waiter_leaves_the_future_pending, .timeout = 120)
{
    weft_test_seeds(SEEDS, cancel_the_waiter);
}

/* A task that has an answer */

struct answer {
    weft_future *made[3];
    int seen; /* how far it has come */
};

static void *catch_it(void *arg)
{
    struct answer *answer = arg;
    check_eq(weft_await(weft_future_ref(answer->made[0]), NULL), 0);
    answer->seen = 1;
    check_eq(weft_await(weft_future_ref(answer->made[1]), NULL),
             -WEFT_ECANCELED);
    answer->seen = 2;
    return value(42);
}

/* It stays cancelled: what comes next fails, too, unless it is shielded. */
static void *ignore_it(void *arg)
{
    struct answer *answer = arg;
    weft_scope shield;
    void *result = catch_it(arg);
    check_eq(result, value(42));
    check_eq(weft_await(weft_future_ref(answer->made[2]), NULL),
             -WEFT_ECANCELED);
    answer->seen = 3;
    weft_shield_enter(&shield, WEFT_S(100));
    int rc = weft_await(weft_future_ref(answer->made[2]), &result);
    check_eq(weft_shield_exit(&shield, rc), 0);
    return result;
}

static void answer_with(weft_fn *fn, int far, uintptr_t due)
{
    struct answer answer = {
        {weft_future_new(), weft_future_new(), weft_future_new()}, 0};
    void *result = NULL;
    weft_future *task = weft_spawn(fn, &answer);
    settle();
    check_eq(answer.seen, 0);
    check_eq(weft_future_set_result(answer.made[0], NULL), 0);
    settle();
    check_eq(answer.seen, 1);
    check_eq(weft_cancel(task), 0);
    settle();
    check_eq(answer.seen, far);
    check_eq(weft_future_set_result(answer.made[2], value(43)), 0);
    check_eq(weft_await(task, &result), 0);
    check_eq(result, value(due));
    for (int i = 0; i < 3; i++)
        weft_future_unref(answer.made[i]);
}

static void *catches(void *unused)
{
    (void)unused;
    answer_with(catch_it, 2, 42);
    return NULL;
}

static void *ignores(void *unused)
{
    (void)unused;
    answer_with(ignore_it, 3, 43);
    return NULL;
}

Test(cancelling, one_that_still_returns_a_value, .timeout = 120)
{
    weft_test_seeds(SEEDS, catches);
}

Test(cancelling, cannot_be_ignored_but_shielded_from, .timeout = 120)
{
    weft_test_seeds(SEEDS, ignores);
}

static void *fail_otherwise(void *unused)
{
    (void)unused;
    return weft_fail(weft_sleep(WEFT_S(10)) == -WEFT_ECANCELED ? -EPIPE : -EIO);
}

static void *fails_when_cancelled(void *unused)
{
    weft_future *task = weft_spawn(fail_otherwise, NULL);
    (void)unused;
    settle();
    check_eq(weft_cancel(task), 0);
    check_eq(weft_future_state(task), WEFT_FUTURE_PENDING);
    settle();
    check_eq(weft_future_state(task), WEFT_FUTURE_FAILED);
    check_eq(weft_future_result(task, NULL), -EPIPE);
    check_eq(weft_await(task, NULL), -EPIPE);
    return NULL;
}

Test(cancelling, one_that_fails_with_something_else, .timeout = 120)
{
    weft_test_seeds(SEEDS, fails_when_cancelled);
}

/* By itself */

static void *cancel_self_and_sleep(void *unused)
{
    weft_time start = weft_now();
    check_eq(weft_cancel(weft_current()), 0);
    int rc = weft_sleep(WEFT_S(100));
    check(weft_now() - start < WEFT_MS(1));
    (void)unused;
    return weft_fail(rc);
}

static void *cancel_self_and_return(void *n)
{
    check_eq(weft_cancel(weft_current()), 0);
    return n;
}

static void *cancels_itself(void *unused)
{
    weft_future *task = weft_spawn(cancel_self_and_sleep, NULL);
    void *result = NULL;
    (void)unused;
    settle();
    is_cancelled_for_good(task);
    task = weft_spawn(cancel_self_and_return, value(12));
    settle();
    check_eq(weft_future_state(task), WEFT_FUTURE_DONE);
    check_eq(weft_cancel(task), -WEFT_EALREADY);
    check_eq(weft_await(task, &result), 0);
    check_eq(result, value(12));
    return NULL;
}

Test(cancelling, oneself_before_a_call_or_the_end, .timeout = 120)
{
    weft_test_seeds(SEEDS, cancels_itself);
}

static enum weft_future_state nested_end;

static void *cancel_self_and_await(void *made)
{
    weft_future *nested = weft_spawn(await_made, made);
    check_eq(weft_yield(), 0);
    check_eq(weft_cancel(weft_current()), 0);
    /* Handed down to who is not shared; it need not have begun. */
    nested_end = WEFT_FUTURE_PENDING;
    int rc = weft_await(nested, NULL);
    nested_end =
        rc == -WEFT_ECANCELED ? WEFT_FUTURE_CANCELLED : WEFT_FUTURE_DONE;
    return weft_fail(rc);
}

static void *awaits_when_cancelled(void *unused)
{
    weft_future *made = weft_future_new();
    weft_future *task =
        weft_spawn(cancel_self_and_await, weft_future_ref(made));
    (void)unused;
    settle();
    is_cancelled_for_good(task);
    check_eq(nested_end, WEFT_FUTURE_CANCELLED);
    check_eq(weft_future_set_result(made, NULL), 0);
    weft_future_unref(made);
    return NULL;
}

Test(cancelling, oneself_cancels_what_one_awaits_next, .timeout = 120)
{
    weft_test_seeds(SEEDS, awaits_when_cancelled);
}

/* Through calls, tasks and waits */

static int proof;

static int inner_call(void)
{
    int rc = weft_await(weft_spawn(sleep_long, NULL), NULL);
    proof += rc == -WEFT_ECANCELED;
    return rc;
}

static void *outer_call(void *unused)
{
    (void)unused;
    proof += inner_call() == -WEFT_ECANCELED ? 100 : 10;
    return NULL;
}

static void *passes_each(void *unused)
{
    proof = 0;
    weft_future *task = weft_spawn(outer_call, NULL);
    (void)unused;
    settle();
    check_eq(weft_cancel(task), 0);
    settle();
    check_eq(weft_await(task, NULL), 0);
    check_eq(proof, 101);
    return NULL;
}

Test(cancelling, passes_through_calls_to_the_child, .timeout = 120)
{
    weft_test_seeds(SEEDS, passes_each);
}

static void *count_when_set(void *made)
{
    int rc = weft_await(made, NULL);
    proof += rc == 0;
    return weft_fail(rc);
}

static void *wait_for_it(void *task)
{
    weft_future *const set[] = {task};
    int rc = weft_wait(set, 1, WEFT_WAIT_ALL, NULL);
    proof += rc >= 0 ? 100 : 0;
    return weft_fail(rc);
}

static void *wait_is_left(void *unused)
{
    proof = 0;
    weft_future *made = weft_future_new();
    weft_future *inner = weft_spawn(count_when_set, weft_future_ref(made));
    weft_future *outer = weft_spawn(wait_for_it, inner);
    (void)unused;
    settle();
    check_eq(weft_cancel(outer), 0);
    settle();
    is_cancelled_for_good(outer);
    check_eq(weft_future_state(inner), WEFT_FUTURE_PENDING);
    check_eq(weft_future_set_result(made, NULL), 0);
    check_eq(weft_await(inner, NULL), 0);
    check_eq(proof, 1);
    weft_future_unref(made);
    return NULL;
}

Test(cancelling, a_wait_leaves_the_others_alone, .timeout = 120)
{
    weft_test_seeds(SEEDS, wait_is_left);
}
