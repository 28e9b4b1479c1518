// SPDX-License-Identifier: MIT
/* What a coroutine is told about where it runs is right after every kind of
 * resumption, on whatever thread that happened; no compiler keeps an address
 * of the thread before. Built with -O3 as well. */
#define _GNU_SOURCE
#include <weft/task.h>

#include <errno.h>
#include <unistd.h>
#include <weft/exec.h>
#include <weft/stats.h>

#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/test.h"

#define WORKERS 4

static atomic_int thread_of[WORKERS]; /* 0, or its gettid() */
static atomic_long wrong;
static atomic_long migrations;
static weft_runtime *rt;

/* Each worker has one thread, and this is it. */
static void check_place(weft_future *self)
{
    int worker = weft_worker_index();
    int thread = gettid();
    int known = 0;
    bool right = weft_current() == self && weft_running_loop() == rt &&
                 worker >= 0 && worker < WORKERS;
    if (right &&
        !atomic_compare_exchange_strong(&thread_of[worker], &known, thread))
        right = known == thread;
    if (!right)
        atomic_fetch_add(&wrong, 1);
}

static void *job(void *unused)
{
    return unused;
}

static int resume_somehow(size_t i, weft_future *made)
{
    switch (i % 7) {
    case 0:
        return weft_yield();
    case 1:
        return weft_sleep((weft_ns)(i % 3000));
    case 2:
        return weft_await(weft_spawn(weft_test_echo, NULL), NULL);
    case 3:
        return weft_await(weft_call_later(500, weft_test_echo, NULL), NULL);
    case 4:
        weft_ready(weft_current());
        return weft_suspend();
    case 5:
        weft_detach(weft_call_soon(weft_test_echo, NULL));
        weft_future_set_result(made, NULL);
        return weft_await(weft_future_ref(made), NULL);
    default:
        return i % 70 == 6 ? weft_to_thread(job, NULL, NULL) : weft_yield();
    }
}

static void *wander(void *unused)
{
    size_t n = weft_test_scaled(5000);
    weft_future *self = weft_current();
    weft_future *made = weft_future_new();
    (void)unused;
    for (size_t i = 0; i < n; i++) {
        int before = weft_worker_index();
        if (resume_somehow(i, made) != 0)
            atomic_fetch_add(&wrong, 1);
        check_place(self);
        if (weft_worker_index() != before)
            atomic_fetch_add(&migrations, 1);
    }
    weft_future_unref(made);
    return NULL;
}

/* Wherever it begins: task, callback, done-callback, timer. */
static void *begin(void *unused)
{
    check_place(weft_current());
    if (weft_current() == NULL)
        atomic_fetch_add(&wrong, 1);
    return unused;
}

static void *all_wander(void *unused)
{
    enum { MANY = 32 };
    weft_future *task[MANY];
    (void)unused;
    rt = weft_running_loop();
    for (int i = 0; i < MANY; i++) {
        task[i] = weft_spawn(wander, NULL);
        if (weft_future_add_done_callback(task[i], begin, NULL) < 0)
            atomic_fetch_add(&wrong, 1);
        weft_detach(weft_spawn(begin, NULL));
        weft_detach(weft_call_soon(begin, NULL));
        weft_detach(weft_call_later(1000, begin, NULL));
    }
    for (int i = 0; i < MANY; i++)
        weft_await(task[i], NULL);
    return NULL;
}

Test(tls_migration, right_after_each_resume, .timeout = 120)
{
    for (int i = 0; i < WORKERS; i++)
        atomic_store(&thread_of[i], 0);
    /* Without a monitor, so that a worker has the same thread for life. */
    weft_options options = {
        .size = sizeof(options), .workers = WORKERS, .no_monitor = true};
    cr_assert_eq(weft_run_with(&options, all_wander, NULL, NULL), 0);
    cr_assert_eq(atomic_load(&wrong), 0);
    cr_assert_gt(atomic_load(&migrations), 0);
}

/* Forced: the thread it slept on is blocked until it has been here. */

static atomic_int blocked;
static atomic_int moved;

static void *block_thread(void *unused)
{
    atomic_store(&blocked, 1);
    weft_test_spin_until(&moved, 1);
    return unused;
}

static void *must_move(void *unused)
{
    (void)unused;
    int before = weft_worker_index();
    int thread = gettid();
    atomic_store(&blocked, 0);
    atomic_store(&moved, 0);
    weft_spawn_options pinned = {.size = sizeof(pinned), .pinned = true};
    weft_future *blocker = weft_spawn_with(&pinned, block_thread, NULL);
    /* The blocker takes this thread in one of the turns; we go on elsewhere. */
    while (atomic_load(&blocked) == 0)
        weft_yield();
    int wrong_place = weft_worker_index() == before || gettid() == thread;
    atomic_store(&moved, 1);
    int rc = weft_await(blocker, NULL);
    return weft_fail(wrong_place ? -EIO : rc);
}

static void *force(void *unused)
{
    (void)unused;
    for (size_t round = weft_test_scaled(200); round > 0; round--)
        cr_expect_eq(weft_await(weft_spawn(must_move, NULL), NULL), 0);
    return NULL;
}

Test(tls_migration, forced, .timeout = 120)
{
    cr_assert_eq(weft_test_run(2, force, NULL), 0);
}
