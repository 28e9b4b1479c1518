// SPDX-License-Identifier: MIT
/*
 * Everything that can happen to a future, at once: it finishes, is cancelled,
 * awaited, let go, referenced, looked at and called back from several tasks.
 * Every await ends once, with an outcome that fits, and no reference is lost:
 * the sanitizers and the pool's account at the end would tell.
 */
#include <weft/task.h>

#include <errno.h>

#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/test.h"

static atomic_long awaits_begun;
static atomic_long awaits_ended;
static atomic_long callbacks_added;
static atomic_long callbacks_ended; /* run or taken back */
static atomic_long wrong;

static void *some_end(void *chance)
{
    uintptr_t n = (uintptr_t)chance;
    int rc = 0;
    for (uintptr_t turns = n & 3; turns > 0 && rc == 0; turns--)
        rc = weft_yield();
    if (rc == 0 && (n >> 2 & 3) == 0)
        rc = weft_sleep((weft_ns)(n >> 4 & 0xfff));
    return rc < 0     ? weft_fail(rc)
           : (n & 64) ? weft_fail(-EPROTO)
                      : weft_test_value(n | 1);
}

static void *callback_ran(void *unused)
{
    atomic_fetch_add(&callbacks_ended, 1);
    return unused;
}

struct act {
    weft_future *future; /* one reference of the actor's */
    uint64_t chance;
};

static void await_it(struct act *act)
{
    atomic_fetch_add(&awaits_begun, 1);
    int rc = weft_await(act->future, NULL);
    atomic_fetch_add(&awaits_ended, 1);
    if (rc != 0 && rc != -EPROTO && rc != -WEFT_ECANCELED)
        atomic_fetch_add(&wrong, 1);
}

static void call_back(struct act *act)
{
    if (weft_future_add_done_callback(act->future, callback_ran, act) < 0)
        return;
    atomic_fetch_add(&callbacks_added, 1);
    weft_yield();
    if (act->chance & 256 &&
        weft_future_remove_done_callback(act->future, callback_ran, act) == 1)
        atomic_fetch_add(&callbacks_ended, 1);
    weft_future_unref(act->future);
}

static void look(struct act *act)
{
    enum weft_future_state before = weft_future_state(act->future);
    int rc = weft_future_result(act->future, NULL);
    enum weft_future_state after = weft_future_state(act->future);
    if (before != WEFT_FUTURE_PENDING && (before != after || rc == -WEFT_EBUSY))
        atomic_fetch_add(&wrong, 1);
    weft_future_unref(weft_future_ref(act->future));
    weft_future_unref(act->future);
}

static void *actor(void *arg)
{
    struct act *act = arg;
    for (uint64_t turns = act->chance >> 4 & 3; turns > 0; turns--)
        weft_yield();
    switch (act->chance % 6) {
    case 0:
        weft_cancel(act->future);
        weft_future_unref(act->future);
        break;
    case 1:
        weft_detach(act->future);
        break;
    case 2:
        call_back(act);
        break;
    case 3:
        look(act);
        break;
    default:
        await_it(act);
    }
    return NULL;
}

static weft_future *some_future(uint64_t chance)
{
    switch (chance % 4) {
    case 0:
        return weft_call_soon(some_end, weft_test_value(chance >> 8));
    case 1:
        return weft_call_later((weft_ns)(chance >> 8 & 0xfff), some_end,
                               weft_test_value(chance >> 8));
    case 2:
        return weft_future_new();
    default:
        return weft_spawn(some_end, weft_test_value(chance >> 8));
    }
}

static void one_round(struct weft_test_random *random)
{
    enum { ACTORS = 4 };
    struct act act[ACTORS];
    weft_future *task[ACTORS];
    weft_future *future = some_future(weft_test_next(random));
    for (int i = 0; i < ACTORS; i++) {
        act[i] = (struct act){.future = weft_future_ref(future),
                              .chance = weft_test_next(random)};
        task[i] = weft_spawn(actor, &act[i]);
    }
    if (weft_test_below(random, 8) == 0)
        weft_yield();
    if (weft_test_below(random, 4) == 0)
        weft_cancel(task[weft_test_below(random, ACTORS)]);
    weft_future_set_result(future, NULL); /* -EINVAL for what ends by itself */
    for (int i = 0; i < ACTORS; i++)
        weft_await(task[i], NULL);
    /* The callbacks' argument lies in this frame only as a number. */
    weft_future_unref(future);
}

static void *rounds(void *arg)
{
    struct weft_test_random random = {(uintptr_t)arg};
    for (size_t i = weft_test_scaled(1000000) / 32; i > 0; i--)
        one_round(&random);
    return NULL;
}

static void *all_rounds(void *unused)
{
    weft_future *task[8];
    (void)unused;
    for (uintptr_t i = 0; i < 8; i++)
        task[i] = weft_spawn(rounds, (void *)(weft_test_seed() + i));
    for (int i = 0; i < 8; i++)
        weft_await(task[i], NULL);
    while (atomic_load(&callbacks_ended) < atomic_load(&callbacks_added))
        weft_yield();
    return NULL;
}

static void race(unsigned workers)
{
    weft_counters counters;
    weft_runtime *rt;
    cr_assert_eq(weft_test_runtime(workers, &rt), 0);
    weft_future *task = weft_run_coroutine_threadsafe(rt, all_rounds, NULL);
    cr_assert_eq(weft_wait_blocking(task, WEFT_FOREVER, NULL), 0);
    cr_assert_eq(weft_runtime_shutdown(rt), 0);
    weft_stats(rt, &counters);
    weft_runtime_unref(rt);
    cr_assert_eq(counters.tasks_spawned, counters.tasks_ended);
    cr_assert_eq(atomic_load(&wrong), 0);
    cr_assert_eq(atomic_load(&awaits_begun), atomic_load(&awaits_ended));
    cr_assert_eq(atomic_load(&callbacks_added), atomic_load(&callbacks_ended));
}

Test(await_cancel, two_workers, .timeout = 240)
{
    race(2);
}

Test(await_cancel, many_workers, .timeout = 240)
{
    race(12);
}
