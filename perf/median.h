// SPDX-License-Identifier: MIT
/*
 * Medians, and how sure one may be of the ratio of two.
 */
#ifndef WEFT_PERF_MEDIAN_H
#define WEFT_PERF_MEDIAN_H

#include <stddef.h>

/* More rounds than this nobody waits for. */
#define PERF_ROUNDS_MAX 1000

/** A value and its 95 % interval. */
struct perf_interval {
    double at, low, high;
};

/** The middle of `n` values, at least one; they are sorted. */
double perf_median(double *values, size_t n);

/**
 * How our median compares with the best of theirs: ours divided by the least of
 * their medians. `ours` and each of theirs[0 .. rivals) are `n` values, one a
 * round; `n` is 1 to PERF_ROUNDS_MAX.
 *
 * The interval is a percentile bootstrap over whole rounds: what disturbs the
 * machine disturbs all that ran in that round. Always the same for the same
 * values. Too narrow for fewer than some ten rounds.
 */
struct perf_interval perf_ratio(const double *ours, const double *const *theirs,
                                size_t rivals, size_t n);

#endif
