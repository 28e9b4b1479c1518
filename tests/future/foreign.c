// SPDX-License-Identifier: MIT
/*
 * The doors for foreign threads: coroutines and callbacks submitted from
 * outside, their order, their limit, and answers after the end.
 */
#include <weft/runtime.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/test.h"

#define value(n) weft_test_value(n)

static weft_runtime *rt;

static void *fail_with(void *code)
{
    return weft_fail((int)(intptr_t)code);
}

static void *who_am_i(void *unused)
{
    (void)unused;
    return weft_current() != NULL && weft_running_loop() == rt
               ? rt
               : weft_fail(-EIO);
}

/* Results */

Test(foreign, gets_value_and_error, .timeout = 30)
{
    void *result = value(1);
    cr_assert_eq(weft_test_runtime(2, &rt), 0);
    weft_future *task = weft_run_coroutine_threadsafe(rt, who_am_i, NULL);
    cr_assert_eq(weft_wait_blocking(task, WEFT_FOREVER, &result), 0);
    cr_assert_eq(result, rt);
    task =
        weft_run_coroutine_threadsafe(rt, fail_with, (void *)(intptr_t)-ENOENT);
    cr_assert_eq(weft_wait_blocking(task, WEFT_FOREVER, &result), -ENOENT);
    cr_assert_null(result);
    task = weft_call_soon_threadsafe(rt, who_am_i, NULL);
    cr_assert_eq(weft_wait_blocking(task, WEFT_FOREVER, &result), 0);
    cr_assert_eq(result, rt);
    weft_runtime_unref(rt);
}

Test(foreign, may_cancel_and_wait, .timeout = 30)
{
    cr_assert_eq(weft_test_runtime(2, &rt), 0);
    for (int i = 0; i < 1000; i++) {
        weft_future *task =
            weft_run_coroutine_threadsafe(rt, weft_test_forever, NULL);
        if (i % 2)
            cr_assert_eq(weft_wait_blocking(task, WEFT_US(i % 50), NULL),
                         -WEFT_ETIMEOUT);
        cr_assert_eq(weft_cancel(task), 0);
        cr_assert_eq(weft_wait_blocking(task, WEFT_FOREVER, NULL),
                     -WEFT_ECANCELED);
    }
    weft_runtime_unref(rt);
}

/* Order: the callbacks of one thread start in the order of its calls. */

struct producer {
    int calls;
    int last; /* written by callbacks of this producer, one at a time */
    atomic_int wrong;
    atomic_int ran;
};

struct call {
    struct producer *producer;
    int number;
};

static void *one_call(void *arg)
{
    struct call *call = arg;
    struct producer *producer = call->producer;
    if (call->number != producer->last + 1)
        atomic_fetch_add(&producer->wrong, 1);
    producer->last = call->number;
    atomic_fetch_add(&producer->ran, 1);
    return NULL;
}

static void *produce(void *arg)
{
    struct producer *producer = arg;
    struct call *calls = calloc((size_t)producer->calls, sizeof(*calls));
    int refused = 0;
    for (int i = 0; i < producer->calls; i++) {
        calls[i] = (struct call){producer, i + 1};
        weft_future *call = weft_call_soon_threadsafe(rt, one_call, &calls[i]);
        if (weft_future_state(call) == WEFT_FUTURE_FAILED)
            refused++;
        weft_detach(call);
        if (i % 1024 == 1023) /* do not outrun them by more than the limit */
            weft_test_spin_until(&producer->ran, i - 100000);
    }
    weft_test_spin_until(&producer->ran, producer->calls - refused);
    free(calls);
    return value(refused);
}

Test(foreign, calls_keep_the_order_of_their_thread, .timeout = 120)
{
    enum { PRODUCERS = 4 };
    pthread_t thread[PRODUCERS];
    struct producer producer[PRODUCERS] = {0};
    int n = (int)weft_test_scaled(500000);
    cr_assert_eq(weft_test_runtime(2, &rt), 0);
    for (int i = 0; i < PRODUCERS; i++) {
        producer[i].calls = n;
        pthread_create(&thread[i], NULL, produce, &producer[i]);
    }
    for (int i = 0; i < PRODUCERS; i++) {
        void *refused;
        pthread_join(thread[i], &refused);
        cr_expect_null(refused, "%d of %d refused", (int)(uintptr_t)refused, n);
        cr_expect_eq(atomic_load(&producer[i].ran), n);
        cr_expect_eq(atomic_load(&producer[i].wrong), 0);
    }
    weft_runtime_unref(rt);
}

/* The limit */

static atomic_int held;
static atomic_int release;

