// SPDX-License-Identifier: MIT
/*
 * Jobs on OS threads: each one accepted ends exactly once, with its result,
 * its error, or dropped before it started; whoever waits hears of it.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <weft.h>

#include "tests/support/scale.h"
#include "tests/support/test.h"

static void run_with(weft_options options, weft_fn *fn, void *arg)
{
    options.size = sizeof(options);
    int rc = weft_run_with(&options, fn, arg, NULL);
    cr_assert_eq(rc, 0, "%s", weft_strerror(rc));
}

static void run(weft_fn *fn, void *arg)
{
    run_with((weft_options){.workers = 2}, fn, arg);
}

/* A door that jobs wait at: on their threads, so they truly block. */
struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool open;
    unsigned arrived;
};

#define GATE                                                                   \
    {                                                                          \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, 0          \
    }

static void *pass_gate(void *arg)
{
    struct gate *gate = arg;
    pthread_mutex_lock(&gate->mutex);
    gate->arrived++;
    pthread_cond_broadcast(&gate->changed);
    while (!gate->open)
        pthread_cond_wait(&gate->changed, &gate->mutex);
    pthread_mutex_unlock(&gate->mutex);
    return arg;
}

static void open_gate(struct gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    gate->open = true;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->mutex);
}

static unsigned arrived(struct gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    unsigned count = gate->arrived;
    pthread_mutex_unlock(&gate->mutex);
    return count;
}

/* In a coroutine: until so many jobs stand there. */
static void await_arrivals(struct gate *gate, unsigned count)
{
    while (arrived(gate) < count && weft_yield() == 0)
        ;
}

static void *count_one(void *arg)
{
    atomic_fetch_add((atomic_uint *)arg, 1);
    return arg;
}

/* Results */

static void *twice(void *arg)
{
    return (void *)(2 * (uintptr_t)arg);
}

static void *fail_as_told(void *arg)
{
    return weft_fail((int)(intptr_t)arg);
}

static void *not_a_worker(void *arg)
{
    return (void *)(uintptr_t)(weft_worker_index() == -WEFT_ENORUNTIME &&
                               weft_current() == NULL && arg == NULL);
}

static void expect_results(weft_executor *pool)
{
    void *result = NULL;
    for (uintptr_t i = 0; i < 100; i++) {
        weft_future *job = weft_run_in_executor(pool, twice, (void *)i);
        cr_expect_eq(weft_await(job, &result), 0);
        cr_expect_eq(result, (void *)(2 * i));
    }
    weft_future *job =
        weft_run_in_executor(pool, fail_as_told, (void *)(intptr_t)-ENOTTY);
    cr_expect_eq(weft_await(job, &result), -ENOTTY);
    cr_expect_null(result);
    job = weft_run_in_executor(pool, not_a_worker, NULL);
    cr_expect_eq(weft_await(job, &result), 0);
    cr_expect_eq(result, (void *)1);
}

static void *results_body(void *unused)
{
    weft_executor *pool;
    void *result = NULL;
    expect_results(NULL);
    cr_expect_eq(weft_thread_pool_new(3, &pool), 0);
    expect_results(pool);
    cr_expect_eq(weft_executor_shutdown(pool), 0);
    cr_expect_eq(weft_to_thread(twice, (void *)21, &result), 0);
    cr_expect_eq(result, (void *)42);
    cr_expect_eq(weft_to_thread(fail_as_told, (void *)(intptr_t)-EDOM, NULL),
                 -EDOM);
    return unused;
}

Test(executor, results_and_errors, .timeout = 60)
{
    run(results_body, NULL);
}

/* Many, from many tasks: each ran once, each result was the right one. */

static atomic_uint runs;

static void *submit_some(void *arg)
{
    weft_executor *pool = arg;
    for (unsigned i = 0; i < 100; i++) {
        void *result = NULL;
        weft_future *job = weft_run_in_executor(pool, count_one, &runs);
        if (weft_await(job, &result) != 0 || result != &runs)
            return weft_fail(-EIO);
    }
    return NULL;
}

