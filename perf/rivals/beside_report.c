// SPDX-License-Identifier: MIT
/*
 * The table and the JSON of beside.h.
 */
#include "perf/rivals/beside.h"

#include <errno.h>
#include <stdlib.h>

#include "perf/format.h"
#include "perf/json.h"
#include "perf/table.h"

#define JSON_SIZE (2 << 20)
#define LATE_MAX_US 1000
#define LOAD_ALLOWED 0.5

const struct perf_server_names perf_server_names[PERF_SERVERS] = {
    [PERF_SERVER_WEFT] = {"weft", "weft"},
    [PERF_SERVER_THREADS] = {"threads", "threads"},
    [PERF_SERVER_GO] = {"go", "Go"},
    [PERF_SERVER_TOKIO] = {"tokio", "Tokio"},
    [PERF_SERVER_LIBUV] = {"libuv", "libuv"},
};

const char *const perf_figure_names[PERF_FIGURES] = {
    [PERF_FIGURE_P50] = "p50_us",
    [PERF_FIGURE_P99] = "p99_us",
    [PERF_FIGURE_P999] = "p99.9_us",
    [PERF_FIGURE_MAX] = "max_us",
    [PERF_FIGURE_HOGS] = "hogs_per_second",
    [PERF_FIGURE_FEWEST] = "fewest_of_mean",
    [PERF_FIGURE_CPUS] = "server_cpus",
    [PERF_FIGURE_LATE] = "generator_late_p99_us",
    [PERF_FIGURE_UNANSWERED] = "unanswered",
};

const char perf_beside_method[] =
    "Times are of the light requests, from the moment each was due to its "
    "whole "
    "answer; what had no answer at the end counts with the time it had waited. "
    "Hogs/s: heavy requests that were answered, a second; fewest: those of the "
    "connection with the fewest, of their mean. The servers share the CPUs "
    "with the generator. threads: a thread for each connection, nice 19 for "
    "those that serve heavy requests; libuv: one loop. late: p99 of how late "
    "the generator itself was.";

double perf_beside_share(const struct perf_beside *beside, int server,
                         size_t crowd)
{
    const struct perf_beside_cell *ours = &beside->cells[server][crowd];
    const struct perf_beside_cell *threads =
        &beside->cells[PERF_SERVER_THREADS][crowd];
    double whole = threads->median[PERF_FIGURE_HOGS];

    return ours->measured && threads->measured && whole > 0
               ? ours->median[PERF_FIGURE_HOGS] / whole * 100
               : -1;
}

/* --- The table --- */

static struct perf_text time_cell(const struct perf_beside_cell *cell,
                                  enum perf_figure figure)
{
    return perf_format_ns(cell->median[figure] * 1e3);
}

/* Negative: not known. */
static struct perf_text percent_cell(double percent)
{
    struct perf_text text = {""};

    if (percent >= 0) {
        snprintf(text.s, sizeof(text.s), "%.0f %%", percent);
    }
    return text;
}

static void add_row(const struct perf_beside *beside, int server, size_t crowd,
                    struct perf_table *table)
{
    const struct perf_beside_cell *cell = &beside->cells[server][crowd];
    const double *median = cell->median;
    bool hogs = beside->crowds[crowd] > 0;
    char cpus[24];

    snprintf(cpus, sizeof(cpus), "%.2f", median[PERF_FIGURE_CPUS]);
    perf_table_row(
        table, perf_format_count(beside->crowds[crowd]).s,
        perf_server_names[server].title, time_cell(cell, PERF_FIGURE_P50).s,
        time_cell(cell, PERF_FIGURE_P99).s, time_cell(cell, PERF_FIGURE_P999).s,
        time_cell(cell, PERF_FIGURE_MAX).s,
        hogs ? perf_format_real(median[PERF_FIGURE_HOGS]).s : "",
        percent_cell(perf_beside_share(beside, server, crowd)).s,
        percent_cell(hogs ? median[PERF_FIGURE_FEWEST] * 100 : -1).s, cpus,
        time_cell(cell, PERF_FIGURE_LATE).s,
        median[PERF_FIGURE_UNANSWERED] > 0
            ? perf_format_count((uint64_t)median[PERF_FIGURE_UNANSWERED]).s
            : "");
}

static void print_head(const struct perf_beside *beside, FILE *to)
{
    fprintf(to,
            "\n%s\n%s light requests a second over %s connections, %s a run, "
            "medians of %llu; %llu workers\n",
            beside->machine, perf_format_count(beside->light_rate).s,
            perf_format_count(beside->light_connections).s,
            perf_format_ns((double)beside->duration).s,
            (unsigned long long)beside->runs,
            (unsigned long long)beside->workers);
    if (beside->rounds > 0) {
        fprintf(to, "a heavy request: %s rounds of arithmetic",
                perf_format_count(beside->rounds).s);
    } else {
        fprintf(to, "a heavy request: blocks for %s",
                perf_format_ns((double)beside->block_us * 1e3).s);
    }
    fputs("; one alone, whole:", to);
    for (int i = 0; i < PERF_SERVERS; i++) {
        if (beside->alone[i] > 0) {
            fprintf(to, " %s %s", perf_server_names[i].title,
                    perf_format_ns(beside->alone[i] * 1e3).s);
        }
    }
    fprintf(to,
            "\nthe generator's floor, against a bare loop: p50 %s, p99 %s; "
            "late by p99 %s\n\n",
            perf_format_ns(beside->floor_p50 * 1e3).s,
            perf_format_ns(beside->floor_p99 * 1e3).s,
            perf_format_ns(beside->floor_late * 1e3).s);
}

