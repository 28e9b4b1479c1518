// SPDX-License-Identifier: MIT
/*
 * Many tasks that compute arrive together, and nobody knows them yet: not each
 * of them gets a thread to itself, and none keeps others waiting behind it.
 */
#include <weft/future.h>
#include <weft/inspect.h>
#include <weft/task.h>

#include "sched/handoff.h"
#include "sched/runtime.h"
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
 * some that were under way when the crowd had come together. */

enum { MANY = 64, FEW = 4 * WEFT__CROWD };

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
    /* Unless nobody in the line had a turn for long: see below. */
    bool lifted = weft__load_relaxed(&weft_running_loop()->monitor.lifts) > 0;
    cr_expect(lifted || atomic_load(&begun) <= FEW, "%d begun",
              atomic_load(&begun));
    atomic_store(&release, 1);
    for (int i = 0; i < MANY; i++)
        cr_expect_eq(weft_await(task[i], NULL), 0);
    weft_stats(weft_running_loop(), &sum);
    cr_expect(lifted || sum.handoffs <= 2 * FEW, "%d hand-offs",
              (int)sum.handoffs);
    return unused;
}

Test(crowd, does_not_grow, .timeout = 60)
{
    cr_assert_eq(weft_test_run(1, many_compute, NULL), 0);
}

/* But if those that are there do not end, who is new need not wait for it. */

enum { SOME = 3 * WEFT__CROWD };

static void *one_among_many(void *unused)
{
    weft_future *task[SOME];
    atomic_store(&begun, 0);
    atomic_store(&release, 0);
    for (int i = 0; i < SOME; i++)
        task[i] = weft_spawn(i == SOME / 2 ? lets_go : computes, NULL);
    for (int i = 0; i < SOME; i++)
        cr_expect_eq(weft_await(task[i], NULL), 0);
    return unused;
}

Test(crowd, is_let_go_when_nobody_moves, .timeout = 60)
{
    cr_assert_eq(weft_test_run(1, one_among_many, NULL), 0);
}
