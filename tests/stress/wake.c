// SPDX-License-Identifier: MIT
/*
 * Races between going to sleep and being woken. No wake may be lost: if one is,
 * the test hangs, as no timeout of the runtime heals it.
 */
#include <weft/task.h>

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>

#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/test.h"

/* Two that wake each other in turn. */
struct pair {
    weft_future *task[2];
    atomic_long turn; /* even: the first one's */
    long rounds;
    atomic_int set;
    bool apart; /* each on a worker of its own */
    atomic_int arrived;
};

static int take_turns(struct pair *pair, int side)
{
    weft_test_yield_until(&pair->set, 2);
    if (pair->apart) {
        atomic_fetch_add(&pair->arrived, 1);
        weft_test_spin_until(&pair->arrived, 2); /* so it is not the same */
        weft_pin();
    }
    for (long i = 0; i < pair->rounds; i++) {
        while (atomic_load(&pair->turn) != 2 * i + side) {
            int rc = weft_suspend();
            if (rc < 0)
                return rc;
        }
        atomic_fetch_add(&pair->turn, 1);
        weft_ready(pair->task[!side]);
    }
    return 0;
}

static void *first(void *pair)
{
    return weft_fail(take_turns(pair, 0));
}

static void *second(void *pair)
{
    return weft_fail(take_turns(pair, 1));
}

static void *play(void *arg)
{
    struct pair *pair = arg;
    pair->task[0] = weft_spawn(first, pair);
    pair->task[1] = weft_spawn(second, pair);
    atomic_store(&pair->set, 2);
    for (int i = 0; i < 2; i++)
        weft_future_ref(pair->task[i]);
    int a = weft_await(pair->task[0], NULL);
    int b = weft_await(pair->task[1], NULL);
    for (int i = 0; i < 2; i++)
        weft_future_unref(pair->task[i]);
    return weft_fail(a < 0 ? a : b);
}

#define PAIRS 16

static struct pair pairs[PAIRS];

static void *play_all(void *count)
{
    int n = *(int *)count;
    weft_future *game[PAIRS];
    int failed = 0;
    for (int i = 0; i < n; i++)
        game[i] = weft_spawn(play, &pairs[i]);
    for (int i = 0; i < n; i++)
        failed += weft_await(game[i], NULL) != 0;
    return failed ? weft_fail(-EIO) : NULL;
}

static void play_games(unsigned workers, int n, long rounds, bool apart)
{
    for (int i = 0; i < n; i++) {
        pairs[i].rounds = rounds;
        atomic_store(&pairs[i].turn, 0);
        atomic_store(&pairs[i].set, 0);
        atomic_store(&pairs[i].arrived, 0);
        pairs[i].apart = apart;
    }
    cr_assert_eq(weft_test_run(workers, play_all, &n), 0);
    for (int i = 0; i < n; i++)
        cr_assert_eq(atomic_load(&pairs[i].turn), 2 * rounds);
}

static void games(unsigned workers, int n, long rounds)
{
    play_games(workers, n, rounds, false);
}

Test(wake, across_workers, .timeout = 240)
{
    play_games(2, 1, (long)weft_test_scaled(100000), true);
    play_games(16, 7, (long)weft_test_scaled(10000), true);
}

Test(wake, one_pair, .timeout = 240)
{
    games(2, 1, (long)weft_test_scaled(200000));
}

Test(wake, many_pairs, .timeout = 240)
{
    games(2, PAIRS, (long)weft_test_scaled(20000));
    games(3, PAIRS, (long)weft_test_scaled(20000));
}

Test(wake, with_many_workers, .timeout = 240)
{
    games(16, PAIRS, (long)weft_test_scaled(5000));
    games(16, 1, (long)weft_test_scaled(20000));
}

/* From a foreign thread: mostly everybody is asleep. */

static atomic_long given;
static atomic_long taken;

