// SPDX-License-Identifier: MIT
/*
 * Thread pools as their options say: without a runtime, with names, stacks and
 * an init() that fails, with a queue that is full.
 */
#define _GNU_SOURCE
#include "tests/exec/pool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <weft/map.h>

#include "tests/support/scale.h"

/* Without a runtime */

static void plain(void)
{
    atomic_uint ran = 0;
    weft_future *job[200];
    weft_executor *pool =
        open_pool((weft_thread_pool_options){.max_threads = 3});
    for (int i = 0; i < 200; i++)
        job[i] = weft_run_in_executor(pool, count_one, &ran);
    for (int i = 0; i < 200; i++) {
        void *result = NULL;
        cr_assert_eq(finish(job[i], &result), 0);
        cr_assert_eq(result, (void *)&ran);
    }
    cr_assert_eq(atomic_load(&ran), 200);
    job[0] = weft_run_in_executor(pool, count_one, &ran);
    cr_assert_eq(weft_executor_shutdown(pool), 0);
    cr_assert_eq(weft_future_state(job[0]), WEFT_FUTURE_DONE);
    cr_assert_eq(finish(job[0], NULL), 0, "it outlives the pool");
}

Test(pool, works_without_a_runtime_and_with_one, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(plain);
}

/* A job of a runtime's pool uses that runtime. */
static void *submits(void *arg)
{
    weft_future *job = weft_run_in_executor(NULL, count_one, arg);
    return weft_fail(weft_wait_blocking(job, WEFT_FOREVER, NULL));
}

static void *foreign(void *arg)
{
    weft_executor *pool = weft_default_executor(arg);
    atomic_uint ran = 0;
    for (int i = 0; i < 100; i++) {
        weft_future *job = weft_run_in_executor(pool, submits, &ran);
        cr_assert_eq(weft_wait_blocking(job, WEFT_FOREVER, NULL), 0);
    }
    cr_assert_eq(atomic_load(&ran), 100);
    return NULL;
}

