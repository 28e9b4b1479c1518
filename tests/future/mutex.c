// SPDX-License-Identifier: MIT
/*
 * The mutex: one at a time, whoever waits is served or leaves in peace, nobody
 * starves, and misuse has an answer.
 */
#include <weft/mutex.h>

#include <errno.h>
#include <pthread.h>
#include <weft/scope.h>
#include <weft/wait.h>

#include "tests/support/run.h"
#include "tests/support/seeds.h"

#define value(n) weft_test_value(n)

static weft_mutex mutex;

static void renew(void)
{
    mutex = (weft_mutex)WEFT_MUTEX_INIT;
}

/* Virtual; a cancelled task does not rest. */
static void rest(unsigned us)
{
    int rc = weft_sleep(WEFT_US(us));
    check(rc == 0 || rc == -WEFT_ECANCELED);
}

/* Answers */

static void *try_of_another(void *unused)
{
    (void)unused;
    return weft_fail(weft_mutex_trylock(&mutex));
}

static void *unlock_of_another(void *unused)
{
    (void)unused;
    return weft_fail(weft_mutex_unlock(&mutex));
}

static void *ask_all(void *unused)
{
    (void)unused;
    check_eq(weft_mutex_unlock(&mutex), -EPERM);
    check_eq(weft_mutex_lock(&mutex), 0);
    check_eq(weft_mutex_lock(&mutex), -WEFT_EDEADLK);
    check_eq(weft_mutex_trylock(&mutex), -WEFT_EBUSY);
    check_eq(weft_mutex_lock_blocking(&mutex, 0), -WEFT_EDEADLK);
    check_eq(weft_await(weft_spawn(try_of_another, NULL), NULL), -WEFT_EBUSY);
    check_eq(weft_await(weft_spawn(unlock_of_another, NULL), NULL), -EPERM);
    check_eq(weft_mutex_unlock(&mutex), 0);
    check_eq(weft_mutex_trylock(&mutex), 0);
    check_eq(weft_mutex_unlock(&mutex), 0);
    return NULL;
}

Test(mutex, has_an_answer_to_everything, .init = renew, .timeout = 30)
{
    weft_test_everywhere(3, ask_all);
}

Test(mutex, of_a_thread, .init = renew, .timeout = 30)
{
    cr_assert_eq(weft_mutex_lock(&mutex), -WEFT_ENORUNTIME);
    cr_assert_eq(weft_mutex_unlock(&mutex), -EPERM);
    cr_assert_eq(weft_mutex_lock_blocking(&mutex, 0), 0, "it is free");
    cr_assert_eq(weft_mutex_lock_blocking(&mutex, 0), -WEFT_EDEADLK);
    cr_assert_eq(weft_mutex_lock_blocking(&mutex, WEFT_S(1)), -WEFT_EDEADLK);
    cr_assert_eq(weft_mutex_trylock(&mutex), -WEFT_EBUSY);
    cr_assert_eq(weft_mutex_unlock(&mutex), 0);
    cr_assert_eq(weft_mutex_trylock(&mutex), 0);
    cr_assert_eq(weft_mutex_unlock(&mutex), 0);
}

/* Cancelled and late */

static void *lock_it(void *unused)
{
    (void)unused;
    int rc = weft_mutex_lock(&mutex);
    return weft_fail(rc < 0 ? rc : weft_mutex_unlock(&mutex));
}

static int lock_within(weft_ns limit)
{
    weft_scope scope;
    weft_timeout_enter(&scope, limit);
    return weft_timeout_exit(&scope, weft_mutex_lock(&mutex));
}

static void *late(void *unused)
{
    (void)unused;
    return weft_fail(lock_within(WEFT_MS(1)));
}

static void *cancelled_or_late(void *unused)
{
    (void)unused;
    weft_future *early = weft_spawn(lock_it, NULL);
    weft_cancel(early);
    check_eq(weft_await(early, NULL), -WEFT_ECANCELED); /* though it is free */
    check_eq(weft_mutex_lock(&mutex), 0);
    weft_future *waits = weft_spawn(lock_it, NULL);
    weft_future *stays = weft_spawn(lock_it, NULL);
    check_eq(weft_await(weft_spawn(late, NULL), NULL), -WEFT_ETIMEOUT);
    weft_cancel(waits);
    check_eq(weft_await(waits, NULL), -WEFT_ECANCELED);
    weft_cancel(weft_current());
    check_eq(weft_mutex_unlock(&mutex), 0); /* a release */
    check_eq(weft_mutex_lock(&mutex), -WEFT_ECANCELED);
    check_eq(weft_await(weft_future_ref(stays), NULL), -WEFT_ECANCELED);
    weft_scope shield;
    weft_shield_enter(&shield, WEFT_S(10));
    check_eq(weft_shield_exit(&shield, weft_await(stays, NULL)), 0);
    return NULL;
}

