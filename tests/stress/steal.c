// SPDX-License-Identifier: MIT
/*
 * Stealing is on by default: one worker spawns, tasks of some microseconds, and
 * the other one does its share of them; each runs once. Which worker ran what
 * is counted by the tasks, and beside that by the runtime.
 */
#include <weft/task.h>

#include <stdlib.h>

#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/test.h"

#define TASKS 1000000
#define WINDOW 4000 /* spawned, then awaited */
#define LENGTH WEFT_US(2)
#define ROUNDS 5

struct piece {
    atomic_uint runs;
    int worker;
};

struct count {
    struct piece *pieces;
    size_t n;
    int producer; /* the worker */
    size_t lost, doubled, elsewhere;
};

static void *burn(void *arg)
{
    struct piece *piece = arg;
    weft_time until = weft_now() + LENGTH;
    while (weft_now() < until)
        ;
    piece->worker = weft_worker_index();
    atomic_fetch_add(&piece->runs, 1);
    return piece;
}

static size_t spawn_window(struct piece *pieces, size_t n)
{
    static weft_future *task[WINDOW];
    size_t wrong = 0;
    for (size_t i = 0; i < n; i++)
        task[i] = weft_spawn(burn, &pieces[i]);
    for (size_t i = 0; i < n; i++) {
        void *result = NULL;
        wrong += weft_await(task[i], &result) != 0 || result != &pieces[i];
    }
    return wrong;
}

/* Always the same worker spawns. */
static void *produce(void *arg)
{
    struct count *count = arg;
    size_t wrong = 0;
    weft_pin();
    count->producer = weft_worker_index();
    for (size_t i = 0; i < count->n; i += WINDOW)
        wrong += spawn_window(&count->pieces[i], WINDOW);
    weft_unpin();
    cr_expect_eq(wrong, 0);
    return NULL;
}

static void settle(struct count *count)
{
    for (size_t i = 0; i < count->n; i++) {
        unsigned runs = atomic_load(&count->pieces[i].runs);
        count->lost += runs == 0;
        count->doubled += runs > 1;
        count->elsewhere += count->pieces[i].worker != count->producer;
    }
}

/* What the runtime says: all that ran elsewhere was stolen there. */
static void expect_stolen(weft_runtime *rt, const struct count *count)
{
    weft_counters thief;
    cr_assert_eq(weft_stats_worker(rt, count->producer == 0, &thief), 0);
    cr_expect_geq(thief.steps_stolen, count->elsewhere);
    cr_expect_leq(thief.steps_local + thief.steps_injected, 16);
}

/* The share of the worker that spawns nothing, in a hundred. */
static size_t share(void)
{
    struct count count = {.n = weft_test_scaled(TASKS) / WINDOW * WINDOW};
    weft_runtime *rt;
    count.n = count.n > 0 ? count.n : WINDOW;
    count.pieces = calloc(count.n, sizeof(*count.pieces));
    cr_assert_not_null(count.pieces);
    /* Two, and no third one in the place of one that is slow. */
    weft_options options = {
        .size = sizeof(options), .workers = 2, .no_monitor = true};
    cr_assert_eq(weft_runtime_new(&options, &rt), 0);
    weft_future *task = weft_run_coroutine_threadsafe(rt, produce, &count);
    cr_expect_eq(weft_wait_blocking(task, WEFT_FOREVER, NULL), 0);
    cr_assert_eq(weft_runtime_shutdown(rt), 0);
    settle(&count);
    cr_expect_eq(count.lost, 0);
    cr_expect_eq(count.doubled, 0);
    expect_stolen(rt, &count);
    weft_runtime_unref(rt);
    free(count.pieces);
    return count.elsewhere * 100 / count.n;
}

/* The machine may give one of the two threads less than its half: so once. */
Test(steal, the_other_worker_does_its_share, .timeout = 240)
{
    size_t best = 0;
    for (int i = 0; i < ROUNDS && best < 40; i++) {
        size_t one = share();
        best = one > best ? one : best;
    }
    cr_expect_geq(best, 40, "%zu of a hundred", best);
}