static void *many_body(void *out)
{
    weft_executor *pool[2] = {NULL};
    weft_future *task[100];
    size_t count = 2 + weft_test_scaled(98);
    atomic_store(&runs, 0);
    cr_expect_eq(weft_thread_pool_new(4, &pool[1]), 0);
    for (size_t i = 0; i < count; i++)
        task[i] = weft_spawn(submit_some, pool[i % 2]);
    for (size_t i = 0; i < count; i++)
        cr_expect_eq(weft_await(task[i], NULL), 0);
    cr_expect_eq(weft_executor_shutdown(pool[1]), 0);
    cr_expect_eq(atomic_load(&runs), 100 * count);
    return out;
}

Test(executor, each_job_runs_once, .timeout = 120)
{
    run_with((weft_options){.workers = 4}, many_body, NULL);
}

/* Jobs that block */

static void *tick(void *arg)
{
    for (int i = 0; i < 1000; i++)
        if (weft_yield() < 0)
            break;
    return count_one(arg);
}

/* While every thread of a pool stands still, tasks, timers and the other
 * pools go on: they finish although the gate opens only after them. */
static void *blocked_body(void *unused)
{
    struct gate gate = GATE;
    atomic_uint ticks = 0;
    weft_executor *pool;
    weft_future *job[8], *task[8];
    cr_expect_eq(weft_thread_pool_new(4, &pool), 0);
    for (int i = 0; i < 8; i++)
        job[i] = weft_run_in_executor(pool, pass_gate, &gate);
    await_arrivals(&gate, 4);
    for (int i = 0; i < 8; i++)
        task[i] = weft_spawn(tick, &ticks);
    for (int i = 0; i < 8; i++)
        cr_expect_eq(weft_await(task[i], NULL), 0);
    cr_expect_eq(weft_sleep(WEFT_US(100)), 0);
    cr_expect_eq(weft_to_thread(count_one, &ticks, NULL), 0);
    cr_expect_eq(atomic_load(&ticks), 9);
    cr_expect_eq(arrived(&gate), 4, "more threads than the pool may have");
    open_gate(&gate);
    for (int i = 0; i < 8; i++)
        cr_expect_eq(weft_await(job[i], NULL), 0);
    cr_expect_eq(weft_executor_shutdown(pool), 0);
    return unused;
}

Test(executor, blocked_jobs_delay_nobody_else, .timeout = 60)
{
    run(blocked_body, NULL);
}

/* As many block at once as there are threads: the pool grows to its limit. */
static void *grow_body(void *unused)
{
    struct gate gate = GATE;
    weft_executor *pool;
    weft_future *job[32];
    cr_expect_eq(weft_thread_pool_new(32, &pool), 0);
    for (int i = 0; i < 32; i++)
        job[i] = weft_run_in_executor(pool, pass_gate, &gate);
    await_arrivals(&gate, 32);
    open_gate(&gate);
    for (int i = 0; i < 32; i++)
        cr_expect_eq(weft_await(job[i], NULL), 0);
    cr_expect_eq(weft_executor_shutdown(pool), 0);
    return unused;
}

Test(executor, a_pool_grows_to_its_limit, .timeout = 60)
{
    run(grow_body, NULL);
}

/* Cancelling */

/* Behind a blocked thread nothing starts: each of these is dropped for sure,
 * and the one thread still serves who comes after. */
