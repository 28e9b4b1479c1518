// SPDX-License-Identifier: MIT
/*
 * The deque on one thread, and a race of two for the last item. All of it from
 * several first indices, those about to overflow among them. The long race is
 * in tests/stress/deque.c.
 */
#include "sched/deque.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include "sched/os.h"
#include "tests/support/scale.h"
#include "tests/support/test.h"

static const uint64_t starts[] = {
    0,
    1,
    UINT32_MAX - UINT64_C(6),
    (UINT64_C(1) << 63) - 7,
    UINT64_MAX - 1,
    UINT64_MAX - 6,
};

static struct weft__deque deque;

static void open_at(uint64_t start)
{
    cr_assert_eq(weft__deque_init(&deque, 2, start), 0);
}

static void *value(uint64_t n)
{
    return (void *)(uintptr_t)n;
}

static void push(uint64_t n)
{
    cr_assert_eq(weft__deque_push(&deque, value(n)), 0);
}

static uint64_t pop(void)
{
    return (uintptr_t)weft__deque_pop(&deque);
}

/* 0 if there is nothing; alone on the deque there is no reason to retry. */
static uint64_t steal(void)
{
    void *item = value(99);
    enum weft__steal got = weft__deque_steal(&deque, &item);

    cr_assert_neq(got, WEFT__STEAL_RETRY);
    if (got == WEFT__STEAL_GOT)
        return (uintptr_t)item;
    cr_assert_eq(item, value(99), "item written without GOT");
    return 0;
}

static void empty_from(uint64_t start)
{
    open_at(start);
    for (int i = 0; i < 5; i++) {
        cr_assert_eq(pop(), 0);
        cr_assert_eq(steal(), 0);
        cr_assert_eq(weft__deque_size(&deque), 0);
        push(7);
        cr_assert_eq(weft__deque_size(&deque), 1);
        cr_assert_eq(i % 2 ? pop() : steal(), 7);
    }
    weft__deque_fini(&deque);
}

Test(deque, empty_gives_nothing)
{
    for (size_t i = 0; i < weft__count_of(starts); i++)
        empty_from(starts[i]);
}

static void both_ends_from(uint64_t start)
{
    open_at(start);
    for (uint64_t n = 1; n <= 100; n++)
        push(n);
    cr_assert_eq(weft__deque_size(&deque), 100);
    for (uint64_t n = 0; n < 50; n++) {
        cr_assert_eq(pop(), 100 - n);
        cr_assert_eq(steal(), 1 + n);
    }
    cr_assert_eq(pop(), 0);
    cr_assert_eq(steal(), 0);
    weft__deque_fini(&deque);
}

Test(deque, owner_gets_the_newest_thief_the_oldest)
{
    for (size_t i = 0; i < weft__count_of(starts); i++)
        both_ends_from(starts[i]);
}

static void slide_from(uint64_t start)
{
    open_at(start);
    for (uint64_t n = 1; n <= 1000; n++) {
        push(n);
        if (n > 2)
            cr_assert_eq(steal(), n - 2);
    }
    cr_assert_eq(weft__load_relaxed(&deque.window.array)->mask, 3,
                 "three items need four slots, however many pass through");
    weft__deque_fini(&deque);
}

Test(deque, does_not_grow_without_need)
{
    for (size_t i = 0; i < weft__count_of(starts); i++)
        slide_from(starts[i]);
}

/* Against an array that does the same: [first, end) of `model`. */
static void random_from(uint64_t start, size_t operations)
{
    static uint64_t model[1 << 16];
    struct weft_test_random random = {weft_test_seed() ^ start};
    size_t first = 0, end = 0;

    open_at(start);
    for (size_t i = 0; i < operations && end < weft__count_of(model); i++) {
        uint64_t kind = weft_test_below(&random, i / 256 % 2 ? 4 : 3);

        if (kind == 0 || kind == 3) {
            model[end++] = i + 1;
            push(i + 1);
        } else if (kind == 1) {
            cr_assert_eq(pop(), first < end ? model[--end] : 0);
        } else {
            cr_assert_eq(steal(), first < end ? model[first++] : 0);
        }
        cr_assert_eq(weft__deque_size(&deque), end - first);
    }
    weft__deque_fini(&deque);
}

Test(deque, random_operations_agree_with_a_model)
{
    for (size_t i = 0; i < weft__count_of(starts); i++)
        random_from(starts[i], weft_test_scaled(100000));
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

Test(deque, no_memory_loses_nothing, .init = be_stingy, .fini = be_generous)
{
    cr_assert_eq(weft__deque_init(&deque, 2, 1), -ENOMEM);
    grants = 1;
    open_at(1);
    push(1);
    push(2);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(weft__deque_push(&deque, value(3)), -ENOMEM);
    cr_assert_eq(weft__deque_size(&deque), 2);
    cr_assert_eq(steal(), 1);
    push(3); /* there is room again */
    cr_assert_eq(weft__deque_push(&deque, value(4)), -ENOMEM);
    grants = 1;
    push(4);
    cr_assert_eq(pop(), 4);
    cr_assert_eq(steal(), 2);
    cr_assert_eq(pop(), 3);
    cr_assert_eq(pop(), 0);
    weft__deque_fini(&deque);
}

Test(deque, ends_lie_on_lines_of_their_own)
{
    size_t end = offsetof(struct weft__deque, window.end);
    size_t first = offsetof(struct weft__deque, window.first);

    cr_assert_geq(first - end, (size_t)2 * WEFT__LINE);
    cr_assert_geq(sizeof(struct weft__deque) - first, (size_t)2 * WEFT__LINE);
}

/* One item at a time, an owner and a thief: exactly one of them gets it. */
static atomic_size_t stolen, size_max;
static atomic_bool over;

static void *thief(void *unused)
{
    void *item;

    (void)unused;
    while (!atomic_load(&over)) {
        size_t size = weft__deque_size(&deque);

        if (size > atomic_load(&size_max))
            atomic_store(&size_max, size);
        if (weft__deque_steal(&deque, &item) == WEFT__STEAL_GOT)
            atomic_fetch_add(&stolen, (uintptr_t)item);
    }
    return NULL;
}

Test(deque, last_item_goes_to_one, .timeout = 120)
{
    size_t rounds = weft_test_scaled(1000000), popped = 0;
    pthread_t thread;

    open_at(UINT64_MAX - rounds / 2);
    cr_assert_eq(pthread_create(&thread, NULL, thief, NULL), 0);
    for (size_t i = 0; i < rounds; i++) {
        push(1);
        for (uint64_t spin = i % 8; spin > 0; spin--)
            weft__pause();
        popped += pop();
        cr_expect_eq(pop(), 0);
    }
    atomic_store(&over, true);
    pthread_join(thread, NULL);
    cr_assert_eq(popped + atomic_load(&stolen), rounds);
    cr_assert_leq(atomic_load(&size_max), rounds);
    weft__deque_fini(&deque);
}
