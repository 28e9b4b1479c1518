// SPDX-License-Identifier: MIT
/*
 * Errors with words on other ways than from task to task: threads, jobs,
 * futures made by hand, groups; and no memory for them.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <weft/error.h>
#include <weft/exec.h>
#include <weft/group.h>

#include "tests/support/fault.h"
#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/sim.h"
#include "tests/support/test.h"
#include "tests/support/words.h"

#define value(n) weft_test_value(n)

/* Other ways up */

static void *main_fails(void *unused)
{
    (void)unused;
    return weft_failf(-ENOTTY, "no terminal");
}

Test(error_flow, of_main_is_handed_to_the_thread, .timeout = 30)
{
    weft_test_forget();
    cr_assert_eq(weft_test_run(2, main_fails, NULL), -ENOTTY);
    cr_assert(weft_test_says(weft_last_error(), -ENOTTY, "no terminal"));
    cr_assert(weft_test_by(weft_last_error(), "main"));
}

Test(error_flow, is_handed_to_a_thread_that_blocks, .timeout = 30)
{
    weft_runtime *rt;
    weft_test_forget();
    cr_assert_eq(weft_test_runtime(2, &rt), 0);
    weft_future *task = weft_run_coroutine_threadsafe(rt, weft_test_top, NULL);
    cr_assert_eq(weft_wait_blocking(task, WEFT_FOREVER, NULL), -EIO);
    weft_runtime_unref(rt);
    cr_assert_eq(weft_test_depth(weft_last_error()), 3,
                 "it outlives the runtime");
    cr_assert(weft_test_says(weft_last_error()->cause->cause, -EIO, "block 9"));
}

static void *job_of_words(void *unused)
{
    cr_expect_null(weft_last_error());
    return weft_test_leaf(unused);
}

static void *in_a_thread(void *unused)
{
    (void)unused;
    for (int i = 0; i < 10; i++) {
        cr_expect_eq(weft_to_thread(job_of_words, NULL, NULL), -EIO);
        cr_expect(weft_test_says(weft_last_error(), -EIO, "block 9"));
        cr_expect_eq(weft_test_depth(weft_last_error()), 1);
        cr_expect_not_null(strstr(weft_last_error()->task, "job_of_words@"));
    }
    return NULL;
}

Test(error_flow, comes_back_from_a_job, .timeout = 30)
{
    cr_assert_eq(weft_test_run(2, in_a_thread, NULL), 0);
}

static void *sets_error(void *future)
{
    weft_failf(-EIO, "wire %d", 3);
    cr_expect_eq(weft_future_set_error(future, -EIO), 0);
    weft_future_unref(future);
    return NULL;
}

static void *sets_another(void *future)
{
    weft_failf(-EXFULL, "old story");
    cr_expect_eq(weft_future_set_error(future, -EIO), 0);
    weft_future_unref(future);
    return NULL;
}

static int await_set_by(weft_fn *setter)
{
    weft_future *future = weft_future_new();
    weft_future *task =
        weft_spawn_named("setter", setter, weft_future_ref(future));
    int rc = weft_await(future, NULL);
    weft_detach(task);
    return rc;
}

static void *set_by_hand(void *unused)
{
    (void)unused;
    cr_expect_eq(await_set_by(sets_error), -EIO);
    cr_expect(weft_test_says(weft_last_error(), -EIO, "wire 3"));
    cr_expect(weft_test_by(weft_last_error(), "setter"));
    cr_expect_eq(await_set_by(sets_another), -EIO);
    cr_expect_null(weft_last_error(), "not the words of another failure");
    return NULL;
}

Test(error_flow, goes_with_a_future_set_by_hand, .timeout = 30)
{
    cr_assert_eq(weft_test_run(2, set_by_hand, NULL), 0);
}

/* Groups */

static void *fail_as(void *n)
{
    return weft_failf(-(int)(uintptr_t)n, "child %zu", (size_t)n);
}

static int group_of(size_t children, bool keep_going)
{
    weft_group group;
    weft_group_options options = {.size = sizeof(options),
                                  .keep_going = keep_going};
    weft_group_enter(&group, &options);
    for (size_t i = 1; i <= children; i++)
        if (weft_group_spawn(&group, fail_as, value(i)) < 0)
            break;
    return weft_group_exit(&group, 0);
}

/* The first, then the others; each with its name, site and words. */
static unsigned list_length(const weft_error *error)
{
    char message[32];
    unsigned length = 0;
    for (; error != NULL; error = error->other) {
        snprintf(message, sizeof(message), "child %d", -error->code);
        cr_expect_str_eq(error->message, message);
        cr_expect_not_null(strstr(error->task, "fail_as@"), "%s", error->task);
        cr_expect_not_null(strstr(error->place, "error_flow.c:"));
        cr_expect_gt(error->task_id, 0);
        length++;
    }
    return length;
}

static void *groups(void *unused)
{
    (void)unused;
    int rc = group_of(3, true);
    cr_expect_lt(rc, 0);
    cr_expect_eq(weft_last_error()->code, rc, "the first comes first");
    cr_expect_eq(list_length(weft_last_error()), 3);
    rc = group_of(200, true);
    cr_expect_eq(weft_last_error()->code, rc);
    cr_expect_leq(list_length(weft_last_error()), 65);
    cr_expect_geq(list_length(weft_last_error()), 64);
    return NULL;
}

Test(error_flow, of_a_group_has_all_failures, .timeout = 30)
{
    for (unsigned workers = 1; workers <= 3; workers++)
        cr_assert_eq(weft_test_run(workers, groups, NULL), 0);
}

