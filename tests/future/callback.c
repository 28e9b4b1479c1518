// SPDX-License-Identifier: MIT
/*
 * Callbacks: their order, their moment, and an exact answer to who cancels
 * one.
 */
#include <weft/task.h>

#include <errno.h>
#include <pthread.h>

#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/test.h"

#define value(n) weft_test_value(n)

/* Order */

#define MANY 1000

static struct {
    atomic_int count;
    int order[MANY];
} seen;

static void *note(void *n)
{
    int at = atomic_fetch_add(&seen.count, 1);
    if (at < MANY)
        seen.order[at] = (int)(intptr_t)n;
    return n;
}

static int out_of_order(int n)
{
    int wrong = atomic_load(&seen.count) != n;
    for (int i = 0; i < n && i < MANY; i++)
        wrong += seen.order[i] != i;
    return wrong;
}

static void *soon_in_order(void *unused)
{
    weft_future *callback[MANY];
    int wrong = 0;
    (void)unused;
    atomic_store(&seen.count, 0);
    for (intptr_t i = 0; i < MANY; i++)
        callback[i] = weft_call_soon(note, (void *)i);
    for (intptr_t i = 0; i < MANY; i++) {
        void *result = NULL;
        wrong += weft_await(callback[i], &result) != 0;
        wrong += result != (void *)i;
    }
    cr_expect_eq(wrong, 0);
    cr_expect_eq(out_of_order(MANY), 0);
    return NULL;
}

Test(callback, soon_is_first_in_first_out, .timeout = 30)
{
    for (unsigned workers = 1; workers <= 4; workers++)
        cr_assert_eq(weft_test_run(workers, soon_in_order, NULL), 0);
}

static void *note_and_suspend(void *n)
{
    note(n);
    return weft_sleep(WEFT_US(10)) == 0 ? n : weft_fail(-EIO);
}

static void *each_waits_its_turn(void *unused)
{
    weft_future *callback[MANY];
    (void)unused;
    atomic_store(&seen.count, 0);
    for (intptr_t i = 0; i < 200; i++)
        callback[i] =
            weft_call_soon(i % 3 ? note : note_and_suspend, (void *)i);
    for (intptr_t i = 0; i < 200; i++)
        weft_await(callback[i], NULL);
    cr_expect_eq(out_of_order(200), 0);
    return NULL;
}

Test(callback, may_suspend_and_the_next_one_starts, .timeout = 30)
{
    for (unsigned workers = 1; workers <= 4; workers++)
        cr_assert_eq(weft_test_run(workers, each_waits_its_turn, NULL), 0);
}

/* At a moment */

static void *equal_deadlines(void *unused)
{
    weft_future *callback[MANY];
    (void)unused;
    atomic_store(&seen.count, 0);
    weft_pin(); /* the order is that of one loop */
    weft_time moment = weft_after(WEFT_MS(2));
    for (intptr_t i = 0; i < MANY; i++)
        callback[i] = weft_call_at(moment, note, (void *)i);
    for (intptr_t i = 0; i < MANY; i++)
        weft_await(callback[i], NULL);
    weft_unpin();
    cr_expect_eq(out_of_order(MANY), 0);
    return NULL;
}

Test(callback, equal_moments_keep_the_order_of_the_calls, .timeout = 30)
{
    cr_assert_eq(weft_test_run(1, equal_deadlines, NULL), 0);
    cr_assert_eq(weft_test_run(3, equal_deadlines, NULL), 0);
}

/* They become due while they are still being armed: an idle worker looks after
 * the busy one's timers, and both may fire at once. */
