// SPDX-License-Identifier: MIT
/*
 * A thousand ends, begun by a task, a callback or a foreign thread, with tasks
 * in every state: each is bounded, drops nothing, and leaves nothing alive.
 */
#include <weft/task.h>

#include <errno.h>
#include <pthread.h>

#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/test.h"

static weft_runtime *rt;
static atomic_long begun;
static atomic_long ended;
static atomic_int ready; /* enough has been started: the end may come */

static void *in_some_state(void *arg);

static int suspended_here(void)
{
    int rc = weft_suspend();
    return rc == 0 ? -EIO : rc;
}

static int awaits_made(void)
{
    weft_future *never = weft_future_new();
    int rc = weft_await(weft_future_ref(never), NULL);
    weft_future_unref(never);
    return rc;
}

static int keeps_yielding(void)
{
    int rc;
    do
        rc = weft_yield();
    while (rc == 0);
    return rc;
}

static int keeps_spawning(void)
{
    int rc;
    do {
        weft_detach(weft_spawn(weft_test_echo, NULL));
        weft_detach(weft_call_later(WEFT_S(100), weft_test_echo, NULL));
        rc = weft_sleep(1000);
    } while (rc == 0);
    return rc;
}

static int stay(uintptr_t state)
{
    switch (state % 6) {
    case 0:
        return weft_sleep(WEFT_FOREVER);
    case 1:
        return suspended_here();
    case 2:
        return awaits_made();
    case 3:
        return keeps_yielding();
    case 4:
        return keeps_spawning();
    default:
        /* An await of a child that is in another state. */
        return weft_await(weft_spawn(in_some_state, weft_test_value(state / 6)),
                          NULL);
    }
}

static void *in_some_state(void *arg)
{
    atomic_fetch_add(&begun, 1);
    int rc = stay((uintptr_t)arg);
    atomic_fetch_add(&ended, 1);
    return weft_fail(rc);
}

static void *end_it(void *unused)
{
    (void)unused;
    weft_runtime_shutdown(rt);
    return NULL;
}

static void *fill(void *arg)
{
    uintptr_t seed = (uintptr_t)arg;
    struct weft_test_random random = {seed};
    weft_spawn_options keep = {.size = sizeof(keep), .keep = true};
    for (int i = 0; i < 20; i++) {
        void *state = weft_test_value(weft_test_below(&random, 36));
        switch (weft_test_below(&random, 4)) {
        case 0:
            weft_detach(weft_call_soon(in_some_state, state));
            break;
        case 1: /* a kept one that ends by itself */
            weft_detach(weft_spawn_with(&keep, weft_test_echo, state));
            break;
        default:
            weft_detach(weft_spawn(in_some_state, state));
        }
        if (weft_test_below(&random, 3) == 0)
            weft_yield();
    }
    if (seed % 3 == 0)
        end_it(NULL);
    else if (seed % 3 == 1)
        weft_detach(weft_call_soon(end_it, NULL));
    atomic_store(&ready, 1);
    return weft_fail(stay(seed));
}

static void *end_from_thread(void *arg)
{
    struct weft_test_random random = {(uintptr_t)arg};
    weft_test_spin_until(&ready, (int)weft_test_below(&random, 2));
    end_it(NULL);
    return NULL;
}

static void one_end(uintptr_t seed)
{
    pthread_t thread;
    weft_counters counters;
    atomic_store(&begun, 0);
    atomic_store(&ended, 0);
    atomic_store(&ready, 0);
    cr_assert_eq(weft_test_runtime(1 + (unsigned)(seed % 5), &rt), 0);
    weft_future *filler = weft_run_coroutine_threadsafe(rt, fill, (void *)seed);
    pthread_create(&thread, NULL, end_from_thread, (void *)seed);
    int rc = weft_wait_blocking(filler, WEFT_FOREVER, NULL);
    cr_assert(rc == -WEFT_ECANCELED || rc == -WEFT_ESHUTDOWN, "%d", rc);
    pthread_join(thread, NULL);
    cr_assert_eq(weft_runtime_shutdown(rt), 0);
    cr_assert_eq(atomic_load(&begun), atomic_load(&ended));
    weft_stats(rt, &counters);
    cr_assert_eq(counters.tasks_spawned, counters.tasks_ended);
    weft_runtime_unref(rt);
}

Test(shutdown, with_tasks_in_every_state, .timeout = 240)
{
    size_t rounds = weft_test_scaled(1000);
    for (size_t seed = 1; seed <= rounds; seed++)
        one_end(seed);
}
