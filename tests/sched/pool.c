// SPDX-License-Identifier: MIT
/* Task descriptors: each is had by one at a time, all come back, and the last
 * one to come back frees a pool that was closed. */
#include "sched/pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/scale.h"
#include "tests/support/test.h"

/* Maps and unmaps, counted; the map can be refused. */

static atomic_long mapped;
static atomic_bool refuse;

static long count_map(size_t size, size_t align, void **out)
{
    if (atomic_load(&refuse))
        return -ENOMEM;
    atomic_fetch_add(&mapped, 1);
    return weft__os_real.map(size, align, out);
}

static void count_unmap(void *at, size_t size)
{
    atomic_fetch_sub(&mapped, 1);
    weft__os_real.unmap(at, size);
}

static struct weft__os os;

static void watch_maps(void)
{
    os = weft__os_real;
    os.map = count_map;
    os.unmap = count_unmap;
    atomic_store(&mapped, 0);
    atomic_store(&refuse, false);
    weft__os = &os;
}

static void unwatch_maps(void)
{
    weft__os = &weft__os_real;
}

/* One thread */

#define MANY 1000

static int by_address(const void *a, const void *b)
{
    uintptr_t x = *(const uintptr_t *)a;
    uintptr_t y = *(const uintptr_t *)b;
    return x < y ? -1 : x > y;
}

static void all_differ(struct weft__coro **coro, size_t n)
{
    qsort(coro, n, sizeof(struct weft__coro *), by_address);
    for (size_t i = 0; i < n; i++)
        cr_assert_eq((uintptr_t)coro[i] % WEFT__TASK_SIZE, 0);
    for (size_t i = 1; i < n; i++)
        cr_assert_geq((uintptr_t)coro[i] - (uintptr_t)coro[i - 1],
                      WEFT__TASK_SIZE);
}

Test(pool, hands_out_each_once, .init = watch_maps, .fini = unwatch_maps)
{
    static struct weft__coro *coro[MANY];
    struct weft__pool_cache cache = {0};
    struct weft__pool *pool = weft__pool_new(NULL, 2);
    for (int i = 0; i < MANY; i++) {
        coro[i] = i % 3 ? weft__pool_alloc(pool, 0, &cache)
                        : weft__pool_take(pool, 1);
        cr_assert_not_null(coro[i]);
        cr_assert_eq(weft__pool_of(coro[i]), pool);
    }
    all_differ(coro, MANY);
    long before = atomic_load(&mapped);
    for (int i = 0; i < MANY; i++)
        weft__pool_free(pool, 0, &cache, coro[i]);
    for (int i = 0; i < MANY; i++)
        coro[i] = weft__pool_alloc(pool, 0, &cache);
    all_differ(coro, MANY);
    cr_assert_leq(atomic_load(&mapped), before + 1, "what came back is used");
    for (int i = 0; i < MANY; i++)
        weft__pool_give(coro[i]);
    weft__pool_drain(pool, 0, &cache);
    weft__pool_close(pool);
    cr_assert_eq(atomic_load(&mapped), 0);
}

/* They lie in whole batches with the shard of the worker that has ended them. */
Test(pool, what_ended_elsewhere_is_used, .init = watch_maps,
     .fini = unwatch_maps)
{
    static struct weft__coro *coro[MANY];
    struct weft__pool_cache there = {0};
    struct weft__pool_cache here = {0};
    struct weft__pool *pool = weft__pool_new(NULL, 2);
    for (int i = 0; i < MANY; i++)
        coro[i] = weft__pool_alloc(pool, 0, &here);
    long before = atomic_load(&mapped);
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < MANY; i++)
            weft__pool_free(pool, 1, &there, coro[i]);
        for (int i = 0; i < MANY; i++)
            coro[i] = i % 2 ? weft__pool_alloc(pool, 0, &here)
                            : weft__pool_take(pool, 0);
        all_differ(coro, MANY);
    }
    /* Either cache may have kept a batch and most of another. */
    cr_assert_leq(atomic_load(&mapped), before + 4);
    for (int i = 0; i < MANY; i++)
        weft__pool_give(coro[i]);
    weft__pool_drain(pool, 0, &here);
    weft__pool_drain(pool, 1, &there);
    weft__pool_close(pool);
    cr_assert_eq(atomic_load(&mapped), 0);
}

Test(pool, the_last_one_given_back_is_the_next)
{
    struct weft__pool_cache cache = {0};
    struct weft__pool *pool = weft__pool_new(NULL, 1);
    struct weft__coro *a = weft__pool_alloc(pool, 0, &cache);
    struct weft__coro *b = weft__pool_alloc(pool, 0, &cache);
    weft__pool_free(pool, 0, &cache, a);
    weft__pool_free(pool, 0, &cache, b);
    cr_assert_eq(weft__pool_alloc(pool, 0, &cache), b);
    cr_assert_eq(weft__pool_alloc(pool, 0, &cache), a);
    weft__pool_free(pool, 0, &cache, a);
    weft__pool_free(pool, 0, &cache, b);
    weft__pool_drain(pool, 0, &cache);
    weft__pool_close(pool);
}

