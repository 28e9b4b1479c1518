// SPDX-License-Identifier: MIT
/*
 * `weft-perf mixed --shapes`: the same light load beside everything heavy that
 * a server may meet, each with a server and a client of its own, in one table.
 * A mechanism that was tuned on one of them is judged by the others.
 *
 * mixed_suite.c runs them, mixed_suite_row.c keeps what they came to,
 * mixed_suite_report.c tells of it.
 */
#ifndef WEFT_PERF_MIXED_SUITE_H
#define WEFT_PERF_MIXED_SUITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PERF_SUITE_RUNS_MAX 100
#define PERF_SUITE_SHAPES_MAX 20

/** What is measured of a run. */
enum perf_suite_figure {
    PERF_SUITE_P50, /* of the light ones, in us */
    PERF_SUITE_P99,
    PERF_SUITE_P999,
    PERF_SUITE_MAX,
    PERF_SUITE_HOGS, /* heavy ones that were answered, a second */
    PERF_SUITE_HANDOFFS,
    PERF_SUITE_DEMOTIONS,
    PERF_SUITE_PROMOTIONS,
    PERF_SUITE_FIGURES,
};

struct perf_suite_shape {
    const char *name, *title; /* for programs, for people */
    const char *options;      /* of weft-perf mixed, a blank between two */
};

/** A shape and what its runs came to. */
struct perf_suite_row {
    const struct perf_suite_shape *shape;
    unsigned runs;       /* that told something */
    unsigned unanswered; /* runs in which something was not, or that failed */
    unsigned late;       /* runs in which the client was behind its schedule */
    double values[PERF_SUITE_FIGURES][PERF_SUITE_RUNS_MAX]; /* one a run */
};

struct perf_suite {
    uint64_t runs; /* of each shape, up to PERF_SUITE_RUNS_MAX */
    bool json;
    char **options; /* that all of them get, besides their own */
    int option_count;

    struct perf_suite_row rows[PERF_SUITE_SHAPES_MAX];
    size_t count;
};

/** Run all shapes in turn, and that as often as wanted; say what they came to.
 * The first four members are filled in, the others zero. An exit status. */
int perf_suite_run(struct perf_suite *);

/** Whether the runs of all shapes were answered to the last request. */
bool perf_suite_is_fine(const struct perf_suite *);

/** Count a run by what it has printed (one JSON object of weft-perf mixed); if
 * it is not that, as one that failed. */
void perf_suite_count(struct perf_suite_row *, const char *json);

/** The middle of a figure, its least and its greatest; of at least one run. */
struct perf_suite_range {
    double median, low, high;
};
struct perf_suite_range perf_suite_range(const struct perf_suite_row *,
                                         enum perf_suite_figure);

/** One JSON object, or a table of the medians; 0 or a negative code. */
int perf_suite_report(const struct perf_suite *);

#endif
