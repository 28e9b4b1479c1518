// SPDX-License-Identifier: MIT
/*
 * The monitor: what waits with a stuck worker is found although nobody was told
 * of it, and although nobody is idle. Who is stuck says so by a flag, and lets
 * go when the others have done what it waits for.
 */
#include <weft/inspect.h>
#include <weft/task.h>

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "sched/runtime.h"
#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/test.h"

static atomic_int flag;

static void *set_flag(void *unused)
{
    atomic_fetch_add(&flag, 1);
    return unused;
}

static void wait_stuck(int value)
{
    weft_test_spin_until(&flag, value);
}

static uint64_t parks(weft_runtime *rt)
{
    weft_counters sum;
    weft_stats(rt, &sum);
    return sum.parks;
}

/* Until the others have stopped looking round, and sleep for good. */
static void outlast_sentinels(weft_runtime *rt)
{
    uint64_t before;
    do {
        weft_time until = weft_after(WEFT_MS(20));
        before = parks(rt);
        while (weft_now() < until)
            sched_yield();
    } while (parks(rt) != before);
}

static void *stuck_with_timer(void *unused)
{
    outlast_sentinels(weft_running_loop());
    weft_future *callback = weft_call_later(WEFT_US(500), set_flag, NULL);
    wait_stuck(1);
    return weft_await(callback, NULL) == 0 ? unused : weft_fail(-EIO);
}

Test(monitor, finds_timers_that_nobody_was_told_of, .timeout = 60)
{
    for (unsigned workers = 2; workers <= 4; workers++) {
        atomic_store(&flag, 0);
        cr_assert_eq(weft_test_run(workers, stuck_with_timer, NULL), 0);
    }
}

/* Every other worker has something to do all the time, that only it may do. */

static atomic_int busy;
static atomic_int stop;

static void *yields_pinned(void *unused)
{
    weft_pin();
    atomic_fetch_add(&busy, 1);
    while (!atomic_load(&stop))
        weft_yield();
    weft_unpin();
    return unused;
}

static void *stuck_with_all_busy(void *workers)
{
    weft_future *yielder[8];
    weft_future *task;
    int n = *(int *)workers - 1;
    atomic_store(&busy, 0);
    atomic_store(&stop, 0);
    for (int i = 0; i < n; i++) { /* each is taken by another one */
        yielder[i] = weft_spawn(yields_pinned, NULL);
        weft_test_spin_until(&busy, i + 1);
    }
    for (int round = 1; round <= 20; round++) {
        atomic_store(&flag, 0);
        task = weft_spawn(set_flag, NULL);
        wait_stuck(1);
        weft_await(task, NULL);
    }
    atomic_store(&stop, 1);
    for (int i = 0; i < n; i++)
        weft_await(yielder[i], NULL);
    return NULL;
}

Test(monitor, has_the_busy_help, .timeout = 60)
{
    for (int workers = 2; workers <= 4; workers++)
        cr_assert_eq(
            weft_test_run((unsigned)workers, stuck_with_all_busy, &workers), 0);
}

/* Long steps: the clock is looked at after each, not after many of them. */

static void *makes_long_steps(void *steps)
{
    while (!atomic_load(&stop)) {
        weft_time until = weft_after(WEFT_MS(20));
        while (weft_now() < until)
            ;
        *(int *)steps += !atomic_load(&flag);
        weft_yield();
    }
    return steps;
}

static void *stop_all(void *unused)
{
    atomic_store(&flag, 1);
    atomic_store(&stop, 1);
    return unused;
}

static void *timer_beside_long_steps(void *unused)
{
    int steps[8] = {0};
    weft_future *task[8];
    atomic_store(&flag, 0);
    atomic_store(&stop, 0);
    for (int i = 0; i < 8; i++)
        task[i] = weft_spawn(makes_long_steps, &steps[i]);
    cr_expect_eq(weft_await(weft_call_later(WEFT_MS(5), stop_all, NULL), NULL),
                 0);
    int sum = 0;
    for (int i = 0; i < 8; i++) {
        weft_await(task[i], NULL);
        sum += steps[i];
    }
    cr_expect_lt(sum, 60, "%d steps of 20 ms before a timer of 5 ms", sum);
    return unused;
}

/* With two workers some seven steps, and 8 tasks that wait before the callback
 * gets its turn; 64 or more if nobody looked in between. */
Test(monitor, has_the_clock_looked_at_after_long_steps, .timeout = 60)
{
    cr_assert_eq(weft_test_run(2, timer_beside_long_steps, NULL), 0);
}

