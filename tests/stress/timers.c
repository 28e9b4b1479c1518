// SPDX-License-Identifier: MIT
/* A million timers, armed on one worker and cancelled from others: none fires
 * after its cancellation said so, each other one fires once, none early. */
#include <weft/task.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/test.h"

struct timer {
    weft_future *future;
    weft_time moment;
    atomic_uchar fired;
    bool cancelled; /* weft_cancel() said 0 before it had started */
};

static atomic_long early;

static void *fire(void *arg)
{
    struct timer *timer = arg;
    if (weft_now() < timer->moment)
        atomic_fetch_add(&early, 1);
    atomic_fetch_add(&timer->fired, 1);
    return NULL;
}

#define BATCH 1000

struct batch {
    struct timer timer[BATCH];
    atomic_int armed;
    uint64_t seed;
    long wrong;
};

static void arm(struct timer *timer, uint64_t chance)
{
    /* Near and far, so that all levels of the wheel are touched. */
    weft_ns delay = (weft_ns)((chance >> 8) % 3000000);
    if (chance % 3 == 0)
        delay = (weft_ns)((chance >> 8) >> (chance % 40 + 1));
    timer->moment = weft_after(delay);
    timer->future = weft_call_at(timer->moment, fire, timer);
}

/* Of every other one; the far ones must go, or the end has to wait. */
static void *cancel_some(void *arg)
{
    struct batch *batch = arg;
    struct weft_test_random random = {batch->seed ^ 1};
    for (int i = 0; i < BATCH; i++) {
        struct timer *timer = &batch->timer[i];
        weft_test_yield_until(&batch->armed, i + 1);
        bool far = timer->moment > weft_after(WEFT_MS(5));
        if (!far && weft_test_below(&random, 2))
            continue;
        timer->cancelled = weft_cancel(timer->future) == 0;
        if (weft_test_below(&random, 8) == 0)
            weft_yield();
    }
    return NULL;
}

/* Its end decides: cancelled and never run, or run once. */
static long settle(struct timer *timer)
{
    int rc = weft_await(timer->future, NULL);
    int fired = atomic_load(&timer->fired);
    if (rc == -WEFT_ECANCELED)
        return fired != 0 || !timer->cancelled;
    return rc != 0 || fired != 1;
}

static void *one_batch(void *arg)
{
    struct batch *batch = arg;
    struct weft_test_random random = {batch->seed};
    weft_future *canceller = weft_spawn(cancel_some, batch);
    for (int i = 0; i < BATCH; i++) {
        arm(&batch->timer[i], weft_test_next(&random));
        atomic_store(&batch->armed, i + 1);
        if (i % 100 == 0)
            weft_yield();
    }
    weft_await(canceller, NULL);
    for (int i = 0; i < BATCH; i++)
        batch->wrong += settle(&batch->timer[i]);
    return NULL;
}

static void *batches(void *count)
{
    enum { AT_ONCE = 8 };
    struct batch *batch = calloc(AT_ONCE, sizeof(*batch));
    weft_future *task[AT_ONCE];
    long wrong = 0;
    for (size_t n = *(size_t *)count; n > 0; n--) {
        memset(batch, 0, AT_ONCE * sizeof(*batch));
        for (int i = 0; i < AT_ONCE; i++) {
            batch[i].seed = n * AT_ONCE + (uint64_t)i;
            task[i] = weft_spawn(one_batch, &batch[i]);
        }
        for (int i = 0; i < AT_ONCE; i++) {
            weft_await(task[i], NULL);
            wrong += batch[i].wrong;
        }
    }
    free(batch);
    cr_expect_eq(wrong, 0);
    return NULL;
}

static void many(unsigned workers, size_t timers)
{
    size_t count = weft_test_scaled(timers) / (8 * BATCH) + 1;
    cr_assert_eq(weft_test_run(workers, batches, &count), 0);
    cr_assert_eq(atomic_load(&early), 0);
}

Test(timers, armed_and_cancelled, .timeout = 240)
{
    many(2, 1000000);
}

Test(timers, on_many_workers, .timeout = 240)
{
    many(12, 200000);
}
