// SPDX-License-Identifier: MIT
/*
 * Stealing pays or it does not: a thief weighs what it took, dozes when it was
 * not worth it, and yet nothing lies with a stuck worker for ever.
 */
#include "sched/runtime.h"

#include <string.h>
#include <weft/task.h>

#include "tests/support/run.h"
#include "tests/support/test.h"

/* Two workers without threads, and a clock by hand */

static int64_t clock_now = 1000;

static int64_t hand_clock(void)
{
    return clock_now;
}

static const struct weft__driver no_driver;

struct pair {
    struct weft_runtime rt;
    struct weft__worker worker[2];
    struct weft__loop loop[2];
    struct weft__coro coro[128];
    struct weft__os os;
};

static void pair_open(struct pair *pair)
{
    memset(pair, 0, sizeof(*pair));
    pair->rt.workers = 2;
    pair->rt.worker = pair->worker;
    pair->rt.loop = pair->loop;
    pair->rt.driver = &no_driver;
    for (unsigned i = 0; i < 2; i++) {
        struct weft__worker *worker = &pair->worker[i];
        worker->rt = &pair->rt;
        worker->loop = &pair->loop[i];
        weft__store_relaxed(&pair->loop[i].owner, (uintptr_t)worker);
        worker->chance = 1;
        cr_assert_eq(weft__deque_init(&worker->deque, 256, 0), 0);
        cr_assert_eq(weft__ring_init(&worker->ring, 256, 0), 0);
    }
    pair->os = weft__os_real;
    pair->os.now = hand_clock;
    weft__os = &pair->os;
    for (unsigned i = 0; i < 128; i++)
        cr_assert_eq(weft__deque_push(&pair->worker[1].deque, &pair->coro[i]),
                     0);
}

static void pair_close(struct pair *pair)
{
    for (unsigned i = 0; i < 2; i++) {
        weft__deque_fini(&pair->worker[i].deque);
        weft__ring_fini(&pair->worker[i].ring);
    }
    weft__os = &weft__os_real;
}

/* How many pieces a visit takes; all of them are done with then. */
static unsigned visit(struct weft__worker *thief)
{
    unsigned pieces = weft__steal(thief) != NULL;
    while (pieces > 0 && weft__ring_oldest(&thief->ring) != NULL)
        pieces++;
    return pieces;
}

Test(steal, small_pieces_make_poor, .timeout = 60)
{
    static struct pair pair;
    pair_open(&pair);
    struct weft__worker *thief = &pair.worker[0];
    cr_expect_eq(visit(thief), 33);
    clock_now += 32 * 1000; /* less than a microsecond each */
    cr_expect_eq(visit(thief), 0);
    cr_expect_eq(thief->poor, 1);
    cr_expect_eq(visit(thief), 0, "until somebody wants it");
    thief->searching = true;
    cr_expect_eq(visit(thief), 1, "then a single piece");
    clock_now += 10;
    cr_expect_eq(visit(thief), 1);
    cr_expect_eq(thief->poor, 2);
    clock_now += 1000;
    cr_expect_gt(visit(thief), 1, "that one paid");
    cr_expect_eq(thief->poor, 0);
    pair_close(&pair);
}

Test(steal, big_pieces_keep_it_going, .timeout = 60)
{
    static struct pair pair;
    pair_open(&pair);
    struct weft__worker *thief = &pair.worker[0];
    unsigned all = 0;
    for (unsigned got = 1; got > 0; all += got) {
        got = visit(thief);
        clock_now += got * 1000;
    }
    cr_expect_geq(all, 127, "the last one may be left to its owner");
    cr_expect_eq(thief->poor, 0);
    pair_close(&pair);
}

Test(steal, what_had_to_be_rescued_is_not_weighed, .timeout = 60)
{
    static struct pair pair;
    pair_open(&pair);
    struct weft__worker *thief = &pair.worker[0];
    cr_expect_not_null(weft__steal_rescue(thief, &pair.worker[1]));
    cr_expect_gt(visit(thief), 1);
    pair_close(&pair);
}

/* With threads: whoever has become poor still comes to help */

static atomic_int together;

static void *nothing(void *unused)
{
    return unused;
}

static void many_of_nothing(void)
{
    static weft_future *task[1000];
    for (int i = 0; i < 1000; i++)
        task[i] = weft_spawn(nothing, NULL);
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(weft_await(task[i], NULL), 0);
}

/* Without a suspension: each holds a worker until all have come. */
static void *meets(void *workers)
{
    atomic_fetch_add(&together, 1);
    weft_test_spin_until(&together, (int)(intptr_t)workers);
    return NULL;
}

static void *poor_then_wanted(void *workers)
{
    weft_future *task[8];
    intptr_t n = (intptr_t)workers;
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 20; i++)
            many_of_nothing();
        atomic_store(&together, 0);
        for (intptr_t i = 0; i < n; i++)
            task[i] = weft_spawn(meets, workers);
        for (intptr_t i = 0; i < n; i++)
            cr_expect_eq(weft_await(task[i], NULL), 0);
    }
    return NULL;
}

Test(steal, the_poor_come_when_work_is_long, .timeout = 60)
{
    for (intptr_t n = 2; n <= 4; n++)
        cr_assert_eq(weft_test_run((unsigned)n, poor_then_wanted, (void *)n),
                     0);
}
