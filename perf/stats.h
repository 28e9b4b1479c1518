// SPDX-License-Identifier: MIT
/*
 * The runtime's counters (weft/stats.h) for people and for programs.
 */
#ifndef WEFT_PERF_STATS_H
#define WEFT_PERF_STATS_H

#include <stdio.h>

#include <weft/stats.h>

#include "perf/json.h"

/** A table: name, number, meaning. */
void perf_stats_print(const weft_counters *, FILE *to);

/** One member for each counter, in an object under `key`. */
void perf_stats_json(const weft_counters *, struct perf_json *,
                     const char *key);

#endif