Test(pool, a_cache_does_not_grow_without_end)
{
    static struct weft__coro *coro[5000];
    struct weft__pool_cache cache = {0};
    struct weft__pool *pool = weft__pool_new(NULL, 1);
    for (int i = 0; i < 5000; i++)
        coro[i] = weft__pool_take(pool, 0);
    for (int i = 0; i < 5000; i++) {
        weft__pool_free(pool, 0, &cache, coro[i]);
        cr_assert_lt(cache.count, WEFT__POOL_BATCH);
    }
    weft__pool_drain(pool, 0, &cache);
    cr_assert_eq(cache.count, 0);
    cr_assert_null(cache.free);
    weft__pool_close(pool);
}

Test(pool, says_so_without_memory, .init = watch_maps, .fini = unwatch_maps)
{
    struct weft__pool_cache cache = {0};
    struct weft__pool *pool = weft__pool_new(NULL, 1);
    atomic_store(&refuse, true);
    cr_assert_null(weft__pool_alloc(pool, 0, &cache));
    cr_assert_null(weft__pool_take(pool, 0));
    cr_assert_eq(cache.count, 0);
    atomic_store(&refuse, false);
    struct weft__coro *coro = weft__pool_alloc(pool, 0, &cache);
    cr_assert_not_null(coro);
    weft__pool_give(coro);
    weft__pool_drain(pool, 0, &cache);
    weft__pool_close(pool);
    cr_assert_eq(atomic_load(&mapped), 0);
}

static void count_one(struct weft__coro *coro, void *count)
{
    (void)coro;
    ++*(size_t *)count;
}

Test(pool, visits_all_there_are)
{
    size_t count = 0;
    struct weft__pool *pool = weft__pool_new(NULL, 1);
    weft__pool_each(pool, count_one, &count);
    cr_assert_eq(count, 0);
    struct weft__coro *coro = weft__pool_take(pool, 0);
    weft__pool_each(pool, count_one, &count);
    cr_assert_eq(count, (65536 - WEFT__TASK_SIZE) / WEFT__TASK_SIZE);
    weft__pool_give(coro);
    weft__pool_close(pool);
}

/* Closed while some are out */

Test(pool, stays_until_the_last_comes_back, .init = watch_maps,
     .fini = unwatch_maps)
{
    struct weft__coro *coro[3];
    struct weft__pool *pool = weft__pool_new(NULL, 2);
    for (int i = 0; i < 3; i++)
        coro[i] = weft__pool_take(pool, 0);
    weft__pool_close(pool);
    for (int i = 0; i < 3; i++) {
        cr_assert_gt(atomic_load(&mapped), 0, "gone before the last");
        cr_assert_eq(weft__pool_of(coro[i]), pool);
        weft__pool_give(coro[i]);
    }
    cr_assert_eq(atomic_load(&mapped), 0);
}

/* Threads: what one writes into a descriptor that it holds stays. */

struct user {
    pthread_t thread;
    struct weft__pool *pool;
    unsigned shard;
    long rounds;
    long wrong;
};

static void *use(void *arg)
{
    enum { HELD = 32 };
    struct user *user = arg;
    struct weft__coro *held[HELD] = {NULL};
    struct weft__pool_cache cache = {0};
    struct weft_test_random random = {user->shard};
    for (long i = 0; i < user->rounds; i++) {
        struct weft__coro **slot = &held[weft_test_below(&random, HELD)];
        if (*slot == NULL) {
            *slot = i % 2 ? weft__pool_take(user->pool, user->shard)
                          : weft__pool_alloc(user->pool, user->shard, &cache);
            (*slot)->sp = user;
            continue;
        }
        user->wrong += (*slot)->sp != user;
        if (weft_test_below(&random, 2))
            weft__pool_give(*slot);
        else
            weft__pool_free(user->pool, user->shard, &cache, *slot);
        *slot = NULL;
    }
    for (int i = 0; i < HELD; i++)
        if (held[i] != NULL)
            weft__pool_give(held[i]);
    weft__pool_drain(user->pool, user->shard, &cache);
    return NULL;
}

Test(pool, of_many_threads, .init = watch_maps, .fini = unwatch_maps,
     .timeout = 60)
{
    enum { USERS = 4 };
    struct user user[USERS];
    struct weft__pool *pool = weft__pool_new(NULL, USERS);
    for (unsigned i = 0; i < USERS; i++) {
        user[i] = (struct user){
            .pool = pool, .shard = i, .rounds = (long)weft_test_scaled(500000)};
        pthread_create(&user[i].thread, NULL, use, &user[i]);
    }
    for (int i = 0; i < USERS; i++) {
        pthread_join(user[i].thread, NULL);
        cr_expect_eq(user[i].wrong, 0);
    }
    weft__pool_close(pool);
    cr_assert_eq(atomic_load(&mapped), 0, "all came back");
}