Test(pool, of_a_runtime_serves_foreign_threads_and_jobs, WITH_ACCOUNT,
     .timeout = 60)
{
    struct weft_test_balance now = weft_test_balance();
    weft_runtime *rt;
    pthread_t thread[2];
    cr_assert_eq(weft_test_runtime(2, &rt), 0);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(pthread_create(&thread[i], NULL, foreign, rt), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    weft_executor *pool = weft_default_executor(rt);
    cr_assert_eq(weft_runtime_shutdown(rt), 0);
    weft_future *job = weft_run_in_executor(pool, count_one, NULL);
    cr_assert_eq(weft_wait_blocking(job, WEFT_FOREVER, NULL), -WEFT_ESHUTDOWN);
    weft_runtime_unref(rt);
    cr_assert(weft_test_balanced(&now));
}

/* First asked for when the runtime has ended. */
Test(pool, of_a_runtime_that_has_ended_refuses, WITH_ACCOUNT, .timeout = 60)
{
    struct weft_test_balance now = weft_test_balance();
    weft_runtime *rt;
    cr_assert_eq(weft_test_runtime(2, &rt), 0);
    cr_assert_eq(weft_runtime_shutdown(rt), 0);
    weft_future *job =
        weft_run_in_executor(weft_default_executor(rt), count_one, NULL);
    cr_assert_eq(weft_wait_blocking(job, WEFT_FOREVER, NULL), -WEFT_ESHUTDOWN);
    weft_runtime_unref(rt);
    cr_assert(weft_test_balanced(&now));
}

/* Options that make no sense. */
Test(pool, refuses_bad_options)
{
    weft_executor *pool;
    weft_thread_pool_options bad[] = {
        {.max_threads = 0},
        {.max_threads = 1, .min_threads = 2},
        {.max_threads = 1, .idle = -1},
        {.max_threads = 1, .stack_size = 1},
        {.max_threads = 1, .interrupt_signal = -1},
        {.max_threads = 1, .interrupt_signal = 1000},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        bad[i].size = sizeof(*bad);
        cr_expect_eq(weft_thread_pool_new_with(&bad[i], &pool), -EINVAL);
    }
    weft_thread_pool_options options = {.size = sizeof(options) + 8};
    cr_expect_eq(weft_thread_pool_new_with(&options, &pool), -EINVAL);
    options = (weft_thread_pool_options){
        .size = sizeof(options), .max_threads = 1, .interrupt_signal = SIGUSR2};
    signal(SIGUSR2, SIG_IGN);
    cr_expect_eq(weft_thread_pool_new_with(&options, &pool), -WEFT_EBUSY);
}

/* Threads */

static void *name_of_thread(void *arg)
{
    pthread_getname_np(pthread_self(), arg, 16);
    return arg;
}

static void *stack_of_thread(void *arg)
{
    pthread_attr_t attr;
    size_t size = 0;
    (void)arg;
    pthread_getattr_np(pthread_self(), &attr);
    pthread_attr_getstacksize(&attr, &size);
    pthread_attr_destroy(&attr);
    return (void *)size;
}

static void named(void)
{
    char name[16] = "";
    void *size = NULL;
    weft_executor *pool =
        open_pool((weft_thread_pool_options){.max_threads = 1,
                                             .name = "a-name-that-is-long",
                                             .stack_size = 1 << 20});
    cr_assert_eq(finish(weft_run_in_executor(pool, name_of_thread, name), NULL),
                 0);
    cr_assert_eq(
        finish(weft_run_in_executor(pool, stack_of_thread, NULL), &size), 0);
    cr_assert_str_eq(name, "a-name-that0");
    cr_assert_eq((size_t)size, 1 << 20);
    cr_assert_eq(weft_executor_shutdown(pool), 0);
}

Test(pool, threads_have_a_name_and_a_stack, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(named);
}

/* Init and fini */

static atomic_uint inits, finis;
static _Thread_local unsigned my_init;

static int note_init(void *arg)
{
    (void)arg;
    my_init = 1 + atomic_fetch_add(&inits, 1);
    return 0;
}

static void note_fini(void *arg)
{
    (void)arg;
    atomic_fetch_add(&finis, my_init != 0);
}

static void *is_initialised(void *arg)
{
    (void)arg;
    return weft_fail(my_init == 0 ? -EIO : 0);
}

static void initialised(void)
{
    struct gate gate = {0};
    weft_future *job[4];
    atomic_store(&inits, 0);
    atomic_store(&finis, 0);
    weft_executor *pool = open_pool((weft_thread_pool_options){
        .max_threads = 4, .init = note_init, .fini = note_fini});
    for (int i = 0; i < 4; i++)
        job[i] = weft_run_in_executor(pool, pass, &gate);
    await_there(&gate, 4);
    atomic_store(&gate.go, 1);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(finish(job[i], NULL), 0);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(
            finish(weft_run_in_executor(pool, is_initialised, NULL), NULL), 0);
    cr_assert_eq(weft_executor_shutdown(pool), 0);
    cr_assert_eq(atomic_load(&inits), 4);
    cr_assert_eq(atomic_load(&finis), 4);
}

Test(pool, init_and_fini_run_once_on_each_thread, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(initialised);
}

static atomic_uint drops;

static void note_drop(void *arg)
{
    (void)arg;
    atomic_fetch_add(&drops, 1);
}

static const weft_job_options droppable = {
    .size = sizeof(droppable), .name = "droppable", .drop = note_drop};

static atomic_uint may_fail;

static int fail_when_told(void *arg)
{
    (void)arg;
    while (atomic_load(&may_fail) == 0)
        usleep(100);
    return -EXDEV;
}

static void expect_broken(weft_future *job)
{
    cr_expect_eq(finish(job, NULL), -WEFT_EBROKEN);
    const weft_error *error = weft_last_error();
    cr_assert_not_null(error);
    cr_expect_eq(error->code, -WEFT_EBROKEN);
    cr_assert_not_null(error->cause);
    cr_expect_eq(error->cause->code, -EXDEV);
}

static void broken(void)
{
    atomic_uint ran = 0;
    weft_future *job[50];
    atomic_store(&drops, 0);
    atomic_store(&may_fail, 0);
    weft_executor *pool = open_pool((weft_thread_pool_options){
        .max_threads = 2, .init = fail_when_told, .queue_limit = 50});
    for (int i = 0; i < 50; i++)
        job[i] = weft_run_in_executor_with(pool, &droppable, count_one, &ran);
    atomic_store(&may_fail, 1);
    for (int i = 0; i < 50; i++)
        expect_broken(job[i]);
    expect_broken(weft_run_in_executor_with(pool, &droppable, count_one, &ran));
    cr_expect_eq(atomic_load(&drops), 51);
    cr_expect_eq(atomic_load(&ran), 0);
    cr_assert_eq(weft_executor_shutdown(pool), 0);
}

Test(pool, an_init_that_fails_breaks_it_with_the_cause, WITH_ACCOUNT,
     .timeout = 60)
{
    everywhere(broken);
}

/* A queue that is full */

static void refusing(void)
{
    struct gate gate = {0};
    weft_future *job[5];
    atomic_store(&drops, 0);
    weft_executor *pool = open_pool((weft_thread_pool_options){
        .max_threads = 1, .queue_limit = 3, .refuse = true});
    weft_future *first = weft_run_in_executor(pool, pass, &gate);
    await_there(&gate, 1);
    for (int i = 0; i < 5; i++)
        job[i] = weft_run_in_executor_with(pool, &droppable, pass, &gate);
    for (int i = 3; i < 5; i++)
        cr_expect_eq(finish(job[i], NULL), -WEFT_EBUSY);
    cr_expect_eq(atomic_load(&drops), 2);
    cr_expect_eq(weft_cancel(job[1]), 0); /* there is room again */
    weft_future *last = weft_run_in_executor(pool, pass, &gate);
    atomic_store(&gate.go, 1);
    cr_expect_eq(finish(job[0], NULL), 0);
    cr_expect_eq(finish(job[1], NULL), -WEFT_ECANCELED);
    cr_expect_eq(finish(job[2], NULL), 0);
    cr_expect_eq(finish(last, NULL), 0);
    cr_expect_eq(finish(first, NULL), 0);
    cr_expect_eq(atomic_load(&drops), 3);
    cr_assert_eq(weft_executor_shutdown(pool), 0);
}

Test(pool, that_is_full_refuses_if_asked_to, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(refusing);
}

struct burst {
    weft_executor *pool;
    atomic_uint ran, inside, most;
    size_t each;
};

/* How many lie in the queue or run: no more than there is room for. */
static void *leave_again(void *arg)
{
    struct burst *burst = arg;
    atomic_fetch_sub(&burst->inside, 1);
    atomic_fetch_add(&burst->ran, 1);
    return NULL;
}

static void *submit_many(void *arg)
{
    struct burst *burst = arg;
    for (size_t i = 0; i < burst->each; i++) {
        weft_future *job = weft_run_in_executor(burst->pool, leave_again, arg);
        unsigned now = atomic_fetch_add(&burst->inside, 1) + 1;
        unsigned most = atomic_load(&burst->most);
        while ((int)now > (int)most &&
               !atomic_compare_exchange_weak(&burst->most, &most, now))
            ;
        weft_future_unref(job);
    }
    return NULL;
}

#define SUBMITTERS 4
#define ROOM 8

static void crowded(void)
{
    struct burst burst = {.each = weft_test_scaled(5000)};
    pthread_t thread[SUBMITTERS];
    weft_future *task[SUBMITTERS];
    bool inside = weft_current() != NULL;
    burst.pool = open_pool(
        (weft_thread_pool_options){.max_threads = 2, .queue_limit = ROOM});
    for (int i = 0; i < SUBMITTERS; i++) {
        cr_assert_eq(pthread_create(&thread[i], NULL, submit_many, &burst), 0);
        if (inside)
            task[i] = weft_spawn(submit_many, &burst);
    }
    for (int i = 0; inside && i < SUBMITTERS; i++)
        cr_assert_eq(weft_await(task[i], NULL), 0);
    weft_blocking_enter();
    for (int i = 0; i < SUBMITTERS; i++)
        pthread_join(thread[i], NULL);
    weft_blocking_exit();
    cr_assert_eq(weft_executor_shutdown(burst.pool), 0);
    cr_assert_eq(atomic_load(&burst.ran),
                 SUBMITTERS * burst.each * (inside ? 2 : 1));
    /* In the queue, running, and with who has one in hand. */
    cr_assert_leq((int)atomic_load(&burst.most), ROOM + 2 + 2 * SUBMITTERS);
}

Test(pool, that_is_full_makes_submitters_wait, WITH_ACCOUNT, .timeout = 120)
{
    everywhere(crowded);
}

/* Who waits for room and is cancelled, or the pool is shut down: refused. */

struct wait_in_line {
    weft_executor *pool;
    struct gate gate;
    int rc;
};

static void *wait_in_line(void *arg)
{
    struct wait_in_line *it = arg;
    weft_future *job =
        weft_run_in_executor_with(it->pool, &droppable, pass, &it->gate);
    it->rc = finish(job, NULL);
    return NULL;
}

static void *shut_down(void *pool)
{
    return weft_fail(weft_executor_shutdown(pool));
}

static void *cancelled_in_line_body(void *unused)
{
    struct wait_in_line it = {.rc = 1};
    it.pool = open_pool(
        (weft_thread_pool_options){.max_threads = 1, .queue_limit = 1});
    atomic_store(&drops, 0);
    weft_future *first = weft_run_in_executor(it.pool, pass, &it.gate);
    await_there(&it.gate, 1);
    weft_future *second = weft_run_in_executor(it.pool, pass, &it.gate);
    weft_future *task = weft_spawn(wait_in_line, &it);
    for (int i = 0; i < 10; i++)
        weft_yield();
    weft_cancel(task);
    cr_expect_eq(weft_await(task, NULL), 0);
    cr_expect_eq(it.rc, -WEFT_ECANCELED);
    cr_expect_eq(atomic_load(&drops), 1);
    task = weft_spawn(wait_in_line, &it);
    for (int i = 0; i < 10; i++)
        weft_yield();
    weft_future *end = weft_spawn(shut_down, it.pool);
    cr_expect_eq(weft_await(task, NULL), 0);
    cr_expect_eq(it.rc, -WEFT_ESHUTDOWN);
    cr_expect_eq(atomic_load(&drops), 2);
    atomic_store(&it.gate.go, 1);
    cr_expect_eq(weft_await(end, NULL), 0);
    cr_expect_eq(weft_await(first, NULL), 0);
    cr_expect_eq(weft_await(second, NULL), 0);
    return unused;
}

Test(pool, waiting_for_room_ends_with_a_cancel_and_a_shutdown, WITH_ACCOUNT,
     .timeout = 60)
{
    struct weft_test_balance before = weft_test_balance();
    cr_assert_eq(weft_test_run(2, cancelled_in_line_body, NULL), 0);
    cr_assert(weft_test_balanced(&before));
}

/* Maps */

static void *nap(void *arg)
{
    usleep(100000);
    return arg;
}

static void no_such_chunk(void)
{
    void *items[8] = {NULL};
    weft_map_options options = {.size = sizeof(options), .chunk = SIZE_MAX};
    weft_executor *pool =
        open_pool((weft_thread_pool_options){.max_threads = 1});
    cr_assert_eq(weft_executor_map(pool, &options, count_one, items, 8, NULL),
                 -EINVAL);
    cr_assert_eq(weft_executor_shutdown(pool), 0);
}

Test(pool, maps_have_chunks_that_fit, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(no_such_chunk);
}

static void *map_body(void *pool)
{
    void *items[] = {weft_test_value(16), weft_test_value(32)}, *results[2];
    weft_map_options options = {.size = sizeof(options), .timeout = WEFT_S(30)};
    (void)!weft_executor_map(pool, &options, nap, items, 2, results);
    cr_expect_eq(results[0], items[0], "it had begun");
    return NULL;
}

static void *cancelled_map_body(void *unused)
{
    weft_executor *pool =
        open_pool((weft_thread_pool_options){.max_threads = 1});
    weft_future *task = weft_spawn(map_body, pool);
    for (int i = 0; i < 10; i++)
        usleep(2000), weft_yield();
    weft_cancel(task);
    cr_expect_eq(weft_await(task, NULL), 0);
    cr_expect_eq(weft_executor_shutdown(pool), 0);
    return unused;
}

Test(pool, maps_with_a_timeout_hand_a_cancel_down, WITH_ACCOUNT, .timeout = 60)
{
    cr_assert_eq(weft_test_run(2, cancelled_map_body, NULL), 0);
}
