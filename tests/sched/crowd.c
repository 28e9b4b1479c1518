// SPDX-License-Identifier: MIT
/*
 * Many tasks that compute arrive together, and nobody knows them yet: not each
 * of them gets a thread to itself, and none keeps others waiting behind it.
 */
#include <weft/future.h>
#include <weft/inspect.h>
#include <weft/task.h>

#include "sched/handoff.h"
#include "tests/support/run.h"
#include "tests/support/test.h"

static atomic_int begun;
static atomic_int release;

static void *computes(void *unused)
{
    atomic_fetch_add(&begun, 1);
    while (!atomic_load(&release))
        ;
    return unused;
}

static void *lets_go(void *unused)
{
    atomic_store(&release, 1);
    return unused;
}

/* What lies behind the first one runs although the second, which had nothing
 * behind itself, is not done either. */
static void *one_behind_two(void *unused)
{
    weft_future *task[3];
    atomic_store(&release, 0);
    task[0] = weft_spawn(computes, NULL); /* the oldest is rescued first */
    task[1] = weft_spawn(lets_go, NULL);
    task[2] = weft_spawn(computes, NULL); /* the newest runs first */
    weft_yield();
    for (int i = 0; i < 3; i++)
        cr_expect_eq(weft_await(task[i], NULL), 0);
    return unused;
}

Test(crowd, leaves_nobody_behind, .timeout = 60)
{
    for (int i = 0; i < 10; i++)
        cr_assert_eq(weft_test_run(1, one_behind_two, NULL), 0);
}

/* Behind so many only the background goes on with more: one for each CPU, and
 * one that was under way when the crowd had come together. */

enum { MANY = 64, FEW = WEFT__CROWD + 2 };

static void *many_compute(void *unused)
{
    weft_future *task[MANY];
    weft_counters sum;
    atomic_store(&begun, 0);
    atomic_store(&release, 0);
    for (int i = 0; i < MANY; i++)
        task[i] = weft_spawn(computes, NULL);
    while (atomic_load(&begun) < WEFT__CROWD)
        cr_assert_eq(weft_sleep(WEFT_MS(1)), 0);
    for (int i = 0; i < 50; i++)
        cr_assert_eq(weft_sleep(WEFT_MS(1)), 0);
    cr_expect_leq(atomic_load(&begun), FEW);
    atomic_store(&release, 1);
    for (int i = 0; i < MANY; i++)
        cr_expect_eq(weft_await(task[i], NULL), 0);
    weft_stats(weft_running_loop(), &sum);
    cr_expect_leq(sum.handoffs, 2 * FEW);
    return unused;
}

Test(crowd, does_not_grow, .timeout = 60)
{
    cr_assert_eq(weft_test_run(1, many_compute, NULL), 0);
}
