// SPDX-License-Identifier: MIT
/*
 * Medians, and the interval of a ratio: where the answer is known, and how
 * often it holds.
 */
#include "perf/median.h"

#include <math.h>

#include "perf/random.h"
#include "tests/support/scale.h"
#include "tests/support/test.h"

#define ROUNDS 11

static bool near(double a, double b)
{
    return fabs(a - b) < 1e-9;
}

Test(median, odd_and_even)
{
    double odd[] = {5, 1, 3}, even[] = {4, 1, 3, 2}, one[] = {7};

    cr_expect(near(perf_median(odd, 3), 3));
    cr_expect(near(perf_median(even, 4), 2.5));
    cr_expect(near(perf_median(one, 1), 7));
}

/* The best by its median, not by its luckiest round. */
Test(ratio, is_to_the_best)
{
    const double ours[] = {10, 10, 10}, slow[] = {80, 1, 90},
                 fast[] = {40, 40, 40};
    const double *const theirs[] = {slow, fast};
    struct perf_interval ratio = perf_ratio(ours, theirs, 2, 3);

    cr_expect(near(ratio.at, 0.25));
    ratio = perf_ratio(ours, theirs, 1, 3);
    cr_expect(near(ratio.at, 0.125));
}

Test(ratio, of_what_never_changes_is_certain)
{
    const double ours[] = {30, 30, 30, 30}, other[] = {60, 60, 60, 60};
    const double *const theirs[] = {other};
    struct perf_interval ratio = perf_ratio(ours, theirs, 1, 4);

    cr_expect(near(ratio.at, 0.5));
    cr_expect(near(ratio.low, 0.5));
    cr_expect(near(ratio.high, 0.5));
}

/* A machine that is slower in some rounds is slower for both. */
Test(ratio, rounds_stay_together)
{
    double ours[ROUNDS], other[ROUNDS];
    const double *const theirs[] = {other};
    struct perf_interval ratio;

    for (int i = 0; i < ROUNDS; i++) {
        ours[i] = 10 * (i + 1);
        other[i] = 40 * (i + 1);
    }
    ratio = perf_ratio(ours, theirs, 1, ROUNDS);
    cr_expect(near(ratio.low, 0.25));
    cr_expect(near(ratio.high, 0.25));
}

/* Noise of up to a half, around a ratio of 0.4. */
static bool covers(uint64_t *state)
{
    double ours[ROUNDS], other[ROUNDS];
    const double *const theirs[] = {other};
    struct perf_interval ratio;

    for (int i = 0; i < ROUNDS; i++) {
        ours[i] = 40 * (0.75 + perf_random_unit(state) / 2);
        other[i] = 100 * (0.75 + perf_random_unit(state) / 2);
    }
    ratio = perf_ratio(ours, theirs, 1, ROUNDS);
    cr_expect_leq(ratio.low, ratio.at);
    cr_expect_leq(ratio.at, ratio.high);
    return ratio.low <= 0.4 && 0.4 <= ratio.high;
}

/* Nominally 95 in a hundred; a bootstrap of 11 comes near that. With the same
 * seed as ever: this does not depend on luck. */
Test(ratio, interval_holds_what_is_true)
{
    uint64_t state = 1, trials = weft_test_scaled(200), held = 0;

    for (uint64_t i = 0; i < trials; i++) {
        held += covers(&state);
    }
    if (trials >= 100) {
        cr_expect_geq(held * 100, trials * 90, "%llu of %llu",
                      (unsigned long long)held, (unsigned long long)trials);
        cr_expect_lt(held, trials, "so wide that it says nothing");
    }
}
