// SPDX-License-Identifier: MIT
/*
 * The table and the JSON of rivals.h.
 */
#include "perf/rivals/rivals.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "perf/format.h"
#include "perf/json.h"
#include "perf/table.h"

#define JSON_SIZE (1 << 20)
#define PAIRS_WANTED 11
#define LOAD_ALLOWED 0.5

const struct perf_runner_names perf_runner_names[PERF_RUNNERS] = {
    [PERF_RUNNER_WEFT] = {"weft", "weft"},
    [PERF_RUNNER_GO] = {"go", "Go"},
    [PERF_RUNNER_TOKIO] = {"tokio", "Tokio"},
    [PERF_RUNNER_TBB] = {"tbb", "oneTBB"},
    [PERF_RUNNER_LIBUV] = {"libuv", "libuv"},
    [PERF_RUNNER_GLIB] = {"glib", "GLib"},
    [PERF_RUNNER_ASYNCIO] = {"asyncio", "asyncio"},
};

const char perf_rivals_method[] =
    "Ratio: of the medians, weft to the better of Go and Tokio, and its 95 % "
    "interval by percentile bootstrap over the rounds (10 000 resamples). It "
    "passes if the lower end of the interval is within the limit.";

bool perf_rivals_passes(const struct perf_rivals_row *row)
{
    return row->ratio.low <= row->limit;
}

static const char *verdict(const struct perf_rivals_row *row)
{
    if (!row->compared || row->limit <= 0) {
        return "";
    }
    return perf_rivals_passes(row) ? "passed" : "missed";
}

/* --- The table --- */

static struct perf_text time_cell(const struct perf_rivals_row *row, int runner)
{
    return row->has[runner] ? perf_format_real(row->median[runner])
                            : (struct perf_text){"-"};
}

/* "0.41 [0.38, 0.45]" */
static void put_interval(const struct perf_rivals_row *row, char *out,
                         size_t size)
{
    out[0] = '\0';
    if (row->compared) {
        snprintf(out, size, "%s [%s, %s]", perf_format_real(row->ratio.at).s,
                 perf_format_real(row->ratio.low).s,
                 perf_format_real(row->ratio.high).s);
    }
}

/* "oneTBB 137, libuv 22.1" */
static void put_others(const struct perf_rivals_row *row, char *out,
                       size_t size)
{
    size_t used = 0;

    out[0] = '\0';
    for (int i = PERF_RIVALS_REQUIRED + 1; i < PERF_RUNNERS; i++) {
        if (row->has[i]) {
            used += (size_t)snprintf(
                out + used, size - used, "%s%s %s", used > 0 ? ", " : "",
                perf_runner_names[i].title, perf_format_real(row->median[i]).s);
        }
    }
}

static void add_row(const struct perf_rivals_row *row, struct perf_table *table)
{
    char others[256], interval[160];

    put_interval(row, interval, sizeof(interval));
    put_others(row, others, sizeof(others));
    perf_table_row(table, row->workload, time_cell(row, PERF_RUNNER_WEFT).s,
                   time_cell(row, PERF_RUNNER_GO).s,
                   time_cell(row, PERF_RUNNER_TOKIO).s, interval,
                   row->limit > 0 ? perf_format_real(row->limit).s : "",
                   verdict(row), others);
}

static void print_head(const struct perf_rivals *rivals, FILE *to)
{
    fprintf(to,
            "\n%s\nmalloc pair %s ns, atomic add %s ns, bare switch %s ns\n\n",
            rivals->machine, perf_format_real(rivals->units.malloc_pair).s,
            perf_format_real(rivals->units.atomic_add).s,
            perf_format_real(rivals->units.bare_switch).s);
    fprintf(to, "%llu workers, medians of %llu, ns an operation\n",
            (unsigned long long)rivals->workers,
            (unsigned long long)rivals->pairs);
}

