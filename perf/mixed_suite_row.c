// SPDX-License-Identifier: MIT
/*
 * The rows of mixed_suite.h: what a run has printed becomes figures. Reads the
 * members it knows by their names, in the order in which they are written; not
 * a reader of JSON.
 */
#include "perf/mixed_suite.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "perf/median.h"

/* Where a figure stands: the first member of that name behind the other. */
static const struct {
    const char *behind, *key;
} places[PERF_SUITE_FIGURES] = {
    [PERF_SUITE_P50] = {"\"corrected_us\":{", "\"p50\":"},
    [PERF_SUITE_P99] = {"\"corrected_us\":{", "\"p99\":"},
    [PERF_SUITE_P999] = {"\"corrected_us\":{", "\"p99.9\":"},
    [PERF_SUITE_MAX] = {"\"corrected_us\":{", "\"max\":"},
    [PERF_SUITE_HOGS] = {"\"hogs\":{", "\"per_second\":"},
    [PERF_SUITE_HANDOFFS] = {"\"server\":{", "\"handoffs\":"},
    [PERF_SUITE_DEMOTIONS] = {"\"server\":{", "\"demotions\":"},
    [PERF_SUITE_PROMOTIONS] = {"\"server\":{", "\"promotions\":"},
};

static double number_behind(const char *json, const char *behind,
                            const char *key)
{
    const char *at = strstr(json, behind);

    at = at != NULL ? strstr(at, key) : NULL;
    return at != NULL ? strtod(at + strlen(key), NULL) : (double)NAN;
}

/* All of them or none. */
static bool read_figures(const char *json, double *figures)
{
    for (int i = 0; i < PERF_SUITE_FIGURES; i++) {
        figures[i] = number_behind(json, places[i].behind, places[i].key);
        if (!isfinite(figures[i])) {
            return false;
        }
    }
    figures[PERF_SUITE_HOGS] +=
        number_behind(json, "\"apart\":{", "\"per_second\":");
    return isfinite(figures[PERF_SUITE_HOGS]);
}

void perf_suite_count(struct perf_suite_row *row, const char *json)
{
    double figures[PERF_SUITE_FIGURES];

    row->unanswered += strstr(json, "\"fine\":true") == NULL;
    if (row->runs == PERF_SUITE_RUNS_MAX || !read_figures(json, figures)) {
        return;
    }
    row->late += strstr(json, "\"verdict\":false") != NULL;
    for (int i = 0; i < PERF_SUITE_FIGURES; i++) {
        row->values[i][row->runs] = figures[i];
    }
    row->runs++;
}

struct perf_suite_range perf_suite_range(const struct perf_suite_row *row,
                                         enum perf_suite_figure figure)
{
    double sorted[PERF_SUITE_RUNS_MAX];
    struct perf_suite_range range;

    memcpy(sorted, row->values[figure], row->runs * sizeof(*sorted));
    range.median = perf_median(sorted, row->runs);
    range.low = sorted[0];
    range.high = sorted[row->runs - 1];
    return range;
}

bool perf_suite_is_fine(const struct perf_suite *suite)
{
    for (size_t i = 0; i < suite->count; i++) {
        if (suite->rows[i].unanswered > 0) {
            return false;
        }
    }
    return true;
}
