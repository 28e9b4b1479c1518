// SPDX-License-Identifier: MIT
/*
 * An owner that pushes and pops at random against three thieves, from an array
 * of two slots: every item must come out exactly once, to each thief in the
 * order of the pushes. 10^8 operations, over first indices that cross 2^32,
 * 2^63 and 2^64 on the way.
 */
#include "sched/deque.h"

#include <pthread.h>
#include <sched.h>

#include "tests/support/scale.h"
#include "tests/support/tally.h"
#include "tests/support/test.h"

#define OPERATIONS 100000000
#define THIEVES 3

/* How many items the owner pushes, and how many it tries to pop, at a time. */
struct habit {
    uint64_t pushes, pops;
};

static struct weft__deque deque;
static struct weft_test_tally tallies[1 + THIEVES]; /* 0 is the owner's */
static uint64_t *numbers;
static atomic_bool over;

static void *thief(void *tally)
{
    for (;;) {
        bool last = atomic_load(&over);
        void *item;

        switch (weft__deque_steal(&deque, &item)) {
        case WEFT__STEAL_GOT:
            weft_test_tally_in_order(tally, item);
            break;
        case WEFT__STEAL_RETRY:
            break;
        case WEFT__STEAL_EMPTY:
            if (last)
                return NULL;
            sched_yield();
        }
    }
}

static void pop(size_t times)
{
    for (; times > 0; times--) {
        void *item = weft__deque_pop(&deque);

        if (item == NULL)
            return;
        weft_test_tally_take(&tallies[0], item);
    }
}

static void push(size_t n)
{
    numbers[n] = n;
    cr_assert_eq(weft__deque_push(&deque, &numbers[n]), 0);
}

static void own(struct habit habit, size_t count)
{
    struct weft_test_random random = {weft_test_seed()};
    size_t pushed = 0;

    while (pushed < count) {
        size_t burst = weft_test_below(&random, habit.pushes) + 1;

        /* Now and then a flood, to grow in the midst of it. */
        if (weft_test_below(&random, 4096) == 0)
            burst *= 1000;
        for (; burst > 0 && pushed < count; burst--)
            push(++pushed);
        pop(weft_test_below(&random, habit.pops + 1));
    }
    pop(SIZE_MAX);
}

static void race(uint64_t start, struct habit habit, size_t count)
{
    pthread_t threads[1 + THIEVES];

    cr_assert_eq(weft__deque_init(&deque, 2, start), 0);
    atomic_store(&over, false);
    numbers = calloc(count + 1, sizeof(*numbers));
    cr_assert_not_null(numbers);
    for (size_t i = 0; i <= THIEVES; i++)
        cr_assert(weft_test_tally_init(&tallies[i], count));
    for (size_t i = 1; i <= THIEVES; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, thief, &tallies[i]), 0);
    own(habit, count);
    atomic_store(&over, true);
    for (size_t i = 1; i <= THIEVES; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(weft_test_tally_wrong(tallies, 1 + THIEVES), 0);
    for (size_t i = 0; i <= THIEVES; i++)
        weft_test_tally_fini(&tallies[i]);
    free(numbers);
    weft__deque_fini(&deque);
}

/* Each first index with two habits: short, where most items are the last one,
 * and long. A push and its pop or steal are two operations. */
static void race_across(uint64_t middle)
{
    size_t count = weft_test_scaled(OPERATIONS) / (4 * 2 * 2) + 1;

    race(middle - (count / 2 | 1), (struct habit){2, 3}, count);
    race(middle - (count / 2 | 1), (struct habit){64, 40}, count);
}

Test(stress_deque, across_zero, .timeout = 240)
{
    race_across(UINT64_C(0)); /* that is, across 2^64 */
}

Test(stress_deque, across_2_32, .timeout = 240)
{
    race_across(UINT64_C(1) << 32);
}

Test(stress_deque, across_2_63, .timeout = 240)
{
    race_across(UINT64_C(1) << 63);
}

/* The wrap comes at once, with both ends in the smallest array. */
Test(stress_deque, at_the_very_end, .timeout = 240)
{
    size_t rounds = weft_test_scaled(4000);
    size_t count = weft_test_scaled(OPERATIONS) / 8 / rounds + 1;

    for (size_t i = 0; i < rounds; i++)
        race(UINT64_MAX - 2 * (i % 32), (struct habit){3, 4}, count);
}
