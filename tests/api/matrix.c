// SPDX-License-Identifier: MIT
/*
 * The calling matrix on one thread: functions and coroutines call each other,
 * now and whenever; entering a runtime from within one; and the memory model:
 * what was written before a start, an end or an answer is there after it
 * (plain variables: ThreadSanitizer looks).
 */
#include <weft/task.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <weft/exec.h>
#include <weft/group.h>
#include <weft/wait.h>

#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/test.h"

#define value(n) weft_test_value(n)

/* A function of no colour: suspends where it can. */
static void *adds_one(void *n)
{
    weft_yield();
    return value((uintptr_t)n + 1);
}

/* 1: function to function, now */

static void *on_a_callback(void *unused)
{
    (void)unused;
    return adds_one(value(4));
}

static void *call_from_callback(void *unused)
{
    void *result = NULL;
    (void)unused;
    cr_expect_eq(weft_await(weft_call_soon(on_a_callback, NULL), &result), 0);
    cr_expect_eq(result, value(5));
    return NULL;
}

Test(matrix, function_calls_function, .timeout = 30)
{
    cr_assert_eq(adds_one(value(1)), value(2), "without any runtime");
    cr_assert_eq(weft_test_run(1, call_from_callback, NULL), 0);
}

/* 2: function to coroutine, now */

static void *ask_twice(void *rt)
{
    void *result = NULL;
    for (uintptr_t i = 1; i <= 2; i++) {
        weft_future *task =
            weft_run_coroutine_threadsafe(rt, adds_one, value(i));
        cr_expect_eq(weft_wait_blocking(task, WEFT_FOREVER, &result), 0);
        cr_expect_eq(result, value(i + 1));
    }
    return NULL;
}

static void *no_blocking_here(void *unused)
{
    void *result = NULL;
    (void)unused;
    weft_future *task = weft_spawn(adds_one, value(8));
    cr_expect_eq(weft_wait_blocking(task, WEFT_FOREVER, &result),
                 -WEFT_EDEADLK);
    cr_expect_eq(weft_await(task, &result), 0);
    cr_expect_eq(result, value(9));
    cr_expect_eq(weft_run(adds_one, value(8), &result), 0);
    cr_expect_eq(result, value(9), "entering again is fine: it suspends");
    return NULL;
}

static void *no_blocking_in_callback(void *unused)
{
    (void)unused;
    return weft_fail(weft_await(weft_call_soon(no_blocking_here, NULL), NULL));
}

Test(matrix, function_runs_coroutine, .timeout = 30)
{
    void *result = NULL;
    weft_runtime *rt = NULL;
    for (uintptr_t i = 1; i <= 3; i++) {
        cr_assert_eq(weft_run(adds_one, value(i), &result), 0);
        cr_assert_eq(result, value(i + 1));
    }
    cr_assert_eq(weft_test_runtime(1, &rt), 0);
    ask_twice(rt);
    weft_runtime_unref(rt);
    cr_assert_eq(weft_test_run(1, no_blocking_here, NULL), 0);
    cr_assert_eq(weft_test_run(1, no_blocking_in_callback, NULL), 0);
}

/* 3: coroutine to function, now */

static atomic_int ticks, computes;

static void *ticks_on(void *unused)
{
    weft_test_yield_until(&computes, 1);
    for (int i = 0; i < 10; i++) {
        cr_expect_eq(weft_sleep(WEFT_US(100)), 0);
        atomic_fetch_add(&ticks, 1);
    }
    return unused;
}

/* Comes back only if others run meanwhile. */
static int long_computation(int n)
{
    atomic_store(&computes, 1);
    weft_test_spin_until(&ticks, 10);
    return n * n;
}

static void *computing(void *unused)
{
    (void)unused;
    atomic_store(&ticks, 0);
    atomic_store(&computes, 0);
    weft_future *ticker = weft_spawn(ticks_on, NULL);
    cr_expect_eq(long_computation(7), 49);
    cr_expect_eq(weft_await(ticker, NULL), 0);
    return NULL;
}

Test(matrix, coroutine_calls_function, .timeout = 30)
{
    cr_assert_eq(weft_test_run(2, computing, NULL), 0);
    cr_assert_eq(weft_test_run(4, computing, NULL), 0);
}

/* 4: coroutine to coroutine, now */

static void *tells_task(void *unused)
{
    (void)unused;
    weft_future *before = weft_current();
    int rc = weft_sleep(WEFT_US(10));
    return rc == 0 && weft_current() == before ? before : NULL;
}

static uint64_t tasks_spawned(void)
{
    weft_counters counters;
    weft_stats(weft_running_loop(), &counters);
    return counters.tasks_spawned;
}

static void *calls_coroutine(void *unused)
{
    void *result = NULL;
    (void)unused;
    uint64_t before = tasks_spawned();
    cr_expect_eq(tells_task(NULL), weft_current(), "it is the same task");
    cr_expect_eq(tasks_spawned(), before);
    weft_future *task = weft_spawn(tells_task, NULL);
    weft_future *alias = task;
    cr_expect_eq(weft_await(weft_future_ref(task), &result), 0);
    cr_expect(result == alias && result != weft_current());
    cr_expect_eq(tasks_spawned(), before + 1);
    weft_future_unref(task);
    return NULL;
}

