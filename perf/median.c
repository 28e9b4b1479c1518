// SPDX-License-Identifier: MIT
/*
 * The medians and the bootstrap of median.h.
 */
#include "perf/median.h"

#include <stdlib.h>

#include "perf/random.h"

#define RESAMPLES 10000
#define OUTSIDE (RESAMPLES * 25 / 1000) /* on each side of 95 % */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double perf_median(double *values, size_t n)
{
    qsort(values, n, sizeof(*values), compare);
    return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* The median of the values of some rounds, one of which may stand for several.
 */
static double median_of(const double *values, const size_t *rounds, size_t n)
{
    double chosen[PERF_ROUNDS_MAX];

    for (size_t i = 0; i < n; i++) {
        chosen[i] = values[rounds[i]];
    }
    return perf_median(chosen, n);
}

static double ratio_of(const double *ours, const double *const *theirs,
                       size_t rivals, const size_t *rounds, size_t n)
{
    double best = median_of(theirs[0], rounds, n);

    for (size_t i = 1; i < rivals; i++) {
        double one = median_of(theirs[i], rounds, n);

        best = one < best ? one : best;
    }
    return median_of(ours, rounds, n) / best;
}

struct perf_interval perf_ratio(const double *ours, const double *const *theirs,
                                size_t rivals, size_t n)
{
    static double ratios[RESAMPLES]; /* of the one thread that reports */
    size_t rounds[PERF_ROUNDS_MAX];
    uint64_t state = 1;
    double at;

    for (size_t i = 0; i < n; i++) {
        rounds[i] = i;
    }
    at = ratio_of(ours, theirs, rivals, rounds, n);
    for (size_t i = 0; i < RESAMPLES; i++) {
        for (size_t j = 0; j < n; j++) {
            rounds[j] = perf_random_next(&state) % n;
        }
        ratios[i] = ratio_of(ours, theirs, rivals, rounds, n);
    }
    qsort(ratios, RESAMPLES, sizeof(*ratios), compare);
    return (struct perf_interval){at, ratios[OUTSIDE],
                                  ratios[RESAMPLES - 1 - OUTSIDE]};
}
