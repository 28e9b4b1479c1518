// SPDX-License-Identifier: MIT
/*
 * A coroutine under one seeded schedule after the other, in virtual time, with
 * 1, 2 and 8 workers in turn: see sim.h. WEFT_TEST_SEEDS says how many,
 * WEFT_TEST_SEED with which to begin.
 *
 * check() and check_eq() are for coroutines: they cost nothing when they hold,
 * and name the seed when they do not.
 */
#ifndef WEFT_TESTS_SUPPORT_SEEDS_H
#define WEFT_TESTS_SUPPORT_SEEDS_H

#include <stdatomic.h>
#include <weft/base.h>

#include "tests/support/scale.h"
#include "tests/support/sim.h"
#include "tests/support/test.h"

static size_t weft_test_seed_now; /* 0: no simulation */
static atomic_int weft_test_wrong;
static struct weft_test_random weft_test_dice; /* of this seed; one thread */

static inline void weft_test_check(bool good, int line, const char *what)
{
    if (good)
        return;
    atomic_fetch_add(&weft_test_wrong, 1);
    cr_expect(false, "line %d, seed %zu: %s", line, weft_test_seed_now, what);
}

static inline void weft_test_check_eq(intptr_t is, intptr_t due, int line,
                                      const char *what)
{
    if (is == due)
        return;
    atomic_fetch_add(&weft_test_wrong, 1);
    cr_expect(false, "line %d, seed %zu: %s is %ld, not %ld", line,
              weft_test_seed_now, what, (long)is, (long)due);
}

#define check(cond) weft_test_check((cond), __LINE__, #cond)
#define check_eq(is, due)                                                      \
    weft_test_check_eq((intptr_t)(is), (intptr_t)(due), __LINE__, #is)

/** A number below n, drawn from the seed; on threads, from what all share. */
static inline unsigned weft_test_draw(unsigned n)
{
    static _Atomic(uint64_t) drawn;
    if (weft_test_seed_now != 0)
        return (unsigned)weft_test_below(&weft_test_dice, n);
    struct weft_test_random random = {atomic_fetch_add(&drawn, 1)};
    return (unsigned)weft_test_below(&random, n);
}

/** Run `fn(NULL)` under `count` schedules (0: none), until one goes wrong. It
 * returns NULL and leaves nobody behind. */
static inline void weft_test_seeds(size_t count, weft_fn *fn)
{
    static const unsigned workers[] = {1, 2, 8};
    size_t first = (size_t)weft_test_number("WEFT_TEST_SEED", 1);
    if (count > 0)
        count = (size_t)weft_test_number("WEFT_TEST_SEEDS",
                                         weft_test_scaled(count));
    atomic_store(&weft_test_wrong, 0);
    for (size_t seed = first; seed < first + count; seed++) {
        struct weft_sim_report report;
        weft_test_seed_now = seed;
        weft_test_dice.state = ~seed;
        cr_assert_eq(weft_sim_run(seed, workers[seed % 3], fn, NULL, &report),
                     0);
        cr_assert_eq(report.code, 0, "seed %zu: main says %d", seed,
                     report.code);
        cr_assert_eq(report.end, 0, "seed %zu: the end says %d", seed,
                     report.end);
        cr_assert_eq(report.counters.tasks_spawned, report.counters.tasks_ended,
                     "seed %zu", seed);
        cr_assert_eq(atomic_load(&weft_test_wrong), 0, "seed %zu", seed);
    }
    weft_test_seed_now = 0;
}

/** The same, and then once on real threads with 1 and with 3 workers: for what
 * does not depend on how long things take. */
static inline void weft_test_everywhere(size_t count, weft_fn *fn)
{
    weft_test_seeds(count, fn);
    for (unsigned workers = 1; workers <= 3; workers += 2) {
        weft_options options = {.size = sizeof(options), .workers = workers};
        cr_assert_eq(weft_run_with(&options, fn, NULL, NULL), 0);
        cr_assert_eq(atomic_load(&weft_test_wrong), 0, "%u workers", workers);
    }
}

#endif
