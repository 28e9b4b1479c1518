// SPDX-License-Identifier: MIT
/*
 * Ending a runtime: by whom, how often, with which tasks alive, and dropping
 * the last reference in the oddest places.
 */
#include <weft/runtime.h>
#include <weft/scope.h>

#include <errno.h>
#include <pthread.h>

#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/test.h"

static weft_runtime *rt;
static atomic_int started;
static atomic_int ended;

/* Twice, and by several */

Test(shutdown, may_be_repeated, .timeout = 30)
{
    cr_assert_eq(weft_test_runtime(2, &rt), 0);
    cr_assert_eq(weft_runtime_ref(rt), rt);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(weft_runtime_shutdown(rt), 0);
    weft_runtime_unref(rt);
    cr_assert_eq(weft_runtime_shutdown(rt), 0);
    weft_runtime_unref(rt);
}

static void *shut_down(void *unused)
{
    (void)unused;
    return weft_fail(weft_runtime_shutdown(rt));
}

Test(shutdown, by_several_threads_at_once, .timeout = 60)
{
    for (size_t round = weft_test_scaled(200); round > 0; round--) {
        pthread_t thread[4];
        cr_assert_eq(weft_test_runtime(2, &rt), 0);
        weft_detach(weft_run_coroutine_threadsafe(rt, weft_test_forever, NULL));
        for (int i = 0; i < 4; i++)
            pthread_create(&thread[i], NULL, shut_down, NULL);
        for (int i = 0; i < 4; i++) {
            void *code;
            pthread_join(thread[i], &code);
            cr_expect_eq(weft_code(code), 0);
        }
        weft_runtime_unref(rt);
    }
}

/* Inside: it starts the end, and is one of those that must end. */

static void *lives_on(void *unused)
{
    (void)unused;
    atomic_store(&started, 1);
    int rc = weft_sleep(WEFT_FOREVER);
    /* Spawns of those that still run are taken, cancelled as their spawner. */
    weft_future *task = weft_spawn(weft_test_forever, NULL);
    int child = weft_await(task, NULL);
    atomic_store(&ended, rc == -WEFT_ECANCELED && child == -WEFT_ECANCELED);
    return NULL;
}

static void *ends_it(void *unused)
{
    (void)unused;
    weft_detach(weft_spawn(lives_on, NULL));
    weft_test_yield_until(&started, 1);
    cr_expect_eq(weft_runtime_shutdown(weft_running_loop()), 0);
    cr_expect(weft_cancelled());
    cr_expect_eq(weft_yield(), -WEFT_ECANCELED);
    return NULL;
}

static void reset(void)
{
    atomic_store(&started, 0);
    atomic_store(&ended, 0);
}

Test(shutdown, by_a_task_of_its_own, .timeout = 30, .init = reset)
{
    cr_assert_eq(weft_test_run(2, ends_it, NULL), 0);
    cr_assert_eq(atomic_load(&ended), 1);
}

static void *by_callback(void *unused)
{
    (void)unused;
    weft_detach(weft_spawn(lives_on, NULL));
    weft_test_yield_until(&started, 1);
    weft_detach(weft_call_soon(ends_it, NULL));
    return weft_fail(weft_sleep(WEFT_FOREVER));
}

Test(shutdown, by_a_callback_of_its_own, .timeout = 30, .init = reset)
{
    cr_assert_eq(weft_test_run(2, by_callback, NULL), -WEFT_ECANCELED);
    cr_assert_eq(atomic_load(&ended), 1);
}

/* It has handed its cancellation down, and sleeps until its child has ended:
 * it takes no step for each that the child takes. */

enum { SLOW = 50 };

static void *ends_slowly(void *unused)
{
    weft_scope shield;
    weft_shield_enter(&shield, WEFT_FOREVER);
    atomic_store(&started, 1);
    while (atomic_load(&ended) < SLOW && weft_sleep(WEFT_MS(1)) == 0)
        atomic_fetch_add(&ended, 1);
    weft_shield_exit(&shield, 0);
    return unused;
}

static void *joins(void *unused)
{
    (void)unused;
    return weft_fail(weft_await(weft_spawn(ends_slowly, NULL), NULL));
}

static void *leaves_to_join(void *unused)
{
    weft_detach(weft_spawn(joins, NULL));
    weft_await(weft_spawn(joins, NULL), NULL);
    return unused;
}

Test(shutdown, lets_joiners_sleep, .timeout = 60, .init = reset)
{
    for (unsigned workers = 1; workers <= 2; workers++) {
        weft_counters counters;
        reset();
        cr_assert_eq(weft_test_runtime(workers, &rt), 0);
        weft_detach(weft_run_coroutine_threadsafe(rt, leaves_to_join, NULL));
        weft_test_spin_until(&started, 1);
        cr_assert_eq(weft_runtime_shutdown(rt), 0);
        weft_stats(rt, &counters);
        cr_expect_lt(counters.steps, 5 * SLOW, "%llu steps",
                     (unsigned long long)counters.steps);
        weft_runtime_unref(rt);
    }
}

