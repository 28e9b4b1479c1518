// SPDX-License-Identifier: MIT
/* Jobs of pools: they may wait for each other, calls of theirs are interrupted,
 * and no thread of theirs is ever a low one. */
#define _GNU_SOURCE
#include "tests/exec/pool.h"

#include <errno.h>
#include <signal.h>

#include "tests/support/scale.h"
#include "tests/support/thread.h"

/* Jobs that wait for jobs */

struct fib {
    weft_executor *pool;
    unsigned n;
};

static void *fib(void *arg)
{
    struct fib *fib_of = arg;
    struct fib left = {fib_of->pool, fib_of->n - 1};
    struct fib right = {fib_of->pool, fib_of->n - 2};
    void *a, *b;
    if (fib_of->n < 2)
        return (void *)(uintptr_t)fib_of->n;
    weft_future *first = weft_run_in_executor(fib_of->pool, fib, &left);
    weft_future *second = weft_run_in_executor(fib_of->pool, fib, &right);
    if (weft_wait_blocking(first, WEFT_FOREVER, &a) < 0 ||
        weft_wait_blocking(second, WEFT_FOREVER, &b) < 0)
        return weft_fail(-EIO);
    return (void *)((uintptr_t)a + (uintptr_t)b);
}

static void recursive(void)
{
    struct fib top = {open_pool((weft_thread_pool_options){.max_threads = 2}),
                      14};
    void *result = NULL;
    cr_assert_eq(finish(weft_run_in_executor(top.pool, fib, &top), &result), 0);
    cr_assert_eq(result, (void *)377);
    cr_assert_eq(weft_executor_shutdown(top.pool), 0);
}

Test(pool, jobs_may_wait_for_jobs, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(recursive);
}

/* The same by way of a coroutine: then the pool grows. */

struct detour {
    weft_runtime *rt;
    weft_executor *pool;
    unsigned depth;
};

static void *detour_job(void *arg);

static void *detour_task(void *arg)
{
    struct detour *detour = arg;
    return weft_fail(
        weft_await(weft_run_in_executor(detour->pool, detour_job, arg), NULL));
}

static void *detour_job(void *arg)
{
    struct detour *detour = arg;
    if (detour->depth-- == 0)
        return NULL;
    weft_future *task =
        weft_run_coroutine_threadsafe(detour->rt, detour_task, arg);
    return weft_fail(weft_wait_blocking(task, WEFT_FOREVER, NULL));
}

static void *detour_main(void *arg)
{
    struct detour *detour = arg;
    weft_future *job = weft_run_in_executor(detour->pool, detour_job, arg);
    return weft_fail(weft_await(job, NULL));
}

static void *detour_in(void *unused)
{
    struct detour detour = {.rt = weft_running_loop(), .depth = 20};
    detour.pool = open_pool((weft_thread_pool_options){.max_threads = 1});
    cr_expect_null(detour_main(&detour));
    cr_expect_eq(weft_executor_shutdown(detour.pool), 0);
    return unused;
}

Test(pool, jobs_may_wait_for_coroutines_that_wait_for_jobs, WITH_ACCOUNT,
     .timeout = 60)
{
    struct weft_test_balance before = weft_test_balance();
    cr_assert_eq(weft_test_run(2, detour_in, NULL), 0);
    cr_assert(weft_test_balanced(&before));
}

/* Interrupts */

static int pipes[2];

static void *read_for_ever(void *arg)
{
    char byte;
    atomic_fetch_add((atomic_uint *)arg, 1);
    while (read(pipes[0], &byte, 1) < 0 && errno == EINTR)
        if (weft_job_cancelled())
            return weft_fail(-EINTR);
    return weft_fail(-EIO);
}

