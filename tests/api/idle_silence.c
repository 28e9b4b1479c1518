// SPDX-License-Identifier: MIT
/* Idle costs nothing: with tens of thousands of tasks asleep no worker wakes
 * up, asks the kernel, or uses the CPU. Counters decide. */
#include <weft/task.h>

#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <weft/stats.h>

#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/test.h"

static weft_runtime *rt;
static atomic_int asleep;
static size_t sleepers;

static void *sleeper(void *unused)
{
    (void)unused;
    atomic_fetch_add(&asleep, 1);
    return weft_fail(weft_sleep(WEFT_S(3600)));
}

static void *put_to_sleep(void *unused)
{
    (void)unused;
    for (size_t i = 0; i < sleepers; i++) {
        weft_detach(weft_spawn(sleeper, NULL));
        if (i % 64 == 63)
            weft_yield();
    }
    weft_test_yield_until(&asleep, (int)sleepers);
    return NULL;
}

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void pass(long ms)
{
    struct timespec time = {.tv_sec = ms / 1000,
                            .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

/* Until nothing has changed for a while: the last ones fall asleep. */
static void settle(weft_counters *counters)
{
    uint64_t before;
    do {
        weft_stats(rt, counters);
        before = counters->parks + counters->steps + counters->polls;
        pass(300);
        weft_stats(rt, counters);
    } while (counters->parks + counters->steps + counters->polls != before);
}

/* The passing of real time is what this is about: there is no other way to see
 * that nothing happens in it. */
static void stays_silent(unsigned workers, size_t count)
{
    weft_counters before;
    weft_counters after;
    sleepers = count;
    atomic_store(&asleep, 0);
    cr_assert_eq(weft_test_runtime(workers, &rt), 0);
    weft_future *task = weft_run_coroutine_threadsafe(rt, put_to_sleep, NULL);
    cr_assert_eq(weft_wait_blocking(task, WEFT_FOREVER, NULL), 0);
    settle(&before);
    double cpu = cpu_seconds();
    pass(3000);
    double used = cpu_seconds() - cpu;
    weft_stats(rt, &after);
    cr_expect_eq(after.parks, before.parks);
    cr_expect_eq(after.wakes, before.wakes);
    cr_expect_eq(after.polls, before.polls);
    cr_expect_eq(after.steps, before.steps);
    cr_expect_lt(used, 0.05, "%f s of CPU", used);
    weft_runtime_unref(rt);
}

Test(idle_silence, with_nothing_at_all, .timeout = 60)
{
    stays_silent(4, 0);
}

Test(idle_silence, with_many_asleep, .timeout = 120)
{
    stays_silent(4, weft_test_scaled(100000));
}
