// SPDX-License-Identifier: MIT
/* The one-word lock: it excludes, wakes who sleeps, and costs no system call
 * when nobody else wants it. */
#include "sched/lock.h"

#include <pthread.h>
#include <sched.h>

#include "tests/support/scale.h"
#include "tests/support/test.h"

static struct weft__lock lock;
static long plain; /* under the lock: without any atomic */
static atomic_int inside;

struct contender {
    pthread_t thread;
    long rounds;
    long wrong;
};

static void *contend(void *arg)
{
    struct contender *contender = arg;
    for (long i = 0; i < contender->rounds; i++) {
        weft__lock(&lock);
        contender->wrong += atomic_fetch_add(&inside, 1) != 0;
        plain++;
        if (i % 64 == 0)
            sched_yield(); /* a holder that lost its CPU */
        atomic_fetch_sub(&inside, 1);
        weft__unlock(&lock);
    }
    return NULL;
}

Test(lock, lets_one_in_at_a_time, .timeout = 120)
{
    enum { THREADS = 8 };
    struct contender contender[THREADS] = {0};
    long rounds = (long)weft_test_scaled(100000);
    for (int i = 0; i < THREADS; i++) {
        contender[i].rounds = rounds;
        pthread_create(&contender[i].thread, NULL, contend, &contender[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(contender[i].thread, NULL);
        cr_expect_eq(contender[i].wrong, 0);
    }
    cr_assert_eq(plain, rounds * THREADS);
    cr_assert_eq(weft__load_relaxed(&lock.word), 0);
}

Test(lock, trying_does_not_wait)
{
    cr_assert(weft__lock_try(&lock));
    cr_assert(!weft__lock_try(&lock));
    weft__unlock(&lock);
    cr_assert(weft__lock_try(&lock));
    weft__unlock(&lock);
}

/* System calls, counted */

static atomic_int waits;
static atomic_int wakes;

static long count_wait(const void *word, uint32_t seen, int64_t until)
{
    atomic_fetch_add(&waits, 1);
    return weft__os_real.futex_wait(word, seen, until);
}

static long count_wake(const void *word, int count)
{
    atomic_fetch_add(&wakes, 1);
    return weft__os_real.futex_wake(word, count);
}

static void *lock_once(void *unused)
{
    weft__lock(&lock);
    weft__unlock(&lock);
    return unused;
}

Test(lock, asks_the_kernel_only_when_it_must, .timeout = 60)
{
    pthread_t thread;
    struct weft__os os = weft__os_real;
    os.futex_wait = count_wait;
    os.futex_wake = count_wake;
    weft__os = &os;
    for (int i = 0; i < 1000; i++)
        lock_once(NULL);
    cr_expect_eq(atomic_load(&waits) + atomic_load(&wakes), 0);
    weft__lock(&lock);
    pthread_create(&thread, NULL, lock_once, NULL);
    while (atomic_load(&waits) == 0)
        sched_yield();
    weft__unlock(&lock);
    pthread_join(thread, NULL);
    weft__os = &weft__os_real;
    cr_assert_geq(atomic_load(&wakes), 1);
}
