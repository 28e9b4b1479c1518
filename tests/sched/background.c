// SPDX-License-Identifier: MIT
/*
 * The background: who overruns again and again moves there, with the parts of
 * its work, and back when it behaves; those there share what CPU is left.
 */
#define _GNU_SOURCE
#include <weft/fork.h>
#include <weft/future.h>
#include <weft/inspect.h>
#include <weft/task.h>

#include <errno.h>

#include "sched/runtime.h"
#include "tests/support/run.h"
#include "tests/support/test.h"
#include "tests/support/thread.h"

static weft_counters counters(void)
{
    weft_counters sum;
    weft_stats(weft_running_loop(), &sum);
    return sum;
}

static atomic_int stop;

static void *yields(void *unused)
{
    while (!atomic_load(&stop))
        weft_yield();
    return unused;
}

/* It goes there when it overruns, and comes back. */
static void *moves_to_and_fro(void *rounds)
{
    int there = 0;
    int back = 0;
    for (int i = 0; i < *(int *)rounds; i++) {
        for (int n = 0; n < 1000 && weft_test_nice() == 0; n++) {
            weft_test_compute_for(WEFT_MS(10));
            weft_yield();
        }
        there += weft_test_nice() > 0;
        for (int n = 0; n < 1000 && weft_test_nice() > 0; n++)
            weft_yield();
        back += weft_test_nice() == 0;
    }
    cr_expect_eq(there, *(int *)rounds);
    cr_expect_eq(back, *(int *)rounds);
    return rounds;
}

static void *beside_others(void *rounds)
{
    weft_future *task[2];
    atomic_store(&stop, 0);
    task[0] = weft_spawn(yields, NULL);
    task[1] = weft_spawn(moves_to_and_fro, rounds);
    weft_await(task[1], NULL);
    atomic_store(&stop, 1);
    weft_await(task[0], NULL);
    cr_expect_geq(counters().demotions, (uint64_t) * (int *)rounds);
    cr_expect_geq(counters().promotions, (uint64_t) * (int *)rounds);
    return NULL;
}

Test(background, is_for_those_that_overrun, .timeout = 60)
{
    int rounds = 3;
    if (weft_test_is_low_already())
        cr_skip("no lower priority is left");
    cr_assert_eq(weft_test_run(1, beside_others, &rounds), 0);
}

/* Each gets its turn: none of many that compute falls far behind. */

static atomic_int turns[8];

static void *computes_in_turns(void *arg)
{
    while (!atomic_load(&stop)) {
        weft_test_compute_for(WEFT_MS(4));
        atomic_fetch_add((atomic_int *)arg, 1);
        weft_yield();
    }
    return arg;
}

/* Until each has made so many turns more than `since`. */
static void await_turns(const int *since, int more)
{
    for (int i = 0; i < 8; i++)
        while (atomic_load(&turns[i]) < since[i] + more)
            cr_assert_eq(weft_sleep(WEFT_MS(5)), 0);
}

static void *all_compute(void *unused)
{
    weft_future *task[8];
    int since[8] = {0};
    int sum = 0;
    atomic_store(&stop, 0);
    for (int i = 0; i < 8; i++)
        task[i] = weft_spawn(computes_in_turns, &turns[i]);
    await_turns(since, 5); /* all of them are there */
    for (int i = 0; i < 8; i++)
        since[i] = atomic_load(&turns[i]);
    await_turns(since, 30);
    atomic_store(&stop, 1);
    for (int i = 0; i < 8; i++)
        weft_await(task[i], NULL);
    for (int i = 0; i < 8; i++)
        sum += atomic_load(&turns[i]) - since[i];
    for (int i = 0; i < 8; i++)
        cr_expect_geq((atomic_load(&turns[i]) - since[i]) * 16, sum, "%d of %d",
                      atomic_load(&turns[i]) - since[i], sum);
    return unused;
}

Test(background, is_shared_fairly, .timeout = 60)
{
    cr_assert_eq(weft_test_run(2, all_compute, NULL), 0);
}

