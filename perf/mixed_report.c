// SPDX-License-Identifier: MIT
/*
 * The table of `weft-perf mixed`: each row a figure and a sentence, for someone
 * who has not read anything else.
 */
#include <stdarg.h>
#include <stdio.h>

#include "perf/format.h"
#include "perf/json.h"
#include "perf/mixed.h"
#include "perf/report.h"
#include "perf/stats.h"
#include "perf/table.h"

static uint64_t look(const _Atomic uint64_t *counter)
{
    return atomic_load(counter);
}

static struct perf_text percentile(const struct perf_mixed *mixed,
                                   double percent)
{
    return perf_format_ns(
        (double)perf_histogram_percentile(&mixed->light.intended, percent));
}

/* A sentence made from a format; lives as long as the statement. */
struct sentence {
    char s[200];
};

__attribute__((format(printf, 1, 2))) static struct sentence
sentence(const char *format, ...)
{
    struct sentence text;
    va_list rest;

    va_start(rest, format);
    vsnprintf(text.s, sizeof(text.s), format, rest);
    va_end(rest);
    return text;
}

static const char *light_text(const struct perf_mixed *mixed)
{
    return mixed->sha256 ? "small files (up to 16 KiB)" : "short answers";
}

static struct sentence light_pace(const struct perf_mixed *mixed)
{
    return mixed->shape.light_closed
               ? sentence("asked for by %s connections without a pause",
                          perf_format_count(mixed->light_connections).s)
               : sentence("asked for %s times a second, whatever the server "
                          "did",
                          perf_format_count(mixed->light_rate).s);
}

/* Light ones alone. */
static uint64_t light_done(const struct perf_mixed *mixed)
{
    return look(&mixed->light.done) - look(&mixed->light.apart_done);
}

static struct sentence hog_text(const struct perf_mixed *mixed)
{
    switch (mixed->kind) {
    case PERF_HOG_SHA256:
        return sentence("digests (SHA-256) of big files (256 KiB to 8 MiB)");
    case PERF_HOG_BLOCK:
        return sentence("system calls that block for %s",
                        perf_format_ns((double)mixed->block_us * 1e3).s);
    case PERF_HOG_MIX:
        return sentence("computations worth one of %s us of an idle core",
                        mixed->shape.burn_mix);
    case PERF_HOG_FORK:
        return sentence("computations worth %s of an idle core, divided among "
                        "all workers",
                        perf_format_ns((double)mixed->shape.fork_us * 1e3).s);
    default:
        if (mixed->burn_rounds > 0) {
            return sentence("computations of %s rounds",
                            perf_format_count(mixed->burn_rounds).s);
        }
        return sentence("computations worth %s of an idle core",
                        perf_format_ns((double)mixed->burn_us * 1e3).s);
    }
}

static void light_rows(const struct perf_mixed *mixed, struct perf_table *table)
{
    bool closed = mixed->shape.light_closed;

    perf_table_row(
        table, "light requests", perf_format_count(light_done(mixed)).s,
        sentence("%s, %s", light_text(mixed), light_pace(mixed).s).s);
    perf_table_row(table, "  half within", percentile(mixed, 50).s,
                   closed ? "from the moment it was sent to its whole answer"
                          : "from the moment the request was due to its whole "
                            "answer");
    perf_table_row(table, "  99 % within", percentile(mixed, 99).s,
                   "one in a hundred took longer than this");
    perf_table_row(table, "  99.9 % within", percentile(mixed, 99.9).s,
                   "one in a thousand took longer than this");
    perf_table_row(table, "  slowest", percentile(mixed, 100).s,
                   "the worst of all");
}

static double seconds(const struct perf_mixed *mixed)
{
    return (double)(mixed->light.end - mixed->light.start) / 1e9;
}

static double apart_per_second(const struct perf_mixed *mixed)
{
    double took = seconds(mixed);

    return took > 0 ? (double)look(&mixed->light.apart_done) / took : 0;
}

/* Heavy ones on the connections of the light ones. */
static void apart_rows(const struct perf_mixed *mixed, struct perf_table *table)
{
    const struct perf_pace_result *light = &mixed->light;

    if (mixed->shape.heavy_every == 0) {
        return;
    }
    perf_table_row(table, "heavy among them",
                   perf_format_count(look(&light->apart_done)).s,
                   sentence("%s, one request in %llu of these connections",
                            hog_text(mixed).s,
                            (unsigned long long)mixed->shape.heavy_every)
                       .s);
    perf_table_row(table, "  a second",
                   perf_format_real(apart_per_second(mixed)).s,
                   "as often as the schedule wants");
    perf_table_row(
        table, "  half within",
        perf_format_ns((double)perf_histogram_percentile(&light->apart, 50)).s,
        "they are not among the times of the light ones");
    perf_table_row(
        table, "  99 % within",
        perf_format_ns((double)perf_histogram_percentile(&light->apart, 99)).s,
        "one in a hundred took longer than this");
}

