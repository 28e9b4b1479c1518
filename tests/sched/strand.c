// SPDX-License-Identifier: MIT
/*
 * Strands: one callback starts after the other, a suspended one does not hold
 * up the next, and none of it starves the tasks.
 */
#include <weft/task.h>

#include "sched/atomic.h"
#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/test.h"

/* Never two at once before their first suspension */

static atomic_int inside;
static atomic_int overlaps;
static atomic_long ran;

static void *alone(void *suspends)
{
    atomic_fetch_add(&overlaps, atomic_fetch_add(&inside, 1) != 0);
    /* Time for another worker to start the next one. */
    for (int i = 0; i < 100; i++)
        weft__pause();
    if (atomic_load(&ran) % 8 == 0) /* may cost milliseconds */
        sched_yield();
    atomic_fetch_sub(&inside, 1);
    if (suspends != NULL)
        weft_yield();
    atomic_fetch_add(&ran, 1);
    return NULL;
}

static void *one_after_the_other(void *unused)
{
    long n = (long)weft_test_scaled(5000);
    (void)unused;
    atomic_store(&ran, 0);
    atomic_store(&overlaps, 0);
    weft_pin(); /* one loop, so one strand */
    for (long i = 0; i < n; i++) {
        weft_detach(weft_call_soon(alone, weft_test_value(i % 3)));
        if (i % 100 == 0)
            weft_yield();
    }
    weft_unpin();
    while (atomic_load(&ran) < n)
        weft_yield();
    return NULL;
}

Test(strand, starts_one_after_the_other, .timeout = 60)
{
    for (unsigned workers = 1; workers <= 4; workers++) {
        cr_assert_eq(weft_test_run(workers, one_after_the_other, NULL), 0);
        cr_assert_eq(atomic_load(&overlaps), 0);
    }
}

/* One that suspends for good lets all others go */

static void *sleeps_for_good(void *unused)
{
    return weft_test_forever(unused);
}

static void *count(void *unused)
{
    (void)unused;
    atomic_fetch_add(&ran, 1);
    return NULL;
}

static void *past_a_sleeper(void *unused)
{
    weft_future *sleeper[50];
    (void)unused;
    atomic_store(&ran, 0);
    for (int i = 0; i < 50; i++) {
        sleeper[i] = weft_call_soon(sleeps_for_good, NULL);
        weft_detach(weft_call_soon(count, NULL));
    }
    while (atomic_load(&ran) < 50)
        weft_yield();
    for (int i = 0; i < 50; i++) {
        cr_expect_eq(weft_future_state(sleeper[i]), WEFT_FUTURE_PENDING);
        weft_cancel(sleeper[i]);
        cr_expect_eq(weft_await(sleeper[i], NULL), -WEFT_ECANCELED);
    }
    return NULL;
}

Test(strand, goes_on_without_one_that_suspended, .timeout = 60)
{
    for (unsigned workers = 1; workers <= 3; workers++)
        cr_assert_eq(weft_test_run(workers, past_a_sleeper, NULL), 0);
}

/* Callbacks that call callbacks for ever do not keep a task from running. */

static atomic_int stop;

static void *again(void *unused)
{
    atomic_fetch_add(&ran, 1);
    if (!atomic_load(&stop))
        weft_detach(weft_call_soon(again, unused));
    return NULL;
}

static void *beside_a_chain(void *unused)
{
    (void)unused;
    atomic_store(&stop, 0);
    for (int i = 0; i < 3; i++)
        weft_detach(weft_call_soon(again, NULL));
    for (int i = 0; i < 1000; i++)
        weft_yield();
    cr_expect_eq(weft_sleep(WEFT_US(100)), 0, "timers come, too");
    atomic_store(&stop, 1);
    return NULL;
}

Test(strand, does_not_starve_tasks, .timeout = 60)
{
    cr_assert_eq(weft_test_run(1, beside_a_chain, NULL), 0);
    cr_assert_eq(weft_test_run(2, beside_a_chain, NULL), 0);
}

/* A callback is a small task: it may spawn, await, pin itself. */

static void *does_all(void *unused)
{
    (void)unused;
    weft_pin();
    int before = weft_worker_index();
    int wrong = 0;
    for (intptr_t i = 1; i < 20; i++) {
        void *result = NULL;
        weft_future *task = weft_spawn(weft_test_echo, weft_test_value(i));
        wrong += weft_await(task, &result) != 0;
        wrong += result != weft_test_value(i);
        wrong += weft_worker_index() != before;
        wrong += weft_sleep(1000) != 0;
    }
    weft_unpin();
    return weft_test_value(wrong);
}

static void *small_tasks(void *unused)
{
    weft_future *callback[20];
    (void)unused;
    for (int i = 0; i < 20; i++)
        callback[i] = weft_call_soon(does_all, NULL);
    for (int i = 0; i < 20; i++) {
        void *wrong = NULL;
        cr_expect_eq(weft_await(callback[i], &wrong), 0);
        cr_expect_null(wrong);
    }
    return NULL;
}

Test(strand, runs_small_tasks, .timeout = 60)
{
    for (unsigned workers = 1; workers <= 3; workers++)
        cr_assert_eq(weft_test_run(workers, small_tasks, NULL), 0);
}
