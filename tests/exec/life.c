// SPDX-License-Identifier: MIT
/* How pools, their threads and their futures come and go: no job is pending
 * for ever, whoever ends first. */
#include <errno.h>
#include <stdatomic.h>
#include <weft.h>

#include "tests/support/fault.h"
#include "tests/support/scale.h"
#include "tests/support/test.h"

#define JOBS 50

#define WITH_ACCOUNT                                                           \
    .init = weft_test_faults_open, .fini = weft_test_faults_close

/* All that was taken must be back. */
static void run(weft_options options, weft_fn *fn, void *arg)
{
    struct weft_test_balance before = weft_test_balance();
    options.size = sizeof(options);
    int rc = weft_run_with(&options, fn, arg, NULL);
    cr_assert_eq(rc, 0, "%s", weft_strerror(rc));
    cr_assert(weft_test_balanced(&before));
}

static const weft_options two_workers = {.workers = 2};

/* A thread that stands still until it may go on. */
struct stop {
    atomic_bool there, go;
};

static void *stand_still(void *arg)
{
    struct stop *stop = arg;
    atomic_store(&stop->there, true);
    while (!atomic_load(&stop->go))
        ;
    return arg;
}

static weft_future *stop_thread(weft_executor *pool, struct stop *stop)
{
    weft_future *job = weft_run_in_executor(pool, stand_still, stop);
    while (!atomic_load(&stop->there) && weft_yield() == 0)
        ;
    return job;
}

static void *count_one(void *arg)
{
    atomic_fetch_add((atomic_uint *)arg, 1);
    return arg;
}

/* Shutting a pool down */

static void *shut_down(void *pool)
{
    return weft_fail(weft_executor_shutdown(pool));
}

static void *shut_down_cancelled(void *pool)
{
    weft_cancel(weft_current());
    return shut_down(pool);
}

/* One job runs and others wait when the pool is shut down. */
static unsigned end_with(weft_fn *fn, int outcome)
{
    struct stop stop = {0};
    atomic_uint ran = 0;
    weft_executor *pool;
    weft_future *job[JOBS];
    cr_expect_eq(weft_thread_pool_new(1, &pool), 0);
    weft_future *first = stop_thread(pool, &stop);
    for (int i = 0; i < JOBS; i++)
        job[i] = weft_run_in_executor(pool, count_one, &ran);
    weft_future *end = weft_spawn(fn, pool);
    if (outcome < 0) /* they are dropped before the running one ends */
        for (int i = 0; i < JOBS; i++)
            cr_expect_eq(weft_await(job[i], NULL), outcome);
    atomic_store(&stop.go, true);
    cr_expect_eq(weft_await(end, NULL), 0);
    cr_expect_eq(weft_await(first, NULL), 0);
    if (outcome == 0)
        for (int i = 0; i < JOBS; i++)
            cr_expect_eq(weft_await(job[i], NULL), 0);
    return atomic_load(&ran);
}

static void *finish_body(void *unused)
{
    cr_expect_eq(end_with(shut_down, 0), JOBS);
    return unused;
}

Test(executor_life, shutdown_finishes_what_waits, WITH_ACCOUNT, .timeout = 60)
{
    run(two_workers, finish_body, NULL);
}

static void *drop_body(void *unused)
{
    cr_expect_eq(end_with(shut_down_cancelled, -WEFT_ECANCELED), 0);
    return unused;
}

Test(executor_life, in_a_cancelled_task_it_drops_them, WITH_ACCOUNT,
     .timeout = 60)
{
    run(two_workers, drop_body, NULL);
}

static void *misuse_body(void *unused)
{
    weft_executor *pool;
    cr_expect_eq(weft_thread_pool_new(0, &pool), -EINVAL);
    cr_expect_eq(weft_executor_shutdown(NULL), 0);
    return unused;
}

Test(executor_life, outside_and_misuse, WITH_ACCOUNT, .timeout = 60)
{
    atomic_uint ran = 0;
    run(two_workers, misuse_body, NULL);
    weft_future *job = weft_run_in_executor(NULL, count_one, &ran);
    cr_assert_eq(weft_wait_blocking(job, WEFT_FOREVER, NULL), -WEFT_ENORUNTIME);
    cr_assert_eq(weft_to_thread(count_one, &ran, NULL), -WEFT_ENORUNTIME);
    cr_assert_eq(weft_job_cancelled(), false);
    cr_assert_eq(atomic_load(&ran), 0);
}

/* The limit of threads */