Test(mutex, cancelled_or_late, .init = renew, .timeout = 60)
{
    weft_test_seeds(300, cancelled_or_late);
}

/* One that was woken, loses to its waker and is cancelled: the next one in line
 * must not wait for it. */
static void *woken_and_cancelled(void *unused)
{
    (void)unused;
    check_eq(weft_mutex_lock(&mutex), 0);
    weft_future *first = weft_spawn(lock_it, NULL);
    rest(100);
    weft_future *second = weft_spawn(lock_it, NULL);
    rest(100);
    check_eq(weft_mutex_unlock(&mutex), 0);
    if (weft_test_draw(2) == 0 && weft_mutex_trylock(&mutex) == 0) {
        weft_cancel(first);
        rest(weft_test_draw(3000));
        check_eq(weft_mutex_unlock(&mutex), 0);
    } else {
        weft_cancel(first);
    }
    int rc = weft_await(first, NULL);
    check(rc == 0 || rc == -WEFT_ECANCELED);
    check_eq(weft_await(second, NULL), 0);
    check_eq(weft_mutex_trylock(&mutex), 0);
    check_eq(weft_mutex_unlock(&mutex), 0);
    return NULL;
}

Test(mutex, a_wake_is_passed_on, .init = renew, .timeout = 60)
{
    weft_test_seeds(1000, woken_and_cancelled);
}

/* One at a time */

#define TASKS 12

static atomic_int inside;
static atomic_long locked, failed;

static void stay_inside(void)
{
    weft_scope shield;
    check_eq(atomic_fetch_add(&inside, 1), 0);
    weft_shield_enter(&shield, WEFT_S(1));
    int rc = weft_test_draw(2) ? weft_yield()
                               : weft_sleep(WEFT_US(weft_test_draw(400)));
    check_eq(weft_shield_exit(&shield, rc), 0);
    check_eq(atomic_fetch_sub(&inside, 1), 1);
}

static void *use_it(void *unused)
{
    (void)unused;
    for (int i = 0; i < 10; i++) {
        unsigned how = weft_test_draw(8);
        int rc = how == 0   ? weft_mutex_trylock(&mutex)
                 : how == 1 ? lock_within(WEFT_US(weft_test_draw(2000)))
                            : weft_mutex_lock(&mutex);
        if (rc < 0) {
            atomic_fetch_add(&failed, 1);
            continue;
        }
        atomic_fetch_add(&locked, 1);
        if (weft_test_draw(3) > 0)
            stay_inside();
        check_eq(weft_mutex_unlock(&mutex), 0);
    }
    return NULL;
}

static void *one_at_a_time(void *unused)
{
    weft_future *task[TASKS];
    (void)unused;
    atomic_store(&locked, 0);
    atomic_store(&failed, 0);
    for (int i = 0; i < TASKS; i++)
        task[i] = weft_spawn(use_it, NULL);
    for (int i = 0; i < TASKS / 3; i++) {
        rest(weft_test_draw(2000));
        weft_cancel(task[weft_test_draw(TASKS)]);
    }
    check_eq(weft_gather(task, TASKS, NULL), 0);
    check_eq(atomic_load(&locked) + atomic_load(&failed), TASKS * 10);
    check_eq(weft_mutex_trylock(&mutex), 0); /* nobody was left behind */
    check_eq(weft_mutex_unlock(&mutex), 0);
    return NULL;
}

Test(mutex, one_at_a_time, .init = renew, .timeout = 120)
{
    weft_test_seeds(1000, one_at_a_time);
}

/* Old waiters are served, in the order in which they came. */

static int order[TASKS];
static int served;

static void *note_turn(void *number)
{
    check_eq(weft_mutex_lock(&mutex), 0);
    order[served++] = (int)(uintptr_t)number;
    return weft_fail(weft_mutex_unlock(&mutex));
}

static void *in_order(void *unused)
{
    weft_future *task[TASKS];
    (void)unused;
    served = 0;
    check_eq(weft_mutex_lock(&mutex), 0);
    for (uintptr_t i = 0; i < TASKS; i++) {
        task[i] = weft_spawn(note_turn, value(i));
        rest(20 + weft_test_draw(30)); /* it is in line by then */
    }
    if (weft_test_draw(2)) { /* the first is woken, in vain: it stays first */
        check_eq(weft_mutex_unlock(&mutex), 0);
        check_eq(weft_mutex_trylock(&mutex), 0);
    }
    rest(2000);
    check_eq(weft_mutex_unlock(&mutex), 0);
    check_eq(weft_mutex_trylock(&mutex), -WEFT_EBUSY); /* was handed over */
    check_eq(weft_gather(task, TASKS, NULL), 0);
    for (int i = 0; i < TASKS; i++)
        check_eq(order[i], i);
    return NULL;
}

