// SPDX-License-Identifier: MIT
/* What CPython's tests of executors ask of maps, here over thread pools: see
 * conformance.md. */
#include "tests/exec/cf.h"

#include <stdlib.h>
#include <string.h>
#include <weft/map.h>

#include "tests/support/scale.h"

#define ITEMS 100

/* Items are 1 to n; an item's result is its square. */

struct mapped {
    unsigned n, asked; /* all there are of: without end */
    uintptr_t bad;
    int code; /* of the bad one */
    struct gate gate;
    uintptr_t slow; /* waits for the gate */
    atomic_uint ran, told;
};

static struct mapped mapped;

static int next_item(void *unused, void **item)
{
    (void)unused;
    if (mapped.asked == mapped.n)
        return 0;
    *item = weft_test_value(++mapped.asked);
    return 1;
}

static void *square(void *item)
{
    uintptr_t n = (uintptr_t)item;
    atomic_fetch_add(&mapped.ran, 1);
    if (n == mapped.slow)
        pass(&mapped.gate);
    if (n == mapped.bad)
        return weft_fail(mapped.code);
    return weft_test_value(n * n);
}

static weft_map *open_map(weft_executor *pool, weft_map_options options)
{
    weft_map *map = NULL;
    options.size = sizeof(options);
    cr_assert_eq(weft_map_open(&map, pool, &options, square, next_item, NULL),
                 0);
    return map;
}

static void expect_next(weft_map *map, uintptr_t n)
{
    void *result = NULL;
    cr_expect_eq(weft_map_next(map, &result), 1, "%zu", (size_t)n);
    cr_expect_eq(result, weft_test_value(n * n), "%zu", (size_t)n);
}

static void expect_no_more(weft_map *map)
{
    void *result = map;
    for (int i = 0; i < 3; i++)
        cr_expect_eq(weft_map_next(map, &result), 0);
    cr_expect_null(result);
}

static void expect_all(weft_executor *pool, unsigned n,
                       weft_map_options options)
{
    mapped = (struct mapped){.n = n};
    weft_map *map = open_map(pool, options);
    for (unsigned i = 1; i <= n; i++)
        expect_next(map, i);
    expect_no_more(map);
    weft_map_close(map);
    cr_expect_eq(atomic_load(&mapped.ran), n);
}

static void in_order(void)
{
    weft_executor *pool =
        open_pool((weft_thread_pool_options){.max_threads = 5});
    void *items[ITEMS], *results[ITEMS];
    for (size_t chunk = 0; chunk <= 3; chunk += 3) {
        weft_map_options options = {.size = sizeof(options), .chunk = chunk};
        expect_all(pool, ITEMS, options);
        mapped = (struct mapped){.n = 0};
        for (uintptr_t i = 0; i < ITEMS; i++)
            items[i] = weft_test_value(i + 1);
        cr_expect_eq(
            weft_executor_map(pool, &options, square, items, ITEMS, results),
            0);
        for (uintptr_t i = 0; i < ITEMS; i++)
            cr_expect_eq(results[i], square(items[i]));
    }
    cr_assert_eq(weft_executor_shutdown(pool), 0);
}

/* test_map */
Test(cf_map, gives_what_a_loop_would_give, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(in_order);
}

static void with_buffers(void)
{
    static const size_t buffer[] = {1, 2, 9, 10, 11, 100};
    weft_executor *pool =
        open_pool((weft_thread_pool_options){.max_threads = 3});
    for (int i = 0; i < 6; i++) {
        expect_all(pool, 10, (weft_map_options){.buffer = buffer[i]});
        expect_all(pool, 0, (weft_map_options){.buffer = buffer[i]});
        expect_all(pool, 10,
                   (weft_map_options){.buffer = buffer[i], .chunk = 4});
    }
    expect_all(pool, 0, (weft_map_options){.chunk = 3});
    cr_assert_eq(weft_executor_shutdown(pool), 0);
}

/* test_map_buffersize, test_map_buffersize_on_empty_iterable */
Test(cf_map, any_buffer_and_no_items_give_the_same, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(with_buffers);
}

