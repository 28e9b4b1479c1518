// SPDX-License-Identifier: MIT
/*
 * weft beside other runtimes: the same workloads, in turn, in one sitting.
 * rivals.c reads the command line, measure.c runs, report.c and page.c tell.
 * The programs of the others are in the folders here, one each.
 */
#ifndef WEFT_PERF_RIVALS_H
#define WEFT_PERF_RIVALS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "perf/calibrate.h"
#include "perf/median.h"

/* weft first, then those that it is compared with, then the others. */
enum perf_runner {
    PERF_RUNNER_WEFT,
    PERF_RUNNER_GO,
    PERF_RUNNER_TOKIO,
    PERF_RUNNER_TBB,
    PERF_RUNNER_LIBUV,
    PERF_RUNNER_GLIB,
    PERF_RUNNER_ASYNCIO,
    PERF_RUNNERS
};

#define PERF_RIVALS_REQUIRED PERF_RUNNER_TOKIO /* up to this one */
#define PERF_RIVALS_PAIRS_MAX 201
#define PERF_RIVALS_ROWS_MAX 32

/* What a rival says that has not the thing: its exit status. */
#define PERF_RIVALS_HAS_NOT 77

extern const struct perf_runner_names {
    const char *program; /* its file */
    const char *title;
} perf_runner_names[PERF_RUNNERS];

/** One workload: what it is, and what came of it. */
struct perf_rivals_row {
    const char *workload, *about;
    double limit; /* of the ratio; 0: none */

    bool measured; /* what follows is there */
    bool has[PERF_RUNNERS];
    double ns[PERF_RUNNERS][PERF_RIVALS_PAIRS_MAX]; /* an operation, by round */
    double median[PERF_RUNNERS];
    bool compared; /* weft and one of the required have it */
    struct perf_interval ratio;
};

struct perf_rivals {
    uint64_t pairs, workers, scale;
    const char *programs, *json, *html;

    struct perf_rivals_row rows[PERF_RIVALS_ROWS_MAX];
    size_t count;
    bool present[PERF_RUNNERS];
    char version[PERF_RUNNERS][24];
    struct perf_calibration units;
    char machine[256], when[32];
    double load; /* for each CPU, when it began */
};

/** Run the workload `pairs` times in each runtime that has it, in turn; the one
 * that begins changes. 0 or a negative code, told on standard error. */
int perf_rivals_measure(struct perf_rivals *, struct perf_rivals_row *);

/** The number or the text behind a key of a flat JSON object; false: there is
 * none, or it is too long. */
bool perf_rivals_number(const char *json, const char *key, double *out);
bool perf_rivals_text(const char *json, const char *key, char *out,
                      size_t size);

/** The lower end of the interval is what must be within the limit. */
bool perf_rivals_passes(const struct perf_rivals_row *);

/** How the ratios were had; sentences. */
extern const char perf_rivals_method[];

/** A table; one JSON object; a page that needs nothing else. 0 or a negative
 * code. */
int perf_rivals_print(const struct perf_rivals *, FILE *to);
int perf_rivals_json(const struct perf_rivals *, FILE *to);
int perf_rivals_page(const struct perf_rivals *, FILE *to);

#endif