static void *hold(void *unused)
{
    (void)unused;
    atomic_fetch_add(&held, 1);
    weft_test_spin_until(&release, 1);
    return NULL;
}

static void hold_worker(void)
{
    atomic_store(&held, 0);
    atomic_store(&release, 0);
    weft_detach(weft_run_coroutine_threadsafe(rt, hold, NULL));
    weft_test_spin_until(&held, 1);
}

typedef weft_future *submit_fn(weft_runtime *, weft_fn *, void *);

/* Ten rounds, so that what has started is seen not to count any more. */
static void limited(submit_fn *submit)
{
    enum { LIMIT = 100 };
    weft_future *waiting[LIMIT];
    weft_options options = {
        .size = sizeof(options), .workers = 1, .submit_limit = LIMIT};
    options.no_monitor = true; /* it would hand over what is held */
    cr_assert_eq(weft_runtime_new(&options, &rt), 0);
    for (int round = 0; round < 10; round++) {
        hold_worker();
        for (int i = 0; i < LIMIT; i++) {
            waiting[i] = submit(rt, weft_test_echo, value(i));
            cr_assert_eq(weft_future_state(waiting[i]), WEFT_FUTURE_PENDING,
                         "refused %d in round %d", i, round);
        }
        for (int i = 0; i < LIMIT; i++)
            cr_assert_eq(
                weft_wait_blocking(submit(rt, weft_test_echo, NULL), 0, NULL),
                -WEFT_EBUSY);
        if (round % 2)
            for (int i = 0; i < LIMIT; i += 2)
                weft_cancel(waiting[i]);
        atomic_store(&release, 1);
        for (int i = 0; i < LIMIT; i++)
            (void)weft_wait_blocking(waiting[i], WEFT_FOREVER, NULL);
    }
    weft_runtime_unref(rt);
}

Test(foreign, submissions_of_coroutines_are_limited, .timeout = 30)
{
    limited(weft_run_coroutine_threadsafe);
}

Test(foreign, submissions_of_callbacks_are_limited, .timeout = 30)
{
    limited(weft_call_soon_threadsafe);
}

/* The end */

Test(foreign, is_refused_after_the_end, .timeout = 30)
{
    cr_assert_eq(weft_test_runtime(2, &rt), 0);
    weft_future *before =
        weft_run_coroutine_threadsafe(rt, weft_test_forever, NULL);
    cr_assert_eq(weft_runtime_shutdown(rt), 0);
    weft_future *after =
        weft_run_coroutine_threadsafe(rt, weft_test_echo, NULL);
    cr_assert_eq(weft_future_result(after, NULL), -WEFT_ESHUTDOWN);
    cr_assert_eq(weft_wait_blocking(after, WEFT_FOREVER, NULL),
                 -WEFT_ESHUTDOWN);
    after = weft_call_soon_threadsafe(rt, weft_test_echo, NULL);
    cr_assert_eq(weft_wait_blocking(after, 0, NULL), -WEFT_ESHUTDOWN);
    cr_assert_eq(weft_cancel(before), -WEFT_EALREADY);
    weft_runtime_unref(rt);
    cr_assert_eq(weft_wait_blocking(before, 0, NULL), -WEFT_ECANCELED);
}

Test(foreign, futures_outlive_their_runtime, .timeout = 30)
{
    enum { MANY = 2000 };
    weft_future *task[MANY];
    cr_assert_eq(weft_test_runtime(2, &rt), 0);
    for (int i = 0; i < MANY; i++)
        task[i] = weft_run_coroutine_threadsafe(rt, weft_test_echo, value(i));
    for (int i = 0; i < MANY; i++)
        while (weft_future_state(task[i]) == WEFT_FUTURE_PENDING)
            sched_yield();
    weft_runtime_unref(rt);
    for (int i = 0; i < MANY; i++) {
        void *result = NULL;
        weft_future_ref(task[i]);
        cr_assert_eq(weft_wait_blocking(task[i], 0, &result), 0);
        cr_assert_eq(result, value(i));
    }
    for (int i = 0; i < MANY; i++)
        weft_future_unref(task[i]);
}

/* From inside, the doors lead straight in. */
static void *from_inside(void *unused)
{
    void *result = NULL;
    (void)unused;
    rt = weft_running_loop();
    weft_future *task = weft_run_coroutine_threadsafe(rt, who_am_i, NULL);
    cr_expect_eq(weft_await(task, &result), 0);
    weft_future *call = weft_call_soon_threadsafe(rt, who_am_i, NULL);
    cr_expect_eq(weft_await(call, &result), 0);
    return NULL;
}

Test(foreign, the_doors_work_from_inside, .timeout = 30)
{
    cr_assert_eq(weft_test_run(2, from_inside, NULL), 0);
}