/* What the figures are, below them. */
static void print_foot(const struct perf_rivals *rivals, FILE *to)
{
    fprintf(to, "\n%s\n", perf_rivals_method);
    if (rivals->load > LOAD_ALLOWED) {
        fprintf(to,
                "The load was %.1f a CPU when this began: if others go on, "
                "times are too long and ratios doubtful.\n",
                rivals->load);
    }
    if (rivals->pairs < PAIRS_WANTED) {
        fprintf(to,
                "With fewer than %d pairs the intervals are too narrow to "
                "mean that.\n",
                PAIRS_WANTED);
    }
}

int perf_rivals_print(const struct perf_rivals *rivals, FILE *to)
{
    struct perf_table table;
    int rc;

    print_head(rivals, to);
    perf_table_init(&table, "lrrrrrll");
    perf_table_row(&table, "workload", "weft", "Go", "Tokio", "ratio", "limit",
                   "", "others");
    for (size_t i = 0; i < rivals->count; i++) {
        if (rivals->rows[i].measured) {
            add_row(&rivals->rows[i], &table);
        }
    }
    rc = perf_table_print(&table, to);
    perf_table_fini(&table);
    print_foot(rivals, to);
    return rc;
}

/* --- JSON --- */

static void put_runs(const struct perf_rivals *rivals,
                     const struct perf_rivals_row *row, int runner,
                     struct perf_json *json)
{
    perf_json_open(json, perf_runner_names[runner].program);
    perf_json_real(json, "ns_per_op", row->median[runner]);
    perf_json_reals(json, "runs", row->ns[runner], rivals->pairs);
    perf_json_close(json);
}

static void put_ratio(const struct perf_rivals_row *row, struct perf_json *json)
{
    perf_json_open(json, "ratio");
    perf_json_real(json, "at", row->ratio.at);
    perf_json_real(json, "low", row->ratio.low);
    perf_json_real(json, "high", row->ratio.high);
    if (row->limit > 0) {
        perf_json_real(json, "limit", row->limit);
        perf_json_flag(json, "passed", perf_rivals_passes(row));
    }
    perf_json_close(json);
}

static void put_row(const struct perf_rivals *rivals,
                    const struct perf_rivals_row *row, struct perf_json *json)
{
    perf_json_open(json, row->workload);
    for (int i = 0; i < PERF_RUNNERS; i++) {
        if (row->has[i]) {
            put_runs(rivals, row, i, json);
        }
    }
    if (row->compared) {
        put_ratio(row, json);
    }
    perf_json_close(json);
}

static void put_head(const struct perf_rivals *rivals, struct perf_json *json)
{
    perf_json_text(json, "command", "rivals");
    perf_json_text(json, "when", rivals->when);
    perf_json_text(json, "machine", rivals->machine);
    perf_json_count(json, "workers", rivals->workers);
    perf_json_count(json, "pairs", rivals->pairs);
    perf_json_count(json, "scale", rivals->scale);
    perf_json_text(json, "method", perf_rivals_method);
    perf_json_real(json, "load_per_cpu", rivals->load);
    perf_json_real(json, "malloc_pair_ns", rivals->units.malloc_pair);
    perf_json_real(json, "atomic_add_ns", rivals->units.atomic_add);
    perf_json_real(json, "bare_switch_ns", rivals->units.bare_switch);
    perf_json_open(json, "versions");
    for (int i = 0; i < PERF_RUNNERS; i++) {
        if (rivals->version[i][0] != '\0') {
            perf_json_text(json, perf_runner_names[i].program,
                           rivals->version[i]);
        }
    }
    perf_json_close(json);
}

int perf_rivals_json(const struct perf_rivals *rivals, FILE *to)
{
    char *text = malloc(JSON_SIZE);
    struct perf_json json;
    int rc;

    if (text == NULL) {
        return -ENOMEM;
    }
    perf_json_init(&json, text, JSON_SIZE);
    perf_json_open(&json, NULL);
    put_head(rivals, &json);
    perf_json_open(&json, "workloads");
    for (size_t i = 0; i < rivals->count; i++) {
        if (rivals->rows[i].measured) {
            put_row(rivals, &rivals->rows[i], &json);
        }
    }
    perf_json_close(&json);
    perf_json_close(&json);
    rc = perf_json_print(&json, to);
    free(text);
    return rc;
}