/* Rows whose times are not the server's alone. */
static unsigned late_rows(const struct perf_beside *beside)
{
    unsigned rows = 0;

    for (int i = 0; i < PERF_SERVERS; i++) {
        for (size_t j = 0; j < beside->crowd_count; j++) {
            rows += beside->cells[i][j].median[PERF_FIGURE_LATE] > LATE_MAX_US;
        }
    }
    return rows;
}

static void print_foot(const struct perf_beside *beside, FILE *to)
{
    unsigned late = late_rows(beside);

    fprintf(to, "\n%s\n", perf_beside_method);
    if (late > 0) {
        fprintf(to,
                "In %u rows the generator was late by more than a millisecond: "
                "their times are partly its own doing.\n",
                late);
    }
    if (beside->load > LOAD_ALLOWED) {
        fprintf(to,
                "The load was %.1f a CPU when this began: if others go on, "
                "these times tell of them, too.\n",
                beside->load);
    }
}

int perf_beside_print(const struct perf_beside *beside, FILE *to)
{
    struct perf_table table;
    int rc;

    print_head(beside, to);
    perf_table_init(&table, "rlrrrrrrrrrr");
    perf_table_row(&table, "hogs", "server", "p50", "p99", "p99.9", "max",
                   "hogs/s", "of threads'", "fewest", "CPUs", "late",
                   "unanswered");
    for (size_t i = 0; i < beside->crowd_count; i++) {
        for (int j = 0; j < PERF_SERVERS; j++) {
            if (beside->cells[j][i].measured) {
                add_row(beside, j, i, &table);
            }
        }
    }
    rc = perf_table_print(&table, to);
    perf_table_fini(&table);
    print_foot(beside, to);
    return rc;
}

/* --- JSON --- */

static void put_figure(const struct perf_beside *beside,
                       const struct perf_beside_cell *cell, int figure,
                       struct perf_json *json)
{
    perf_json_open(json, perf_figure_names[figure]);
    perf_json_real(json, "median", cell->median[figure]);
    perf_json_reals(json, "runs", cell->runs[figure], beside->runs);
    perf_json_close(json);
}

static void put_server(const struct perf_beside *beside, int server,
                       struct perf_json *json)
{
    perf_json_open(json, perf_server_names[server].program);
    perf_json_text(json, "version",
                   beside->version[server][0] != '\0' ? beside->version[server]
                                                      : NULL);
    perf_json_real(json, "alone_us", beside->alone[server]);
    perf_json_open(json, "hogs");
    for (size_t i = 0; i < beside->crowd_count; i++) {
        const struct perf_beside_cell *cell = &beside->cells[server][i];
        char key[24];

        if (!cell->measured) {
            continue;
        }
        snprintf(key, sizeof(key), "%llu",
                 (unsigned long long)beside->crowds[i]);
        perf_json_open(json, key);
        for (int j = 0; j < PERF_FIGURES; j++) {
            put_figure(beside, cell, j, json);
        }
        perf_json_close(json);
    }
    perf_json_close(json);
    perf_json_close(json);
}

static void put_head(const struct perf_beside *beside, struct perf_json *json)
{
    perf_json_text(json, "command", "mixed --rivals");
    perf_json_text(json, "when", beside->when);
    perf_json_text(json, "machine", beside->machine);
    perf_json_real(json, "load_per_cpu", beside->load);
    perf_json_count(json, "workers", beside->workers);
    perf_json_count(json, "runs", beside->runs);
    perf_json_real(json, "seconds", (double)beside->duration / 1e9);
    perf_json_count(json, "light_rate", beside->light_rate);
    perf_json_count(json, "light_connections", beside->light_connections);
    if (beside->rounds > 0) {
        perf_json_count(json, "burn_us", beside->burn_us);
        perf_json_count(json, "burn_rounds", beside->rounds);
    } else {
        perf_json_count(json, "block_us", beside->block_us);
    }
    perf_json_text(json, "method", perf_beside_method);
    perf_json_open(json, "floor");
    perf_json_real(json, "p50_us", beside->floor_p50);
    perf_json_real(json, "p99_us", beside->floor_p99);
    perf_json_real(json, "generator_late_p99_us", beside->floor_late);
    perf_json_close(json);
}

int perf_beside_json(const struct perf_beside *beside, FILE *to)
{
    char *text = malloc(JSON_SIZE);
    struct perf_json json;
    int rc;

    if (text == NULL) {
        return -ENOMEM;
    }
    perf_json_init(&json, text, JSON_SIZE);
    perf_json_open(&json, NULL);
    put_head(beside, &json);
    perf_json_open(&json, "servers");
    for (int i = 0; i < PERF_SERVERS; i++) {
        if (beside->present[i]) {
            put_server(beside, i, &json);
        }
    }
    perf_json_close(&json);
    perf_json_close(&json);
    rc = perf_json_print(&json, to);
    free(text);
    return rc;
}
