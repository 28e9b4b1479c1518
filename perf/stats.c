// SPDX-License-Identifier: MIT
/*
 * The counters of stats.h, by the list in the public header: a new counter
 * turns up here by itself.
 */
#include "perf/stats.h"

#include "perf/format.h"
#include "perf/table.h"

void perf_stats_print(const weft_counters *counters, FILE *to)
{
    struct perf_table table;

    perf_table_init(&table, "lrl");
#define ROW(name, text)                                                        \
    perf_table_row(&table, #name, perf_format_count(counters->name).s, text);
    WEFT_COUNTERS(ROW)
#undef ROW
    perf_table_print(&table, to);
    perf_table_fini(&table);
}

void perf_stats_json(const weft_counters *counters, struct perf_json *json,
                     const char *key)
{
    perf_json_open(json, key);
#define MEMBER(name, text) perf_json_count(json, #name, counters->name);
    WEFT_COUNTERS(MEMBER)
#undef MEMBER
    perf_json_close(json);
}
