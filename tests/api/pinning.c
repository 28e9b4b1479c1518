// SPDX-License-Identifier: MIT
/* Pinned means the same OS thread, over every kind of suspension and however
 * hungry the other workers are. */
#define _GNU_SOURCE
#include <weft/task.h>

#include <unistd.h>
#include <weft/stats.h>

#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/test.h"

static atomic_int stop;

static void *keep_busy(void *unused)
{
    while (!atomic_load(&stop)) {
        weft_future *task = weft_spawn(weft_test_echo, unused);
        weft_yield();
        weft_await(task, NULL);
    }
    return NULL;
}

static int suspend_somehow(size_t i)
{
    switch (i % 4) {
    case 0:
        return weft_sleep((weft_ns)(i % 1000));
    case 1:
        return weft_await(weft_spawn(weft_test_echo, NULL), NULL);
    case 2:
        return weft_await(weft_call_soon(weft_test_echo, NULL), NULL);
    default:
        return weft_yield();
    }
}

static void *pinned_task(void *unused)
{
    size_t n = weft_test_scaled(10000);
    size_t moved = 0;
    pid_t thread = gettid();
    (void)unused;
    for (size_t i = 0; i < n; i++)
        moved += suspend_somehow(i) != 0 || gettid() != thread;
    return weft_test_value(moved);
}

/* Pins nest. */
static void *pins_itself(void *unused)
{
    weft_pin();
    weft_pin();
    weft_unpin();
    void *moved = pinned_task(unused);
    weft_unpin();
    return weft_unpin() == 0 ? weft_fail(-5) : moved;
}

static void *under_pressure(void *unused)
{
    enum { BUSY = 8, PINNED = 6 };
    weft_future *busy[BUSY];
    weft_future *task[PINNED];
    weft_spawn_options pinned = {.size = sizeof(pinned), .pinned = true};
    (void)unused;
    atomic_store(&stop, 0);
    for (int i = 0; i < BUSY; i++)
        busy[i] = weft_spawn(keep_busy, NULL);
    for (int i = 0; i < PINNED; i++)
        task[i] = i % 2 ? weft_spawn(pins_itself, NULL)
                        : weft_spawn_with(&pinned, pinned_task, NULL);
    for (int i = 0; i < PINNED; i++) {
        void *moved = NULL;
        cr_expect_eq(weft_await(task[i], &moved), 0);
        cr_expect_null(moved);
    }
    atomic_store(&stop, 1);
    for (int i = 0; i < BUSY; i++)
        weft_await(busy[i], NULL);
    return NULL;
}

Test(pinning, stays_on_its_thread, .timeout = 120)
{
    cr_assert_eq(weft_test_run(2, under_pressure, NULL), 0);
    cr_assert_eq(weft_test_run(4, under_pressure, NULL), 0);
}

/* Woken by another worker and by a foreign thread. */

static void *wait_pinned(void *unused)
{
    pid_t thread = gettid();
    size_t moved = 0;
    (void)unused;
    for (int i = 0; i < 100; i++)
        moved += weft_suspend() != 0 || gettid() != thread;
    atomic_store(&stop, 1);
    return weft_test_value(moved);
}

static void *wakes_pinned(void *unused)
{
    weft_spawn_options pinned = {.size = sizeof(pinned), .pinned = true};
    void *moved = NULL;
    (void)unused;
    atomic_store(&stop, 0);
    weft_future *task = weft_spawn_with(&pinned, wait_pinned, NULL);
    while (!atomic_load(&stop)) {
        weft_ready(task);
        weft_yield();
    }
    cr_expect_eq(weft_await(task, &moved), 0);
    cr_expect_null(moved);
    return NULL;
}

Test(pinning, whoever_wakes_it, .timeout = 60)
{
    for (size_t round = weft_test_scaled(50); round > 0; round--)
        cr_assert_eq(weft_test_run(3, wakes_pinned, NULL), 0);
}

/* Not even an idle worker that helps out a stuck one takes what is pinned. */

static atomic_int blocked;
static atomic_int helped;

static void *yield_pinned(void *unused)
{
    pid_t thread = gettid();
    size_t moved = 0;
    (void)unused;
    while (!atomic_load(&stop)) {
        moved += weft_yield() != 0;
        moved += gettid() != thread;
    }
    return weft_test_value(moved);
}

static void *help(void *unused)
{
    atomic_store(&helped, 1);
    return unused;
}

static void *block_pinned(void *unused)
{
    (void)unused;
    atomic_store(&blocked, 1);
    weft_detach(weft_spawn(help, NULL));
    weft_test_spin_until(&helped, 1);
    return NULL;
}

static void *stuck_beside_pinned(void *unused)
{
    weft_spawn_options pinned = {.size = sizeof(pinned), .pinned = true};
    weft_future *task[4];
    (void)unused;
    atomic_store(&stop, 0);
    for (int i = 0; i < 4; i++)
        task[i] = weft_spawn_with(&pinned, yield_pinned, NULL);
    for (int round = 0; round < 20; round++) {
        atomic_store(&blocked, 0);
        atomic_store(&helped, 0);
        weft_future *blocker = weft_spawn_with(&pinned, block_pinned, NULL);
        weft_test_yield_until(&blocked, 1);
        weft_await(blocker, NULL);
    }
    atomic_store(&stop, 1);
    for (int i = 0; i < 4; i++) {
        void *moved = NULL;
        cr_expect_eq(weft_await(task[i], &moved), 0);
        cr_expect_null(moved);
    }
    return NULL;
}

Test(pinning, nobody_helps_out_with_it, .timeout = 60)
{
    cr_assert_eq(weft_test_run(2, stuck_beside_pinned, NULL), 0);
    cr_assert_eq(weft_test_run(4, stuck_beside_pinned, NULL), 0);
}