static void interrupted(void)
{
    atomic_uint there = 0;
    weft_executor *pool = open_pool((weft_thread_pool_options){
        .max_threads = 2, .interrupt_signal = SIGUSR1});
    cr_assert_eq(pipe(pipes), 0);
    for (size_t i = weft_test_scaled(200); i > 0; i--) {
        weft_future *job = weft_run_in_executor(pool, read_for_ever, &there);
        weft_future *other = weft_run_in_executor(pool, read_for_ever, &there);
        while (atomic_load(&there) < (i % 2 ? 0u : 2u))
            give_way();
        weft_cancel(job);
        weft_cancel(other);
        int rc = finish(job, NULL);
        cr_assert(rc == -EINTR || rc == -WEFT_ECANCELED);
        rc = finish(other, NULL);
        cr_assert(rc == -EINTR || rc == -WEFT_ECANCELED);
        atomic_store(&there, 0);
    }
    cr_assert_eq(weft_executor_shutdown(pool), 0);
    close(pipes[0]);
    close(pipes[1]);
}

Test(pool, a_cancelled_call_is_interrupted, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(interrupted);
}

/* Priority: threads that a background worker wants are not low. */

static void *how_low(void *arg)
{
    *(int *)arg = weft_test_nice();
    return NULL;
}

static void *from_the_background(void *arg)
{
    weft_executor *pool = arg;
    int low = -1, others = -1;
    for (int i = 0; i < 1000 && weft_test_nice() == 0; i++)
        weft_yield();
    cr_expect_gt(weft_test_nice(), 0, "the task itself is");
    cr_expect_eq(weft_await(weft_run_in_executor(pool, how_low, &low), NULL),
                 0);
    cr_expect_eq(weft_to_thread(how_low, &others, NULL), 0);
    cr_expect_eq(low, 0);
    cr_expect_eq(others, 0);
    return NULL;
}

static void *priority_body(void *unused)
{
    weft_spawn_options low = {.size = sizeof(low),
                              .task_class = WEFT_CLASS_BACKGROUND};
    weft_executor *pool =
        open_pool((weft_thread_pool_options){.max_threads = 2});
    cr_expect_eq(
        weft_await(weft_spawn_with(&low, from_the_background, pool), NULL), 0);
    cr_expect_eq(weft_executor_shutdown(pool), 0);
    return unused;
}

Test(pool, threads_are_never_low, WITH_ACCOUNT, .timeout = 60)
{
    if (weft_test_is_low_already())
        cr_skip("this process is as low as it can be");
    struct weft_test_balance before = weft_test_balance();
    cr_assert_eq(weft_test_run(2, priority_body, NULL), 0);
    cr_assert(weft_test_balanced(&before));
}

/* All threads wait, two of them for a job that is under way; what that waits
 * for is queued. */

struct lean {
    weft_future *made, *first;
    struct gate gate;
};

static void *wait_for_made(void *arg)
{
    struct lean *lean = arg;
    pass(&lean->gate);
    return weft_fail(weft_wait_blocking(lean->made, WEFT_FOREVER, NULL));
}

static void *wait_for_first(void *arg)
{
    struct lean *lean = arg;
    atomic_fetch_add(&lean->gate.there, 1);
    weft_future *first = weft_future_ref(lean->first);
    return weft_fail(weft_wait_blocking(first, WEFT_FOREVER, NULL));
}

static void *make_it(void *arg)
{
    return weft_fail(weft_future_set_result(((struct lean *)arg)->made, NULL));
}

static void leaning(void)
{
    struct lean lean = {.made = weft_future_new()};
    weft_future *job[3];
    weft_executor *pool =
        open_pool((weft_thread_pool_options){.max_threads = 2});
    lean.first = weft_run_in_executor(pool, wait_for_made, &lean);
    await_there(&lean.gate, 1);
    job[0] = weft_run_in_executor(pool, wait_for_first, &lean);
    await_there(&lean.gate, 2);
    job[1] = weft_run_in_executor(pool, wait_for_first, &lean);
    job[2] = weft_run_in_executor(pool, make_it, &lean);
    atomic_store(&lean.gate.go, 1);
    for (int i = 2; i >= 0; i--)
        cr_assert_eq(finish(job[i], NULL), 0);
    cr_assert_eq(finish(lean.first, NULL), 0);
    cr_assert_eq(weft_executor_shutdown(pool), 0);
}

Test(pool, grows_when_all_wait, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(leaning);
}

/* The thread that came for one who waited is not used when he goes on. */

struct go_on {
    weft_future *made;
    struct gate gate;
    atomic_bool works, both;
};