static void *body_fails(void *unused)
{
    weft_group group;
    (void)unused;
    weft_group_enter(&group, NULL);
    cr_expect_eq(weft_group_spawn(&group, weft_test_forever, NULL), 0);
    int rc = weft_code(weft_failf(-EPROTO, "the body"));
    cr_expect_eq(weft_group_exit(&group, rc), -EPROTO);
    cr_expect(weft_test_says(weft_last_error(), -EPROTO, "the body"));
    cr_expect_null(weft_last_error()->other, "cancelled is not failed");
    return NULL;
}

/* A child comes first, then the body fails with words of its own, or with what
 * it has from another child. */
static void *both_fail(void *unused)
{
    weft_group group;
    (void)unused;
    weft_group_enter(&group, NULL);
    cr_expect_eq(weft_group_spawn(&group, fail_as, value(1)), 0);
    cr_expect_eq(weft_sleep(WEFT_FOREVER), -WEFT_ECANCELED);
    int rc = weft_code(weft_failf(-EPROTO, "the body"));
    cr_expect_eq(weft_group_exit(&group, rc), -1);
    const weft_error *error = weft_last_error();
    cr_expect(weft_test_says(error, -1, "child 1"));
    cr_expect(weft_test_says(error->other, -EPROTO, "the body"));
    cr_expect_null(error->other->other);
    return NULL;
}

static void *body_hands_on(void *turned)
{
    weft_group group;
    weft_group_enter(&group, NULL);
    weft_future *one = weft_spawn(fail_as, value(turned ? 2 : 1));
    weft_future *other = weft_spawn(fail_as, value(turned ? 1 : 2));
    weft_future *second = turned ? one : other; /* in the order of codes */
    weft_future *first = turned ? other : one;
    cr_expect_eq(weft_await(first, NULL), -1);
    cr_expect_lt(weft_group_exit(&group, weft_await(second, NULL)), 0);
    cr_expect_eq(list_length(weft_last_error()), 2);
    return NULL;
}

Test(error_flow, of_a_group_has_that_of_the_body_once, .timeout = 30)
{
    for (int i = 0; i < 20; i++) {
        cr_assert_eq(weft_test_run(1, both_fail, NULL), 0);
        cr_assert_eq(weft_test_run(1, body_hands_on, NULL), 0);
        cr_assert_eq(weft_test_run(2, body_hands_on, value(1)), 0);
    }
}

Test(error_flow, of_a_group_may_be_its_body, .timeout = 30)
{
    cr_assert_eq(weft_test_run(2, body_fails, NULL), 0);
}

/* Any order: two set the same future, and only one's words go with it. */

struct race {
    weft_future *future;
    int winner;
};

static struct race race;

static void *racer(void *n)
{
    int number = (int)(uintptr_t)n;
    for (int i = 0; i < number; i++)
        weft_yield();
    weft_failf(-EIO, "racer %d", number);
    if (weft_future_set_error(race.future, -EIO) == 0)
        race.winner = number;
    return NULL;
}

static void *race_once(void *unused)
{
    char want[32];
    (void)unused;
    race.future = weft_future_new();
    weft_future_ref(race.future);
    weft_future *tasks[] = {weft_spawn(racer, value(1)),
                            weft_spawn(racer, value(2))};
    int rc = weft_await(race.future, NULL);
    weft_await(tasks[0], NULL);
    weft_await(tasks[1], NULL);
    weft_future_unref(race.future);
    snprintf(want, sizeof(want), "racer %d", race.winner);
    return rc == -EIO && weft_test_says(weft_last_error(), -EIO, want)
               ? NULL
               : weft_fail(-EBADMSG);
}

Test(error_flow, goes_with_who_was_first, .timeout = 120)
{
    size_t seeds = weft_test_scaled(1000);
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        struct weft_sim_report report;
        cr_assert_eq(weft_sim_run(seed, 3, race_once, NULL, &report), 0);
        cr_assert_eq(report.code, 0, "seed %llu", (unsigned long long)seed);
    }
}

/* No memory */

static void *some_of_all(void *unused)
{
    (void)unused;
    int rc = weft_await(weft_spawn_named("top", weft_test_top, NULL), NULL);
    const weft_error *error = weft_last_error();
    bool fits = error == NULL || error->code == rc;
    cr_expect(fits && (rc == -EIO || rc == -ENOMEM), "%d", rc);
    rc = group_of(3, true);
    error = weft_last_error();
    cr_expect(error == NULL || rc == 0 || error->code == rc);
    cr_expect_eq(weft_code(weft_failf(-EPROTO, "still")), -EPROTO);
    error = weft_last_error();
    cr_expect(error == NULL || weft_test_says(error, -EPROTO, "still"));
    return weft_fail(-EPROTO);
}

static void without_memory(uint64_t nth, bool sticky)
{
    struct weft_test_balance before = weft_test_balance();
    weft_test_fault_arm(WEFT_TEST_CALL_alloc, nth, -ENOMEM, sticky);
    int rc = weft_test_run(1, some_of_all, NULL);
    weft_test_fault_disarm();
    cr_expect(rc == -EPROTO || rc == -ENOMEM, "%d", rc);
    weft_test_forget();
    cr_assert(weft_test_balanced(&before), "allocation %llu",
              (unsigned long long)nth);
}

Test(error_flow, without_memory_has_no_words_but_the_code, .timeout = 120,
     .init = weft_test_faults_open, .fini = weft_test_faults_close)
{
    weft_test_forget();
    uint64_t before = weft_test_calls(WEFT_TEST_CALL_alloc);
    cr_assert_eq(weft_test_run(1, some_of_all, NULL), -EPROTO);
    uint64_t calls = weft_test_calls(WEFT_TEST_CALL_alloc) - before;
    cr_assert_gt(calls, 10);
    weft_test_forget();
    for (uint64_t nth = 1; nth <= calls; nth++) {
        without_memory(nth, false);
        without_memory(nth, true);
    }
}
