// SPDX-License-Identifier: MIT
/*
 * The table and the JSON of mixed_suite.h.
 */
#include "perf/mixed_suite.h"

#include <stdio.h>

#include "perf/format.h"
#include "perf/json.h"
#include "perf/table.h"

/* --- The table --- */

static struct perf_text cell(const struct perf_suite_row *row,
                             enum perf_suite_figure figure)
{
    double median;

    if (row->runs == 0) {
        return (struct perf_text){"-"};
    }
    median = perf_suite_range(row, figure).median;
    if (figure <= PERF_SUITE_MAX) {
        return perf_format_ns(median * 1e3);
    }
    return figure == PERF_SUITE_HOGS ? perf_format_real(median)
                                     : perf_format_count((uint64_t)median);
}

/* A star where the client was behind its own schedule. */
static void add_row(const struct perf_suite_row *row, struct perf_table *table)
{
    char title[80];

    snprintf(title, sizeof(title), "%s%s", row->shape->title,
             row->late > 0 ? " *" : "");
    perf_table_row(
        table, title, cell(row, PERF_SUITE_P50).s, cell(row, PERF_SUITE_P99).s,
        cell(row, PERF_SUITE_P999).s, cell(row, PERF_SUITE_MAX).s,
        cell(row, PERF_SUITE_HOGS).s, cell(row, PERF_SUITE_HANDOFFS).s,
        cell(row, PERF_SUITE_DEMOTIONS).s, cell(row, PERF_SUITE_PROMOTIONS).s);
}

/* What the figures are, and what makes them doubtful. */
static void print_foot(const struct perf_suite *suite)
{
    unsigned late = 0;

    printf("\nMedians; runs of each: %llu. Hand-offs, demotions and promotions "
           "of a whole run.\n",
           (unsigned long long)suite->runs);
    for (size_t i = 0; i < suite->count; i++) {
        const struct perf_suite_row *row = &suite->rows[i];

        late += row->late;
        if (row->unanswered > 0) {
            printf("error: %s: not everything was answered, runs: %u\n",
                   row->shape->title, row->unanswered);
        }
    }
    if (late > 0) {
        printf(
            "* One in a hundred of the client's own wake-ups was over a "
            "millisecond late,\n  in %u runs: these times are partly its own "
            "doing.\n",
            late);
    }
}

static int print_table(const struct perf_suite *suite)
{
    struct perf_table table;
    int rc;

    perf_table_init(&table, "lrrrrrrrr");
    perf_table_row(&table, "light requests beside", "half within", "99 %",
                   "99.9 %", "slowest", "heavy/s", "hand-offs", "demotions",
                   "promotions");
    for (size_t i = 0; i < suite->count; i++) {
        add_row(&suite->rows[i], &table);
    }
    rc = perf_table_print(&table, stdout);
    perf_table_fini(&table);
    print_foot(suite);
    return rc;
}

/* --- JSON --- */

static void figures_json(const struct perf_suite_row *row,
                         struct perf_json *json)
{
    static const char *const names[PERF_SUITE_FIGURES] = {
        [PERF_SUITE_P50] = "p50_us",
        [PERF_SUITE_P99] = "p99_us",
        [PERF_SUITE_P999] = "p99.9_us",
        [PERF_SUITE_MAX] = "max_us",
        [PERF_SUITE_HOGS] = "heavy_per_second",
        [PERF_SUITE_HANDOFFS] = "handoffs",
        [PERF_SUITE_DEMOTIONS] = "demotions",
        [PERF_SUITE_PROMOTIONS] = "promotions",
    };

    for (int i = 0; i < PERF_SUITE_FIGURES; i++) {
        struct perf_suite_range range =
            perf_suite_range(row, (enum perf_suite_figure)i);

        perf_json_open(json, names[i]);
        perf_json_real(json, "median", range.median);
        perf_json_real(json, "low", range.low);
        perf_json_real(json, "high", range.high);
        perf_json_close(json);
    }
}

static void row_json(const struct perf_suite_row *row, struct perf_json *json)
{
    perf_json_open(json, row->shape->name);
    perf_json_text(json, "title", row->shape->title);
    perf_json_text(json, "options", row->shape->options);
    perf_json_count(json, "runs", row->runs);
    perf_json_count(json, "unanswered", row->unanswered);
    perf_json_count(json, "late", row->late);
    if (row->runs > 0) {
        figures_json(row, json);
    }
    perf_json_close(json);
}

static int print_json(const struct perf_suite *suite)
{
    static char text[65536];
    struct perf_json json;

    perf_json_init(&json, text, sizeof(text));
    perf_json_open(&json, NULL);
    perf_json_text(&json, "command", "mixed --shapes");
    perf_json_count(&json, "runs", suite->runs);
    perf_json_open(&json, "shapes");
    for (size_t i = 0; i < suite->count; i++) {
        row_json(&suite->rows[i], &json);
    }
    perf_json_close(&json);
    perf_json_flag(&json, "fine", perf_suite_is_fine(suite));
    perf_json_close(&json);
    return perf_json_print(&json, stdout);
}

int perf_suite_report(const struct perf_suite *suite)
{
    return suite->json ? print_json(suite) : print_table(suite);
}