static void *wait_and_work(void *arg)
{
    struct go_on *it = arg;
    (void)weft_wait_blocking(it->made, WEFT_FOREVER, NULL);
    atomic_store(&it->works, true);
    pass(&it->gate);
    atomic_store(&it->works, false);
    return NULL;
}

static void *look(void *arg)
{
    struct go_on *it = arg;
    atomic_store(&it->both, atomic_load(&it->works));
    return NULL;
}

static void one_at_a_time(void)
{
    struct go_on it = {.made = weft_future_new()};
    weft_executor *pool =
        open_pool((weft_thread_pool_options){.max_threads = 1});
    weft_future *first = weft_run_in_executor(pool, wait_and_work, &it);
    cr_assert_eq(finish(weft_run_in_executor(pool, look, &it), NULL), 0);
    usleep(20000); /* that thread sleeps */
    weft_future_set_result(it.made, NULL);
    await_there(&it.gate, 1);
    weft_future *second = weft_run_in_executor(pool, look, &it);
    usleep(20000);
    atomic_store(&it.gate.go, 1);
    cr_assert_eq(finish(second, NULL), 0);
    cr_assert_eq(finish(first, NULL), 0);
    cr_assert(!atomic_load(&it.both));
    cr_assert_eq(weft_executor_shutdown(pool), 0);
}

Test(pool, of_one_runs_one_that_does_not_wait, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(one_at_a_time);
}

/* A job that was not cancelled, run by one that waits for it and was. */

struct cover {
    weft_executor *pool;
    struct gate gate;
    unsigned cut;
};

static void *sleep_often(void *arg)
{
    struct cover *cover = arg;
    atomic_store(&cover->gate.there, 1);
    while (atomic_load(&cover->gate.go) == 0)
        ; /* no call */
    for (int i = 0; i < 20; i++)
        cover->cut += usleep(1000) < 0;
    return NULL;
}

static void *help_it(void *arg)
{
    struct cover *cover = arg;
    weft_future *job = weft_run_in_executor(cover->pool, sleep_often, arg);
    return weft_fail(weft_wait_blocking(job, WEFT_FOREVER, NULL));
}

static void covered(void)
{
    struct cover cover = {.pool = open_pool((weft_thread_pool_options){
                              .max_threads = 1, .interrupt_signal = SIGUSR1})};
    weft_future *job = weft_run_in_executor(cover.pool, help_it, &cover);
    await_there(&cover.gate, 1);
    weft_cancel(job);
    atomic_store(&cover.gate.go, 1);
    cr_assert_eq(finish(job, NULL), 0);
    cr_assert_eq(cover.cut, 0);
    cr_assert_eq(weft_executor_shutdown(cover.pool), 0);
}

Test(pool, who_helps_takes_no_interrupt_of_his_own, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(covered);
}

/* A runtime has no thread left for who interrupts again. */

static void *read_at_once(void *arg)
{
    char byte;
    atomic_store((atomic_uint *)arg, 1);
    for (volatile int i = 0; i < 30000; i++)
        ; /* the first signal comes here */
    while (read(pipes[0], &byte, 1) < 0 && errno == EINTR)
        if (weft_job_cancelled())
            return NULL;
    return weft_fail(-EIO);
}

static void *full_body(void *unused)
{
    atomic_uint there;
    weft_executor *pool = open_pool((weft_thread_pool_options){
        .max_threads = 1, .interrupt_signal = SIGUSR1});
    cr_assert_eq(pipe(pipes), 0);
    for (size_t i = weft_test_scaled(500); i > 0; i--) {
        atomic_store(&there, 0);
        weft_future *job = weft_run_in_executor(pool, read_at_once, &there);
        while (atomic_load(&there) == 0)
            give_way();
        weft_cancel(job);
        cr_assert_eq(finish(job, NULL), 0);
    }
    cr_assert_eq(weft_executor_shutdown(pool), 0);
    close(pipes[0]);
    close(pipes[1]);
    return unused;
}

Test(pool, interrupts_again_when_all_threads_are_taken, WITH_ACCOUNT,
     .timeout = 60)
{
    weft_options options = {
        .size = sizeof(options), .workers = 2, .max_threads = 3};
    cr_assert_eq(weft_run_with(&options, full_body, NULL, NULL), 0);
}
