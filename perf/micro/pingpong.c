// SPDX-License-Identifier: MIT
/*
 * pingpong: two tasks pass a number to and fro through two queues of one slot;
 * 2 000 000 round trips. The queue is made here, of weft_suspend() and
 * weft_ready(), for one writer and one reader: not a channel for others.
 */
#include "perf/micro/micro.h"

#include <errno.h>
#include <stdatomic.h>

#include <weft/future.h>
#include <weft/task.h>

#define ROUND_TRIPS 2000000

/* What `state` says. Only the writer fills, only the reader empties; who is
 * about to sleep says so with a swap that fails if there is no need any more.
 */
enum state {
    EMPTY,
    EMPTY_AWAITED, /* the reader sleeps, or is about to */
    FULL,
    FULL_AWAITED, /* the writer does */
};

struct slot {
    _Alignas(64) _Atomic int state;
    uint64_t value; /* the writer's while empty, the reader's while full */
    weft_future *reader, *writer; /* written before either sleeps */
};

struct table {
    struct slot to, fro;
    uint64_t round_trips;
};

/* Sleep if the slot is still as it was seen. Returning early does no harm: the
 * caller looks again. */
static int sleep_on(struct slot *slot, int seen, int awaited)
{
    if (seen != awaited &&
        !atomic_compare_exchange_strong(&slot->state, &seen, awaited)) {
        return 0;
    }
    return weft_suspend();
}

static int put(struct slot *slot, uint64_t value)
{
    for (;;) {
        /* Pairs with the swap in take: the value may be overwritten. */
        int seen = atomic_load_explicit(&slot->state, memory_order_acquire);
        int rc;

        if (seen == EMPTY || seen == EMPTY_AWAITED) {
            slot->value = value;
            /* Pairs with the load in take; and with the reader's swap: either
             * it sees FULL, or we see that it sleeps. */
            if (atomic_exchange(&slot->state, FULL) == EMPTY_AWAITED) {
                weft_ready(slot->reader);
            }
            return 0;
        }
        rc = sleep_on(slot, seen, FULL_AWAITED);
        if (rc != 0) {
            return rc;
        }
    }
}

static int take(struct slot *slot, uint64_t *value)
{
    for (;;) {
        int seen = atomic_load_explicit(&slot->state, memory_order_acquire);
        int rc;

        if (seen == FULL || seen == FULL_AWAITED) {
            *value = slot->value;
            if (atomic_exchange(&slot->state, EMPTY) == FULL_AWAITED) {
                weft_ready(slot->writer);
            }
            return 0;
        }
        rc = sleep_on(slot, seen, EMPTY_AWAITED);
        if (rc != 0) {
            return rc;
        }
    }
}

static void *answer(void *arg)
{
    struct table *table = arg;
    uint64_t value;
    int rc = 0;

    table->to.reader = weft_current();
    table->fro.writer = weft_current();
    for (uint64_t i = 0; i < table->round_trips && rc == 0; i++) {
        rc = take(&table->to, &value);
        rc = rc != 0 ? rc : put(&table->fro, value + 1);
    }
    return weft_fail(rc);
}

static void *ask(void *arg)
{
    struct table *table = arg;
    uint64_t value = 0;
    int rc = 0;

    table->to.writer = weft_current();
    table->fro.reader = weft_current();
    for (uint64_t i = 0; i < table->round_trips && rc == 0; i++) {
        rc = put(&table->to, i);
        rc = rc != 0 ? rc : take(&table->fro, &value);
        if (rc == 0 && value != i + 1) {
            rc = -EPROTO;
        }
    }
    return weft_fail(rc);
}

static void *run(void *arg)
{
    struct perf_micro *micro = arg;
    struct table table = {.round_trips = perf_micro_scaled(micro, ROUND_TRIPS)};
    weft_time start = weft_now();
    weft_future *asks = weft_spawn(ask, &table);
    weft_future *answers = weft_spawn(answer, &table);
    int rc = weft_await(asks, NULL), other;

    /* If one has failed the other would wait for it for ever. */
    if (rc != 0) {
        weft_cancel(answers);
    }
    other = weft_await(answers, NULL);
    micro->ns = (double)(weft_now() - start);
    micro->ops = table.round_trips;
    return weft_fail(rc != 0 ? rc : other);
}

int perf_micro_pingpong(struct perf_micro *micro)
{
    return perf_micro_in_runtime(micro, run, micro);
}
