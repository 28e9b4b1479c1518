// SPDX-License-Identifier: MIT
/*
 * Callbacks soon, later and at a moment, as asyncio's users know them: their
 * order, their handles, and what becomes of one that fails. What each test
 * stands for says conformance.md.
 */
#include <weft.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/run.h"
#include "tests/support/seeds.h"
#include "tests/support/test.h"

#define value(n) weft_test_value(n)
#define SEEDS 300

static int order[64];
static int ran;

static void *note(void *n)
{
    if (ran < 64)
        order[ran++] = (int)(uintptr_t)n;
    return n;
}

/* Long enough, in virtual time, for everybody who can run to have run. */
static void settle(void)
{
    check_eq(weft_sleep(WEFT_MS(1)), 0);
}

/* Handles */

static void *soon(void *unused)
{
    void *result = NULL;
    ran = 0;
    (void)unused;
    weft_future *handle = weft_call_soon(note, value(3));
    check_eq(weft_future_state(handle), WEFT_FUTURE_PENDING);
    check_eq(ran, 0);
    check_eq(weft_await(handle, &result), 0);
    check_eq(result, value(3));
    check_eq(ran, 1);
    return NULL;
}

Test(handles, soon_runs_with_its_argument, .timeout = 60)
{
    weft_test_seeds(SEEDS, soon);
}

/* The name says which function, and where it was asked for. */
static void named_here(weft_future *handle, int line)
{
    char site[512];
    snprintf(site, sizeof(site), "note@%s:%d", __FILE__, line);
    check(strcmp(weft_task_name(handle), site) == 0);
    if (weft_test_draw(2)) { /* cancelled, even twice, it keeps its name */
        check_eq(weft_cancel(handle), 0);
        (void)weft_cancel(handle);
        check(strcmp(weft_task_name(handle), site) == 0);
        check_eq(weft_await(handle, NULL), -WEFT_ECANCELED);
    } else {
        check_eq(weft_await(handle, NULL), 0);
    }
}

static void *names(void *unused)
{
    weft_runtime *rt = weft_running_loop();
    weft_time now = weft_now();
    (void)unused;
    named_here(weft_call_soon(note, NULL), __LINE__);
    named_here(weft_call_soon_threadsafe(rt, note, NULL), __LINE__);
    named_here(weft_call_later(0, note, NULL), __LINE__);
    named_here(weft_call_at(now, note, NULL), __LINE__);
    return NULL;
}

Test(handles, are_named_by_function_and_place, .timeout = 60)
{
    weft_test_seeds(SEEDS, names);
}

static void *cancelled(void *unused)
{
    ran = 0;
    (void)unused;
    weft_future *now = weft_call_soon(note, value(1));
    weft_future *later = weft_call_later(WEFT_S(3600), note, value(2));
    check_eq(weft_cancel(now), 0);
    check_eq(weft_cancel(later), 0);
    check_eq(weft_future_state(later), WEFT_FUTURE_CANCELLED);
    settle();
    check_eq(weft_future_state(now), WEFT_FUTURE_CANCELLED);
    check_eq(weft_cancel(now), -WEFT_EALREADY);
    check_eq(weft_await(now, NULL), -WEFT_ECANCELED);
    check_eq(weft_await(later, NULL), -WEFT_ECANCELED);
    check_eq(ran, 0);
    return NULL;
}

/* The clock jumps to the next alarm there is: nothing is left of the timer. */
Test(handles, cancelled_do_not_run_and_hold_nothing, .timeout = 60)
{
    size_t seeds = weft_test_scaled(SEEDS);
    for (size_t seed = 1; seed <= seeds; seed++) {
        struct weft_sim_report report;
        cr_assert_eq(weft_sim_run(seed, 1 + (unsigned)(seed % 3), cancelled,
                                  NULL, &report),
                     0);
        cr_assert_eq(report.code, 0);
        cr_assert_eq(report.end, 0);
        cr_assert_lt(report.virtual_ns, WEFT_S(1));
        cr_assert_eq(atomic_load(&weft_test_wrong), 0);
    }
}

static void *many_soon(void *unused)
{
    weft_future *handle[20];
    ran = 0;
    (void)unused;
    for (int i = 0; i < 20; i++)
        handle[i] = weft_call_soon(note, value(i));
    for (int i = 0; i < 20; i++)
        check_eq(weft_await(handle[i], NULL), 0);
    for (int i = 0; i < 20; i++)
        check_eq(order[i], i);
    return NULL;
}

Test(handles, soon_keep_their_order, .timeout = 60)
{
    weft_test_seeds(SEEDS, many_soon);
}

/* Moments */

static void *later(void *unused)
{
    weft_time start = weft_now();
    void *result = NULL;
    ran = 0;
    (void)unused;
    weft_future *handle = weft_call_later(WEFT_MS(100), note, value(5));
    settle();
    check_eq(ran, 0);
    check_eq(weft_future_state(handle), WEFT_FUTURE_PENDING);
    check_eq(weft_await(handle, &result), 0);
    check_eq(result, value(5));
    check(weft_now() - start >= WEFT_MS(100));
    check(weft_now() - start < WEFT_MS(101));
    return NULL;
}

Test(handles, later_is_not_early_and_not_soon, .timeout = 60)
{
    weft_test_seeds(SEEDS, later);
}

static weft_time moment;

