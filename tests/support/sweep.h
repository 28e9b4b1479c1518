// SPDX-License-Identifier: MIT
/*
 * A scenario in many schedules: weft_test_sweep() runs a main coroutine once
 * for each seed under the simulated driver, on one to four virtual workers.
 * Everything is on one thread, so that a scenario may use plain variables; it
 * must set them up itself.
 *
 * check() is an expect that names the seed and costs nothing while it holds
 * (an expect of Criterion sends a message each time).
 */
#ifndef WEFT_TESTS_SUPPORT_SWEEP_H
#define WEFT_TESTS_SUPPORT_SWEEP_H

#include <weft/scope.h>

#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/sim.h"
#include "tests/support/test.h"

static uint64_t weft_test_seed_here;
static atomic_int weft_test_failures;
static struct weft_test_random weft_test_dice; /* seeded for each run */

#define check(condition)                                                       \
    do {                                                                       \
        if (!(condition)) {                                                    \
            atomic_fetch_add(&weft_test_failures, 1);                          \
            cr_expect(false, "seed %llu: %s",                                  \
                      (unsigned long long)weft_test_seed_here, #condition);    \
        }                                                                      \
    } while (0)

/** The scenario with so many seeds (scaled; or WEFT_TEST_SEEDS, beginning with
 * WEFT_TEST_SEED); stops after the first that fails. */
static inline void weft_test_sweep(weft_fn *scenario, size_t count)
{
    size_t first = (size_t)weft_test_number("WEFT_TEST_SEED", 1);
    size_t seeds =
        (size_t)weft_test_number("WEFT_TEST_SEEDS", weft_test_scaled(count));
    atomic_store(&weft_test_failures, 0);
    for (size_t seed = first; seed < first + seeds; seed++) {
        struct weft_sim_report report;
        weft_test_seed_here = seed;
        weft_test_dice.state = seed;
        unsigned workers = 1 + (unsigned)(seed % 4);
        int rc = weft_sim_run(seed, workers, scenario, NULL, &report);
        cr_assert_eq(rc, 0);
        cr_assert_eq(report.code, 0, "seed %zu: %d", seed, report.code);
        cr_assert_eq(report.end, 0, "seed %zu: %d", seed, report.end);
        cr_assert_eq(report.counters.tasks_spawned, report.counters.tasks_ended,
                     "seed %zu", seed);
        cr_assert_eq(atomic_load(&weft_test_failures), 0, "seed %zu", seed);
    }
}

static inline uint64_t weft_test_roll(uint64_t n)
{
    return weft_test_below(&weft_test_dice, n);
}

/** Let everybody else run until all of them wait for something or for more
 * than 10 ms; also in a cancelled task. */
static inline void weft_test_settle(void)
{
    weft_scope shield;
    weft_shield_enter(&shield, WEFT_S(1));
    int rc = weft_sleep(WEFT_MS(10));
    check(weft_shield_exit(&shield, rc) == 0);
}

/** Has it been `duration` since `start`, and hardly more? */
static inline bool weft_test_took(weft_time start, weft_ns duration)
{
    weft_ns elapsed = weft_now() - start;
    return elapsed >= duration && elapsed < duration + WEFT_MS(20);
}

#endif
