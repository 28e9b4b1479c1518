// SPDX-License-Identifier: MIT
/*
 * The ring on one thread, from first indices about to overflow among others,
 * and with three takers beside its owner.
 */
#include "sched/ring.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "sched/os.h"
#include "tests/support/scale.h"
#include "tests/support/tally.h"
#include "tests/support/test.h"

static const uint64_t starts[] = {
    0,
    1,
    UINT32_MAX - UINT64_C(6),
    (UINT64_C(1) << 63) - 7,
    UINT64_MAX - 1,
    UINT64_MAX - 6,
};

static struct weft__ring ring;

static void open_at(uint64_t start)
{
    cr_assert_eq(weft__ring_init(&ring, 2, start), 0);
}

static void push(uint64_t n)
{
    cr_assert_eq(weft__ring_push(&ring, (void *)(uintptr_t)n), 0);
}

/* 0 if there is nothing; alone there is no reason to retry. */
static uint64_t take(void)
{
    void *item = &ring;
    enum weft__steal got = weft__ring_take(&ring, &item);

    cr_assert_neq(got, WEFT__STEAL_RETRY);
    if (got == WEFT__STEAL_GOT)
        return (uintptr_t)item;
    cr_assert_eq(item, &ring, "item written without GOT");
    return 0;
}

static void in_order_from(uint64_t start)
{
    open_at(start);
    cr_assert_eq(take(), 0);
    for (uint64_t n = 1; n <= 100; n++)
        push(n);
    cr_assert_eq(weft__ring_size(&ring), 100);
    for (uint64_t n = 1; n <= 100; n++)
        cr_assert_eq(take(), n);
    cr_assert_eq(take(), 0);
    cr_assert_eq(weft__ring_size(&ring), 0);
    weft__ring_fini(&ring);
}

Test(ring, first_in_first_out)
{
    for (size_t i = 0; i < weft__count_of(starts); i++)
        in_order_from(starts[i]);
}

static void random_from(uint64_t start, size_t operations)
{
    struct weft_test_random random = {weft_test_seed() ^ start};
    uint64_t pushed = 0, taken = 0;

    open_at(start);
    for (size_t i = 0; i < operations; i++) {
        if (weft_test_below(&random, i / 512 % 2 ? 3 : 20) >= 2)
            push(++pushed);
        else
            cr_assert_eq(take(), taken < pushed ? ++taken : 0);
        while (pushed - taken > 300)
            cr_assert_eq(take(), ++taken);
        cr_assert_eq(weft__ring_size(&ring), pushed - taken);
    }
    cr_assert_eq(weft__load_relaxed(&ring.window.array)->mask, 511);
    weft__ring_fini(&ring);
}

Test(ring, random_operations_agree_with_a_count)
{
    for (size_t i = 0; i < weft__count_of(starts); i++)
        random_from(starts[i], weft_test_scaled(200000) + 3000);
}

static unsigned grants;

static long stingy_alloc(size_t size, size_t align, void **out)
{
    if (grants == 0)
        return -ENOMEM;
    grants--;
    return weft__os_real.alloc(size, align, out);
}

static struct weft__os stingy;

static void be_stingy(void)
{
    stingy = weft__os_real;
    stingy.alloc = stingy_alloc;
    weft__os = &stingy;
    grants = 0;
}

static void be_generous(void)
{
    weft__os = &weft__os_real;
}

Test(ring, no_memory_loses_nothing, .init = be_stingy, .fini = be_generous)
{
    cr_assert_eq(weft__ring_init(&ring, 2, 1), -ENOMEM);
    grants = 1;
    open_at(1);
    push(1);
    push(2);
    cr_assert_eq(weft__ring_push(&ring, &ring), -ENOMEM);
    cr_assert_eq(weft__ring_push(&ring, &ring), -ENOMEM);
    cr_assert_eq(take(), 1);
    push(3);
    grants = 1;
    push(4);
    for (uint64_t n = 2; n <= 4; n++)
        cr_assert_eq(take(), n);
    cr_assert_eq(take(), 0);
    weft__ring_fini(&ring);
}

/* The owner is tally 0. */
#define TAKERS 4

static struct weft_test_tally tallies[TAKERS];
static uint64_t *numbers;
static atomic_bool over;

static enum weft__steal take_into(struct weft_test_tally *tally)
{
    void *item;
    enum weft__steal got = weft__ring_take(&ring, &item);

    if (got == WEFT__STEAL_GOT)
        weft_test_tally_in_order(tally, item);
    return got;
}

static void *taker(void *tally)
{
    for (;;) {
        bool last = atomic_load(&over);
        enum weft__steal got = take_into(tally);

        if (got == WEFT__STEAL_EMPTY && last)
            return NULL;
        if (got == WEFT__STEAL_EMPTY)
            sched_yield();
    }
}

static void produce_one(size_t n)
{
    numbers[n] = n;
    cr_assert_eq(weft__ring_push(&ring, &numbers[n]), 0);
}

static void produce(size_t count)
{
    struct weft_test_random random = {weft_test_seed()};
    size_t pushed = 0;

    while (pushed < count) {
        size_t burst = weft_test_below(&random, 100);

        for (; burst > 0 && pushed < count; burst--)
            produce_one(++pushed);
        for (burst = weft_test_below(&random, 60); burst > 0; burst--)
            take_into(&tallies[0]);
    }
}

static void race_from(uint64_t start, size_t count)
{
    pthread_t threads[TAKERS];

    open_at(start);
    atomic_store(&over, false);
    numbers = calloc(count + 1, sizeof(*numbers));
    cr_assert_not_null(numbers);
    for (size_t i = 0; i < TAKERS; i++)
        cr_assert(weft_test_tally_init(&tallies[i], count));
    for (size_t i = 1; i < TAKERS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, taker, &tallies[i]), 0);
    produce(count);
    atomic_store(&over, true);
    for (size_t i = 1; i < TAKERS; i++)
        pthread_join(threads[i], NULL);
    while (take_into(&tallies[0]) == WEFT__STEAL_GOT)
        continue;
    cr_assert_eq(weft_test_tally_wrong(tallies, TAKERS), 0);
    for (size_t i = 0; i < TAKERS; i++)
        weft_test_tally_fini(&tallies[i]);
    free(numbers);
    weft__ring_fini(&ring);
}

Test(ring, every_item_once_and_in_order_for_each_taker, .timeout = 120)
{
    size_t count = weft_test_scaled(1000000);

    for (size_t i = 0; i < weft__count_of(starts); i++)
        race_from(starts[i] - count / 2, count);
}
