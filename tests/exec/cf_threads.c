// SPDX-License-Identifier: MIT
/* What CPython's tests of executors ask of thread pools: see
 * conformance.md. */
#include "tests/exec/cf.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/support/child.h"
#include "tests/support/scale.h"

/* Submitting */

struct product {
    uintptr_t a, b;
};

static void *multiply(void *arg)
{
    const struct product *product = arg;
    return weft_test_value(product->a * product->b);
}

static void submit(void)
{
    struct product product = {16, 1024};
    void *result = NULL;
    weft_executor *pool =
        open_pool((weft_thread_pool_options){.max_threads = 5});
    weft_future *job = weft_run_in_executor(pool, multiply, &product);
    cr_expect_eq(finish(job, &result), 0);
    cr_expect_eq(result, weft_test_value(16384));
    cr_assert_eq(weft_executor_shutdown(pool), 0);
}

/* test_submit */
Test(cf_threads, a_job_gives_what_it_computed, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(submit);
}

static void failing_codes(void)
{
    static const int code[] = {-1, -4095, -WEFT_ETIMEOUT, -WEFT_ECANCELED};
    weft_executor *pool =
        open_pool((weft_thread_pool_options){.max_threads = 1});
    for (int i = 0; i < 4; i++) {
        weft_future *job = job_that_ends(pool, code[i]);
        void *result = &job;
        cr_expect_eq(finish(job, &result), code[i]);
        cr_expect_null(result);
    }
    weft_future *job = weft_run_in_executor(pool, weft_test_echo, NULL);
    cr_expect_eq(finish(job, NULL), 0, "no value is no failure");
    cr_assert_eq(weft_executor_shutdown(pool), 0);
}

/* test_swallows_falsey_exceptions: no code is too small, or taken for one of
 * the library's own */
Test(cf_threads, every_code_is_a_failure, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(failing_codes);
}

/* Threads */

static atomic_uint begun, over;

static int note_begin(void *arg)
{
    (void)arg;
    atomic_fetch_add(&begun, 1);
    return 0;
}

static void note_end(void *arg)
{
    (void)arg;
    atomic_fetch_add(&over, 1);
}

static weft_executor *open_counting(unsigned threads)
{
    atomic_store(&begun, 0);
    atomic_store(&over, 0);
    return open_pool((weft_thread_pool_options){
        .max_threads = threads, .init = note_begin, .fini = note_end});
}

static void saturated(void)
{
    struct gate gate = {0};
    weft_future *job[60];
    weft_executor *pool = open_counting(4);
    for (int i = 0; i < 60; i++)
        job[i] = weft_run_in_executor(pool, pass, &gate);
    await_there(&gate, 4);
    cr_expect_eq(atomic_load(&gate.there), 4);
    open_gate(&gate);
    for (int i = 0; i < 60; i++)
        cr_expect_eq(finish(job[i], NULL), 0);
    cr_assert_eq(weft_executor_shutdown(pool), 0);
    cr_expect_eq(atomic_load(&begun), 4);
    cr_expect_eq(atomic_load(&over), 4);
}

/* ThreadPool test_saturation */
Test(cf_threads, blocked_jobs_make_as_many_as_there_may_be, WITH_ACCOUNT,
     .timeout = 60)
{
    everywhere(saturated);
}

static void reused(void)
{
    weft_executor *pool = open_counting(8);
    for (int i = 0; i < 100; i++)
        cr_expect_eq(finish(job_that_ends(pool, 0), NULL), 0);
    cr_assert_eq(weft_executor_shutdown(pool), 0);
    cr_expect_eq(atomic_load(&begun), 1);
}

/* test_idle_thread_reuse */
Test(cf_threads, one_job_after_the_other_needs_one_thread, WITH_ACCOUNT,
     .timeout = 60)
{
    everywhere(reused);
}

/* Of many jobs, looked at or left, nothing remains in a pool that goes on: but
 * for a few things that the library or a runtime keeps for later. */

static bool has_at_most(int64_t allocations)
{
    weft_time until =
        weft_after(WEFT_S(10)); /* the last job is let go of late */
    while (weft_test_balance().allocations > allocations) {
        if (weft_now() > until)
            return false;
        give_way();
    }
    return true;
}

static void forgotten(void)
{
    weft_executor *pool =
        open_pool((weft_thread_pool_options){.max_threads = 1});
    cr_expect_eq(finish(job_that_ends(pool, 0), NULL), 0);
    struct weft_test_balance before = weft_test_balance();
    for (int i = 0; i < 200; i++) {
        weft_future *job = job_that_ends(pool, 0);
        if (i % 2)
            weft_future_unref(job);
        else
            cr_expect_eq(finish(job, NULL), 0);
    }
    cr_expect(has_at_most(before.allocations + 50));
    cr_assert_eq(weft_executor_shutdown(pool), 0);
}

/* test_no_stale_references */
Test(cf_threads, a_pool_forgets_jobs_that_have_ended, WITH_ACCOUNT,
     .timeout = 60)
{
    everywhere(forgotten);
}

/* test_max_workers_negative, test_default_workers: the number must be given */
static void no_threads(void)
{
    weft_executor *pool = NULL;
    weft_thread_pool_options options = {.size = sizeof(options)};
    cr_expect_eq(weft_thread_pool_new(0, &pool), -EINVAL);
    cr_expect_eq(weft_thread_pool_new_with(&options, &pool), -EINVAL);
    cr_expect_null(pool);
}

Test(cf_threads, a_pool_of_none_is_refused, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(no_threads);
}

/* Processes */

struct forking {
    weft_executor *pool;
    atomic_uint stop, stopped;
};

/* The pool's locks are taken and left all the time. */
static void *submit_again(void *arg)
{
    struct forking *it = arg;
    if (atomic_load(&it->stop))
        atomic_fetch_add(&it->stopped, 1);
    else
        weft_detach(weft_run_in_executor(it->pool, submit_again, arg));
    return NULL;
}

static void *fork_and_wait(void *arg)
{
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        alarm(60);
        if (WEFT_TEST_ASAN || WEFT_TEST_NO_CHILDREN)
            _exit(0); /* they would look for threads at the exit */
        exit(0);
    }
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0
               ? arg
               : weft_fail(-EIO);
}

static void forks(void)
{
    struct forking it = {
        .pool = open_pool((weft_thread_pool_options){.max_threads = 3})};
    for (int i = 0; i < 2; i++)
        weft_detach(weft_run_in_executor(it.pool, submit_again, &it));
    for (size_t i = weft_test_scaled(50); i > 0; i--) {
        weft_future *job = weft_run_in_executor(it.pool, fork_and_wait, &it);
        cr_expect_eq(finish(job, NULL), 0);
        cr_expect_eq(fork_and_wait(&it), (void *)&it);
    }
    atomic_store(&it.stop, 1);
    while (atomic_load(&it.stopped) < 2)
        give_way();
    cr_assert_eq(weft_executor_shutdown(it.pool), 0);
}

/* test_hang_global_shutdown_lock, test_process_fork_from_a_threadpool: a child
 * of a pool at work ends without waiting for threads that it has not. */
Test(cf_threads, children_of_a_process_with_a_pool_end, WITH_ACCOUNT,
     .timeout = 60)
{
    fflush(NULL);
    everywhere(forks);
}
