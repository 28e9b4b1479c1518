// SPDX-License-Identifier: MIT
/*
 * The command of stuck.h: a fresh runtime for each way, then one table.
 */
#include "perf/stuck.h"

#include <stdio.h>

#include <weft/error.h>
#include <weft/future.h>
#include <weft/runtime.h>

#include "perf/commands.h"
#include "perf/format.h"
#include "perf/options.h"
#include "perf/table.h"

#define STUCK_MAX 16 /* tasks of one way */

struct options {
    uint64_t workers;
    int64_t duration;
};

/* --- One way --- */

static void *run_beside(void *arg)
{
    struct perf_stuck *stuck = arg;
    const weft_spawn_options options = {.size = sizeof(options),
                                        .task_class = stuck->way->group};
    weft_future *all[STUCK_MAX];
    int rc;

    stuck->runtime = weft_runtime_ref(weft_running_loop());
    for (unsigned i = 0; i < stuck->way->count; i++) {
        all[i] = weft_spawn_with(&options, stuck->way->fn, stuck);
    }
    rc = perf_stuck_measure(stuck);
    atomic_store(&stuck->stop, true);
    for (unsigned i = 0; i < stuck->way->count; i++) {
        int ended = weft_await(all[i], NULL);

        rc = rc == 0 ? ended : rc;
    }
    weft_runtime_unref(stuck->runtime);
    return rc == 0 ? NULL : weft_fail(rc);
}

static int run_way(struct perf_stuck *stuck, const struct options *given)
{
    weft_options options = {.size = sizeof(options)};

    options.workers = (unsigned)(stuck->way->workers > 0 ? stuck->way->workers
                                                         : given->workers);
    stuck->duration = given->duration;
    return weft_run_with(&options, run_beside, stuck, NULL);
}

/* --- The table --- */

static struct perf_text late(const struct perf_stuck *stuck,
                             enum perf_stuck_other other, double percent)
{
    struct perf_text none = {""};

    return perf_histogram_count(&stuck->times[other]) > 0
               ? perf_format_ns((double)perf_histogram_percentile(
                     &stuck->times[other], percent))
               : none;
}

static double worst(const struct perf_stuck *stuck)
{
    double most = 0;

    for (int i = 0; i < PERF_STUCK_OTHERS; i++) {
        double p99 = (double)perf_histogram_percentile(&stuck->times[i], 99);

        most = p99 > most ? p99 : most;
    }
    return most;
}

static double wanted(const struct perf_stuck_way *way, double idle)
{
    return way->wanted > 0 ? (double)way->wanted : idle * way->against_idle;
}

static void add_row(const struct perf_stuck *stuck, double idle,
                    struct perf_table *table)
{
    double bound = wanted(stuck->way, idle);

    perf_table_row(table, stuck->way->about,
                   late(stuck, PERF_STUCK_TIMERS, 50).s,
                   late(stuck, PERF_STUCK_TIMERS, 99).s,
                   late(stuck, PERF_STUCK_SOCKETS, 50).s,
                   late(stuck, PERF_STUCK_SOCKETS, 99).s,
                   late(stuck, PERF_STUCK_SUBMITS, 50).s,
                   late(stuck, PERF_STUCK_SUBMITS, 99).s,
                   late(stuck, PERF_STUCK_WOKEN, 99).s,
                   bound > 0 ? perf_format_ns(bound).s : "",
                   bound == 0              ? ""
                   : worst(stuck) <= bound ? "kept"
                                           : "not kept");
}

/* --- All of them --- */

static int init(struct perf_stuck *stuck)
{
    int rc = 0;

    for (int i = 0; i < PERF_STUCK_OTHERS && rc == 0; i++) {
        rc = perf_histogram_init(&stuck->times[i]);
    }
    return rc;
}

static void fini(struct perf_stuck *stuck)
{
    for (int i = 0; i < PERF_STUCK_OTHERS; i++) {
        perf_histogram_fini(&stuck->times[i]);
    }
}

/* The first one is what the others are compared with. */
static int run_one(const struct perf_stuck_way *way,
                   const struct options *given, double *idle,
                   struct perf_table *table)
{
    struct perf_stuck stuck = {.way = way};
    int rc = init(&stuck);

    fprintf(stderr, "%s\n", way->about);
    if (rc == 0) {
        rc = run_way(&stuck, given);
    }
    if (rc == 0) {
        *idle = *idle > 0 ? *idle : worst(&stuck);
        add_row(&stuck, *idle, table);
    } else {
        fprintf(stderr, "weft-perf stuck: %s: %s\n", way->name,
                weft_strerror(rc));
    }
    fini(&stuck);
    return rc;
}

static int run_all(const struct options *given)
{
    struct perf_table table;
    const struct perf_stuck_way *way;
    double idle = 0;
    int rc = 0;

    perf_table_init(&table, "lrrrrrrrrl");
    perf_table_row(&table, "late by", "timers p50", "p99", "sockets p50", "p99",
                   "submits p50", "p99", "woken p99", "wanted", "");
    for (size_t i = 0; rc == 0 && (way = perf_stuck_ways(i)) != NULL; i++) {
        rc = run_one(way, given, &idle, &table);
    }
    rc = perf_table_print(&table, stdout) != 0 ? -1 : rc;
    perf_table_fini(&table);
    return rc == 0 ? 0 : 1;
}

int perf_stuck_command(int argc, char **argv)
{
    struct options given = {.workers = 2, .duration = WEFT_S(3)};
    const struct perf_option options[] = {
        {"workers", PERF_OPTION_COUNT, &given.workers, 1, 256, 0,
         "of the runtime (default 2)"},
        {"duration", PERF_OPTION_TIME, &given.duration, WEFT_MS(1),
         WEFT_S(3600), WEFT_S(1), "of each way to be stuck (default 3s)"},
        {0},
    };
    const struct perf_command command = {
        "stuck", "",
        "How late timers, sockets, submits and woken tasks are while others "
        "hold their\nthreads, in one way after the other. Exit status 0: all "
        "were measured.",
        options, NULL};
    int rc = perf_options_parse(&command, argc, argv);

    if (rc < 0) {
        return perf_options_status(rc);
    }
    if (rc > 0) {
        fputs("weft-perf stuck: takes options only\n", stderr);
        return 2;
    }
    return run_all(&given);
}
