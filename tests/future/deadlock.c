// SPDX-License-Identifier: MIT
/* The watch for deadlocks, when threads are preempted where it hurts. */
#include "future/deadlock.h"

#include <time.h>

#include <weft.h>

#include "tests/support/child.h"
#include "tests/support/test.h"

static struct weft_test_child child;
static _Atomic(weft_future *) gate;
static atomic_int reports;
static struct weft__os slow;

static void dawdle(void)
{
    struct timespec time = {.tv_nsec = 700000000};
    nanosleep(&time, NULL);
}

/* Whoever tells that nothing moves is held up before it has said so. */
static long wake_and_dawdle(const void *word, int count)
{
    long rc = weft__os_real.futex_wake(word, count);
    if (weft__worker_self() != NULL)
        dawdle();
    return rc;
}

static void on_report(const weft_report *report, void *unused)
{
    (void)unused;
    atomic_fetch_add(&reports, report->kind == WEFT_REPORT_DEADLOCK);
    weft_future_set_result(atomic_load(&gate), NULL);
}

static void *dead_thrice(void *unused)
{
    for (int i = 0; i < 3; i++) {
        weft_future *made = weft_future_new();
        atomic_store(&gate, made);
        int rc = weft_await(made, NULL);
        if (rc < 0)
            return weft_fail(rc);
    }
    return unused;
}

static int reported_thrice(void)
{
    weft_options options = {
        .size = sizeof(options), .workers = 2, .on_report = on_report};
    weft__os = &slow;
    if (weft_run_with(&options, dead_thrice, NULL, NULL) != 0)
        return 1;
    return atomic_load(&reports) == 3 ? 0 : 2;
}

static void expect_in_child(int (*fn)(void *))
{
    if (WEFT_TEST_NO_CHILDREN)
        cr_skip("ThreadSanitizer has a thread of its own");
    cr_assert(weft_test_child_run(&child, fn, NULL));
    cr_expect_eq(weft_test_child_exit(&child), 0, "%d: %s",
                 weft_test_child_exit(&child), child.err);
}

static int with_slow_worker(void *unused)
{
    (void)unused;
    slow = weft__os_real;
    slow.futex_wake = wake_and_dawdle;
    return reported_thrice();
}

Test(deadlock_watch, hears_of_the_next_one, .timeout = 70)
{
    expect_in_child(with_slow_worker);
}

/* The thread in weft_run() is held up before it submits main, so that it has to
 * wake a worker for that, and then again: all sleep before it watches. */
static long act_and_dawdle(int number, const struct sigaction *act,
                           struct sigaction *old)
{
    dawdle();
    return weft__os_real.sigaction(number, act, old);
}

static long set_and_dawdle(int fd)
{
    long rc = weft__os_real.event_set(fd);
    if (weft__worker_self() == NULL)
        dawdle();
    return rc;
}

static int with_slow_main(void *unused)
{
    (void)unused;
    slow = weft__os_real;
    slow.event_set = set_and_dawdle;
    slow.sigaction = act_and_dawdle;
    return reported_thrice();
}

Test(deadlock_watch, begins_with_a_look, .timeout = 70)
{
    expect_in_child(with_slow_main);
}
