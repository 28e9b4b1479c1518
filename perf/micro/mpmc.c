// SPDX-License-Identifier: MIT
/*
 * mpmc: four producers and four consumers pass 2 000 000 items through a queue
 * of 1 024 places; every item is looked at.
 */
#include "perf/micro/micro.h"

#include <errno.h>

#include <weft.h>

#define PLACES 1024
#define SIDES 4
#define ITEMS 2000000

struct work {
    weft_queue *queue;
    uint64_t items; /* of each producer */
};

static void *produce(void *arg)
{
    struct work *work = arg;
    int rc = 0;

    for (uintptr_t i = 1; i <= work->items && rc == 0; i++) {
        rc = weft_queue_put(work->queue, (void *)i);
    }
    return weft_fail(rc);
}

/* Until it is closed; the result is the sum. */
static void *consume(void *arg)
{
    struct work *work = arg;
    uintptr_t sum = 0;
    void *item;
    int rc;

    while ((rc = weft_queue_get(work->queue, &item)) == 0) {
        sum += (uintptr_t)item;
    }
    return rc == -WEFT_ECLOSED ? (void *)sum : weft_fail(rc);
}

static int pass_all(struct work *work)
{
    weft_future *producers[SIDES], *consumers[SIDES];
    uintptr_t sum = 0;
    void *part;
    int rc, one;

    for (int i = 0; i < SIDES; i++) {
        consumers[i] = weft_spawn(consume, work);
        producers[i] = weft_spawn(produce, work);
    }
    rc = perf_micro_await_all(producers, SIDES);
    weft_queue_close(work->queue, NULL);
    for (int i = 0; i < SIDES; i++) {
        one = weft_await(consumers[i], &part);
        rc = rc != 0 ? rc : one;
        sum += (uintptr_t)part;
    }
    if (rc == 0 && sum != SIDES * (work->items * (work->items + 1) / 2)) {
        rc = -EPROTO;
    }
    return rc;
}

static void *run(void *arg)
{
    struct perf_micro *micro = arg;
    struct work work = {.items = perf_micro_scaled(micro, ITEMS / SIDES)};
    weft_time start = weft_now();
    int rc = weft_queue_new(PLACES, &work.queue);

    if (rc != 0) {
        return weft_fail(rc);
    }
    rc = pass_all(&work);
    micro->ns = (double)(weft_now() - start);
    micro->ops = work.items * SIDES;
    weft_queue_free(work.queue);
    return weft_fail(rc);
}

int perf_micro_mpmc(struct perf_micro *micro)
{
    return perf_micro_in_runtime(micro, run, micro);
}