static const char *hog_pace(const struct perf_mixed *mixed)
{
    return mixed->shape.burst > 0 ? "all at once, again and again"
                                  : "as many as were managed";
}

static void hog_rows(const struct perf_mixed *mixed, struct perf_table *table)
{
    if (mixed->hog_count == 0) {
        return;
    }
    perf_table_row(
        table, "heavy requests", perf_format_count(look(&mixed->hogs.done)).s,
        sentence("%s, %llu at a time, %s", hog_text(mixed).s,
                 (unsigned long long)mixed->hog_count, hog_pace(mixed))
            .s);
    perf_table_row(table, "  a second",
                   perf_format_real(mixed->hogs.per_second).s,
                   "the heavy work that got done meanwhile");
    perf_table_row(table, "  the fewest",
                   sentence("%.0f %%", mixed->hogs.fewest * 100).s,
                   "of what each connection got done on average");
    if (mixed->longest_step_us > 0) {
        perf_table_row(
            table, "  longest step",
            perf_format_ns(mixed->longest_step_us * 1e3).s,
            sentence("the longest time one of them held its thread without a "
                     "break (CPU time at most %s)",
                     perf_format_ns(mixed->longest_step_cpu_us * 1e3).s)
                .s);
    }
}

static void walker_rows(const struct perf_mixed *mixed,
                        struct perf_table *table)
{
    const struct perf_foreign *foreign = &mixed->foreign;

    if (mixed->walker_count == 0) {
        return;
    }
    perf_table_row(
        table, "foreign threads", perf_format_count(mixed->walker_count).s,
        sentence("walked the tree with coroutines they submitted from "
                 "outside: %s of them",
                 perf_format_count(look(&foreign->submitted)).s)
            .s);
    perf_table_row(table, "  files", perf_format_count(look(&foreign->files)).s,
                   sentence("sizes asked for, in %s whole walks and some more",
                            perf_format_count(look(&foreign->walks)).s)
                       .s);
    if (look(&foreign->walks) > 0) {
        perf_table_row(table, "  bytes",
                       perf_format_bytes((double)look(&foreign->walk_bytes)).s,
                       sentence("in the tree's %s files; %s",
                                perf_format_count(look(&foreign->walk_files)).s,
                                look(&foreign->disagreed) == 0
                                    ? "every walk found the same"
                                    : "the walks did not agree: it has changed")
                           .s);
    }
}

uint64_t perf_mixed_unanswered(const struct perf_mixed *mixed)
{
    const struct perf_pace_result *light = &mixed->light;

    return perf_pace_failures(light) + look(&light->unsent) +
           look(&light->in_flight) + perf_hogs_failures(&mixed->hogs) +
           look(&mixed->foreign.failed);
}

static void error_rows(const struct perf_mixed *mixed, struct perf_table *table)
{
    const struct perf_pace_result *light = &mixed->light;
    uint64_t errors = perf_mixed_unanswered(mixed);

    perf_table_row(table, "not answered", perf_format_count(errors).s,
                   errors == 0 ? "everything was answered"
                               : "see the list of errors below");
    if (mixed->shape.light_closed) {
        return; /* it had no schedule to keep */
    }
    perf_table_row(
        table, "generator late",
        perf_format_ns((double)perf_histogram_percentile(&light->late, 99)).s,
        perf_report_is_on_time(light)
            ? "99 % of its own wake-ups were not later than this"
            : "too late: the times above are partly its own doing");
}

static void print_failures(const char *who, const _Atomic uint64_t *failed)
{
    for (int i = 0; i < PERF_FAILURES; i++) {
        if (look(&failed[i]) > 0) {
            printf("error: %s: %s: %s\n", who, perf_failure_names[i],
                   perf_format_count(look(&failed[i])).s);
        }
    }
}

static void print_errors(const struct perf_mixed *mixed)
{
    print_failures("light requests", mixed->light.failed);
    print_failures("heavy requests", mixed->hogs.failed);
    if (look(&mixed->light.unsent) + look(&mixed->light.in_flight) > 0) {
        printf("error: light requests: %s never sent, %s unanswered\n",
               perf_format_count(look(&mixed->light.unsent)).s,
               perf_format_count(look(&mixed->light.in_flight)).s);
    }
    if (look(&mixed->foreign.failed) > 0) {
        printf("error: foreign threads: %s\n",
               perf_format_count(look(&mixed->foreign.failed)).s);
    }
    if (!perf_mixed_ended_well(mixed)) {
        printf("error: the server ended with status %d\n",
               mixed->server_status);
    }
}