/* Who takes long is named while it does. */

static void on_slow(const weft_report *report, void *text)
{
    if (report->kind == WEFT_REPORT_SLOW) {
        snprintf(text, 400, "%s", report->text);
        atomic_fetch_add(&flag, 1);
    }
}

__attribute__((noinline)) static void *takes_long(void *unused)
{
    wait_stuck(1);
    return unused;
}

static void *takes_longer(void *unused)
{
    wait_stuck(2);
    return unused;
}

static void *waits_a_while(void *unused)
{
    weft_time until = weft_after(WEFT_MS(60));
    while (weft_now() < until)
        ;
    return unused;
}

/* A second report of the same place would come while it waits. */
static void *some_take_long(void *unused)
{
    atomic_store(&flag, 0);
    cr_expect_eq(weft_await(weft_spawn_named("here", takes_long, NULL), NULL),
                 0);
    cr_expect_eq(
        weft_await(weft_spawn_named("here", waits_a_while, NULL), NULL), 0);
    cr_expect_eq(atomic_load(&flag), 1, "once a second for each name");
    cr_expect_eq(weft_await(weft_spawn(takes_longer, NULL), NULL), 0);
    return unused;
}

Test(monitor, a_slow_step_is_reported_meanwhile, .timeout = 60)
{
    char text[400] = "";
    weft_options options = {.size = sizeof(options),
                            .workers = 2,
                            .slow_report = WEFT_MS(20),
                            .on_report = on_slow,
                            .report_arg = text};
    cr_assert_eq(weft_run_with(&options, some_take_long, NULL, NULL), 0);
    cr_expect_eq(atomic_load(&flag), 2, "once for each step");
    cr_expect_not_null(strstr(text, " ms without a suspension"), "%s", text);
    cr_expect_not_null(strstr(text, "takes_longer@"), "%s", text);
    options.slow_report = -1;
    cr_expect_eq(weft_run_with(&options, some_take_long, NULL, NULL), -EINVAL);
}

/* And afterwards, too, by who asks for the longest. */

static weft_overrun longest(void)
{
    weft_overrun it;
    int rc = weft_longest_overrun(weft_running_loop(), &it);
    cr_expect_eq(rc, it.time > 0);
    return it;
}

static void *greedy(void *unused)
{
    uint64_t number = weft_task_id(weft_current());
    weft_task_set_name("greedy");
    while (longest().task != number)
        ;
    return unused;
}

static void *one_is_greedy(void *unused)
{
    weft_overrun none = longest();
    cr_expect(none.time == 0 && none.task == 0 && *none.name == 0);
    weft_future *waits = weft_call_later(WEFT_MS(1), stop_all, NULL);
    weft_future *task = weft_spawn(greedy, NULL);
    uint64_t number = weft_task_id(task);
    cr_expect_eq(weft_await(task, NULL), 0);
    cr_expect_eq(weft_await(waits, NULL), 0);
    weft_overrun it = longest();
    cr_expect_gt(it.time, 0);
    cr_expect_eq(it.task, number);
    cr_expect_str_eq(it.name, "greedy");
    return unused;
}

Test(monitor, knows_the_longest_overrun, .timeout = 60)
{
    cr_assert_eq(weft_test_run(1, one_is_greedy, NULL), 0);
}

/* Looks of the test's own, at moments of its own. */

static void *is_stuck(void *unused)
{
    atomic_store(&flag, 1);
    wait_stuck(2);
    return unused;
}

static void look_twice_at_one_stuck(weft_runtime *rt, weft_time from,
                                    weft_ns time)
{
    weft_future *task[2];
    atomic_store(&flag, 0);
    task[0] = weft_run_coroutine_threadsafe(rt, is_stuck, NULL);
    task[1] = weft_run_coroutine_threadsafe(rt, set_flag, NULL);
    weft_test_spin_until(&flag, 1);
    weft__monitor_look(rt, from);
    weft__monitor_look(rt, from + time);
    atomic_store(&flag, 2);
    for (int i = 0; i < 2; i++)
        cr_expect_eq(weft_wait_blocking(task[i], WEFT_FOREVER, NULL), 0);
}

static void expect_longest(weft_runtime *rt, weft_ns time)
{
    weft_overrun it;
    cr_assert_eq(weft_longest_overrun(rt, &it), 1);
    cr_expect_eq(it.time, time);
}

