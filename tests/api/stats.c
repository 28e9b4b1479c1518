// SPDX-License-Identifier: MIT
/* The counters: when nothing moves, their sums are exact, and each says what
 * its description says. */
#include <weft/stats.h>

#include <errno.h>
#include <stdint.h>

#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/test.h"

#define WORKERS 3

static weft_runtime *rt;

static void *mixed_child(void *n)
{
    switch ((uintptr_t)n % 4) {
    case 0:
        return NULL;
    case 1:
        return weft_fail(weft_yield());
    case 2:
        return weft_fail(weft_sleep((weft_ns)(uintptr_t)n));
    default:
        return weft_fail(-EIO);
    }
}

static void *mixed(void *count)
{
    for (uintptr_t i = 0; i < (uintptr_t)count; i++) {
        weft_future *task = i % 5 ? weft_spawn(mixed_child, (void *)i)
                                  : weft_call_soon(mixed_child, (void *)i);
        if (i % 7 == 0)
            weft_cancel(task);
        if (i % 3)
            weft_await(task, NULL);
        else
            weft_detach(task);
    }
    return NULL;
}

/* Those too that took over a loop meanwhile. */
static weft_counters sum_of_workers(void)
{
    weft_counters sum = {0};
    weft_counters one;
    for (unsigned i = 0; weft_stats_worker(rt, i, &one) == 0; i++) {
#define ADD(name, text) sum.name += one.name;
        WEFT_COUNTERS(ADD)
#undef ADD
    }
    return sum;
}

Test(stats, are_exact_when_nothing_moves, .timeout = 60)
{
    enum { MAINS = 4 };
    weft_counters all;
    weft_future *task[MAINS];
    uintptr_t count = weft_test_scaled(20000);
    cr_assert_eq(weft_test_runtime(WORKERS, &rt), 0);
    for (int i = 0; i < MAINS; i++)
        task[i] = weft_run_coroutine_threadsafe(rt, mixed, (void *)count);
    for (int i = 0; i < MAINS; i++)
        cr_assert_eq(weft_wait_blocking(task[i], WEFT_FOREVER, NULL), 0);
    cr_assert_eq(weft_runtime_shutdown(rt), 0);
    weft_stats(rt, &all);
    weft_counters sum = sum_of_workers();
    cr_assert_eq(all.tasks_spawned, MAINS * (count + 1));
    cr_assert_eq(all.tasks_ended, all.tasks_spawned);
    cr_assert_eq(all.steps,
                 all.steps_local + all.steps_stolen + all.steps_injected);
    cr_assert_geq(all.steps_injected + all.steps_stolen, 1);
    cr_assert_eq(sum.steps, all.steps);
    cr_assert_eq(sum.switches, all.switches);
    cr_assert_eq(sum.parks, all.parks);
    cr_assert_leq(all.timers_fired, all.timers_armed);
    cr_assert_eq(sum.tasks_spawned + MAINS, all.tasks_spawned,
                 "submissions count only in the sum");
    weft_runtime_unref(rt);
}

/* One thing at a time */

static void *exact(void *unused)
{
    weft_counters before;
    weft_counters after;
    weft_runtime *here = weft_running_loop();
    (void)unused;
    weft_stats(here, &before);
    for (int i = 0; i < 10; i++)
        weft_await(weft_spawn(weft_test_echo, NULL), NULL);
    weft_stats(here, &after);
    cr_expect_eq(after.tasks_spawned - before.tasks_spawned, 10);
    cr_expect_eq(after.tasks_ended - before.tasks_ended, 10);
    before = after;
    for (int i = 0; i < 10; i++)
        cr_expect_eq(weft_sleep(1000), 0);
    weft_stats(here, &after);
    cr_expect_eq(after.tasks_spawned, before.tasks_spawned);
    cr_expect_leq(after.timers_armed - before.timers_armed, 10);
    cr_expect_eq(after.timers_armed - before.timers_armed,
                 after.timers_fired - before.timers_fired);
    before = after;
    for (int i = 0; i < 10; i++)
        weft_yield();
    weft_stats(here, &after);
    cr_expect_leq(after.steps - before.steps, 10, "one alone may go on");
    cr_expect_eq(after.steps_stolen, 0);
    return NULL;
}

Test(stats, count_what_they_say, .timeout = 30)
{
    cr_assert_eq(weft_test_run(1, exact, NULL), 0);
}

Test(stats, know_which_worker)
{
    weft_counters counters;
    cr_assert_eq(weft_test_runtime(WORKERS, &rt), 0);
    cr_assert_eq(weft_stats_worker(rt, WORKERS, &counters), -EINVAL);
    cr_assert_eq(weft_stats_worker(rt, UINT32_MAX, &counters), -EINVAL);
    cr_assert_eq(weft_stats_worker(rt, WORKERS - 1, &counters), 0);
    weft_runtime_unref(rt);
}
