// SPDX-License-Identifier: MIT
/*
 * A histogram of durations, log-linear as HDR histograms are: 1 024 cells for
 * each doubling, so that a percentile is off by less than 0.1 % of its value,
 * from 1 ns to 39 hours, in 304 KiB. Not a list of samples.
 *
 * Threads: anybody may record at any time (relaxed atomics; no order is
 * promised). What is read while others record is a moment old.
 */
#ifndef WEFT_PERF_HISTOGRAM_H
#define WEFT_PERF_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

struct perf_histogram {
    _Atomic uint64_t *cells;
    _Atomic uint64_t count;
    _Atomic uint64_t sum;
    _Atomic uint64_t max;
};

/** An empty one; 0 or -ENOMEM. */
int perf_histogram_init(struct perf_histogram *);

/** Nobody records any more. */
void perf_histogram_fini(struct perf_histogram *);

/** Count one value; a negative one as 0, one beyond 39 hours in the last cell
 * (the maximum stays exact). */
void perf_histogram_record(struct perf_histogram *, int64_t value);

/**
 * Count one value of a loop that was meant to measure every `interval` and was
 * kept from it while this one took its time: the values it would have seen are
 * counted too (value - interval, value - 2 intervals …). An interval of 0 or
 * less corrects nothing.
 */
void perf_histogram_record_corrected(struct perf_histogram *, int64_t value,
                                     int64_t interval);

/** Add all that `from` counted. */
void perf_histogram_merge(struct perf_histogram *to,
                          const struct perf_histogram *from);

/** The value that `percent` of all are not above (nearest rank; 50 is the
 * median, 100 the maximum); 0 of an empty one. */
int64_t perf_histogram_percentile(const struct perf_histogram *,
                                  double percent);

int64_t perf_histogram_max(const struct perf_histogram *);
double perf_histogram_mean(const struct perf_histogram *);
uint64_t perf_histogram_count(const struct perf_histogram *);

#endif