static void *drop_body(void *unused)
{
    struct gate gate = GATE;
    atomic_uint ran = 0;
    weft_executor *pool;
    weft_future *job[100];
    cr_expect_eq(weft_thread_pool_new(1, &pool), 0);
    weft_future *first = weft_run_in_executor(pool, pass_gate, &gate);
    await_arrivals(&gate, 1);
    for (int i = 0; i < 100; i++)
        job[i] = weft_run_in_executor(pool, count_one, &ran);
    for (int i = 99; i >= 0; i -= 2) { /* the tail, the middle … */
        cr_expect_eq(weft_cancel(job[i]), 0);
        cr_expect_eq(weft_future_state(job[i]), WEFT_FUTURE_CANCELLED);
        cr_expect_eq(weft_cancel(job[i]), -WEFT_EALREADY);
    }
    weft_future *last = weft_run_in_executor(pool, count_one, &ran);
    open_gate(&gate);
    cr_expect_eq(weft_await(first, NULL), 0);
    for (int i = 0; i < 100; i++)
        cr_expect_eq(weft_await(job[i], NULL), i % 2 ? -WEFT_ECANCELED : 0);
    cr_expect_eq(weft_await(last, NULL), 0);
    cr_expect_eq(atomic_load(&ran), 51);
    cr_expect_eq(weft_executor_shutdown(pool), 0);
    return unused;
}

Test(executor, a_job_cancelled_before_it_starts_never_runs, .timeout = 60)
{
    run(drop_body, NULL);
}

/* Against the start: a job was dropped or it ran, never both, never neither. */
static void *race_body(void *unused)
{
    static atomic_uint ran;
    size_t rounds = weft_test_scaled(20000);
    size_t done = 0, dropped = 0, wrong = 0;
    atomic_store(&ran, 0);
    for (size_t i = 0; i < rounds; i++) {
        weft_future *job = weft_run_in_executor(NULL, count_one, &ran);
        for (size_t j = 0; j < i % 4; j++)
            cr_expect_eq(weft_yield(), 0);
        weft_cancel(job);
        int rc = weft_await(job, NULL);
        done += rc == 0;
        dropped += rc == -WEFT_ECANCELED;
        wrong += rc != 0 && rc != -WEFT_ECANCELED;
    }
    cr_expect_eq(wrong, 0);
    cr_expect_eq(done + dropped, rounds);
    cr_expect_eq(atomic_load(&ran), done);
    return unused;
}

Test(executor, cancel_against_start, .timeout = 120)
{
    run(race_body, NULL);
}

static void *until_cancelled(void *arg)
{
    atomic_uint *started = arg;
    bool before = weft_job_cancelled();
    atomic_fetch_add(started, 1);
    while (!weft_job_cancelled())
        ;
    atomic_fetch_add(started, 1);
    return weft_fail(before ? -EIO : -ECHILD);
}

/* A running job is told, and waited for: its own outcome counts. */
static void *running_body(void *unused)
{
    atomic_uint started = 0;
    weft_future *job = weft_run_in_executor(NULL, until_cancelled, &started);
    while (atomic_load(&started) == 0 && weft_yield() == 0)
        ;
    cr_expect_eq(weft_cancel(job), 0);
    cr_expect_eq(weft_cancel(job) == 0, false);
    cr_expect_eq(weft_await(job, NULL), -ECHILD);
    cr_expect_eq(atomic_load(&started), 2);
    cr_expect_eq(weft_job_cancelled(), false);
    return unused;
}

Test(executor, a_running_job_is_told_and_waited_for, .timeout = 60)
{
    run(running_body, NULL);
}

/* The same by cancelling the task that waits in weft_to_thread(). */

static void *to_thread_until_cancelled(void *arg)
{
    return weft_fail(weft_to_thread(until_cancelled, arg, NULL));
}

static void *handed_down_body(void *unused)
{
    atomic_uint started = 0;
    weft_future *task = weft_spawn(to_thread_until_cancelled, &started);
    while (atomic_load(&started) == 0 && weft_yield() == 0)
        ;
    weft_cancel(task);
    cr_expect_eq(weft_await(task, NULL), -ECHILD);
    cr_expect_eq(atomic_load(&started), 2);
    return unused;
}

Test(executor, cancelling_the_waiting_task_reaches_the_job, .timeout = 60)
{
    run(handed_down_body, NULL);
}