static void bad_options(void)
{
    weft_map *map = NULL;
    weft_map_options options = {.size = sizeof(options) + 8};
    weft_executor *pool =
        open_pool((weft_thread_pool_options){.max_threads = 3});
    mapped = (struct mapped){.n = 10};
    cr_expect_eq(weft_map_open(&map, pool, &options, square, next_item, NULL),
                 -EINVAL);
    cr_expect_null(map);
    cr_expect_eq(mapped.asked, 0);
    /* Nothing is the default, too little is as much as a chunk has. */
    expect_all(pool, 10, (weft_map_options){.buffer = 0});
    expect_all(pool, 10, (weft_map_options){.buffer = 1, .chunk = 5});
    cr_assert_eq(weft_executor_shutdown(pool), 0);
}

/* test_map_buffersize_value_validation */
Test(cf_map, no_buffer_is_too_small, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(bad_options);
}

static void endless(void)
{
    weft_executor *pool =
        open_pool((weft_thread_pool_options){.max_threads = 3});
    for (size_t buffer = 1; buffer <= 8; buffer += 7) {
        mapped = (struct mapped){.n = -1u};
        weft_map *map = open_map(pool, (weft_map_options){.buffer = buffer});
        for (uintptr_t i = 1; i <= 4; i++)
            expect_next(map, i);
        weft_map_close(map);
        cr_expect_leq(mapped.asked, 3 + buffer);
        cr_expect_leq(atomic_load(&mapped.ran), mapped.asked);
    }
    cr_assert_eq(weft_executor_shutdown(pool), 0);
}

/* test_map_buffersize_on_infinite_iterable */
Test(cf_map, a_source_needs_no_end, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(endless);
}

static void unread(void)
{
    for (size_t chunk = 1; chunk <= 3; chunk++) {
        weft_executor *pool =
            open_pool((weft_thread_pool_options){.max_threads = 3});
        mapped = (struct mapped){.n = -1u};
        weft_map *map =
            open_map(pool, (weft_map_options){.buffer = 6, .chunk = chunk});
        cr_expect_eq(mapped.asked, 6);
        cr_assert_eq(weft_executor_shutdown(pool), 0);
        cr_expect_eq(mapped.asked, 6);
        cr_expect_eq(atomic_load(&mapped.ran), 6);
        weft_map_close(map);
    }
}

/* test_map_buffersize_when_buffer_is_full, test_map_submits_without_iteration
 */
Test(cf_map, that_nobody_reads_does_what_its_buffer_has, WITH_ACCOUNT,
     .timeout = 60)
{
    everywhere(unread);
}

/* One fails */

static void one_fails(int code, weft_map_options options)
{
    weft_executor *pool =
        open_pool((weft_thread_pool_options){.max_threads = 5});
    mapped = (struct mapped){.n = 10, .bad = 4, .code = code};
    weft_map *map = open_map(pool, options);
    for (uintptr_t i = 1; i <= 10; i++) {
        void *result = map;
        if (i != 4) {
            expect_next(map, i);
            continue;
        }
        cr_expect_eq(weft_map_next(map, &result), code);
        cr_expect_null(result);
    }
    expect_no_more(map);
    weft_map_close(map);
    cr_expect_eq(atomic_load(&mapped.ran), 10);
    cr_assert_eq(weft_executor_shutdown(pool), 0);
}

static void one_fails_in_order(void)
{
    for (size_t chunk = 1; chunk <= 5; chunk += 2)
        one_fails(-EDOM, (weft_map_options){.chunk = chunk});
}

/* test_map_exception: those after it can be had */
Test(cf_map, a_failure_stands_in_its_place, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(one_fails_in_order);
}

static void one_times_out(void)
{
    for (size_t chunk = 1; chunk <= 3; chunk += 2) {
        one_fails(-WEFT_ETIMEOUT, (weft_map_options){.chunk = chunk});
        one_fails(-WEFT_ETIMEOUT,
                  (weft_map_options){.chunk = chunk, .timeout = WEFT_S(3600)});
        one_fails(-WEFT_ECANCELED, (weft_map_options){.chunk = chunk});
    }
}

/* test_map_timeout_from_callable: one goes on after it */
Test(cf_map, an_item_may_fail_as_if_time_were_up, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(one_times_out);
}

/* Deadlines */