Test(monitor, counts_the_time_of_one_step, .timeout = 60)
{
    weft_options options = {
        .size = sizeof(options), .workers = 1, .no_monitor = true};
    weft_runtime *rt;
    cr_assert_eq(weft_runtime_new(&options, &rt), 0);
    look_twice_at_one_stuck(rt, WEFT_S(1), WEFT_MS(10));
    expect_longest(rt, WEFT_MS(10));
    while (!weft__idle_is_parked(&rt->loop[0]))
        sched_yield();
    weft__monitor_look(rt, WEFT_S(2));
    look_twice_at_one_stuck(rt, WEFT_S(9), WEFT_MS(5));
    expect_longest(rt, WEFT_MS(10));
    look_twice_at_one_stuck(rt, WEFT_S(20), WEFT_MS(11));
    expect_longest(rt, WEFT_MS(11));
    weft_runtime_unref(rt);
}

/* A section that was announced is no part of an overrun that follows it. */

static int64_t cpu;

static long cpu_as_told(int id, int64_t *ns)
{
    (void)id;
    *ns = cpu;
    return 0;
}

static void *goes_on_after_a_section(void *unused)
{
    weft_blocking_enter();
    atomic_store(&flag, 1);
    wait_stuck(2);
    weft_blocking_exit();
    atomic_store(&flag, 3);
    wait_stuck(4);
    return unused;
}

static void look_in_and_after_it(weft_runtime *rt)
{
    weft_future *task[2];
    atomic_store(&flag, 0);
    task[0] = weft_run_coroutine_threadsafe(rt, goes_on_after_a_section, NULL);
    task[1] = weft_run_coroutine_threadsafe(rt, set_flag, NULL);
    weft_test_spin_until(&flag, 1);
    weft__monitor_look(rt, WEFT_S(2));
    atomic_store(&flag, 2);
    weft_test_spin_until(&flag, 3);
    cpu += WEFT_US(60);
    weft__monitor_look(rt, WEFT_S(2) + WEFT_US(60));
    atomic_store(&flag, 4);
    for (int i = 0; i < 2; i++)
        cr_expect_eq(weft_wait_blocking(task[i], WEFT_FOREVER, NULL), 0);
}

Test(monitor, leaves_sections_out, .timeout = 60)
{
    weft_options options = {
        .size = sizeof(options), .workers = 1, .no_monitor = true};
    struct weft__os os = weft__os_real;
    weft_counters sum;
    weft_runtime *rt;
    os.thread_cpu = cpu_as_told;
    weft__os = &os;
    cpu = WEFT_S(1);
    cr_assert_eq(weft_runtime_new(&options, &rt), 0);
    rt->background.open = true;       /* as with a monitor */
    rt->worker[0].blocking_usual = 0; /* no hand-off at the enter */
    look_in_and_after_it(rt);
    weft_stats(rt, &sum);
    cr_expect_eq(sum.handoffs, 0);
    rt->background.open = false;
    weft_runtime_unref(rt);
    weft__os = &weft__os_real;
}

/* Asleep with the workers, and awake with the first of them. */

static uint32_t state_of(weft_runtime *rt)
{
    return weft__load_acquire(&rt->monitor.state);
}

static void *wait_until_it_ticks(void *rt)
{
    while (state_of(rt) != WEFT__MONITOR_TICKS)
        sched_yield();
    return NULL;
}

Test(monitor, sleeps_when_all_do, .timeout = 60)
{
    weft_runtime *rt;
    cr_assert_eq(weft_test_runtime(3, &rt), 0);
    for (size_t round = weft_test_scaled(100); round > 0; round--) {
        while (state_of(rt) != WEFT__MONITOR_SLEEPS)
            sched_yield();
        weft_future *task =
            weft_run_coroutine_threadsafe(rt, wait_until_it_ticks, rt);
        cr_assert_eq(weft_wait_blocking(task, WEFT_FOREVER, NULL), 0);
    }
    weft_runtime_unref(rt);
}

/* It can be left out. */

static unsigned threads_of(weft_options options)
{
    weft_runtime *rt;
    weft_runtime_info info;
    options.size = sizeof(options);
    cr_assert_eq(weft_runtime_new(&options, &rt), 0);
    weft_info(rt, &info);
    weft_runtime_unref(rt);
    return info.threads;
}

Test(monitor, is_an_option, .timeout = 60)
{
    cr_expect_eq(threads_of((weft_options){.workers = 2}), 3);
    cr_expect_eq(threads_of((weft_options){.workers = 2, .no_monitor = true}),
                 2);
    cr_expect_eq(threads_of((weft_options){.workers = 1}), 2);
    cr_expect_eq(threads_of((weft_options){.workers = 2, .max_threads = 2}), 3,
                 "it is not one of those that are bounded");
}
