// SPDX-License-Identifier: MIT
/*
 * What makes the load of `weft-perf mixed` another one than steady hogs of one
 * length beside light requests to "/": its options, and what they mean.
 */
#ifndef WEFT_PERF_MIXED_SHAPE_H
#define WEFT_PERF_MIXED_SHAPE_H

#include <stdbool.h>
#include <stdint.h>

#include "perf/options.h"

#define PERF_SHAPE_MIX_MAX 16
#define PERF_SHAPE_OPTIONS_MAX 32 /* of the whole command */

struct perf_shape {
    /* From the command line. */
    const char *burn_mix, *light_path; /* NULL: not given */
    uint64_t fork_us, heavy_every;     /* 0: not given */
    int64_t burst;
    bool fresh_hogs, light_closed, no_monitor;
    bool shapes; /* mixed_suite.h … */
    uint64_t runs;

    char mix[PERF_SHAPE_MIX_MAX][32]; /* a path for each length of the mix */
    unsigned mixed;                   /* how many */
};

/** The options of the command, `own` (ends as all do), and behind them those of
 * the shape; all fit into `out`, of PERF_SHAPE_OPTIONS_MAX. */
void perf_shape_options(struct perf_shape *, const struct perf_option *own,
                        struct perf_option *out);

/** Make sense of them: NULL, or what is wrong. */
const char *perf_shape_prepare(struct perf_shape *);

/** What the n-th heavy request of a mix asks for. */
const char *perf_shape_mix_path(const struct perf_shape *, uint64_t seed,
                                uint64_t n);

/** Whether the n-th light request is to be a heavy one instead. */
bool perf_shape_is_heavy(const struct perf_shape *, uint64_t n);

#endif