Test(shutdown, cancels_before_the_first_step, .timeout = 60)
{
    for (size_t round = weft_test_scaled(500); round > 0; round--) {
        weft_future *task[20];
        cr_assert_eq(weft_test_runtime(1 + (unsigned)round % 3, &rt), 0);
        for (int i = 0; i < 20; i++)
            task[i] = weft_run_coroutine_threadsafe(
                rt, i % 2 ? weft_test_forever : weft_test_echo, NULL);
        weft_runtime_unref(rt);
        for (int i = 0; i < 20; i++)
            cr_assert_eq(weft_wait_blocking(task[i], 0, NULL),
                         i % 2 ? -WEFT_ECANCELED : 0);
    }
}

/* The last reference. Whoever submits holds one of its own until the call has
 * returned; what it submits waits for that. */

static atomic_bool alone;

static void *drop_it(void *runtime)
{
    while (!atomic_load(&alone))
        weft_yield();
    atomic_fetch_add(&started, 1);
    weft_runtime_unref(runtime);
    atomic_fetch_add(&ended, 1);
    return NULL;
}

static void *drop_it_in_task(void *runtime)
{
    drop_it(runtime);
    /* It is one of those that must end. */
    return weft_fail(weft_sleep(WEFT_FOREVER));
}

Test(shutdown, when_a_task_drops_the_last_reference, .timeout = 60)
{
    for (size_t round = weft_test_scaled(200); round > 0; round--) {
        cr_assert_eq(weft_test_runtime(2, &rt), 0);
        atomic_store(&alone, false);
        weft_future *task = weft_run_coroutine_threadsafe(rt, drop_it_in_task,
                                                          weft_runtime_ref(rt));
        weft_runtime_unref(rt);
        atomic_store(&alone, true);
        cr_assert_eq(weft_wait_blocking(task, WEFT_FOREVER, NULL),
                     -WEFT_ECANCELED);
    }
}

Test(shutdown, when_a_callback_drops_the_last_reference, .timeout = 60)
{
    for (size_t round = weft_test_scaled(200); round > 0; round--) {
        cr_assert_eq(weft_test_runtime(2, &rt), 0);
        atomic_store(&alone, false);
        weft_future *call =
            weft_call_soon_threadsafe(rt, drop_it, weft_runtime_ref(rt));
        weft_runtime_unref(rt);
        atomic_store(&alone, true);
        cr_assert_eq(weft_wait_blocking(call, WEFT_FOREVER, NULL), 0);
    }
}

static void *drop_other(void *other)
{
    weft_runtime_unref(other);
    return weft_fail(weft_yield());
}

Test(shutdown, when_a_task_of_another_runtime_does, .timeout = 60)
{
    for (size_t round = weft_test_scaled(100); round > 0; round--) {
        cr_assert_eq(weft_test_runtime(2, &rt), 0);
        weft_future *task =
            weft_run_coroutine_threadsafe(rt, weft_test_forever, NULL);
        cr_assert_eq(weft_test_run(1, drop_other, rt), 0);
        cr_assert_eq(weft_wait_blocking(task, WEFT_FOREVER, NULL),
                     -WEFT_ECANCELED);
    }
}

static void *drop_on_thread(void *runtime)
{
    weft_runtime_unref(runtime);
    return NULL;
}

Test(shutdown, when_a_foreign_thread_does, .timeout = 60)
{
    for (size_t round = weft_test_scaled(200); round > 0; round--) {
        pthread_t thread;
        cr_assert_eq(weft_test_runtime(2, &rt), 0);
        weft_future *task =
            weft_run_coroutine_threadsafe(rt, weft_test_forever, NULL);
        pthread_create(&thread, NULL, drop_on_thread, weft_runtime_ref(rt));
        weft_runtime_unref(rt);
        cr_assert_eq(weft_wait_blocking(task, WEFT_FOREVER, NULL),
                     -WEFT_ECANCELED);
        pthread_join(thread, NULL);
    }
}

/* Submissions before and during the end get an answer: tests/stress. What was
 * accepted before is done even if nobody waits for it. */

static void *count_end(void *unused)
{
    (void)unused;
    atomic_fetch_add(&ended, 1);
    return NULL;
}

Test(shutdown, runs_what_was_accepted, .timeout = 60, .init = reset)
{
    cr_assert_eq(weft_test_runtime(2, &rt), 0);
    for (int i = 0; i < 1000; i++)
        weft_detach(weft_run_coroutine_threadsafe(rt, count_end, NULL));
    weft_runtime_unref(rt);
    cr_assert_eq(atomic_load(&ended), 1000);
}
