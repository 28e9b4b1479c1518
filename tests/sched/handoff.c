// SPDX-License-Identifier: MIT
/*
 * Hand-off: nothing waits for a worker that is stuck in a task, not even with
 * one worker; what it held goes elsewhere.
 */
#define _GNU_SOURCE
#include <weft/fork.h>
#include <weft/future.h>
#include <weft/inspect.h>
#include <weft/task.h>

#include <errno.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/test.h"
#include "tests/support/thread.h"

static atomic_int flag;

static void *raise_flag(void *unused)
{
    atomic_fetch_add(&flag, 1);
    return unused;
}

static weft_counters counters(void)
{
    weft_counters sum;
    weft_stats(weft_running_loop(), &sum);
    return sum;
}

/* The two kinds of being stuck. */

static void compute_until(int value)
{
    while (atomic_load(&flag) < value)
        ;
}

static void block_until(int value)
{
    while (atomic_load(&flag) < value)
        usleep(3000);
}

typedef void (*stuck_fn)(int value);

/* Everything that can lie with a worker is found by another one: a task, a
 * woken one, a callback, a timer. */
static void *hold_with_all_of_it(void *stuck)
{
    weft_future *gate = weft_future_new();
    weft_future *task[4];
    atomic_store(&flag, 0);
    cr_assert_eq(weft_future_add_done_callback(gate, raise_flag, NULL), 0);
    task[0] = weft_spawn(raise_flag, NULL);
    task[1] = weft_call_soon(raise_flag, NULL);
    task[2] = weft_call_later(WEFT_MS(2), raise_flag, NULL);
    weft_future_set_result(gate, NULL);
    (*(stuck_fn *)stuck)(4);
    task[3] = weft_spawn(raise_flag, NULL); /* from where nobody takes it */
    (*(stuck_fn *)stuck)(5);
    for (int i = 0; i < 4; i++)
        cr_expect_eq(weft_await(task[i], NULL), 0);
    weft_future_unref(gate);
    return NULL;
}

static void *hold_the_only_one(void *stuck)
{
    hold_with_all_of_it(stuck);
    cr_expect_geq(counters().handoffs, 1);
    return NULL;
}

static void hold_workers(stuck_fn stuck)
{
    cr_assert_eq(weft_test_run(1, hold_the_only_one, &stuck), 0);
    for (unsigned workers = 2; workers <= 3; workers++)
        cr_assert_eq(weft_test_run(workers, hold_with_all_of_it, &stuck), 0);
}

Test(handoff, from_who_computes, .timeout = 60)
{
    hold_workers(compute_until);
}

Test(handoff, from_who_blocks, .timeout = 60)
{
    hold_workers(block_until);
}

/* Everybody is stuck, and more than there are CPUs. */

static void *waits_for_flag(void *stuck)
{
    (*(stuck_fn *)stuck)(1);
    return NULL;
}

static void *many_are_stuck(void *stuck)
{
    weft_future *task[16];
    atomic_store(&flag, 0);
    for (int i = 0; i < 16; i++)
        task[i] = weft_spawn(waits_for_flag, stuck);
    weft_await(weft_call_later(WEFT_MS(30), raise_flag, NULL), NULL);
    for (int i = 0; i < 16; i++)
        cr_expect_eq(weft_await(task[i], NULL), 0);
    return NULL;
}

Test(handoff, lets_the_timer_pass_many, .timeout = 60)
{
    stuck_fn kinds[] = {compute_until, block_until};
    for (unsigned i = 0; i < 4; i++)
        cr_assert_eq(weft_test_run(1 + i / 2, many_are_stuck, &kinds[i % 2]),
                     0);
}

/* Pinned tasks stay where they are, and are woken there. */

static void *stays(void *gate)
{
    pid_t thread = gettid();
    bool good = true;
    weft_pin();
    raise_flag(NULL);
    for (int i = 0; i < 100; i++) {
        good = good && weft_yield() == 0 && gettid() == thread;
        if (i % 10 == 0)
            good = good && weft_sleep(WEFT_US(10)) == 0 && gettid() == thread;
    }
    compute_until(2);
    good = good && weft_await(gate, NULL) == 0 && gettid() == thread;
    weft_unpin();
    return good ? NULL : weft_fail(-EIO);
}

static void *pinned_to_a_stuck_worker(void *unused)
{
    weft_future *gate = weft_future_new();
    atomic_store(&flag, 0);
    weft_future *task = weft_spawn(stays, weft_future_ref(gate));
    weft_test_yield_until(&flag, 1);
    weft_future *raiser = weft_spawn(raise_flag, NULL);
    cr_expect_eq(weft_await(raiser, NULL), 0);
    weft_future_set_result(gate, NULL);
    cr_expect_eq(weft_await(task, NULL), 0);
    weft_future_unref(gate);
    return unused;
}

Test(handoff, leaves_pinned_tasks_where_they_are, .timeout = 60)
{
    for (size_t round = weft_test_scaled(20); round > 0; round--)
        for (unsigned workers = 1; workers <= 2; workers++)
            cr_assert_eq(weft_test_run(workers, pinned_to_a_stuck_worker, NULL),
                         0);
}

/* A spare that runs its pinned task is not called. */

static atomic_int stop;
static atomic_int there;

static void *yields(void *unused)
{
    while (!atomic_load(&stop))
        weft_yield();
    return unused;
}

static void *pinned_and_stuck(void *unused)
{
    weft_pin();
    for (int i = 1; i <= 2; i++) {
        atomic_store(&there, i);
        block_until(i);
        weft_yield();
    }
    weft_unpin();
    return unused;
}