static void *no_thread_body(void *unused)
{
    atomic_uint ran = 0;
    weft_executor *pool;
    cr_expect_eq(weft_to_thread(count_one, &ran, NULL), -EAGAIN);
    cr_expect_eq(weft_thread_pool_new(4, &pool), 0);
    weft_future *job = weft_run_in_executor(pool, count_one, &ran);
    cr_expect_eq(weft_await(job, NULL), -EAGAIN);
    cr_expect_eq(atomic_load(&ran), 0);
    cr_expect_eq(weft_executor_shutdown(pool), 0);
    return unused;
}

Test(executor_life, no_thread_to_be_had, WITH_ACCOUNT, .timeout = 60)
{
    run((weft_options){.workers = 2, .max_threads = 2}, no_thread_body, NULL);
}

static void *one_thread_body(void *unused)
{
    atomic_uint ran = 0;
    weft_future *job[JOBS];
    for (int i = 0; i < JOBS; i++)
        job[i] = weft_run_in_executor(NULL, count_one, &ran);
    for (int i = 0; i < JOBS; i++)
        cr_expect_eq(weft_await(job[i], NULL), 0);
    cr_expect_eq(atomic_load(&ran), JOBS);
    return unused;
}

Test(executor_life, one_thread_is_enough, WITH_ACCOUNT, .timeout = 60)
{
    run((weft_options){.workers = 2, .max_threads = 3}, one_thread_body, NULL);
}

/* Futures that outlive */

static void *outlive_body(void *arg)
{
    weft_future **kept = arg;
    weft_executor *pool;
    cr_expect_eq(weft_thread_pool_new(2, &pool), 0);
    kept[0] = weft_run_in_executor(pool, count_one, &kept[2]);
    kept[1] = weft_run_in_executor(NULL, count_one, &kept[2]);
    cr_expect_eq(weft_executor_shutdown(pool), 0);
    return NULL;
}

Test(executor_life, futures_outlive_pool_and_runtime, WITH_ACCOUNT,
     .timeout = 60)
{
    weft_future *kept[3] = {NULL};
    struct weft_test_balance before = weft_test_balance();
    cr_assert_eq(weft_run(outlive_body, kept, NULL), 0);
    for (int i = 0; i < 2; i++) {
        void *result = NULL;
        cr_assert_eq(weft_future_state(kept[i]), WEFT_FUTURE_DONE);
        cr_assert_eq(weft_cancel(kept[i]), -WEFT_EALREADY);
        cr_assert_eq(weft_wait_blocking(kept[i], 0, &result), 0);
        cr_assert_eq(result, (void *)&kept[2]);
    }
    cr_assert(weft_test_balanced(&before));
}

/* A pool that nobody shuts down: its jobs end, then it, with the runtime. */
static void *leave_body(void *arg)
{
    weft_executor *pool;
    cr_expect_eq(weft_thread_pool_new(3, &pool), 0);
    for (int i = 0; i < JOBS; i++)
        weft_detach(weft_run_in_executor(i % 2 ? pool : NULL, count_one, arg));
    return NULL;
}

Test(executor_life, a_pool_left_ends_with_the_runtime, WITH_ACCOUNT,
     .timeout = 120)
{
    size_t rounds = weft_test_scaled(200);
    for (size_t i = 0; i < rounds; i++) {
        atomic_uint ran = 0;
        run(two_workers, leave_body, &ran);
        cr_assert_eq(atomic_load(&ran), JOBS);
    }
}

/* From callbacks */

static void *submit_and_wait(void *arg)
{
    weft_future *job = weft_run_in_executor(NULL, count_one, arg);
    return weft_fail(weft_await(job, NULL));
}

static void *submit_and_leave(void *arg)
{
    weft_detach(weft_run_in_executor(NULL, count_one, arg));
    return NULL;
}

static void *callback_body(void *arg)
{
    weft_future *waits = weft_call_soon(submit_and_wait, arg);
    weft_future *leaves = weft_call_later(WEFT_US(10), submit_and_leave, arg);
    weft_future *job = weft_run_in_executor(NULL, count_one, arg);
    cr_expect_eq(weft_future_add_done_callback(job, submit_and_leave, arg), 0);
    cr_expect_eq(weft_await(job, NULL), 0);
    cr_expect_eq(weft_await(waits, NULL), 0);
    cr_expect_eq(weft_await(leaves, NULL), 0);
    while (atomic_load((atomic_uint *)arg) < 4 && weft_yield() == 0)
        ;
    return NULL;
}

Test(executor_life, from_callbacks, WITH_ACCOUNT, .timeout = 60)
{
    atomic_uint ran = 0;
    run(two_workers, callback_body, &ran);
    cr_assert_eq(atomic_load(&ran), 4);
}