static void *note_in_time(void *n)
{
    check(weft_now() >= moment);
    return note(n);
}

static void *at_a_moment(void *unused)
{
    ran = 0;
    moment = weft_now() + WEFT_MS(100);
    (void)unused;
    weft_future *handle = weft_call_at(moment, note_in_time, value(1));
    check_eq(weft_await(handle, NULL), 0);
    check_eq(ran, 1);
    check(weft_now() < moment + WEFT_MS(1));
    return NULL;
}

Test(handles, at_a_moment_is_never_before_it, .timeout = 60)
{
    weft_test_seeds(SEEDS, at_a_moment);
}

/* By moment, then by the order of the calls. The order is that of one loop:
 * between two of these calls nothing suspends. */
static void *ordered_by_moment(void *unused)
{
    static const int when[] = {3, 1, 2, 1, 3, 2, 1, 10, 0};
    enum { N = sizeof(when) / sizeof(when[0]) };
    weft_future *handle[N];
    weft_time start = weft_now() + WEFT_MS(5);
    ran = 0;
    (void)unused;
    for (int i = 0; i < N; i++)
        handle[i] = weft_call_at(start + WEFT_MS(when[i]), note, value(i));
    for (int i = 0; i < N; i++)
        check_eq(weft_await(handle[i], NULL), 0);
    check_eq(ran, N);
    for (int i = 1; i < N; i++) {
        int before = when[order[i - 1]];
        int after = when[order[i]];
        check(before < after || (before == after && order[i - 1] < order[i]));
    }
    return NULL;
}

Test(handles, are_ordered_by_moment_then_by_call, .timeout = 60)
{
    weft_test_seeds(SEEDS, ordered_by_moment);
}

/* A delay in the past is none: both are due now, in the order of the calls. */
static void *negative(void *unused)
{
    weft_time start = weft_now();
    ran = 0;
    (void)unused;
    weft_future *a = weft_call_later(-WEFT_S(1), note, value(1));
    weft_future *b = weft_call_later(-WEFT_S(2), note, value(2));
    check_eq(weft_await(a, NULL), 0);
    check_eq(weft_await(b, NULL), 0);
    check_eq(ran, 2);
    check_eq(order[0], 1);
    check_eq(order[1], 2);
    check(weft_now() - start < WEFT_MS(1));
    return NULL;
}

Test(handles, of_the_past_run_now_in_their_order, .timeout = 60)
{
    weft_test_seeds(SEEDS, negative);
}

/* One that fails: whoever holds the handle is told, else the report is. */

static atomic_int reports;
static atomic_int report_code;

static void on_report(const weft_report *report, void *unused)
{
    (void)unused;
    atomic_store(&report_code,
                 report->kind == WEFT_REPORT_UNRETRIEVED ? report->code : 0);
    atomic_fetch_add(&reports, 1);
}

static void *fail(void *unused)
{
    (void)unused;
    return weft_failf(-EXDEV, "a callback that fails");
}

static atomic_int went_on;

static void *go_on(void *unused)
{
    atomic_store(&went_on, 1);
    return unused;
}

static void *fail_in_callback(void *unused)
{
    (void)unused;
    cr_expect_eq(weft_await(weft_call_soon(fail, NULL), NULL), -EXDEV);
    cr_expect_eq(atomic_load(&reports), 0);
    weft_detach(weft_call_soon(fail, NULL));
    cr_expect_eq(weft_await(weft_call_soon(go_on, NULL), NULL), 0);
    return NULL;
}

Test(handles, a_failure_is_handed_over_or_reported, .timeout = 60)
{
    weft_options options = {
        .size = sizeof(options), .workers = 2, .on_report = on_report};
    atomic_store(&reports, 0);
    atomic_store(&went_on, 0);
    cr_assert_eq(weft_run_with(&options, fail_in_callback, NULL, NULL), 0);
    cr_assert_eq(atomic_load(&reports), 1);
    cr_assert_eq(atomic_load(&report_code), -EXDEV);
    cr_assert_eq(atomic_load(&went_on), 1);
}

/* On a thread that no runtime runs, they are refused: there is one door. */

static void refused(weft_future *handle)
{
    cr_assert_eq(weft_future_state(handle), WEFT_FUTURE_FAILED);
    cr_assert_eq(weft_wait_blocking(handle, 0, NULL), -WEFT_ENORUNTIME);
}

static void *call_on_foreign_thread(void *runtime)
{
    refused(weft_call_soon(go_on, NULL));
    refused(weft_call_later(WEFT_S(60), go_on, NULL));
    refused(weft_call_at(weft_now() + WEFT_S(60), go_on, NULL));
    weft_future *through_the_door =
        weft_call_soon_threadsafe(runtime, weft_test_echo, value(1));
    return value(weft_wait_blocking(through_the_door, WEFT_FOREVER, NULL) == 0);
}

Test(handles, on_foreign_threads_are_refused, .timeout = 60)
{
    pthread_t thread;
    void *good = NULL;
    weft_runtime *rt = NULL;
    atomic_store(&went_on, 0);
    cr_assert_eq(weft_test_runtime(1, &rt), 0);
    cr_assert_eq(pthread_create(&thread, NULL, call_on_foreign_thread, rt), 0);
    pthread_join(thread, &good);
    weft_runtime_unref(rt);
    cr_assert_eq(good, value(1));
    cr_assert_eq(atomic_load(&went_on), 0);
}
