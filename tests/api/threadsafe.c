// SPDX-License-Identifier: MIT
/*
 * Other threads, as asyncio's users know them: submitting coroutines and
 * callbacks, waiting for them there, and jobs in a pool. What each test stands for
 * says conformance.md; see also tests/future/foreign.c.
 */
#include <weft.h>

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/test.h"

#define value(n) weft_test_value(n)

/* What is submitted: adds, fails or cancels itself after a moment. */

enum { ADD, FAIL, CANCEL, STAY };

struct work {
    weft_runtime *rt;
    int how;
    weft_ns timeout; /* of the thread that waits */
    int code;        /* what that thread was told */
    void *result;
    weft_error error; /* its last error, if any; the texts are not kept */
    bool words;       /* and it had the message */
};

static void *add(void *arg)
{
    struct work *work = arg;
    int rc = weft_sleep(WEFT_US(50));
    if (rc < 0)
        return weft_fail(rc);
    if (work->how == FAIL)
        return weft_failf(-EDOM, "does not add up");
    if (work->how == CANCEL)
        weft_cancel(weft_current());
    rc = weft_sleep(work->how == STAY ? WEFT_FOREVER : 0);
    return rc < 0 ? weft_fail(rc) : value(1 + 2);
}

/* On a thread of its own: submit, wait, and cancel what takes too long. */
static void *submit_and_wait(void *arg)
{
    struct work *work = arg;
    weft_future *task = weft_run_coroutine_threadsafe(work->rt, add, work);
    work->code = weft_wait_blocking(task, work->timeout, &work->result);
    const weft_error *error = weft_last_error();
    if (work->code < 0 && error != NULL) {
        work->error = *error;
        work->words = strcmp(error->message, "does not add up") == 0;
    }
    if (work->code == -WEFT_ETIMEOUT) {
        cr_expect_eq(weft_cancel(task), 0);
        cr_expect_eq(weft_wait_blocking(task, WEFT_FOREVER, NULL),
                     -WEFT_ECANCELED);
    }
    return NULL;
}

static void no_visit(const weft_task_info *info, void *unused)
{
    (void)info;
    (void)unused;
}

/* The thread is a job's, so that the loop goes on while it waits. */
static void *submit_from_job(void *arg)
{
    struct work *work = arg;
    work->rt = weft_running_loop();
    cr_expect_eq(weft_to_thread(submit_and_wait, work, NULL), 0);
    cr_expect_eq(weft_all_tasks(work->rt, no_visit, NULL), 1, "only this one");
    return NULL;
}

static void submit(struct work *work)
{
    for (unsigned i = 0; i < 50; i++)
        cr_assert_eq(weft_test_run(1 + i % 2, submit_from_job, work), 0);
}

Test(threadsafe, a_thread_gets_the_result, .timeout = 60)
{
    struct work work = {.how = ADD, .timeout = WEFT_FOREVER};
    submit(&work);
    cr_assert_eq(work.code, 0);
    cr_assert_eq(work.result, value(3));
}

Test(threadsafe, a_thread_gets_the_failure_with_its_words, .timeout = 60)
{
    struct work work = {.how = FAIL, .timeout = WEFT_FOREVER};
    submit(&work);
    cr_assert_eq(work.code, -EDOM);
    cr_assert_null(work.result);
    cr_assert_eq(work.error.code, -EDOM);
    cr_assert(work.words);
}

Test(threadsafe, a_thread_that_gives_up_leaves_nothing, .timeout = 60)
{
    struct work work = {.how = STAY, .timeout = 0};
    submit(&work);
    cr_assert_eq(work.code, -WEFT_ETIMEOUT);
    work.timeout = WEFT_US(100);
    submit(&work);
    cr_assert_eq(work.code, -WEFT_ETIMEOUT);
}

Test(threadsafe, a_thread_is_told_of_a_cancellation, .timeout = 60)
{
    struct work work = {.how = CANCEL, .timeout = WEFT_FOREVER};
    submit(&work);
    cr_assert_eq(work.code, -WEFT_ECANCELED);
    cr_assert_null(work.result);
}

/* What cannot be started says so to the thread that waits. */
Test(threadsafe, a_thread_is_told_of_a_refusal, .timeout = 60)
{
    struct work work = {.how = ADD, .timeout = WEFT_FOREVER};
    cr_assert_eq(weft_test_runtime(1, &work.rt), 0);
    cr_assert_eq(weft_runtime_shutdown(work.rt), 0);
    submit_and_wait(&work);
    cr_assert_eq(work.code, -WEFT_ESHUTDOWN);
    cr_assert_null(work.result);
    weft_runtime_unref(work.rt);
}

/* Callbacks: one of a thread, then one of the loop itself */

static atomic_int count;
static const char *order[2];

static void *note(void *text)
{
    int at = atomic_fetch_add(&count, 1);
    if (at < 2)
        order[at] = text;
    return NULL;
}

static void *call_from_thread(void *rt)
{
    return weft_call_soon_threadsafe(rt, note, "hello");
}

static void *thread_then_loop(void *unused)
{
    pthread_t thread;
    void *hello = NULL;
    (void)unused;
    atomic_store(&count, 0);
    cr_expect_eq(
        pthread_create(&thread, NULL, call_from_thread, weft_running_loop()),
        0);
    pthread_join(thread, &hello);
    weft_future *world = weft_call_soon(note, "world");
    cr_expect_eq(weft_await(hello, NULL), 0);
    cr_expect_eq(weft_await(world, NULL), 0);
    cr_expect_eq(atomic_load(&count), 2);
    cr_expect_str_eq(order[0], "hello");
    cr_expect_str_eq(order[1], "world");
    return NULL;
}

