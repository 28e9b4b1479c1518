// SPDX-License-Identifier: MIT
/*
 * Misuse has an answer: a table of what each call says in a context it is not
 * for, done twice, or given nothing.
 */
#include <weft/runtime.h>
#include <weft/task.h>

#include <errno.h>
#include <pthread.h>

#include "tests/support/run.h"
#include "tests/support/test.h"

#define value(n) weft_test_value(n)

/* Calls as rows: each makes one call and returns its code. */

struct row {
    const char *what;
    int (*call)(void);
    int answer;
};

static int code_of(weft_future *future)
{
    int code = weft_future_result(future, NULL);
    weft_future_unref(future);
    return code;
}

static int spawn(void)
{
    return code_of(weft_spawn(weft_test_echo, NULL));
}

static int spawn_function(void)
{
    return code_of((weft_spawn)(weft_test_echo, NULL));
}

static int spawn_with(void)
{
    return code_of(weft_spawn_with(NULL, weft_test_echo, NULL));
}

static int call_soon(void)
{
    return code_of(weft_call_soon(weft_test_echo, NULL));
}

static int call_later(void)
{
    return code_of(weft_call_later(1, weft_test_echo, NULL));
}

static int call_at(void)
{
    return code_of(weft_call_at(1, weft_test_echo, NULL));
}

static int await_made(void)
{
    return weft_await(weft_future_new(), NULL);
}

static int sleep_a_bit(void)
{
    return weft_sleep(1);
}

static int sleep_until_now(void)
{
    return weft_sleep_until(1);
}

static int add_callback(void)
{
    weft_future *future = weft_future_new();
    int rc = weft_future_add_done_callback(future, weft_test_echo, NULL);
    weft_future_unref(future);
    return rc;
}

static int suspend_here(void)
{
    return weft_suspend();
}

static const struct row outside[] = {
    {"weft_spawn", spawn, -WEFT_ENORUNTIME},
    {"weft_spawn, the function", spawn_function, -WEFT_ENORUNTIME},
    {"weft_spawn_with", spawn_with, -WEFT_ENORUNTIME},
    {"weft_call_soon", call_soon, -WEFT_ENORUNTIME},
    {"weft_call_later", call_later, -WEFT_ENORUNTIME},
    {"weft_call_at", call_at, -WEFT_ENORUNTIME},
    {"weft_await", await_made, -WEFT_ENORUNTIME},
    {"weft_sleep", sleep_a_bit, -WEFT_ENORUNTIME},
    {"weft_sleep_until", sleep_until_now, -WEFT_ENORUNTIME},
    {"weft_yield", weft_yield, -WEFT_ENORUNTIME},
    {"weft_suspend", suspend_here, -WEFT_ENORUNTIME},
    {"weft_pin", weft_pin, -WEFT_ENORUNTIME},
    {"weft_unpin", weft_unpin, -WEFT_ENORUNTIME},
    {"weft_worker_index", weft_worker_index, -WEFT_ENORUNTIME},
    {"weft_future_add_done_callback", add_callback, -WEFT_ENORUNTIME},
};

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static void check(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int answer = rows[i].call();
        cr_expect_eq(answer, rows[i].answer, "%s said %d", rows[i].what,
                     answer);
    }
}

Test(misuse, outside_a_runtime)
{
    check(outside, ROWS(outside));
    cr_assert_null(weft_current());
    cr_assert_null(weft_running_loop());
    cr_assert(!weft_cancelled());
}

static void *on_thread(void *unused)
{
    check(outside, ROWS(outside));
    return unused;
}

/* Not even while there is one somewhere. */
Test(misuse, on_a_foreign_thread, .timeout = 30)
{
    pthread_t thread;
    weft_runtime *rt;
    cr_assert_eq(weft_test_runtime(2, &rt), 0);
    cr_assert_eq(pthread_create(&thread, NULL, on_thread, NULL), 0);
    pthread_join(thread, NULL);
    weft_runtime_unref(rt);
}

/* Inside a runtime */

static int wait_blocking(void)
{
    weft_future *future = weft_future_new();
    int rc = weft_wait_blocking(future, WEFT_FOREVER, NULL);
    weft_future_unref(future); /* kept */
    return rc;
}

static int wait_blocking_done(void)
{
    weft_future *future = weft_future_new();
    weft_future_set_result(future, NULL);
    int rc = weft_wait_blocking(future, 0, NULL);
    weft_future_unref(future); /* kept */
    return rc;
}

static int await_self(void)
{
    return weft_await(weft_current(), NULL);
}

static int set_task(void)
{
    weft_future *task = weft_spawn(weft_test_echo, NULL);
    int rc = weft_future_set_result(task, NULL);
    return weft_await(task, NULL) == 0 ? rc : -EIO;
}

static int fail_task(void)
{
    weft_future *task = weft_spawn(weft_test_echo, NULL);
    int rc = weft_future_set_error(task, -EIO);
    return weft_await(task, NULL) == 0 ? rc : -EIO;
}

static int set_callback(void)
{
    weft_future *callback = weft_call_soon(weft_test_echo, NULL);
    int rc = weft_future_set_result(callback, NULL);
    return weft_await(callback, NULL) == 0 ? rc : -EIO;
}

static int ready_made(void)
{
    weft_future *future = weft_future_new();
    int rc = weft_ready(future);
    weft_future_unref(future);
    return rc;
}

