// SPDX-License-Identifier: MIT
/*
 * Who is idle looks after who is stuck: whatever a worker that does not come
 * back has queued is run by somebody else. And who has nothing to do sleeps.
 */
#include <weft/task.h>

#include <pthread.h>

#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/sim.h"
#include "tests/support/test.h"

static atomic_int flag;

static void *set_flag(void *unused)
{
    (void)unused;
    atomic_fetch_add(&flag, 1);
    return NULL;
}

/* Without a suspension: this worker is stuck until another one has helped. */
static void wait_stuck(int value)
{
    weft_test_spin_until(&flag, value);
}

/* One piece of work, of each kind, queued by a worker that then is stuck. */

static void *stuck_with_spawn(void *unused)
{
    (void)unused;
    weft_future *task = weft_spawn(set_flag, NULL);
    wait_stuck(1);
    return weft_fail(weft_await(task, NULL));
}

static void *suspend_then_flag(void *unused)
{
    (void)unused;
    atomic_fetch_add(&flag, 1);
    int rc = weft_suspend();
    atomic_fetch_add(&flag, 1);
    return weft_fail(rc);
}

static void *stuck_with_woken(void *unused)
{
    (void)unused;
    weft_future *task = weft_spawn(suspend_then_flag, NULL);
    weft_test_yield_until(&flag, 1);
    weft_yield();
    weft_ready(task);
    wait_stuck(2);
    return weft_fail(weft_await(task, NULL));
}

static void *stuck_with_callback(void *unused)
{
    (void)unused;
    weft_future *callback = weft_call_soon(set_flag, NULL);
    wait_stuck(1);
    return weft_fail(weft_await(callback, NULL));
}

static void *stuck_with_timer(void *unused)
{
    (void)unused;
    weft_future *callback = weft_call_later(WEFT_US(500), set_flag, NULL);
    wait_stuck(1);
    return weft_fail(weft_await(callback, NULL));
}

static void *stuck_with_yielded(void *unused)
{
    (void)unused;
    weft_future *task = weft_spawn(suspend_then_flag, NULL);
    weft_ready(task);
    wait_stuck(2);
    return weft_fail(weft_await(task, NULL));
}

static void *rescues(void *unused)
{
    weft_fn *const kinds[] = {stuck_with_spawn, stuck_with_woken,
                              stuck_with_callback, stuck_with_timer,
                              stuck_with_yielded};
    (void)unused;
    for (int round = 0; round < 20; round++)
        for (int i = 0; i < 5; i++) {
            atomic_store(&flag, 0);
            weft_future *task = weft_spawn(kinds[i], NULL);
            cr_expect_eq(weft_await(task, NULL), 0, "kind %d", i);
        }
    return NULL;
}

Test(idle, one_piece_of_work_with_a_stuck_worker, .timeout = 60)
{
    for (unsigned workers = 2; workers <= 4; workers++)
        cr_assert_eq(weft_test_run(workers, rescues, NULL), 0);
}

/* All but one are stuck: the last one runs what they wait for. */

static atomic_int arrived;

static void *stuck_until_flag(void *unused)
{
    (void)unused;
    atomic_fetch_add(&arrived, 1);
    wait_stuck(1);
    return NULL;
}

static void *last_one(void *workers)
{
    weft_future *task[8];
    int n = *(int *)workers - 1;
    atomic_store(&flag, 0);
    atomic_store(&arrived, 0);
    for (int i = 0; i < n - 1; i++)
        task[i] = weft_spawn(stuck_until_flag, NULL);
    weft_test_spin_until(&arrived, n - 1);
    weft_future *helper = weft_spawn(set_flag, NULL);
    wait_stuck(1);
    for (int i = 0; i < n - 1; i++)
        weft_await(task[i], NULL);
    return weft_fail(weft_await(helper, NULL));
}

Test(idle, all_but_one_are_stuck, .timeout = 60)
{
    for (int workers = 2; workers <= 8; workers++)
        for (int round = 0; round < 20; round++)
            cr_assert_eq(weft_test_run((unsigned)workers, last_one, &workers),
                         0);
}

/* Submitted from outside to the loop of a stuck worker. */

static weft_runtime *rt;

static void *submit_flag(void *unused)
{
    weft_detach(weft_run_coroutine_threadsafe(rt, set_flag, NULL));
    return unused;
}

static void *stuck_until_submitted(void *unused)
{
    (void)unused;
    atomic_fetch_add(&arrived, 1);
    wait_stuck(8);
    return NULL;
}

Test(idle, submissions_to_a_stuck_worker, .timeout = 60)
{
    for (size_t round = weft_test_scaled(100); round > 0; round--) {
        pthread_t thread[8];
        atomic_store(&flag, 0);
        atomic_store(&arrived, 0);
        cr_assert_eq(weft_test_runtime(2, &rt), 0);
        weft_detach(
            weft_run_coroutine_threadsafe(rt, stuck_until_submitted, NULL));
        weft_test_spin_until(&arrived, 1);
        for (int i = 0; i < 8; i++)
            pthread_create(&thread[i], NULL, submit_flag, NULL);
        for (int i = 0; i < 8; i++)
            pthread_join(thread[i], NULL);
        weft_test_spin_until(&flag, 8);
        weft_runtime_unref(rt);
    }
}

/* In simulation: the number of parks does not depend on how long one sleeps. */

static void *sleep_for(void *duration)
{
    return weft_fail(weft_sleep(*(weft_ns *)duration));
}

static uint64_t parks_in(uint64_t seed, weft_ns duration)
{
    struct weft_sim_report report;
    cr_assert_eq(weft_sim_run(seed, 4, sleep_for, &duration, &report), 0);
    cr_assert_eq(report.code, 0);
    return report.counters.parks;
}

Test(idle, sleeps_without_looking_round, .timeout = 60)
{
    size_t seeds = weft_test_scaled(200);
    for (uint64_t seed = 0; seed < seeds; seed++) {
        uint64_t second = parks_in(seed, WEFT_S(1));
        uint64_t day = parks_in(seed, WEFT_S(86400));
        cr_assert_leq(day, second + 8, "%llu in a second, %llu in a day",
                      (unsigned long long)second, (unsigned long long)day);
    }
}
