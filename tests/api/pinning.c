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
