// SPDX-License-Identifier: MIT
/*
 * What the two halves of `weft-perf mixed` share: mixed.c runs it,
 * mixed_report.c tells of it.
 */
#ifndef WEFT_PERF_MIXED_H
#define WEFT_PERF_MIXED_H

#include <stdbool.h>
#include <stdint.h>

#include <weft/stats.h>

#include "perf/foreign.h"
#include "perf/hogs.h"
#include "perf/mixed_shape.h"
#include "perf/pace.h"
#include "perf/process.h"
#include "perf/tree.h"

/** What a hog asks for. */
enum perf_hog_kind {
    PERF_HOG_BURN,
    PERF_HOG_BLOCK,
    PERF_HOG_SHA256,
    PERF_HOG_MIX,
    PERF_HOG_FORK
};

struct perf_mixed {
    /* From the command line. */
    uint64_t light_rate, light_connections, hog_count, walker_count, workers;
    uint64_t client_workers, at_once, burn_us, burn_rounds, block_us, seed;
    int64_t duration;
    const char *root, *server;
    bool threads, sha256, json, stats, poisson;
    struct perf_shape shape;

    enum perf_hog_kind kind;
    char hog_path[64]; /* of BURN, BLOCK and FORK */
    struct perf_tree tree;
    struct perf_process process;
    struct perf_peer light_peer, hog_peer;

    struct perf_pace_result light;
    struct perf_hogs hogs;
    struct perf_foreign foreign;
    char server_stats[4096]; /* JSON; empty: could not be had */
    double longest_step_us, longest_step_cpu_us; /* negative: not told */
    double server_cpus; /* busy while light requests came; negative: unknown */
    int server_status;
    weft_counters counters; /* of this process's own runtime */
};

/** Requests and jobs that failed, were never sent or had no answer yet. */
uint64_t perf_mixed_unanswered(const struct perf_mixed *);

/** Whether the server is weft; and whether it ended as it should. */
bool perf_mixed_is_weft(const struct perf_mixed *);
bool perf_mixed_ended_well(const struct perf_mixed *);

/** Whether everything that was asked was answered. */
bool perf_mixed_is_fine(const struct perf_mixed *);

/** One JSON object, or a table that explains itself; 0 or a negative code. */
int perf_mixed_report(const struct perf_mixed *);

#endif