Test(matrix, coroutine_calls_coroutine, .timeout = 30)
{
    cr_assert_eq(weft_test_run(1, calls_coroutine, NULL), 0);
}

/* 5, 6: function to function, to coroutine, whenever */

static atomic_int whenever;

static void *notes(void *unused)
{
    atomic_fetch_add(&whenever, 1);
    return unused;
}

static void *starts_others(void *unused)
{
    (void)unused;
    weft_future *cancelled = weft_call_later(WEFT_S(1000), notes, NULL);
    weft_future *each[] = {
        weft_call_soon(notes, NULL),
        weft_call_later(WEFT_US(10), notes, NULL),
        weft_call_at(weft_now(), notes, NULL),
        weft_spawn(notes, NULL),
    };
    cr_expect_eq(weft_cancel(cancelled), 0);
    cr_expect_eq(weft_await(cancelled, NULL), -WEFT_ECANCELED);
    for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++)
        cr_expect_eq(weft_await(each[i], NULL), 0);
    cr_expect_eq(atomic_load(&whenever), 4);
    return NULL;
}

static void *from_a_callback(void *unused)
{
    (void)unused;
    atomic_store(&whenever, 0);
    return weft_fail(weft_await(weft_call_soon(starts_others, NULL), NULL));
}

Test(matrix, function_starts_others, .timeout = 30)
{
    weft_runtime *rt = NULL;
    cr_assert_eq(weft_test_run(1, from_a_callback, NULL), 0);
    cr_assert_eq(weft_test_runtime(1, &rt), 0);
    atomic_store(&whenever, 0);
    weft_future *soon = weft_call_soon_threadsafe(rt, notes, NULL);
    weft_future *task = weft_run_coroutine_threadsafe(rt, notes, NULL);
    cr_assert_eq(weft_wait_blocking(soon, WEFT_FOREVER, NULL), 0);
    cr_assert_eq(weft_wait_blocking(task, WEFT_FOREVER, NULL), 0);
    cr_assert_eq(atomic_load(&whenever), 2);
    weft_runtime_unref(rt);
}

/* 7: coroutine to function, whenever */

static void *calls_soon(void *unused)
{
    (void)unused;
    atomic_store(&whenever, 0);
    weft_future *call = weft_call_soon(notes, NULL);
    cr_expect_eq(atomic_load(&whenever), 0, "not before we suspend");
    cr_expect_eq(weft_await(call, NULL), 0);
    cr_expect_eq(atomic_load(&whenever), 1);
    return NULL;
}

Test(matrix, coroutine_starts_function, .timeout = 30)
{
    cr_assert_eq(weft_test_run(1, calls_soon, NULL), 0);
}

/* 8: coroutine to coroutine, whenever, on one thread */

static void *stays(void *unused)
{
    long tid = syscall(SYS_gettid);
    for (int i = 0; i < 200; i++) {
        int rc = i % 10 ? weft_yield() : weft_sleep(WEFT_US(5));
        if (rc < 0 || syscall(SYS_gettid) != tid)
            return weft_fail(-EIO);
    }
    return unused;
}

static void *starts_pinned(void *unused)
{
    weft_spawn_options options = {.size = sizeof(options), .pinned = true};
    weft_future *task[8];
    (void)unused;
    for (int i = 0; i < 8; i++)
        task[i] = weft_spawn_with(&options, stays, NULL);
    cr_expect_eq(weft_gather(task, 8, NULL), 0);
    return NULL;
}

Test(matrix, coroutine_starts_pinned_coroutine, .timeout = 30)
{
    cr_assert_eq(weft_test_run(3, starts_pinned, NULL), 0);
}

/* A runtime is entered from within itself, many levels deep, on one worker */

static void *nested(void *levels)
{
    void *result = NULL;
    uintptr_t rest = (uintptr_t)levels;
    if (rest == 0)
        return value(1);
    int rc = weft_run(nested, value(rest - 1), &result);
    return rc < 0 ? weft_fail(rc) : value((uintptr_t)result + 1);
}

Test(matrix, a_hundred_nested_runs, .timeout = 60)
{
    weft_options options = {.size = sizeof(options), .workers = 1};
    void *result = NULL;
    cr_assert_eq(weft_run_with(&options, nested, value(100), &result), 0);
    cr_assert_eq(result, value(101));
}

/* The memory model. Each cell is written plainly on one side of an edge and
 * read plainly on the other. */

struct cell {
    int before; /* written by who starts or completes */
    int after;  /* written by who ends or answers */
    weft_future *made;
};

static atomic_int stale;

static void expect_cell(const int *where, int wanted)
{
    if (*where != wanted)
        atomic_fetch_add(&stale, 1);
}

static void *body(void *arg)
{
    struct cell *cell = arg;
    expect_cell(&cell->before, 1);
    cell->after = 2;
    return NULL;
}

