// SPDX-License-Identifier: MIT
/* Several runtimes in one process: none runs what is another's, and a future
 * may be awaited from any of them. */
#include <weft/runtime.h>

#include <errno.h>
#include <weft/stats.h>

#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/test.h"

#define RUNTIMES 3

static weft_runtime *rt[RUNTIMES];
static atomic_long astray; /* tasks that ran on another's worker */

static void *check_home(void *home)
{
    if (weft_running_loop() != home)
        atomic_fetch_add(&astray, 1);
    weft_yield();
    if (weft_running_loop() != home)
        atomic_fetch_add(&astray, 1);
    return NULL;
}

static void *spawn_many(void *home)
{
    size_t n = weft_test_scaled(10000);
    for (size_t i = 0; i < n; i += 50) {
        weft_future *task[50];
        for (int j = 0; j < 50; j++)
            task[j] = weft_spawn(check_home, home);
        for (int j = 0; j < 50; j++)
            weft_await(task[j], NULL);
    }
    return NULL;
}

Test(two_runtimes, keep_to_themselves, .timeout = 60)
{
    weft_future *main[RUNTIMES];
    atomic_store(&astray, 0);
    for (int i = 0; i < RUNTIMES; i++)
        cr_assert_eq(weft_test_runtime(2, &rt[i]), 0);
    for (int i = 0; i < RUNTIMES; i++)
        main[i] = weft_run_coroutine_threadsafe(rt[i], spawn_many, rt[i]);
    for (int i = 0; i < RUNTIMES; i++)
        cr_assert_eq(weft_wait_blocking(main[i], WEFT_FOREVER, NULL), 0);
    cr_assert_eq(atomic_load(&astray), 0);
    for (int i = 0; i < RUNTIMES; i++)
        weft_runtime_unref(rt[i]);
}

/* Four loops each in two runtimes await the same future. */

static atomic_int waiting;
static atomic_int woken;

struct waiter {
    weft_future *future;
    weft_runtime *home;
};

static void *await_it(void *arg)
{
    struct waiter *waiter = arg;
    void *result = NULL;
    atomic_fetch_add(&waiting, 1);
    int rc = weft_await(weft_future_ref(waiter->future), &result);
    if (rc != 0 || result != weft_test_value(11) ||
        weft_running_loop() != waiter->home)
        return weft_fail(-EIO);
    atomic_fetch_add(&woken, 1);
    return NULL;
}

static void all_await(weft_future *shared, bool by_hand)
{
    enum { MANY = 32 };
    weft_future *task[MANY];
    struct waiter waiter[MANY];
    atomic_store(&woken, 0);
    for (int i = 0; i < MANY; i++) {
        waiter[i] = (struct waiter){shared, rt[i % 2]};
        task[i] =
            weft_run_coroutine_threadsafe(rt[i % 2], await_it, &waiter[i]);
    }
    weft_test_spin_until(&waiting, MANY);
    if (by_hand)
        cr_assert_eq(weft_future_set_result(shared, weft_test_value(11)), 0);
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(weft_wait_blocking(task[i], WEFT_FOREVER, NULL), 0);
    cr_assert_eq(atomic_load(&woken), MANY);
    weft_future_unref(shared);
}

static void *eleven(void *unused)
{
    (void)unused;
    weft_test_yield_until(&waiting, 32);
    return weft_test_value(11);
}

Test(two_runtimes, await_one_future, .timeout = 60)
{
    cr_assert_eq(weft_test_runtime(4, &rt[0]), 0);
    cr_assert_eq(weft_test_runtime(4, &rt[1]), 0);
    for (size_t round = weft_test_scaled(50); round > 0; round--) {
        atomic_store(&waiting, 0);
        all_await(weft_future_new(), true);
        atomic_store(&waiting, 0);
        all_await(weft_run_coroutine_threadsafe(rt[0], eleven, NULL), false);
    }
    weft_runtime_unref(rt[0]);
    weft_runtime_unref(rt[1]);
}

/* A runtime that ended while a task of another one waited for its task. */

static void *await_foreign(void *future)
{
    return weft_fail(weft_await(future, NULL));
}

Test(two_runtimes, one_ends_under_the_others_await, .timeout = 60)
{
    cr_assert_eq(weft_test_runtime(2, &rt[0]), 0);
    for (size_t round = weft_test_scaled(200); round > 0; round--) {
        cr_assert_eq(weft_test_runtime(2, &rt[1]), 0);
        weft_future *task =
            weft_run_coroutine_threadsafe(rt[1], weft_test_forever, NULL);
        weft_future *waiter =
            weft_run_coroutine_threadsafe(rt[0], await_foreign, task);
        weft_runtime_unref(rt[1]);
        cr_assert_eq(weft_wait_blocking(waiter, WEFT_FOREVER, NULL),
                     -WEFT_ECANCELED);
    }
    weft_runtime_unref(rt[0]);
}
