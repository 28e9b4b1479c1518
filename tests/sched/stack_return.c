// SPDX-License-Identifier: MIT
/*
 * What stacks cost the system: a steady load makes no call for them, tasks that
 * never suspend need none, and what a burst has left behind goes back, at the
 * price of one late wake.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <weft/stats.h>
#include <weft/task.h>

#include "tests/support/child.h"
#include "tests/support/fault.h"
#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/sim.h"
#include "tests/support/test.h"

/* Calls about memory that is mapped. */
static uint64_t memory_calls(void)
{
    return weft_test_calls(WEFT_TEST_CALL_map) +
           weft_test_calls(WEFT_TEST_CALL_advise) +
           weft_test_calls(WEFT_TEST_CALL_protect);
}

static weft_future **spawn_all(size_t n, weft_fn *fn, void *arg)
{
    weft_future **all = calloc(n, sizeof(*all));
    for (size_t i = 0; i < n; i++)
        all[i] = weft_spawn(fn, arg);
    return all;
}

static void await_all(weft_future **all, size_t n, int wanted)
{
    for (size_t i = 0; i < n; i++) {
        int rc = weft_await(all[i], NULL);
        cr_expect_eq(rc, wanted, "%d", rc);
    }
    free(all);
}

static atomic_int asleep; /* or about to be */

static void *sleeper(void *unused)
{
    atomic_fetch_add(&asleep, 1);
    return weft_test_forever(unused);
}

static void pause_for(weft_ns duration)
{
    cr_expect_eq(weft_sleep(duration), 0);
}

/* So many asleep at once, each with a stack. */
static weft_future **put_to_sleep(size_t n)
{
    atomic_store(&asleep, 0);
    weft_future **all = spawn_all(n, sleeper, NULL);
    weft_test_yield_until(&asleep, (int)n);
    return all;
}

static void end_all(weft_future **all, size_t n)
{
    for (size_t i = 0; i < n; i++)
        weft_cancel(all[i]);
    await_all(all, n, -WEFT_ECANCELED);
}

static void burst(size_t n)
{
    end_all(put_to_sleep(n), n);
}

/* Steady */

#define ROUND 1000

static void *suspend_once(void *unused)
{
    (void)unused;
    return weft_fail(weft_yield());
}

static void *rounds(void *fn)
{
    size_t n = weft_test_scaled(1000000 / ROUND);
    burst(2 * ROUND);
    uint64_t before = memory_calls();
    for (size_t i = 0; i < n; i++) {
        weft_future **all = spawn_all(ROUND, *(weft_fn **)fn, NULL);
        await_all(all, ROUND, 0);
    }
    cr_expect_eq(memory_calls(), before, "%llu",
                 (unsigned long long)(memory_calls() - before));
    return NULL;
}

/* A thread in the place of one that makes long steps would need memory: there
 * is no monitor. */
static void makes_no_call(unsigned workers, weft_fn *fn)
{
    weft_options options = {
        .size = sizeof(options), .workers = workers, .no_monitor = true};
    weft_test_faults_open();
    cr_assert_eq(weft_run_with(&options, rounds, &fn, NULL), 0);
    weft_test_faults_close();
}

Test(stack_return, a_steady_load_makes_no_call, .timeout = 120)
{
    makes_no_call(1, suspend_once);
}

Test(stack_return, nor_do_tasks_that_never_suspend, .timeout = 120)
{
    makes_no_call(1, weft_test_echo);
}

/* Each worker has one to dispatch on and one to spare; main has its own. */
static void *needs_none(void *workers)
{
    weft_counters counters;
    for (size_t i = weft_test_scaled(1000000 / ROUND); i > 0; i--) {
        weft_future **all = spawn_all(ROUND, weft_test_echo, NULL);
        await_all(all, ROUND, 0);
    }
    weft_stats(weft_running_loop(), &counters);
    cr_expect_leq(counters.stacks, 2 * *(unsigned *)workers + 1);
    return NULL;
}

Test(stack_return, a_million_that_never_suspend_have_none, .timeout = 120)
{
    for (unsigned workers = 1; workers <= 4; workers++) {
        weft_options options = {
            .size = sizeof(options), .workers = workers, .no_monitor = true};
        cr_assert_eq(weft_run_with(&options, needs_none, &workers, NULL), 0);
    }
}

/* After a burst; the clock is virtual. */

#define BURST 2000

static void *burst_then_nothing(void *unused)
{
    (void)unused;
    int64_t mappings = weft_test_balance().mappings;
    burst(BURST);
    int64_t more = weft_test_balance().mappings - mappings;
    cr_expect_geq(more, BURST / 64 - 1);
    uint64_t calls = memory_calls();
    pause_for(WEFT_S(3));
    cr_expect_geq(memory_calls() - calls, BURST / 2, "each its own");
    cr_expect_lt(weft_test_balance().mappings - mappings, more);
    calls = memory_calls();
    weft_counters before;
    weft_counters after;
    weft_stats(weft_running_loop(), &before);
    pause_for(WEFT_S(3600));
    weft_stats(weft_running_loop(), &after);
    cr_expect_eq(memory_calls(), calls, "nothing is left to do");
    cr_expect_leq(after.parks - before.parks, 8);
    return NULL;
}

/* Every tenth of a second the same: it is not given back in between. */
static void *comes_and_goes(void *unused)
{
    (void)unused;
    burst(BURST);
    burst(BURST);
    uint64_t before = memory_calls();
    for (int i = 0; i < 20; i++) {
        burst(BURST);
        pause_for(WEFT_MS(100));
    }
    cr_expect_leq(memory_calls() - before, 64, "%llu",
                  (unsigned long long)(memory_calls() - before));
    return NULL;
}

static void in_simulation(weft_fn *fn)
{
    size_t seeds = weft_test_scaled(10);
    weft_test_faults_open();
    for (uint64_t seed = 0; seed < seeds; seed++) {
        struct weft_sim_report report;
        cr_assert_eq(
            weft_sim_run(seed, 1 + (unsigned)seed % 3, fn, NULL, &report), 0);
        cr_assert_eq(report.code, 0, "seed %llu", (unsigned long long)seed);
    }
    weft_test_faults_close();
}

Test(stack_return, a_burst_goes_back_once, .timeout = 120)
{
    in_simulation(burst_then_nothing);
}

Test(stack_return, what_comes_again_stays, .timeout = 120)
{
    in_simulation(comes_and_goes);
}

/* And in the open: the process gets smaller. */

static long resident(void)
{
    FILE *statm = fopen("/proc/self/statm", "re");
    long pages = 0;
    if (fscanf(statm, "%*d %ld", &pages) != 1)
        pages = 0;
    fclose(statm);
    return pages;
}

/* A page each, at least; and many more than are kept at hand. */
static void *resident_falls(void *unused)
{
    long n = 2000 + (long)weft_test_scaled(18000);
    long before = resident();
    (void)unused;
    weft_future **all = put_to_sleep((size_t)n);
    long peak = resident();
    cr_expect_geq(peak - before, n);
    end_all(all, (size_t)n);
    while (resident() > peak - n / 2)
        pause_for(WEFT_MS(10));
    return NULL;
}

Test(stack_return, the_process_gets_smaller, .timeout = 60)
{
    if (WEFT_TEST_ASAN)
        cr_skip("AddressSanitizer keeps what was freed");
    cr_assert_eq(weft_test_run(2, resident_falls, NULL), 0);
}
