// SPDX-License-Identifier: MIT
/*
 * The reports of report.h.
 */
#include "perf/report.h"

#include <string.h>

#include "perf/format.h"
#include "perf/table.h"

#define LATE_MAX WEFT_MS(1)

static const struct {
    const char *name;
    double percent;
} percentiles[] = {
    {"p50", 50},     {"p75", 75},       {"p90", 90},         {"p99", 99},
    {"p99.9", 99.9}, {"p99.99", 99.99}, {"p99.999", 99.999},
};

#define PERCENTILES (sizeof(percentiles) / sizeof(percentiles[0]))

bool perf_report_is_on_time(const struct perf_pace_result *result)
{
    return perf_histogram_percentile(&result->late, 99) <= LATE_MAX;
}

static struct perf_text percentile(const struct perf_histogram *histogram,
                                   double percent)
{
    return perf_format_ns(
        (double)perf_histogram_percentile(histogram, percent));
}

void perf_report_latency(const struct perf_pace_result *result, FILE *to)
{
    const struct perf_histogram *intended = &result->intended;
    const struct perf_histogram *actual = &result->actual;
    struct perf_table table;

    perf_table_init(&table, "lrr");
    perf_table_row(&table, "latency", "from intended start",
                   "from actual send");
    for (size_t i = 0; i < PERCENTILES; i++) {
        perf_table_row(&table, percentiles[i].name,
                       percentile(intended, percentiles[i].percent).s,
                       percentile(actual, percentiles[i].percent).s);
    }
    perf_table_row(&table, "max", percentile(intended, 100).s,
                   percentile(actual, 100).s);
    perf_table_row(&table, "mean",
                   perf_format_ns(perf_histogram_mean(intended)).s,
                   perf_format_ns(perf_histogram_mean(actual)).s);
    perf_table_print(&table, to);
    perf_table_fini(&table);
}

static uint64_t look(const _Atomic uint64_t *counter)
{
    return atomic_load(counter);
}

static double seconds(const struct perf_pace_result *result)
{
    double took = (double)(result->end - result->start) / 1e9;

    return took > 0 ? took : 1e-9;
}

static double us_per_request(const struct perf_pace_result *result)
{
    uint64_t done = look(&result->done);

    return done == 0 ? 0 : (double)result->cpu / 1e3 / (double)done;
}

static void print_failures(const struct perf_pace_result *result, FILE *to)
{
    fprintf(to, "failed: %s", perf_format_count(perf_pace_failures(result)).s);
    for (int i = 0; i < PERF_FAILURES; i++) {
        if (look(&result->failed[i]) > 0) {
            fprintf(to, ", %s %s", perf_failure_names[i],
                    perf_format_count(look(&result->failed[i])).s);
        }
    }
    fputs("\n", to);
}

void perf_report_counts(const struct perf_pace_result *result, FILE *to)
{
    double share = (double)result->cpu / 1e9 / seconds(result) * 100;

    fprintf(to, "sent: %s = %s done + %s failed + %s in flight at the end\n",
            perf_format_count(look(&result->sent)).s,
            perf_format_count(look(&result->done)).s,
            perf_format_count(perf_pace_failures(result)).s,
            perf_format_count(look(&result->in_flight)).s);
    if (look(&result->unsent) > 0) {
        fprintf(to, "never sent: %s, for want of a free connection\n",
                perf_format_count(look(&result->unsent)).s);
    }
    print_failures(result, to);
    fprintf(to, "rate: %s requests/s, %s of bodies\n",
            perf_format_real((double)look(&result->done) / seconds(result)).s,
            perf_format_bytes((double)look(&result->bytes)).s);
    fprintf(to,
            "generator: %s of CPU a request (%s %% of a core), "
            "late by p50 %s, p99 %s, max %s\n",
            perf_format_ns(us_per_request(result) * 1e3).s,
            perf_format_real(share).s, percentile(&result->late, 50).s,
            percentile(&result->late, 99).s, percentile(&result->late, 100).s);
}

void perf_report_histogram_json(const struct perf_histogram *histogram,
                                struct perf_json *json, const char *key)
{
    perf_json_open(json, key);
    perf_json_count(json, "count", perf_histogram_count(histogram));
    for (size_t i = 0; i < PERCENTILES; i++) {
        int64_t ns =
            perf_histogram_percentile(histogram, percentiles[i].percent);

        perf_json_real(json, percentiles[i].name, (double)ns / 1e3);
    }
    perf_json_real(json, "max", (double)perf_histogram_max(histogram) / 1e3);
    perf_json_real(json, "mean", perf_histogram_mean(histogram) / 1e3);
    perf_json_close(json);
}

static void failures_json(const struct perf_pace_result *result,
                          struct perf_json *json)
{
    perf_json_open(json, "errors");
    for (int i = PERF_FAILURE_CONNECT; i < PERF_FAILURE_CANCELLED; i++) {
        perf_json_count(json, perf_failure_names[i], look(&result->failed[i]));
    }
    perf_json_close(json);
}

void perf_report_json(const struct perf_pace_result *result,
                      struct perf_json *json)
{
    perf_json_count(json, "offered", look(&result->offered));
    perf_json_count(json, "sent", look(&result->sent));
    perf_json_count(json, "done", look(&result->done));
    perf_json_count(json, "failed", perf_pace_failures(result));
    perf_json_count(json, "in_flight", look(&result->in_flight));
    perf_json_count(json, "unsent", look(&result->unsent));
    failures_json(result, json);
    perf_json_count(json, "bytes", look(&result->bytes));
    perf_json_real(json, "seconds", seconds(result));
    perf_json_real(json, "per_second",
                   (double)look(&result->done) / seconds(result));
    perf_report_histogram_json(&result->intended, json, "corrected_us");
    perf_report_histogram_json(&result->actual, json, "uncorrected_us");
    perf_report_histogram_json(&result->late, json, "lateness_us");
    perf_json_real(json, "cpu_us_per_request", us_per_request(result));
    perf_json_flag(json, "interrupted", result->interrupted);
    perf_json_flag(json, "verdict", perf_report_is_on_time(result));
}