static void *beside_a_busy_spare(void *unused)
{
    stuck_fn stuck = block_until;
    atomic_store(&flag, 0);
    atomic_store(&stop, 0);
    atomic_store(&there, 0);
    weft_future *yielder = weft_spawn(yields, NULL);
    weft_future *pinned = weft_spawn(pinned_and_stuck, NULL);
    weft_test_yield_until(&there, 1);
    raise_flag(NULL);
    weft_test_yield_until(&there, 2); /* it is a spare, and stuck again */
    weft_future *task = weft_spawn(hold_the_only_one, &stuck);
    cr_expect_eq(weft_await(task, NULL), 0);
    cr_expect_eq(weft_await(pinned, NULL), 0);
    atomic_store(&stop, 1);
    weft_await(yielder, NULL);
    return unused;
}

Test(handoff, not_to_a_spare_that_is_busy, .timeout = 60)
{
    cr_assert_eq(weft_test_run(1, beside_a_busy_spare, NULL), 0);
}

static void *says_so(void *unused)
{
    cr_expect_eq(weft_blocking_enter(), 0);
    cr_expect_eq(weft_blocking_enter(), 0);
    block_until(1);
    cr_expect_eq(weft_blocking_exit(), 0);
    cr_expect_eq(weft_blocking_exit(), 0);
    cr_expect_eq(weft_blocking_exit(), -EINVAL);
    for (int i = 0; i < 100; i++) { /* short ones, so it stays where it is */
        cr_expect_eq(weft_blocking_enter(), 0);
        cr_expect_eq(weft_blocking_exit(), 0);
    }
    cr_expect_eq(weft_blocking_enter(), 0);
    cr_expect_eq(weft_sleep(WEFT_MS(1)), 0);
    cr_expect_eq(weft_blocking_exit(), -EINVAL, "it has suspended");
    return unused;
}

static void *blocks_and_says_so(void *unused)
{
    weft_future *task[3];
    atomic_store(&flag, 0);
    for (int i = 0; i < 2; i++)
        task[i] = weft_spawn(says_so, NULL);
    task[2] = weft_spawn(raise_flag, NULL);
    for (int i = 0; i < 3; i++)
        cr_expect_eq(weft_await(task[i], NULL), 0);
    cr_expect_eq(counters().demotions, 0);
    return unused;
}

Test(handoff, at_once_for_who_says_so, .timeout = 60)
{
    cr_expect_eq(weft_blocking_enter(), -WEFT_ENORUNTIME);
    cr_expect_eq(weft_blocking_exit(), -WEFT_ENORUNTIME);
    for (size_t round = weft_test_scaled(20); round > 0; round--)
        for (unsigned workers = 1; workers <= 2; workers++)
            cr_assert_eq(weft_test_run(workers, blocks_and_says_so, NULL), 0);
}

/* Threads come and go. */

static unsigned threads_of(weft_runtime *rt)
{
    weft_runtime_info info;
    weft_info(rt, &info);
    return info.threads;
}

Test(handoff, threads_end_when_nobody_needs_them, .timeout = 60)
{
    weft_runtime *rt;
    stuck_fn kinds[] = {compute_until, block_until};
    cr_assert_eq(weft_test_runtime(2, &rt), 0);
    unsigned before = threads_of(rt);
    for (int i = 0; i < 2; i++) {
        weft_future *task =
            weft_run_coroutine_threadsafe(rt, many_are_stuck, &kinds[i]);
        cr_assert_eq(weft_wait_blocking(task, WEFT_FOREVER, NULL), 0);
        cr_expect_gt(threads_of(rt), before);
    }
    while (threads_of(rt) > before)
        usleep(10000);
    weft_runtime_unref(rt);
}

/* There may be no thread left: then others help out as they can. */
Test(handoff, works_without_threads, .timeout = 60)
{
    weft_options options = {
        .size = sizeof(options), .workers = 2, .max_threads = 2};
    stuck_fn stuck = compute_until;
    weft_runtime *rt;
    cr_assert_eq(weft_runtime_new(&options, &rt), 0);
    atomic_store(&flag, 0);
    weft_future *task =
        weft_run_coroutine_threadsafe(rt, waits_for_flag, &stuck);
    weft_future *other = weft_run_coroutine_threadsafe(rt, raise_flag, NULL);
    cr_expect_eq(weft_wait_blocking(task, WEFT_FOREVER, NULL), 0);
    cr_expect_eq(weft_wait_blocking(other, WEFT_FOREVER, NULL), 0);
    weft_runtime_unref(rt);
}

/* The end finds them all. */

static void *in_the_background_for_good(void *unused)
{
    while (weft_yield() == 0)
        weft_test_compute_for(WEFT_MS(3));
    return unused;
}

static void *leaves_them(void *unused)
{
    weft_future *task[6];
    for (int i = 0; i < 6; i++)
        task[i] = weft_spawn(in_the_background_for_good, NULL);
    cr_assert_eq(weft_sleep(WEFT_MS(60)), 0);
    for (int i = 0; i < 6; i++)
        weft_detach(task[i]);
    return unused;
}

Test(handoff, ends_with_the_runtime, .timeout = 60)
{
    for (size_t round = weft_test_scaled(20); round > 0; round--)
        for (unsigned workers = 1; workers <= 3; workers++)
            cr_assert_eq(weft_test_run(workers, leaves_them, NULL), 0);
}
