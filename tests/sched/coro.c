// SPDX-License-Identifier: MIT
/*
 * The wake word: what may end a sleep, and that of a going to sleep and its
 * wakes exactly one owns the coroutine.
 */
#include "sched/coro.h"

#include <pthread.h>
#include <sched.h>

#include "tests/support/scale.h"
#include "tests/support/test.h"

#define NOTIFY WEFT__WAKE_NOTIFY
#define INTERRUPT WEFT__WAKE_INTERRUPT
#define PERMIT WEFT__WAKE_PERMIT

static const uint32_t wakes[] = {NOTIFY, INTERRUPT, PERMIT};

/* One thread */

Test(coro, a_wake_ends_a_sleep_for_it_only)
{
    for (uint32_t mask = 1; mask < 8; mask++)
        for (int i = 0; i < 3; i++) {
            struct weft__coro coro = {0};
            cr_assert(weft__coro_park(&coro, mask));
            bool ends = mask & wakes[i];
            cr_assert_eq(weft__coro_wake(&coro, wakes[i]), ends);
            if (ends)
                cr_assert_eq(coro.reason, wakes[i]);
            cr_assert(!weft__coro_wake(&coro, wakes[i]), "woken twice");
        }
}

Test(coro, a_wake_that_came_first_is_not_lost)
{
    for (uint32_t mask = 1; mask < 8; mask++)
        for (int i = 0; i < 3; i++) {
            struct weft__coro coro = {0};
            cr_assert(!weft__coro_wake(&coro, wakes[i]), "nobody sleeps");
            bool there = mask & wakes[i];
            cr_assert_eq(weft__coro_park(&coro, mask), !there);
            if (there) {
                cr_assert_eq(coro.reason, wakes[i]);
                cr_assert(weft__coro_park(&coro, mask), "counted twice");
            }
        }
}

Test(coro, other_wakes_stay_for_later)
{
    struct weft__coro coro = {0};
    cr_assert(!weft__coro_wake(&coro, PERMIT));
    cr_assert(weft__coro_park(&coro, NOTIFY));
    cr_assert(!weft__coro_wake(&coro, INTERRUPT));
    cr_assert(weft__coro_wake(&coro, NOTIFY));
    cr_assert_eq(coro.reason, NOTIFY);
    cr_assert(!weft__coro_park(&coro, PERMIT | INTERRUPT));
    cr_assert_eq(coro.reason, PERMIT | INTERRUPT);
    cr_assert(weft__coro_park(&coro, PERMIT | INTERRUPT | NOTIFY));
}

Test(coro, taking_asks_for_what_came)
{
    struct weft__coro coro = {0};
    cr_assert(!weft__coro_take(&coro, 7));
    weft__coro_wake(&coro, PERMIT);
    weft__coro_wake(&coro, PERMIT);
    cr_assert(!weft__coro_take(&coro, NOTIFY | INTERRUPT));
    cr_assert(weft__coro_take(&coro, NOTIFY | PERMIT));
    cr_assert_eq(coro.reason, PERMIT);
    cr_assert(!weft__coro_take(&coro, PERMIT), "two count once");
}

/* Threads: each wake of ->given must be had by the sleeper, and each sleep be
 * ended by one waker. What the owner writes needs no atomic. */

struct race {
    struct weft__coro coro;
    atomic_uint queued; /* 1: a waker owns it and has handed it back */
    long rounds;
    long plain; /* written by whoever owns the coroutine */
    atomic_int stop;
};

static void *wake_it(void *arg)
{
    struct race *race = arg;
    long ended = 0;
    while (!atomic_load(&race->stop)) {
        if (weft__coro_wake(&race->coro, PERMIT)) {
            race->plain++;
            ended++;
            atomic_store(&race->queued, 1);
        } else {
            sched_yield();
        }
    }
    return (void *)ended;
}

Test(coro, one_waker_owns_a_sleep, .timeout = 60)
{
    pthread_t thread[3];
    static struct race race;
    long slept = 0;
    long ended = 0;
    race.rounds = (long)weft_test_scaled(200000);
    for (int i = 0; i < 3; i++)
        pthread_create(&thread[i], NULL, wake_it, &race);
    for (long i = 0; i < race.rounds; i++) {
        race.plain++;
        if (!weft__coro_park(&race.coro, PERMIT))
            continue;
        slept++;
        while (atomic_load(&race.queued) == 0)
            sched_yield();
        atomic_store(&race.queued, 0);
    }
    atomic_store(&race.stop, 1);
    for (int i = 0; i < 3; i++) {
        void *n;
        pthread_join(thread[i], &n);
        ended += (long)n;
    }
    cr_assert_eq(ended, slept);
    cr_assert_eq(race.plain, race.rounds + slept);
}
