// SPDX-License-Identifier: MIT
/* A future is completed exactly once, whoever tries and from wherever. */
#include <weft/future.h>

#include <errno.h>
#include <pthread.h>

#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/test.h"

#define THREADS 8
#define BATCH 512

static weft_future *futures[BATCH];
static pthread_barrier_t gate;
static size_t batches;

struct racer {
    pthread_t thread;
    uintptr_t number;
    uint8_t won[BATCH];
    long bad_codes;
};

static int try_to_complete(const struct racer *racer, weft_future *future)
{
    if (racer->number == 0)
        return weft_cancel(future);
    if (racer->number == 1)
        return weft_future_set_error(future, -EPROTO);
    return weft_future_set_result(future, weft_test_value(racer->number));
}

static void *race(void *arg)
{
    struct racer *racer = arg;
    for (size_t batch = 0; batch < batches; batch++) {
        pthread_barrier_wait(&gate);
        for (int i = 0; i < BATCH; i++) {
            int rc = try_to_complete(racer, futures[i]);
            racer->won[i] = rc == 0;
            racer->bad_codes += rc != 0 && rc != -WEFT_EALREADY;
        }
        pthread_barrier_wait(&gate);
    }
    return NULL;
}

/* The outcome is that of the one who was told 0. */
static bool settled(struct racer *racer, int i)
{
    void *result = NULL;
    int winners = 0;
    uintptr_t winner = 0;
    for (int n = 0; n < THREADS; n++)
        if (racer[n].won[i]) {
            winners++;
            winner = racer[n].number;
        }
    int rc = weft_wait_blocking(futures[i], 0, &result);
    int expected = winner == 0 ? -WEFT_ECANCELED : winner == 1 ? -EPROTO : 0;
    return winners == 1 && rc == expected &&
           (rc < 0 || result == weft_test_value(winner));
}

Test(exactly_once, eight_threads_one_winner, .timeout = 240)
{
    static struct racer racer[THREADS];
    long wrong = 0;
    batches = weft_test_scaled(1000000) / BATCH + 1;
    pthread_barrier_init(&gate, NULL, THREADS + 1);
    for (uintptr_t i = 0; i < THREADS; i++) {
        racer[i].number = i;
        pthread_create(&racer[i].thread, NULL, race, &racer[i]);
    }
    for (size_t batch = 0; batch < batches; batch++) {
        for (int i = 0; i < BATCH; i++)
            futures[i] = weft_future_new();
        pthread_barrier_wait(&gate);
        pthread_barrier_wait(&gate);
        for (int i = 0; i < BATCH; i++)
            wrong += !settled(racer, i);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(racer[i].thread, NULL);
        cr_expect_eq(racer[i].bad_codes, 0);
    }
    cr_assert_eq(wrong, 0);
}

/* The waiters as well: each is woken once, with the winner's value. */

static atomic_long woken;
static atomic_long mismatched;

static void *await_one(void *future)
{
    void *result = NULL;
    int rc = weft_await(future, &result);
    atomic_fetch_add(&woken, 1);
    if (rc != 0 || result != future)
        atomic_fetch_add(&mismatched, 1);
    return NULL;
}

static void *set_one(void *future)
{
    weft_future_set_result(future, future);
    weft_future_unref(future);
    return NULL;
}

static void *waiters(void *rounds)
{
    for (long i = *(long *)rounds; i > 0; i--) {
        weft_future *future = weft_future_new();
        weft_future *task[6];
        for (int n = 0; n < 6; n++) {
            weft_future_ref(future);
            task[n] = weft_spawn(n % 2 ? await_one : set_one, future);
        }
        for (int n = 0; n < 6; n++)
            weft_await(task[n], NULL);
        weft_future_unref(future);
    }
    return NULL;
}

Test(exactly_once, every_waiter_is_woken_once, .timeout = 120)
{
    long rounds = (long)weft_test_scaled(50000);
    cr_assert_eq(weft_test_run(4, waiters, &rounds), 0);
    cr_assert_eq(atomic_load(&woken), 3 * rounds);
    cr_assert_eq(atomic_load(&mismatched), 0);
}