/* Two in the background fork, and suspend in between: what lies on top when one
 * of them joins is the other one's. */

static atomic_int there;

static void *does_nothing(void *unused)
{
    return unused;
}

static void *forks_there(void *unused)
{
    while (weft_test_nice() == 0 && weft_yield() == 0)
        weft_test_compute_for(WEFT_MS(8));
    atomic_fetch_add(&there, 1);
    while (atomic_load(&there) < 2 && weft_yield() == 0)
        weft_test_compute_for(WEFT_MS(2));
    for (int i = 0; i < 50; i++) {
        weft_branch branch;
        weft_fork(&branch, does_nothing, NULL);
        weft_test_compute_for(WEFT_MS(1));
        weft_yield();
        cr_expect_eq(weft_join(&branch, NULL), 0);
    }
    return unused;
}

static void *two_fork(void *unused)
{
    weft_future *task[3];
    atomic_store(&stop, 0);
    atomic_store(&there, 0);
    task[0] = weft_spawn(yields, NULL);
    task[1] = weft_spawn(forks_there, NULL);
    task[2] = weft_spawn(forks_there, NULL);
    cr_expect_eq(weft_await(task[1], NULL), 0);
    cr_expect_eq(weft_await(task[2], NULL), 0);
    atomic_store(&stop, 1);
    weft_await(task[0], NULL);
    return unused;
}

Test(background, runs_branches, .timeout = 60)
{
    if (weft_test_is_low_already())
        cr_skip("no lower priority is left");
    cr_assert_eq(weft_test_run(1, two_fork, NULL), 0);
}

/* Parts of its work, which others take from it, run there, too; and to wait for
 * them, or for a child, does not make it a light one. */

static void *tells_nice(void *unused)
{
    (void)unused;
    return (void *)(intptr_t)weft_test_nice();
}

static void *yields_once(void *unused)
{
    weft_yield();
    return unused;
}

static void *does_parts(void *unused)
{
    while (weft_yield() == 0 && weft_test_nice() == 0)
        weft_test_compute_for(WEFT_MS(8));
    for (int i = 0; i < 20; i++) {
        weft_branch branch;
        void *low = NULL;
        weft_test_compute_for(WEFT_MS(2));
        weft_yield(); /* it stays of that kind */
        weft_fork(&branch, tells_nice, NULL);
        cr_expect_eq(weft_await(weft_spawn(yields_once, NULL), NULL), 0);
        cr_expect_gt(weft_test_nice(), 0);
        cr_expect_eq(weft_join(&branch, &low), 0);
        cr_expect_gt((intptr_t)low, 0);
        cr_expect_gt(weft_test_nice(), 0);
    }
    return unused;
}

static void *parts_beside_others(void *unused)
{
    weft_future *task[2];
    atomic_store(&stop, 0);
    task[0] = weft_spawn(yields, NULL);
    task[1] = weft_spawn(does_parts, NULL);
    cr_expect_eq(weft_await(task[1], NULL), 0);
    atomic_store(&stop, 1);
    weft_await(task[0], NULL);
    return unused;
}

Test(background, keeps_the_parts, .timeout = 60)
{
    if (weft_test_is_low_already())
        cr_skip("no lower priority is left");
    cr_assert_eq(weft_test_run(1, parts_beside_others, NULL), 0);
}

/* With no thread for it, it is not used. */

static void *blocks_often(void *unused)
{
    for (int i = 0; i < 10; i++) {
        usleep(5000);
        weft_yield();
    }
    return unused;
}

static void *blocks_beside_another(void *unused)
{
    weft_future *task[2];
    atomic_store(&stop, 0);
    task[0] = weft_spawn(yields, NULL);
    task[1] = weft_spawn(blocks_often, NULL);
    weft_time begun = weft_now();
    weft_await(task[1], NULL);
    cr_expect_lt(weft_now() - begun, WEFT_S(4),
                 "it waited for a thread to end");
    atomic_store(&stop, 1);
    weft_await(task[0], NULL);
    return unused;
}