static void *same_thread(void *unused)
{
    (void)unused;
    atomic_store(&count, 0);
    weft_future *hello =
        weft_call_soon_threadsafe(weft_running_loop(), note, "hello");
    weft_future *world = weft_call_soon(note, "world");
    cr_expect_eq(atomic_load(&count), 0);
    cr_expect_eq(weft_await(hello, NULL), 0);
    cr_expect_eq(weft_await(world, NULL), 0);
    cr_expect_eq(atomic_load(&count), 2);
    cr_expect_str_eq(order[0], "hello");
    cr_expect_str_eq(order[1], "world");
    return NULL;
}

/* One worker: with several, each loop has an order of its own. */
Test(threadsafe, a_callback_of_a_thread_comes_in_its_turn, .timeout = 60)
{
    for (int i = 0; i < 50; i++)
        cr_assert_eq(weft_test_run(1, thread_then_loop, NULL), 0);
}

Test(threadsafe, a_callback_of_the_loop_itself_does_too, .timeout = 60)
{
    for (int i = 0; i < 50; i++)
        cr_assert_eq(weft_test_run(1, same_thread, NULL), 0);
}

/* Who completes a future knows nothing of the runtime that waits for it: that
 * may have ended before the call returns. */

static atomic_int awaiting;

static void *complete_soon(void *made)
{
    weft_test_spin_until(&awaiting, 1);
    weft_future_set_result(made, value(9));
    weft_future_unref(made);
    return NULL;
}

static void *await_thread(void *made)
{
    void *result = NULL;
    atomic_store(&awaiting, 1);
    int rc = weft_await(made, &result);
    return rc < 0 ? weft_fail(rc) : result;
}

Test(threadsafe, a_thread_may_complete_what_ends_the_runtime, .timeout = 120)
{
    size_t n = weft_test_scaled(2000);
    weft_options options = {.size = sizeof(options), .workers = 1};
    for (size_t i = 0; i < n; i++) {
        pthread_t thread;
        void *result = NULL;
        weft_future *made = weft_future_new();
        atomic_store(&awaiting, 0);
        cr_assert_eq(
            pthread_create(&thread, NULL, complete_soon, weft_future_ref(made)),
            0);
        cr_assert_eq(weft_run_with(&options, await_thread, made, &result), 0);
        cr_assert_eq(result, value(9));
        pthread_join(thread, NULL);
    }
}

/* Jobs: what an executor returns is the one kind of future there is. */

struct job {
    pthread_t thread;
    atomic_int begun, release;
};

static void *run_job(void *arg)
{
    struct job *job = arg;
    job->thread = pthread_self();
    atomic_store(&job->begun, 1);
    weft_test_spin_until(&job->release, 1);
    return value(42);
}

static void *await_job(void *unused)
{
    struct job job = {.release = 1};
    void *result = NULL;
    weft_pin();
    pthread_t here = pthread_self();
    (void)unused;
    weft_future *future = weft_run_in_executor(NULL, run_job, &job);
    cr_expect_eq(weft_await(future, &result), 0);
    cr_expect_eq(result, value(42));
    cr_expect(!pthread_equal(job.thread, here));
    return NULL;
}

Test(threadsafe, a_job_is_a_future_to_await, .timeout = 60)
{
    cr_assert_eq(weft_test_run(2, await_job, NULL), 0);
}

Test(threadsafe, a_job_needs_a_runtime, .timeout = 60)
{
    struct job job = {.release = 1};
    weft_future *future = weft_run_in_executor(NULL, run_job, &job);
    cr_assert_eq(weft_wait_blocking(future, 0, NULL), -WEFT_ENORUNTIME);
    cr_assert_eq(atomic_load(&job.begun), 0);
}

static void *cancel_jobs(void *unused)
{
    struct job first = {0};
    struct job second = {0};
    void *result = NULL;
    weft_executor *pool = NULL;
    (void)unused;
    cr_expect_eq(weft_thread_pool_new(1, &pool), 0);
    weft_future *running = weft_run_in_executor(pool, run_job, &first);
    weft_future *queued = weft_run_in_executor(pool, run_job, &second);
    weft_test_yield_until(&first.begun, 1);
    cr_expect_eq(weft_cancel(queued), 0);
    cr_expect_eq(weft_await(queued, NULL), -WEFT_ECANCELED);
    atomic_store(&first.release, 1);
    while (weft_future_state(running) == WEFT_FUTURE_PENDING)
        cr_expect_eq(weft_yield(), 0);
    cr_expect_eq(weft_cancel(running), -WEFT_EALREADY);
    cr_expect_eq(weft_await(running, &result), 0);
    cr_expect_eq(result, value(42));
    cr_expect_eq(weft_executor_shutdown(pool), 0);
    cr_expect_eq(atomic_load(&second.begun), 0);
    return NULL;
}

/* Cancelled before it started it never runs; done, it stays done. */
Test(threadsafe, a_job_is_cancelled_before_it_starts_or_not, .timeout = 60)
{
    cr_assert_eq(weft_test_run(2, cancel_jobs, NULL), 0);
}