static void *spawn_and_await(void *arg)
{
    struct cell *cell = arg;
    cell->before = 1; /* before the body */
    weft_future *task = weft_spawn(body, cell);
    cr_expect_eq(weft_await(task, NULL), 0);
    expect_cell(&cell->after, 2); /* the body, before who awaits it */
    return NULL;
}

static void *completes(void *arg)
{
    struct cell *cell = arg;
    weft_future *made = cell->made; /* once complete, the cell may be gone */
    cell->before = 1;
    weft_future_set_result(made, NULL);
    weft_future_unref(made);
    return NULL;
}

static void *set_and_await(void *arg)
{
    struct cell *cell = arg;
    cell->made = weft_future_new();
    weft_future *mine = weft_future_ref(cell->made);
    weft_detach(weft_spawn(completes, cell));
    cr_expect_eq(weft_await(mine, NULL), 0);
    expect_cell(&cell->before, 1);
    return NULL;
}

static void *when_done(void *arg)
{
    struct cell *cell = arg;
    weft_future *made = cell->made; /* as above */
    expect_cell(&cell->before, 1);
    cell->after = 2;
    weft_future_set_result(made, NULL);
    weft_future_unref(made);
    return NULL;
}

static void *set_and_callback(void *arg)
{
    struct cell *cell = arg;
    weft_future *called = cell->made = weft_future_new();
    weft_future *made = weft_future_new();
    struct cell other = {.made = weft_future_ref(made)};
    weft_future_ref(called);
    cr_expect_eq(weft_future_add_done_callback(made, when_done, cell), 0);
    cell->before = 1;
    weft_future *task = weft_spawn(completes, &other);
    cr_expect_eq(weft_await(called, NULL), 0);
    expect_cell(&cell->after, 2);
    cr_expect_eq(weft_await(task, NULL), 0);
    weft_future_unref(made);
    return NULL;
}

static void *group_child(void *arg)
{
    struct cell *cell = arg;
    weft_group group;
    weft_group_enter(&group, NULL);
    cell->before = 1;
    int rc = weft_group_spawn(&group, body, cell);
    cr_expect_eq(weft_group_exit(&group, rc), 0);
    expect_cell(&cell->after, 2);
    return NULL;
}

static void *litmus(void *edge)
{
    weft_group group;
    size_t n = weft_test_scaled(20000);
    weft_group_options options = {.size = sizeof(options), .max_running = 64};
    struct cell *cell = calloc(n, sizeof(*cell));
    int rc = 0;
    weft_group_enter(&group, &options);
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = weft_group_spawn(&group, *(weft_fn **)edge, &cell[i]);
    cr_expect_eq(weft_group_exit(&group, rc), 0);
    free(cell);
    return NULL;
}

Test(matrix, what_is_written_before_is_seen_after, .timeout = 120)
{
    weft_fn *edges[] = {spawn_and_await, set_and_await, set_and_callback,
                        group_child};
    atomic_store(&stale, 0);
    for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++)
        for (unsigned workers = 1; workers <= 4; workers++)
            cr_assert_eq(weft_test_run(workers, litmus, &edges[i]), 0);
    cr_assert_eq(atomic_load(&stale), 0);
}

static void foreign_edges(weft_runtime *rt, struct cell *cell)
{
    cell->before = 1; /* a foreign thread, before its callback */
    weft_future *call = weft_call_soon_threadsafe(rt, body, cell);
    cr_expect_eq(weft_wait_blocking(call, WEFT_FOREVER, NULL), 0);
    expect_cell(&cell->after, 2);

    cell->after = 0;
    weft_future *task = weft_run_coroutine_threadsafe(rt, body, cell);
    cr_expect_eq(weft_wait_blocking(task, WEFT_FOREVER, NULL), 0);
    expect_cell(&cell->after, 2);

    cell->before = 0; /* a result, before who blocks for it */
    cell->made = weft_future_new();
    weft_future *mine = weft_future_ref(cell->made);
    weft_detach(weft_run_coroutine_threadsafe(rt, completes, cell));
    cr_expect_eq(weft_wait_blocking(mine, WEFT_FOREVER, NULL), 0);
    expect_cell(&cell->before, 1);
}

static void *foreign_thread(void *rt)
{
    struct cell cell = {0};
    for (size_t i = weft_test_scaled(3000); i > 0; i--)
        foreign_edges(rt, &cell);
    return NULL;
}

Test(matrix, what_is_written_before_is_seen_on_other_threads, .timeout = 120)
{
    weft_runtime *rt = NULL;
    pthread_t thread[3];
    atomic_store(&stale, 0);
    cr_assert_eq(weft_test_runtime(2, &rt), 0);
    for (int i = 0; i < 3; i++)
        pthread_create(&thread[i], NULL, foreign_thread, rt);
    for (int i = 0; i < 3; i++)
        pthread_join(thread[i], NULL);
    weft_runtime_unref(rt);
    cr_assert_eq(atomic_load(&stale), 0);
}