Test(background, needs_a_thread, .timeout = 60)
{
    weft_options options = {
        .size = sizeof(options), .workers = 1, .max_threads = 2};
    cr_assert_eq(weft_run_with(&options, blocks_beside_another, NULL, NULL), 0);
}

/* One that sleeps in the kernel there has the last thread, and waits for who
 * waits for a thread. */

static atomic_int woken;

static void *waits_in_the_kernel(void *unused)
{
    while (!atomic_load(&woken))
        usleep(1000);
    return unused;
}

static void *wakes_it(void *unused)
{
    atomic_store(&woken, 1);
    return unused;
}

static void *two_and_one_thread(void *unused)
{
    const weft_spawn_options low = {.size = sizeof(low),
                                    .task_class = WEFT_CLASS_BACKGROUND};
    weft_future *task[2];
    atomic_store(&woken, 0);
    task[0] = weft_spawn_with(&low, waits_in_the_kernel, NULL);
    task[1] = weft_spawn_with(&low, wakes_it, NULL);
    for (int i = 0; i < 2; i++)
        cr_expect_eq(weft_await(task[i], NULL), 0);
    return unused;
}

Test(background, does_not_wait_for_who_waits_for_it, .timeout = 60)
{
    weft_options options = {
        .size = sizeof(options), .workers = 1, .max_threads = 2};
    cr_assert_eq(weft_run_with(&options, two_and_one_thread, NULL, NULL), 0);
}

/* A program may say so. */

static void *in_a_class(void *expected)
{
    bool lowered = true;
    for (int i = 0; i < 20; i++) {
        if (weft_test_nice() == 0)
            lowered = false;
        weft_test_compute_for(WEFT_MS(4));
        weft_yield();
    }
    return lowered == *(bool *)expected ? NULL : weft_fail(-EIO);
}

static void *both_classes(void *unused)
{
    bool no = false;
    bool yes = true;
    weft_spawn_options options = {.size = sizeof(options)};
    atomic_store(&stop, 0);
    weft_future *yielder = weft_spawn(yields, NULL);
    options.task_class = WEFT_CLASS_LIGHT;
    weft_future *light = weft_spawn_with(&options, in_a_class, &no);
    options.task_class = WEFT_CLASS_BACKGROUND;
    weft_future *background = weft_spawn_with(&options, in_a_class, &yes);
    options.task_class = WEFT_CLASS_BACKGROUND + 1;
    cr_expect_eq(weft_await(weft_spawn_with(&options, in_a_class, &yes), NULL),
                 -EINVAL);
    cr_expect_eq(weft_await(background, NULL), 0);
    cr_expect_eq(weft_await(light, NULL), 0);
    atomic_store(&stop, 1);
    weft_await(yielder, NULL);
    cr_expect_eq(counters().demotions, 0);
    return unused;
}

Test(background, can_be_asked_for, .timeout = 60)
{
    if (weft_test_is_low_already())
        cr_skip("no lower priority is left");
    for (unsigned workers = 1; workers <= 2; workers++)
        cr_assert_eq(weft_test_run(workers, both_classes, NULL), 0);
}

/* Who may be light goes first, and keeps nobody from it for long. */

Test(background, has_an_order)
{
    static struct weft_runtime rt;
    static struct weft__worker worker;
    static struct weft__coro coro[7];
    static const int order[] = {0, 3, 4, 5, 1, 6, 2};
    rt.workers = 1;
    worker.rt = &rt;
    for (int i = 0; i < 7; i++) {
        coro[i].home = i < 3 ? WEFT__IN_BACKGROUND : NULL;
        weft__background_push(&rt, &coro[i]);
    }
    for (int i = 0; i < 7; i++) {
        cr_expect(weft__background_lines_up(&rt));
        cr_expect_eq(weft__background_take(&worker), &coro[order[i]]);
    }
    cr_expect(!weft__background_lines_up(&rt));
    cr_expect_null(weft__background_take(&worker));
}
