// SPDX-License-Identifier: MIT
/*
 * A plain counter under a mutex, from coroutines of two runtimes and from
 * threads, some of them impatient: each lock that succeeded counts once.
 */
#include <weft/mutex.h>

#include <pthread.h>
#include <string.h>
#include <weft/scope.h>

#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/test.h"

#define TASKS 16 /* of each runtime */
#define THREADS 4

struct user {
    struct weft_test_random random;
    size_t times;
    long locked, wrong;
    pthread_t thread;
    weft_future *task;
};

static weft_mutex mutex;
static long counter; /* under it */

static weft_ns some_time(struct user *user)
{
    return weft_test_below(&user->random, 4)
               ? WEFT_FOREVER
               : (weft_ns)weft_test_below(&user->random, 20000);
}

/* What a lock came to, and what is done under it. */
static void use(struct user *user, int rc, bool yield)
{
    user->wrong += rc != 0 && rc != -WEFT_ETIMEOUT && rc != -WEFT_EBUSY;
    if (rc != 0)
        return;
    user->locked++;
    counter++;
    if (yield)
        user->wrong += weft_yield() != 0;
    user->wrong += weft_mutex_unlock(&mutex) != 0;
}

static void *use_in_task(void *arg)
{
    struct user *user = arg;
    for (size_t i = 0; i < user->times; i++) {
        weft_scope scope;
        weft_timeout_enter(&scope, some_time(user));
        int rc = weft_timeout_exit(&scope, weft_mutex_lock(&mutex));
        use(user, rc, weft_test_below(&user->random, 16) == 0);
    }
    return NULL;
}

static void *use_in_thread(void *arg)
{
    struct user *user = arg;
    for (size_t i = 0; i < user->times; i++) {
        bool try = weft_test_below(&user->random, 8) == 0;
        int rc = try ? weft_mutex_trylock(&mutex)
                     : weft_mutex_lock_blocking(&mutex, some_time(user));
        use(user, rc, false);
    }
    return NULL;
}

static void all(unsigned workers, size_t times)
{
    struct user user[2 * TASKS + THREADS];
    weft_runtime *rt[2];
    long locked = 0;
    counter = 0;
    memset(user, 0, sizeof(user));
    for (int i = 0; i < 2; i++)
        cr_assert_eq(weft_test_runtime(workers, &rt[i]), 0);
    for (int i = 0; i < 2 * TASKS + THREADS; i++) {
        user[i].random.state = weft_test_seed() + (uint64_t)i;
        user[i].times = times;
        if (i < 2 * TASKS)
            user[i].task =
                weft_run_coroutine_threadsafe(rt[i % 2], use_in_task, &user[i]);
        else
            cr_assert_eq(
                pthread_create(&user[i].thread, NULL, use_in_thread, &user[i]),
                0);
    }
    for (int i = 0; i < 2 * TASKS + THREADS; i++) {
        if (i < 2 * TASKS)
            cr_expect_eq(weft_wait_blocking(user[i].task, WEFT_FOREVER, NULL),
                         0);
        else
            pthread_join(user[i].thread, NULL);
        cr_expect_eq(user[i].wrong, 0);
        locked += user[i].locked;
    }
    cr_expect_eq(counter, locked);
    cr_expect_eq(weft_mutex_trylock(&mutex), 0, "nobody was left behind");
    cr_expect_eq(weft_mutex_unlock(&mutex), 0);
    for (int i = 0; i < 2; i++)
        weft_runtime_unref(rt[i]);
}

Test(mutex, one_worker_each, .timeout = 240)
{
    all(1, weft_test_scaled(40000));
}

Test(mutex, two_workers_each, .timeout = 240)
{
    all(2, weft_test_scaled(40000));
}

Test(mutex, many_workers, .timeout = 240)
{
    all(8, weft_test_scaled(10000));
}