static int set_twice(void)
{
    weft_future *future = weft_future_new();
    int rc = weft_future_set_result(future, NULL);
    rc = rc == 0 ? weft_future_set_result(future, NULL) : -EIO;
    weft_future_unref(future);
    return rc;
}

static int result_of_pending(void)
{
    weft_future *future = weft_future_new();
    return code_of(future);
}

static int ready_done(void)
{
    weft_future *task = weft_spawn(weft_test_echo, NULL);
    weft_await(weft_future_ref(task), NULL);
    int rc = weft_ready(task);
    weft_future_unref(task);
    return rc;
}

static int cancel_done(void)
{
    weft_future *task = weft_spawn(weft_test_echo, NULL);
    weft_await(weft_future_ref(task), NULL);
    int rc = weft_cancel(task);
    weft_future_unref(task);
    return rc;
}

static int stats_of_none(void)
{
    weft_counters counters;
    return weft_stats_worker(weft_running_loop(), 256, &counters);
}

static int nothing_to_drop(void)
{
    weft_future_unref(NULL);
    weft_runtime_unref(NULL);
    return 0;
}

static const struct row inside[] = {
    {"weft_wait_blocking on a worker", wait_blocking, -WEFT_EDEADLK},
    {"weft_wait_blocking of one done", wait_blocking_done, -WEFT_EDEADLK},
    {"weft_await of oneself", await_self, -WEFT_EDEADLK},
    {"weft_future_set_result of a task", set_task, -EINVAL},
    {"weft_future_set_error of a task", fail_task, -EINVAL},
    {"weft_future_set_result of a callback", set_callback, -EINVAL},
    {"weft_ready of a made future", ready_made, -EINVAL},
    {"weft_future_set_result twice", set_twice, -WEFT_EALREADY},
    {"weft_future_result of one pending", result_of_pending, -WEFT_EBUSY},
    {"weft_ready of one that has ended", ready_done, -WEFT_EALREADY},
    {"weft_cancel of one that has ended", cancel_done, -WEFT_EALREADY},
    {"weft_unpin of one not pinned", weft_unpin, -EINVAL},
    {"weft_stats_worker of none", stats_of_none, -EINVAL},
    {"unref of NULL", nothing_to_drop, 0},
};

static void *check_inside(void *unused)
{
    check(inside, ROWS(inside));
    return unused;
}

Test(misuse, inside_a_task, .timeout = 30)
{
    cr_assert_eq(weft_test_run(1, check_inside, NULL), 0);
    cr_assert_eq(weft_test_run(2, check_inside, NULL), 0);
}

/* Two awaits with one reference */

static void *await_it(void *future)
{
    return weft_fail(weft_await(future, NULL));
}

static void *double_await(void *unused)
{
    (void)unused;
    weft_future *made = weft_future_new();
    weft_future *first = weft_spawn(await_it, made);
    for (int i = 0; i < 10; i++)
        weft_yield();
    cr_expect_eq(weft_await(made, NULL), -WEFT_EBUSY);
    cr_expect_eq(weft_future_set_result(made, NULL), 0);
    cr_expect_eq(weft_await(first, NULL), 0);
    return NULL;
}

Test(misuse, two_awaits_with_one_reference, .timeout = 30)
{
    cr_assert_eq(weft_test_run(1, double_await, NULL), 0);
}

/* Statics: what failed from the start may be used like any other. */

Test(misuse, futures_that_failed_from_the_start)
{
    weft_future *failed = weft_spawn(weft_test_echo, NULL);
    cr_assert_eq(weft_future_state(failed), WEFT_FUTURE_FAILED);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(weft_future_ref(failed), failed);
    cr_assert_eq(weft_future_set_result(failed, NULL), -WEFT_EALREADY);
    cr_assert_eq(weft_future_set_error(failed, -EIO), -WEFT_EALREADY);
    cr_assert_eq(weft_cancel(failed), -WEFT_EALREADY);
    cr_assert_eq(weft_ready(failed), -EINVAL);
    weft_detach(failed);
    weft_future_unref(failed);
    void *result = value(1);
    cr_assert_eq(weft_wait_blocking(failed, WEFT_FOREVER, &result),
                 -WEFT_ENORUNTIME);
    cr_assert_null(result);
    cr_assert_eq(weft_future_state(failed), WEFT_FUTURE_FAILED);
}

/* Options of a runtime */

Test(misuse, options_that_make_no_sense)
{
    weft_runtime *rt = NULL;
    weft_options options = {.size = 0};
    cr_assert_eq(weft_runtime_new(&options, &rt), -EINVAL);
    options = (weft_options){.size = sizeof(options) + 1};
    cr_assert_eq(weft_runtime_new(&options, &rt), -EINVAL);
    options = (weft_options){.size = sizeof(options), .workers = 257};
    cr_assert_eq(weft_runtime_new(&options, &rt), -EINVAL);
    options = (weft_options){.size = sizeof(options), .grace = -1};
    cr_assert_eq(weft_runtime_new(&options, &rt), -EINVAL);
    options =
        (weft_options){.size = sizeof(options), .engine = (enum weft_engine)3};
    cr_assert_eq(weft_runtime_new(&options, &rt), -EINVAL);
    options =
        (weft_options){.size = sizeof(options), .workers = 4, .max_threads = 2};
    cr_assert_eq(weft_runtime_new(&options, &rt), -EAGAIN);
    cr_assert_null(rt);
    cr_assert_eq(weft_run_with(&options, weft_test_echo, NULL, NULL), -EAGAIN);
}