static void *take_all(void *count)
{
    long n = *(long *)count;
    while (atomic_load(&taken) < n) {
        while (atomic_load(&taken) == atomic_load(&given)) {
            int rc = weft_suspend();
            if (rc < 0)
                return weft_fail(rc);
        }
        atomic_fetch_add(&taken, 1);
    }
    return NULL;
}

static void given_by_thread(unsigned workers, long n, bool hurry)
{
    weft_runtime *rt;
    atomic_store(&given, 0);
    atomic_store(&taken, 0);
    cr_assert_eq(weft_test_runtime(workers, &rt), 0);
    weft_future *task = weft_run_coroutine_threadsafe(rt, take_all, &n);
    for (long i = 0; i < n; i++) {
        atomic_fetch_add(&given, 1);
        weft_ready(task);
        while (!hurry && atomic_load(&taken) < i)
            sched_yield();
    }
    cr_assert_eq(weft_wait_blocking(task, WEFT_FOREVER, NULL), 0);
    cr_assert_eq(atomic_load(&taken), n);
    weft_runtime_unref(rt);
}

Test(wake, by_a_foreign_thread, .timeout = 240)
{
    given_by_thread(1, (long)weft_test_scaled(100000), false);
    given_by_thread(2, (long)weft_test_scaled(100000), false);
    given_by_thread(2, (long)weft_test_scaled(1000000), true);
    given_by_thread(16, (long)weft_test_scaled(20000), false);
}

/* A thread asleep on a future, woken by workers: the other direction. */

static void *submit_and_wait(void *arg)
{
    weft_runtime *rt = arg;
    long n = (long)weft_test_scaled(20000);
    long wrong = 0;
    for (long i = 0; i < n; i++) {
        weft_future *task = weft_run_coroutine_threadsafe(
            rt, weft_test_echo, weft_test_value(i + 1));
        void *result = NULL;
        wrong += weft_wait_blocking(task, WEFT_FOREVER, &result) != 0;
        wrong += result != weft_test_value(i + 1);
    }
    return weft_test_value(wrong);
}

Test(wake, of_threads_that_wait, .timeout = 240)
{
    pthread_t thread[4];
    weft_runtime *rt;
    cr_assert_eq(weft_test_runtime(2, &rt), 0);
    for (int i = 0; i < 4; i++)
        pthread_create(&thread[i], NULL, submit_and_wait, rt);
    for (int i = 0; i < 4; i++) {
        void *wrong;
        pthread_join(thread[i], &wrong);
        cr_expect_null(wrong);
    }
    weft_runtime_unref(rt);
}

/* Bursts with pauses: the workers fall asleep between them, each time in
 * another order. */

static atomic_long burst_done;

static void *one_of_burst(void *unused)
{
    (void)unused;
    atomic_fetch_add(&burst_done, 1);
    return NULL;
}

static void *burst(void *count)
{
    for (uintptr_t i = 0; i < (uintptr_t)count; i++)
        weft_detach(weft_spawn(one_of_burst, NULL));
    return NULL;
}

static void bursts(unsigned workers, size_t rounds)
{
    struct weft_test_random random = {weft_test_seed()};
    weft_runtime *rt;
    cr_assert_eq(weft_test_runtime(workers, &rt), 0);
    long expected = 0;
    atomic_store(&burst_done, 0);
    for (size_t i = 0; i < rounds; i++) {
        uintptr_t count = 1 + weft_test_below(&random, 20);
        expected += (long)count;
        weft_detach(
            weft_run_coroutine_threadsafe(rt, burst, weft_test_value(count)));
        if (weft_test_below(&random, 4))
            while (atomic_load(&burst_done) < expected)
                sched_yield();
    }
    while (atomic_load(&burst_done) < expected)
        sched_yield();
    cr_assert_eq(weft_runtime_shutdown(rt), 0);
    weft_runtime_unref(rt);
}

Test(wake, after_every_pause, .timeout = 240)
{
    bursts(2, weft_test_scaled(50000));
    bursts(4, weft_test_scaled(20000));
    bursts(16, weft_test_scaled(5000));
}