static void *due_all_the_time(void *unused)
{
    weft_future *callback[MANY];
    for (size_t round = 0; round < weft_test_scaled(500); round++) {
        atomic_store(&seen.count, 0);
        weft_pin();
        weft_time moment = weft_after(WEFT_MS(1) + (int)round % 8 * 20000);
        intptr_t n = 0;
        while (n < MANY && weft_now() < moment + WEFT_US(100)) {
            callback[n] = weft_call_at(moment, note, (void *)n);
            n++;
            for (volatile int i = 0; i < 500;)
                i++;
        }
        for (intptr_t i = 0; i < n; i++)
            weft_await(callback[i], NULL);
        weft_unpin();
        cr_expect_eq(out_of_order((int)n), 0, "round %zu", round);
    }
    return unused;
}

Test(callback, equal_moments_keep_the_order_with_two_who_fire, .timeout = 60)
{
    cr_assert_eq(weft_test_run(3, due_all_the_time, NULL), 0);
}

static void *read_clock(void *now)
{
    *(weft_time *)now = weft_now();
    return NULL;
}

static void *ordered_and_not_early(void *unused)
{
    weft_future *callback[100];
    weft_time ran[100] = {0};
    weft_time start = weft_now();
    int early = 0;
    (void)unused;
    for (int i = 0; i < 100; i++)
        callback[i] =
            weft_call_at(start + WEFT_US(37) * (100 - i), read_clock, &ran[i]);
    for (int i = 0; i < 100; i++) {
        weft_await(callback[i], NULL);
        early += ran[i] < start + WEFT_US(37) * (100 - i);
    }
    cr_expect_eq(early, 0);
    return NULL;
}

Test(callback, is_never_early, .timeout = 30)
{
    cr_assert_eq(weft_test_run(2, ordered_and_not_early, NULL), 0);
}

static void *extreme_moments(void *unused)
{
    static const weft_ns now[] = {0, -1, INT64_MIN};
    (void)unused;
    for (size_t i = 0; i < sizeof(now) / sizeof(now[0]); i++) {
        cr_expect_eq(weft_await(weft_call_later(now[i], note, NULL), NULL), 0);
        cr_expect_eq(weft_await(weft_call_at(now[i], note, NULL), NULL), 0);
    }
    static const weft_ns never[] = {INT64_MAX, INT64_MAX - 1, INT64_MAX / 2};
    int before = atomic_load(&seen.count);
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
        weft_future *callback = weft_call_later(never[i], note, NULL);
        weft_yield();
        cr_expect_eq(weft_cancel(callback), 0);
        cr_expect_eq(weft_await(callback, NULL), -WEFT_ECANCELED);
    }
    cr_expect_eq(atomic_load(&seen.count), before);
    return NULL;
}

Test(callback, moments_may_be_extreme, .timeout = 30)
{
    cr_assert_eq(weft_test_run(2, extreme_moments, NULL), 0);
}

/* Cancelling */

static void *dropped(void *unused)
{
    (void)unused;
    atomic_store(&seen.count, 0);
    weft_future *later = weft_call_later(WEFT_S(3600), note, NULL);
    weft_future *soon = weft_call_soon(note, NULL);
    cr_expect_eq(weft_cancel(later), 0);
    cr_expect_eq(weft_future_state(later), WEFT_FUTURE_CANCELLED, "at once");
    cr_expect_eq(weft_cancel(soon), 0);
    cr_expect_eq(weft_await(later, NULL), -WEFT_ECANCELED);
    cr_expect_eq(weft_await(soon, NULL), -WEFT_ECANCELED);
    cr_expect_eq(atomic_load(&seen.count), 0);
    return NULL;
}

Test(callback, cancelled_before_its_start_never_runs, .timeout = 30)
{
    cr_assert_eq(weft_test_run(1, dropped, NULL), 0);
}

static atomic_int release;

static void *held_up(void *unused)
{
    (void)unused;
    note(NULL);
    weft_test_yield_until(&release, 1);
    return weft_fail(weft_yield());
}

