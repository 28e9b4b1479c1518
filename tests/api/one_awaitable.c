// SPDX-License-Identifier: MIT
/* One awaitable: whatever is a future can be waited for by OS threads,
 * coroutines and callbacks at once; each learns of it, once. */
#include <weft/task.h>

#include <errno.h>
#include <pthread.h>
#include <weft/exec.h>

#include "tests/support/run.h"
#include "tests/support/test.h"

#define WAITERS 8

static weft_future *future;
static atomic_int called;
static atomic_int waiting;
static atomic_int wrong;
static atomic_int released;

static void check(int rc, const void *result)
{
    if (rc != 0 || result != weft_test_value(42))
        atomic_fetch_add(&wrong, 1);
}

static void *wait_as_thread(void *unused)
{
    void *result = NULL;
    atomic_fetch_add(&waiting, 1);
    int rc = weft_wait_blocking(future, WEFT_FOREVER, &result);
    check(rc, result);
    return unused;
}

static void *wait_as_coroutine(void *unused)
{
    void *result = NULL;
    atomic_fetch_add(&waiting, 1);
    int rc = weft_await(future, &result);
    check(rc, result);
    return unused;
}

static void *called_when_done(void *unused)
{
    void *result = NULL;
    int rc = weft_future_result(future, &result);
    check(rc, result);
    atomic_fetch_add(&called, 1);
    return unused;
}

/* Each kind of producer, held back until everybody waits. */

static void *answer(void *unused)
{
    (void)unused;
    weft_test_yield_until(&released, 1);
    return weft_test_value(42);
}

static void *answer_in_thread(void *unused)
{
    (void)unused;
    weft_test_spin_until(&released, 1);
    return weft_test_value(42);
}

static weft_future *by_hand(void)
{
    return weft_future_new();
}

static weft_future *by_task(void)
{
    return weft_spawn(answer, NULL);
}

static weft_future *by_callback(void)
{
    return weft_call_soon(answer, NULL);
}

static weft_future *by_timer(void)
{
    return weft_call_later(WEFT_MS(1), answer, NULL);
}

static weft_future *by_executor(void)
{
    return weft_run_in_executor(NULL, answer_in_thread, NULL);
}

static void *all_wait(void *produce)
{
    pthread_t thread[WAITERS];
    weft_future *task[WAITERS];
    atomic_store(&called, 0);
    atomic_store(&waiting, 0);
    atomic_store(&released, 0);
    future = (*(weft_future * (**)(void)) produce)();
    for (int i = 0; i < WAITERS; i++) {
        weft_future_ref(future);
        weft_future_ref(future);
        task[i] = weft_spawn(wait_as_coroutine, NULL);
        pthread_create(&thread[i], NULL, wait_as_thread, NULL);
        cr_expect_eq(
            weft_future_add_done_callback(future, called_when_done, NULL), 0);
    }
    weft_test_yield_until(&waiting, 2 * WAITERS);
    for (int i = 0; i < 20; i++)
        weft_yield();
    atomic_store(&released, 1);
    weft_future_set_result(future, weft_test_value(42)); /* -EINVAL for most */
    for (int i = 0; i < WAITERS; i++) {
        cr_expect_eq(weft_await(task[i], NULL), 0);
        pthread_join(thread[i], NULL);
    }
    weft_test_yield_until(&called, WAITERS);
    cr_expect_eq(weft_await(future, NULL), 0);
    return NULL;
}

Test(one_awaitable, waited_for_by_all_at_once, .timeout = 60)
{
    weft_future *(*kinds[])(void) = {by_hand, by_task, by_callback, by_timer,
                                     by_executor};
    atomic_store(&wrong, 0);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        for (int round = 0; round < 5; round++) {
            cr_assert_eq(weft_test_run(2, all_wait, &kinds[i]), 0);
            cr_assert_eq(atomic_load(&called), WAITERS, "kind %zu", i);
            cr_assert_eq(atomic_load(&wrong), 0, "kind %zu", i);
        }
}