static int print_table(const struct perf_mixed *mixed)
{
    struct perf_table table;
    int rc;

    perf_table_init(&table, "lrl");
    light_rows(mixed, &table);
    apart_rows(mixed, &table);
    hog_rows(mixed, &table);
    walker_rows(mixed, &table);
    error_rows(mixed, &table);
    rc = perf_table_print(&table, stdout);
    perf_table_fini(&table);
    print_errors(mixed);
    if (mixed->stats) {
        printf("\nthe client's runtime:\n");
        perf_stats_print(&mixed->counters, stdout);
        printf("\nthe server: %s\n", mixed->server_stats);
    }
    return rc;
}

static void hogs_json(const struct perf_mixed *mixed, struct perf_json *json)
{
    static const char *const kinds[] = {"burn", "block", "sha256", "mix",
                                        "fork"};

    perf_json_open(json, "hogs");
    perf_json_text(json, "kind", kinds[mixed->kind]);
    perf_json_flag(json, "fresh", mixed->shape.fresh_hogs);
    perf_json_count(json, "burst_ms", (uint64_t)(mixed->shape.burst / 1000000));
    perf_json_count(json, "count", mixed->hog_count);
    perf_json_count(json, "done", look(&mixed->hogs.done));
    perf_json_count(json, "failed", perf_hogs_failures(&mixed->hogs));
    perf_json_real(json, "per_second", mixed->hogs.per_second);
    perf_json_real(json, "fewest", mixed->hogs.fewest);
    perf_json_real(json, "fastest_us",
                   (double)atomic_load(&mixed->hogs.fastest) / 1e3);
    perf_json_real(json, "longest_step_us", mixed->longest_step_us);
    perf_json_real(json, "longest_step_cpu_us", mixed->longest_step_cpu_us);
    perf_json_close(json);
}

/* Heavy requests on connections of the light ones: also in their counts, not in
 * their times. */
static void apart_json(const struct perf_mixed *mixed, struct perf_json *json)
{
    perf_json_open(json, "apart");
    perf_json_count(json, "every", mixed->shape.heavy_every);
    perf_json_count(json, "done", look(&mixed->light.apart_done));
    perf_json_real(json, "per_second", apart_per_second(mixed));
    perf_report_histogram_json(&mixed->light.apart, json, "corrected_us");
    perf_json_close(json);
}

static void walkers_json(const struct perf_mixed *mixed, struct perf_json *json)
{
    const struct perf_foreign *foreign = &mixed->foreign;

    perf_json_open(json, "walkers");
    perf_json_count(json, "count", mixed->walker_count);
    perf_json_count(json, "submitted", look(&foreign->submitted));
    perf_json_count(json, "files", look(&foreign->files));
    perf_json_count(json, "bytes", look(&foreign->bytes));
    perf_json_count(json, "walks", look(&foreign->walks));
    perf_json_count(json, "walk_files", look(&foreign->walk_files));
    perf_json_count(json, "walk_bytes", look(&foreign->walk_bytes));
    perf_json_count(json, "disagreed", look(&foreign->disagreed));
    perf_json_count(json, "unreadable", look(&foreign->unreadable));
    perf_json_count(json, "failed", look(&foreign->failed));
    perf_json_close(json);
}

static int print_json(const struct perf_mixed *mixed)
{
    char text[16384];
    struct perf_json json;

    perf_json_init(&json, text, sizeof(text));
    perf_json_open(&json, NULL);
    perf_json_text(&json, "command", "mixed");
    perf_json_open(&json, "light");
    perf_json_count(&json, "rate", mixed->light_rate);
    perf_json_count(&json, "connections", mixed->light_connections);
    perf_json_text(&json, "path", mixed->shape.light_path);
    perf_json_flag(&json, "closed", mixed->shape.light_closed);
    perf_report_json(&mixed->light, &json);
    perf_json_close(&json);
    apart_json(mixed, &json);
    hogs_json(mixed, &json);
    walkers_json(mixed, &json);
    perf_json_value(&json, "server",
                    mixed->server_stats[0] == '{' ? mixed->server_stats
                                                  : "null");
    perf_json_real(&json, "server_cpus", mixed->server_cpus);
    perf_json_count(&json, "server_status", (uint64_t)mixed->server_status);
    perf_stats_json(&mixed->counters, &json, "runtime");
    perf_json_count(&json, "unanswered", perf_mixed_unanswered(mixed));
    perf_json_flag(&json, "fine", perf_mixed_is_fine(mixed));
    perf_json_close(&json);
    return perf_json_print(&json, stdout);
}

int perf_mixed_report(const struct perf_mixed *mixed)
{
    return mixed->json ? print_json(mixed) : print_table(mixed);
}
