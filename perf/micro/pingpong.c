// SPDX-License-Identifier: MIT
/*
 * pingpong: two tasks pass a number to and fro through two queues of one slot;
 * 2 000 000 round trips.
 */
#include "perf/micro/micro.h"

#include <errno.h>

#include <weft/queue.h>
#include <weft/task.h>

#define ROUND_TRIPS 2000000

struct table {
    weft_queue *to, *fro;
    uint64_t round_trips;
};

static int send(weft_queue *queue, uint64_t value)
{
    return weft_queue_put(queue, (void *)(uintptr_t)value);
}

static int receive(weft_queue *queue, uint64_t *value)
{
    void *item;
    int rc = weft_queue_get(queue, &item);

    *value = rc == 0 ? (uint64_t)(uintptr_t)item : 0;
    return rc;
}

static void *answer(void *arg)
{
    struct table *table = arg;
    uint64_t value;
    int rc = 0;

    for (uint64_t i = 0; i < table->round_trips && rc == 0; i++) {
        rc = receive(table->to, &value);
        rc = rc != 0 ? rc : send(table->fro, value + 1);
    }
    return weft_fail(rc);
}

static void *ask(void *arg)
{
    struct table *table = arg;
    uint64_t value;
    int rc = 0;

    for (uint64_t i = 1; i <= table->round_trips && rc == 0; i++) {
        rc = send(table->to, i);
        rc = rc != 0 ? rc : receive(table->fro, &value);
        if (rc == 0 && value != i + 1) {
            rc = -EPROTO;
        }
    }
    return weft_fail(rc);
}

static int play(struct perf_micro *micro, struct table *table)
{
    weft_time start = weft_now();
    weft_future *asks = weft_spawn(ask, table);
    weft_future *answers = weft_spawn(answer, table);
    int rc = weft_await(asks, NULL), other;

    /* If one has failed the other would wait for it for ever. */
    if (rc != 0) {
        weft_cancel(answers);
    }
    other = weft_await(answers, NULL);
    micro->ns = (double)(weft_now() - start);
    micro->ops = table->round_trips;
    return rc != 0 ? rc : other;
}

static void *run(void *arg)
{
    struct perf_micro *micro = arg;
    struct table table = {.round_trips = perf_micro_scaled(micro, ROUND_TRIPS)};
    int rc = weft_queue_new(1, &table.to);

    rc = rc != 0 ? rc : weft_queue_new(1, &table.fro);
    rc = rc != 0 ? rc : play(micro, &table);
    weft_queue_free(table.to);
    weft_queue_free(table.fro);
    return weft_fail(rc);
}

int perf_micro_pingpong(struct perf_micro *micro)
{
    return perf_micro_in_runtime(micro, run, micro);
}
