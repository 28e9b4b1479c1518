// SPDX-License-Identifier: MIT
/*
 * What a run of pace.h came to, for people and for programs; and whether it may
 * be believed.
 */
#ifndef WEFT_PERF_REPORT_H
#define WEFT_PERF_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "perf/histogram.h"
#include "perf/json.h"
#include "perf/pace.h"

/** Whether the generator was on time: the 99th percentile of its own lateness
 * is at most a millisecond. If not, its figures tell of itself. */
bool perf_report_is_on_time(const struct perf_pace_result *);

/** Percentiles side by side, from the intended start and from the actual one.
 */
void perf_report_latency(const struct perf_pace_result *, FILE *to);

/** What was sent and what became of it; the generator's own CPU and lateness.
 */
void perf_report_counts(const struct perf_pace_result *, FILE *to);

/** Both, as members of the object that is open. */
void perf_report_json(const struct perf_pace_result *, struct perf_json *);

/** The percentiles of one histogram, in microseconds, as an object. */
void perf_report_histogram_json(const struct perf_histogram *,
                                struct perf_json *, const char *key);

#endif