/* False: the machine was too slow for the two before the slow one. */
static bool read_until_slow(weft_executor *pool, weft_ns timeout)
{
    mapped = (struct mapped){.n = 5, .slow = 3};
    weft_map *map = open_map(pool, (weft_map_options){.timeout = timeout});
    void *result;
    uintptr_t got = 1;
    int rc;
    while ((rc = weft_map_next(map, &result)) == 1) {
        cr_expect_eq(result, weft_test_value(got * got));
        got++;
    }
    cr_expect_eq(rc, -WEFT_ETIMEOUT);
    cr_expect_leq(got, 3);
    expect_no_more(map);
    open_gate(&mapped.gate);
    weft_map_close(map);
    return got == 3;
}

static void deadline(void)
{
    weft_executor *pool =
        open_pool((weft_thread_pool_options){.max_threads = 2});
    weft_ns enough = WEFT_MS(5);
    while (!read_until_slow(pool, enough) && enough < WEFT_S(20))
        enough *= 2;
    cr_expect_lt(enough, WEFT_S(20));
    cr_assert_eq(weft_executor_shutdown(pool), 0);
}

/* test_map_timeout */
Test(cf_map, a_deadline_keeps_the_results_before_it, WITH_ACCOUNT,
     .timeout = 60)
{
    everywhere(deadline);
}

static void *until_told(void *item)
{
    (void)item;
    atomic_fetch_add(&mapped.ran, 1);
    while (!weft_job_cancelled())
        usleep(100);
    atomic_fetch_add(&mapped.told, 1);
    return NULL;
}

static void current_cancelled(void)
{
    weft_map_options options = {.size = sizeof(options), .timeout = WEFT_MS(1)};
    weft_map *map;
    void *result;
    weft_executor *pool =
        open_pool((weft_thread_pool_options){.max_threads = 1});
    mapped = (struct mapped){.n = 10};
    cr_assert_eq(
        weft_map_open(&map, pool, &options, until_told, next_item, NULL), 0);
    cr_expect_eq(weft_map_next(map, &result), -WEFT_ETIMEOUT);
    /* If only the close told it, this would not come back before it. */
    weft_future *after = weft_run_in_executor(pool, weft_test_echo, NULL);
    cr_expect_eq(finish(after, NULL), 0);
    /* A second one may have slipped in while they were told, one by one. */
    cr_expect_lt(atomic_load(&mapped.ran), 10, "the others are dropped");
    cr_expect_eq(atomic_load(&mapped.told), atomic_load(&mapped.ran));
    expect_no_more(map);
    weft_map_close(map);
    cr_assert_eq(weft_executor_shutdown(pool), 0);
}

/* test_executor_map_current_future_cancel */
Test(cf_map, a_deadline_cancels_the_one_waited_for_and_the_rest, WITH_ACCOUNT,
     .timeout = 60)
{
    everywhere(current_cancelled);
}

/* Closing */

static void closed_early(void)
{
    weft_executor *pool =
        open_pool((weft_thread_pool_options){.max_threads = 1});
    for (size_t chunk = 1; chunk <= 3; chunk += 2) {
        mapped = (struct mapped){.n = 50, .slow = 4};
        weft_map *map = open_map(pool, (weft_map_options){.chunk = chunk});
        for (uintptr_t i = 1; i <= 3; i++)
            expect_next(map, i);
        await_there(&mapped.gate, 1); /* the fourth, and none behind it */
        unsigned asked = mapped.asked;
        open_gate(&mapped.gate);
        weft_map_close(map);
        cr_expect_eq(mapped.asked, asked, "it asks for more");
        unsigned ran = atomic_load(&mapped.ran);
        cr_assert_eq(finish(job_that_ends(pool, 0), NULL), 0);
        cr_expect_eq(atomic_load(&mapped.ran), ran, "something runs after it");
    }
    cr_assert_eq(weft_executor_shutdown(pool), 0);
}

/* test_map_close: the map is gone then, there is nothing left to read */
Test(cf_map, closed_early_begins_nothing_more, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(closed_early);
}

/* A task that is cancelled: a join, with a deadline that is far away as well as
 * with none, and results stand where they belong. */

struct cancelled_map {
    weft_ns timeout;
    void *results[3];
    int rc;
};

static void *map_in_task(void *arg)
{
    struct cancelled_map *it = arg;
    void *items[3];
    weft_map_options options = {.size = sizeof(options),
                                .timeout = it->timeout};
    weft_executor *pool =
        open_pool((weft_thread_pool_options){.max_threads = 1});
    for (uintptr_t i = 0; i < 3; i++)
        items[i] = weft_test_value(i + 1);
    it->rc = weft_executor_map(pool, &options, square, items, 3, it->results);
    cr_expect_eq(weft_executor_shutdown(pool), 0);
    return NULL;
}