static void *cancel_running(void *unused)
{
    (void)unused;
    atomic_store(&seen.count, 0);
    atomic_store(&release, 0);
    weft_future *callback = weft_call_soon(held_up, NULL);
    weft_test_yield_until(&seen.count, 1);
    cr_expect_eq(weft_cancel(callback), 0);
    cr_expect_eq(weft_cancel(callback), 1);
    cr_expect_eq(weft_future_state(callback), WEFT_FUTURE_PENDING);
    atomic_store(&release, 1);
    cr_expect_eq(weft_await(callback, NULL), -WEFT_ECANCELED);
    return NULL;
}

Test(callback, that_runs_learns_of_its_cancellation, .timeout = 30)
{
    cr_assert_eq(weft_test_run(2, cancel_running, NULL), 0);
}

/* Ran plus cancelled is all of them: from a task and from a thread. */

static atomic_long ran;

static void *count_run(void *unused)
{
    (void)unused;
    atomic_fetch_add(&ran, 1);
    return value(1);
}

static void *race_in_task(void *arg)
{
    long n = *(long *)arg;
    long cancelled = 0;
    long succeeded = 0;
    long other = 0;
    atomic_store(&ran, 0);
    for (long i = 0; i < n; i++) {
        weft_future *callback =
            i % 2 ? weft_call_soon(count_run, NULL)
                  : weft_call_later(i % 5000, count_run, NULL);
        if (i % 8 == 7)
            weft_yield();
        int rc = weft_cancel(callback);
        int end = weft_await(callback, NULL);
        cancelled += end == -WEFT_ECANCELED;
        succeeded += end == 0;
        /* A callback that had started may end by itself after a 0. */
        other += (rc == 0 || rc == -WEFT_EALREADY) ? 0 : 1;
        other += rc == -WEFT_EALREADY && end != 0;
    }
    cr_expect_eq(other, 0);
    cr_expect_eq(succeeded, atomic_load(&ran));
    cr_expect_eq(succeeded + cancelled, n);
    return NULL;
}

Test(callback, ran_plus_cancelled_is_all, .timeout = 120)
{
    long n = (long)weft_test_scaled(500000);
    cr_assert_eq(weft_test_run(1, race_in_task, &n), 0);
    cr_assert_eq(weft_test_run(2, race_in_task, &n), 0);
}

static weft_runtime *shared;
static atomic_long cancelled_total;

static void *race_in_thread(void *arg)
{
    long n = *(long *)arg;
    long cancelled = 0;
    for (long i = 0; i < n; i++) {
        weft_future *callback =
            weft_call_soon_threadsafe(shared, count_run, NULL);
        if (i % 3)
            sched_yield();
        weft_cancel(callback);
        cancelled +=
            weft_wait_blocking(callback, WEFT_S(60), NULL) == -WEFT_ECANCELED;
    }
    atomic_fetch_add(&cancelled_total, cancelled);
    return NULL;
}

Test(callback, cancelled_by_threads_just_in_time, .timeout = 120)
{
    pthread_t thread[2];
    long n = (long)weft_test_scaled(20000);
    atomic_store(&ran, 0);
    atomic_store(&cancelled_total, 0);
    cr_assert_eq(weft_test_runtime(2, &shared), 0);
    for (int i = 0; i < 2; i++)
        pthread_create(&thread[i], NULL, race_in_thread, &n);
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    cr_assert_eq(atomic_load(&ran) + atomic_load(&cancelled_total), 2 * n);
    weft_runtime_unref(shared);
}

/* The end of the runtime */

static void *leave_some(void *unused)
{
    (void)unused;
    for (int i = 0; i < 100; i++)
        weft_detach(weft_call_later(WEFT_S(3600) + i, note, NULL));
    return NULL;
}

Test(callback, whose_moment_does_not_come_is_dropped, .timeout = 4)
{
    atomic_store(&seen.count, 0);
    cr_assert_eq(weft_test_run(2, leave_some, NULL), 0);
    cr_assert_eq(atomic_load(&seen.count), 0);
}