Test(mutex, old_waiters_are_served_in_order, .init = renew, .timeout = 60)
{
    weft_test_seeds(300, in_order);
}

static bool over;

/* Unlocks, and has it again before anybody else can run. */
static void *greedy(void *unused)
{
    (void)unused;
    int rc = 0;
    while (!over && rc == 0) {
        rc = weft_mutex_lock(&mutex);
        if (rc == 0) {
            rc = weft_sleep(WEFT_US(50));
            weft_mutex_unlock(&mutex);
        }
    }
    return weft_fail(rc);
}

static void *nobody_starves(void *unused)
{
    weft_future *hogs[3];
    (void)unused;
    over = false;
    for (int i = 0; i < 3; i++)
        hogs[i] = weft_spawn(greedy, NULL);
    for (int i = 0; i < 5; i++) {
        rest(500);
        weft_time start = weft_now(); /* virtual */
        check_eq(weft_mutex_lock(&mutex), 0);
        check(weft_now() - start < WEFT_MS(3));
        check_eq(weft_mutex_unlock(&mutex), 0);
    }
    over = true;
    check_eq(weft_gather(hogs, 3, NULL), 0);
    return NULL;
}

Test(mutex, nobody_starves, .init = renew, .timeout = 60)
{
    weft_test_seeds(300, nobody_starves);
}

/* Threads and coroutines */

static weft_runtime *rt;
static long counter; /* under the mutex */

static void *count_in_task(void *times)
{
    int rc = 0;
    for (uintptr_t i = 0; i < (uintptr_t)times && rc == 0; i++) {
        rc = weft_mutex_lock(&mutex);
        if (rc < 0)
            break;
        counter++;
        if (i % 64 == 0)
            rc = weft_yield();
        weft_mutex_unlock(&mutex);
    }
    return weft_fail(rc);
}

static void *count_in_thread(void *times)
{
    long wrong = 0;
    for (uintptr_t i = 0; i < (uintptr_t)times; i++) {
        wrong += weft_mutex_lock_blocking(&mutex, WEFT_FOREVER) != 0;
        counter++;
        wrong += weft_mutex_unlock(&mutex) != 0;
    }
    return value(wrong);
}

Test(mutex, two_coroutines_and_two_threads, .init = renew, .timeout = 120)
{
    void *times = value(weft_test_scaled(20000));
    weft_future *task[2];
    pthread_t thread[2];
    void *wrong;
    counter = 0;
    cr_assert_eq(weft_test_runtime(2, &rt), 0);
    for (int i = 0; i < 2; i++)
        task[i] = weft_run_coroutine_threadsafe(rt, count_in_task, times);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(pthread_create(&thread[i], NULL, count_in_thread, times),
                     0);
    for (int i = 0; i < 2; i++) {
        pthread_join(thread[i], &wrong);
        cr_expect_null(wrong);
        cr_expect_eq(weft_wait_blocking(task[i], WEFT_FOREVER, NULL), 0);
    }
    cr_expect_eq(counter, 4 * (long)(uintptr_t)times);
    weft_runtime_unref(rt);
}

/* Its worker runs others, and a thread gives up when its time is over. */

static atomic_int steps;

static void *hold(void *until)
{
    int rc = weft_mutex_lock(&mutex);
    atomic_fetch_add(&steps, 1);
    weft_test_yield_until(&steps, (int)(uintptr_t)until);
    weft_mutex_unlock(&mutex);
    return weft_fail(rc);
}

Test(mutex, waiting_blocks_no_worker, .init = renew, .timeout = 60)
{
    atomic_store(&steps, 0);
    cr_assert_eq(weft_test_runtime(1, &rt), 0);
    weft_future *holds = weft_run_coroutine_threadsafe(rt, hold, value(2));
    weft_test_spin_until(&steps, 1);
    weft_future *waits = weft_run_coroutine_threadsafe(rt, lock_it, NULL);
    cr_expect_eq(weft_mutex_lock_blocking(&mutex, 0), -WEFT_ETIMEOUT);
    cr_expect_eq(weft_mutex_lock_blocking(&mutex, WEFT_MS(2)), -WEFT_ETIMEOUT);
    cr_expect_eq(weft_mutex_unlock(&mutex), -EPERM);
    atomic_store(&steps, 2);
    cr_expect_eq(weft_mutex_lock_blocking(&mutex, WEFT_FOREVER), 0);
    cr_expect_eq(weft_mutex_unlock(&mutex), 0);
    cr_expect_eq(weft_wait_blocking(holds, WEFT_FOREVER, NULL), 0);
    cr_expect_eq(weft_wait_blocking(waits, WEFT_FOREVER, NULL), 0);
    weft_runtime_unref(rt);
}