static void cancelled_map(weft_ns timeout)
{
    struct beside beside = beside_open();
    struct cancelled_map it = {.timeout = timeout};
    unsigned squares = 0;
    mapped = (struct mapped){.n = 3, .slow = 1};
    weft_future *task = beside_start(&beside, map_in_task, &it);
    await_there(&mapped.gate, 1);
    cr_expect_eq(weft_cancel(task), 0);
    for (int i = 0; i < 1000; i++) /* it has time to do the wrong thing */
        give_way();
    open_gate(&mapped.gate);
    cr_expect_eq(finish(task, NULL), 0);
    cr_expect_eq(it.results[0], weft_test_value(1), "it ran to its end");
    for (uintptr_t i = 0; i < 3; i++) {
        bool ran = it.results[i] == weft_test_value((i + 1) * (i + 1));
        cr_expect(ran || weft_code(it.results[i]) == -WEFT_ECANCELED);
        squares += ran;
    }
    cr_expect_eq(it.rc, squares == 3 ? 0 : -WEFT_ECANCELED);
    cr_expect_eq(atomic_load(&mapped.ran), squares);
    beside_close(&beside);
}

static void cancelled_map_anyway(void)
{
    cancelled_map(0);
}

Test(cf_map, cancelled_tells_what_ran, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(cancelled_map_anyway);
}

static void cancelled_map_in_time(void)
{
    cancelled_map(WEFT_S(3600));
}

Test(cf_map, cancelled_before_a_deadline_tells_what_ran, WITH_ACCOUNT,
     .timeout = 60)
{
    everywhere(cancelled_map_in_time);
}

/* It ends as the time is up: whoever is first, nothing is lost. */

static weft_time moment;

static void *until_moment(void *item)
{
    while (weft_now() < moment)
        ;
    return item;
}

static void meet(weft_executor *pool, weft_ns after)
{
    weft_map_options options = {.size = sizeof(options),
                                .timeout = WEFT_US(20)};
    weft_map *map;
    void *result;
    mapped = (struct mapped){.n = 1};
    moment = weft_after(options.timeout) + after;
    cr_assert_eq(
        weft_map_open(&map, pool, &options, until_moment, next_item, NULL), 0);
    int rc = weft_map_next(map, &result);
    cr_expect(rc == 1 || rc == -WEFT_ETIMEOUT, "%d", rc);
    weft_map_close(map);
}

static void meetings(void)
{
    weft_executor *pool =
        open_pool((weft_thread_pool_options){.max_threads = 1});
    for (size_t i = weft_test_scaled(20000); i > 0; i--)
        meet(pool, (weft_ns)(i % 400) * 250);
    cr_assert_eq(weft_executor_shutdown(pool), 0);
}

Test(cf_map, a_deadline_that_meets_the_end_loses_nothing, WITH_ACCOUNT,
     .timeout = 60)
{
    everywhere(meetings);
}

static void *make_result(void *item)
{
    uintptr_t *result = malloc(sizeof(*result));
    *result = (uintptr_t)item;
    return result;
}

/* Each is freed as soon as it is there: the map touches none afterwards (the
 * sanitizers look), and frees none. */
static void results_given_away(void)
{
    weft_map *map;
    weft_map_options options = {.size = sizeof(options), .buffer = 4};
    weft_executor *pool =
        open_pool((weft_thread_pool_options){.max_threads = 2});
    mapped = (struct mapped){.n = 20};
    cr_assert_eq(
        weft_map_open(&map, pool, &options, make_result, next_item, NULL), 0);
    for (uintptr_t i = 1; i <= 20; i++) {
        void *result = NULL;
        cr_expect_eq(weft_map_next(map, &result), 1);
        cr_assert_not_null(result);
        cr_expect_eq(*(uintptr_t *)result, i);
        memset(result, 0xff, sizeof(uintptr_t));
        free(result);
    }
    expect_no_more(map);
    weft_map_close(map);
    cr_assert_eq(weft_executor_shutdown(pool), 0);
}

/* test_free_reference */
Test(cf_map, results_are_his_who_took_them, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(results_given_away);
}
