// SPDX-License-Identifier: MIT
/*
 * Producers and consumers of both kinds, coroutines of two runtimes and
 * threads, impatient ones among them: at the end each item was got once, and
 * nobody got those of one producer in another order than they were put.
 */
#include <weft/queue.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <weft/scope.h>

#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/tally.h"
#include "tests/support/test.h"

#define SIDES 4 /* of each kind: two of the one, two of the other */

struct side {
    struct weft_test_random random;
    uint64_t *items; /* of a producer, in order */
    size_t count;
    struct weft_test_tally tally; /* of a consumer */
    uint64_t last[SIDES];         /* got of each producer */
    long retries, wrong;
    pthread_t thread;
    weft_future *task;
};

static weft_queue *queue;
static weft_runtime *rt[2];

static weft_ns some_time(struct side *side)
{
    return weft_test_below(&side->random, 4)
               ? WEFT_FOREVER
               : (weft_ns)weft_test_below(&side->random, 20000);
}

static int put_in_task(struct side *side, void *item)
{
    weft_scope scope;
    weft_timeout_enter(&scope, some_time(side));
    return weft_timeout_exit(&scope, weft_queue_put(queue, item));
}

static int get_in_task(struct side *side, void **item)
{
    weft_scope scope;
    weft_timeout_enter(&scope, some_time(side));
    return weft_timeout_exit(&scope, weft_queue_get(queue, item));
}

static int put_in_thread(struct side *side, void *item)
{
    return weft_queue_put_blocking(queue, item, some_time(side));
}

static int get_in_thread(struct side *side, void **item)
{
    return weft_queue_get_blocking(queue, item, some_time(side));
}

static void produce(struct side *side, int (*put)(struct side *, void *))
{
    for (size_t i = 0; i < side->count;) {
        int rc = put(side, &side->items[i]);
        i += rc == 0;
        side->retries += rc == -WEFT_ETIMEOUT;
        side->wrong += rc != 0 && rc != -WEFT_ETIMEOUT;
    }
}

/* Producers have equal shares of the numbers, one after the other. */
static void note(struct side *side, const void *item)
{
    uint64_t number = *(const uint64_t *)item;
    uint64_t *last = &side->last[(number - 1) / (side->tally.n / SIDES)];
    side->wrong += number <= *last;
    *last = number;
    weft_test_tally_take(&side->tally, item);
}

static void consume(struct side *side, int (*get)(struct side *, void **))
{
    for (;;) {
        void *item = NULL;
        int rc = get(side, &item);
        if (rc == 0)
            note(side, item);
        else if (rc == -WEFT_ECLOSED)
            return;
        side->retries += rc == -WEFT_ETIMEOUT;
        side->wrong += rc != 0 && rc != -WEFT_ETIMEOUT;
    }
}

static void *produce_in_task(void *side)
{
    produce(side, put_in_task);
    return NULL;
}

static void *consume_in_task(void *side)
{
    consume(side, get_in_task);
    return NULL;
}

static void *produce_in_thread(void *side)
{
    produce(side, put_in_thread);
    return NULL;
}

static void *consume_in_thread(void *side)
{
    consume(side, get_in_thread);
    return NULL;
}

static void start(struct side *side, int index, weft_fn *task, weft_fn *thread)
{
    if (index % 2 == 0)
        side->task =
            weft_run_coroutine_threadsafe(rt[index / 2 % 2], task, side);
    else
        cr_assert_eq(pthread_create(&side->thread, NULL, thread, side), 0);
}

static void settle(struct side *side, int index)
{
    if (index % 2 == 0)
        cr_expect_eq(weft_wait_blocking(side->task, WEFT_FOREVER, NULL), 0);
    else
        pthread_join(side->thread, NULL);
    cr_expect_eq(side->wrong, 0);
}

/* Items are written just before they are put: without any atomic. */
static void pass(size_t capacity, size_t each)
{
    struct side producer[SIDES], consumer[SIDES];
    struct weft_test_tally tally[SIDES];
    size_t n = each * SIDES;
    uint64_t *items = calloc(n, sizeof(*items));
    cr_assert_not_null(items);
    memset(producer, 0, sizeof(producer));
    memset(consumer, 0, sizeof(consumer));
    for (size_t i = 0; i < n; i++)
        items[i] = i + 1;
    cr_assert_eq(weft_queue_new(capacity, &queue), 0);
    for (int i = 0; i < SIDES; i++) {
        producer[i].items = items + (size_t)i * each;
        producer[i].count = each;
        producer[i].random.state = weft_test_seed() + (uint64_t)i;
        consumer[i].random.state = weft_test_seed() + 10 + (uint64_t)i;
        cr_assert(weft_test_tally_init(&consumer[i].tally, n));
        start(&producer[i], i, produce_in_task, produce_in_thread);
        start(&consumer[i], i, consume_in_task, consume_in_thread);
    }
    for (int i = 0; i < SIDES; i++)
        settle(&producer[i], i);
    weft_queue_close(queue, NULL);
    for (int i = 0; i < SIDES; i++) {
        settle(&consumer[i], i);
        tally[i] = consumer[i].tally;
    }
    cr_expect_eq(weft_test_tally_wrong(tally, SIDES), 0);
    for (int i = 0; i < SIDES; i++)
        weft_test_tally_fini(&tally[i]);
    weft_queue_free(queue);
    free(items);
}

static void in_two_runtimes(unsigned workers, size_t capacity, size_t each)
{
    for (int i = 0; i < 2; i++)
        cr_assert_eq(weft_test_runtime(workers, &rt[i]), 0);
    pass(capacity, each);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(weft_runtime_shutdown(rt[i]), 0);
        weft_runtime_unref(rt[i]);
    }
}

Test(queue, rendezvous, .timeout = 240)
{
    in_two_runtimes(2, 0, weft_test_scaled(10000));
}

Test(queue, one_place, .timeout = 240)
{
    in_two_runtimes(2, 1, weft_test_scaled(10000));
}

Test(queue, many_places, .timeout = 240)
{
    in_two_runtimes(2, 256, weft_test_scaled(200000));
}

Test(queue, many_workers, .timeout = 240)
{
    in_two_runtimes(8, 16, weft_test_scaled(20000));
}
