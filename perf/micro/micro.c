// SPDX-License-Identifier: MIT
/*
 * `weft-perf micro` and `weft-perf calibrate`: which workloads, how often, and
 * what came of them. Each run is compared with what a malloc pair and a bare
 * switch cost in the same run of the program: machines differ, ratios less.
 */
#include "perf/micro/micro.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft.h>

#include "perf/calibrate.h"
#include "perf/commands.h"
#include "perf/format.h"
#include "perf/json.h"
#include "perf/median.h"
#include "perf/options.h"
#include "perf/stats.h"
#include "perf/table.h"

#define REPEAT_MAX 1000

static const struct workload {
    const char *name;
    perf_micro_run *run;
    const char *about;
} workloads[] = {
    {"spawn_join", perf_micro_spawn_join, "1 000 tasks spawned, then awaited"},
    {"crowded", perf_micro_crowded, "spawn_join with 64 workers"},
    {"spawn_one", perf_micro_spawn_one, "a task spawned and awaited at once"},
    {"yield", perf_micro_yield, "1 000 tasks let each other run"},
    {"pingpong", perf_micro_pingpong, "a round trip between two tasks"},
    {"mpmc", perf_micro_mpmc, "an item through a queue of 1 024 places"},
    {"mutex", perf_micro_mutex, "a mutex of 1 000 tasks locked and unlocked"},
    {"foreign_sync", perf_micro_foreign_sync,
     "a foreign thread submits a coroutine and waits"},
    {"foreign_pipe", perf_micro_foreign_pipe, "the same, 1 000 at a time"},
    {"exec_sync", perf_micro_exec_sync,
     "a job given to a pool of two threads and awaited"},
    {"exec_pipe", perf_micro_exec_pipe, "the same, 1 000 at a time"},
    {"timer_cancel", perf_micro_timer_cancel, "a timer armed and cancelled"},
    {"group", perf_micro_group, "a child of a group of 1 000"},
    {"scope", perf_micro_scope, "a deadline entered and left"},
    {"gather", perf_micro_gather, "one of 100 tasks gathered"},
    {"waiters", perf_micro_waiters, "one of 1 000 that wait for one future"},
    {"context_get", perf_micro_context_get, "one of 20 context variables read"},
    {"context_set", perf_micro_context_set, "one of 20 context variables set"},
    {"spawn_vars", perf_micro_spawn_vars, "spawn_join with 20 of them set"},
    {"fib", perf_micro_fib, "a call of fib(32), forked"},
    {"nqueens", perf_micro_nqueens, "a board of up to 12 queens, forked"},
    {"matmul", perf_micro_matmul,
     "64 x 64 doubles of 512 x 512, times as many"},
    {"uts", perf_micro_uts, "a node of an unbalanced tree"},
    {"skynet", perf_micro_skynet, "a task of a tree with 1 000 000 leaves"},
    {"broadcast", perf_micro_broadcast, "one of 10 000 told by one future"},
    {"remote_storm", perf_micro_remote_storm,
     "a coroutine submitted by one of 8 foreign threads"},
    {"sleepers", perf_micro_sleepers, "tasks asleep at once"},
    {"later", perf_micro_later, "callbacks that wait for their moment"},
};

#define WORKLOADS (sizeof(workloads) / sizeof(workloads[0]))

struct session {
    uint64_t workers, repeat, scale;
    bool no_monitor;
    bool json, stats;
    bool chosen[WORKLOADS];
    bool calibrate; /* as a result of its own */
    struct perf_calibration units;
    struct perf_table table;
};

/* The medians of some runs of a workload. */
struct outcome {
    uint64_t ops;
    uint64_t mappings; /* of the last */
    double ns_per_op, best, worst, rss_per_task, per_worker, per_bare_stack,
        cpu_per_bare_stack, of_two;
    weft_counters counters; /* of the last */
};

static int repeat(const struct session *session, const struct workload *work,
                  struct outcome *out)
{
    static double ns[REPEAT_MAX], rss[REPEAT_MAX], each[REPEAT_MAX];
    static double bare[REPEAT_MAX], cpu[REPEAT_MAX], two[REPEAT_MAX];

    for (uint64_t i = 0; i < session->repeat; i++) {
        struct perf_micro micro = {.workers = (unsigned)session->workers,
                                   .no_monitor = session->no_monitor,
                                   .scale = session->scale};
        int rc = work->run(&micro);

        if (rc != 0) {
            return rc;
        }
        ns[i] = micro.ns / (double)micro.ops;
        rss[i] = micro.rss_per_task;
        each[i] = micro.per_worker;
        bare[i] = micro.per_bare_stack;
        cpu[i] = micro.cpu_per_bare_stack;
        two[i] = micro.of_two;
        out->ops = micro.ops;
        out->mappings = micro.mappings;
        out->counters = micro.counters;
    }
    out->ns_per_op = perf_median(ns, session->repeat);
    out->best = ns[0];
    out->worst = ns[session->repeat - 1];
    out->rss_per_task = perf_median(rss, session->repeat);
    out->per_worker = perf_median(each, session->repeat);
    out->per_bare_stack = perf_median(bare, session->repeat);
    out->cpu_per_bare_stack = perf_median(cpu, session->repeat);
    out->of_two = perf_median(two, session->repeat);
    return 0;
}

static int print_json(const struct session *session,
                      const struct workload *work, const struct outcome *out)
{
    char text[2048];
    struct perf_json json;

    perf_json_init(&json, text, sizeof(text));
    perf_json_open(&json, NULL);
    perf_json_text(&json, "runtime", "weft");
    perf_json_text(&json, "workload", work->name);
    perf_json_count(&json, "workers", session->workers);
    perf_json_count(&json, "ops", out->ops);
    if (out->rss_per_task > 0) {
        perf_json_real(&json, "rss_per_task", out->rss_per_task);
        perf_json_count(&json, "mappings", out->mappings);
    }
    if (out->per_bare_stack > 0) {
        perf_json_real(&json, "per_bare_stack", out->per_bare_stack);
        perf_json_real(&json, "cpu_per_bare_stack", out->cpu_per_bare_stack);
    }
    if (out->per_worker > 0) {
        perf_json_real(&json, "per_worker", out->per_worker);
    }
    if (out->of_two > 0) {
        perf_json_real(&json, "of_two", out->of_two);
    }
    perf_json_real(&json, "ns_per_op", out->ns_per_op);
    perf_json_real(&json, "ns_per_op_min", out->best);
    perf_json_real(&json, "ns_per_op_max", out->worst);
    perf_json_count(&json, "repeat", session->repeat);
    perf_json_real(&json, "per_malloc_pair",
                   out->ns_per_op / session->units.malloc_pair);
    perf_json_real(&json, "per_bare_switch",
                   out->ns_per_op / session->units.bare_switch);
    perf_json_real(&json, "per_bare_fork",
                   out->ns_per_op / session->units.bare_fork);
    perf_json_real(&json, "per_bare_fork_x2",
                   out->ns_per_op / session->units.bare_fork_x2);
    if (session->stats) {
        perf_stats_json(&out->counters, &json, "stats");
    }
    perf_json_close(&json);
    return perf_json_print(&json, stdout);
}

static struct perf_text ratio(double ns, double unit)
{
    return unit > 0 ? perf_format_real(ns / unit) : (struct perf_text){"-"};
}

static void add_row(struct session *session, const struct workload *work,
                    const struct outcome *out)
{
    char about[160] = "";

    if (out->rss_per_task > 0) {
        snprintf(about, sizeof(about), "%s B of memory each, %s mappings; ",
                 perf_format_real(out->rss_per_task).s,
                 perf_format_count(out->mappings).s);
    }
    if (out->per_bare_stack > 0) {
        size_t n = strlen(about);

        snprintf(about + n, sizeof(about) - n,
                 "%s of the time of a bare stack, %s of its CPU; ",
                 perf_format_real(out->per_bare_stack).s,
                 perf_format_real(out->cpu_per_bare_stack).s);
    }
    if (out->of_two > 0) {
        snprintf(about, sizeof(about), "%s of the speed of two workers; ",
                 perf_format_real(out->of_two).s);
    }
    if (out->per_worker > 0) {
        snprintf(about, sizeof(about), "%s of plain code per worker; ",
                 perf_format_real(out->per_worker).s);
    }
    strncat(about, work->about, sizeof(about) - strlen(about) - 1);
    perf_table_row(&session->table, work->name, perf_format_count(out->ops).s,
                   perf_format_real(out->ns_per_op).s,
                   ratio(out->ns_per_op, session->units.malloc_pair).s,
                   ratio(out->ns_per_op, session->units.bare_switch).s, about);
}

static int run_one(struct session *session, const struct workload *work)
{
    struct outcome out = {0};
    int rc = repeat(session, work, &out);

    if (rc != 0) {
        fprintf(stderr, "weft-perf micro: %s: %s\n", work->name,
                weft_strerror(rc));
        return rc;
    }
    if (session->json) {
        return print_json(session, work, &out);
    }
    add_row(session, work, &out);
    if (session->stats) {
        printf("%s:\n", work->name);
        perf_stats_print(&out.counters, stdout);
        printf("\n");
    }
    return 0;
}

static int run_chosen(struct session *session)
{
    int rc = 0;

    for (size_t i = 0; i < WORKLOADS; i++) {
        if (session->chosen[i]) {
            int one = run_one(session, &workloads[i]);

            rc = rc != 0 ? rc : one;
        }
    }
    return rc;
}

/* --- The units --- */

static int print_units_json(const struct session *session)
{
    const struct perf_calibration *units = &session->units;
    char text[512];
    struct perf_json json;

    perf_json_init(&json, text, sizeof(text));
    perf_json_open(&json, NULL);
    perf_json_text(&json, "runtime", "machine");
    perf_json_text(&json, "workload", "calibrate");
    perf_json_real(&json, "malloc_pair_ns", units->malloc_pair);
    perf_json_real(&json, "atomic_add_ns", units->atomic_add);
    perf_json_real(&json, "first_touch_ns", units->first_touch);
    perf_json_real(&json, "bare_switch_ns", units->bare_switch);
    perf_json_real(&json, "bare_fork_ns", units->bare_fork);
    perf_json_real(&json, "bare_fork_x2_ns", units->bare_fork_x2);
    perf_json_real(&json, "work_unit_ns", units->work_unit);
    perf_json_close(&json);
    return perf_json_print(&json, stdout);
}

static int print_units(const struct session *session)
{
    const struct perf_calibration *units = &session->units;
    struct perf_table table;
    int rc;

    perf_table_init(&table, "lrl");
    perf_table_row(&table, "this machine", "ns", "");
    perf_table_row(&table, "malloc pair",
                   perf_format_real(units->malloc_pair).s,
                   "malloc(64) and its free");
    perf_table_row(&table, "atomic add", perf_format_real(units->atomic_add).s,
                   "on a line nobody else uses");
    perf_table_row(&table, "first touch",
                   perf_format_real(units->first_touch).s,
                   "of a fresh page of memory");
    perf_table_row(&table, "bare switch",
                   perf_format_real(units->bare_switch).s,
                   "from one stack to another, one way");
    perf_table_row(&table, "bare fork", perf_format_real(units->bare_fork).s,
                   "a call of fib() over a bare deque");
    perf_table_row(&table, "bare fork x2",
                   perf_format_real(units->bare_fork_x2).s,
                   "the same beside a second thread that steals");
    perf_table_row(&table, "work unit", perf_format_real(units->work_unit).s,
                   "1 000 rounds of the arithmetic of /burn");
    rc = perf_table_print(&table, stdout);
    perf_table_fini(&table);
    return rc;
}

static int calibrate(struct session *session)
{
    perf_calibrate(&session->units, (unsigned long)session->scale);
    if (session->json && !session->calibrate) {
        return 0;
    }
    return session->json ? print_units_json(session) : print_units(session);
}

/* --- The command --- */

static struct perf_word workload_at(size_t n)
{
    if (n == 0) {
        return (struct perf_word){"calibrate", "the units that these are in"};
    }
    return n <= WORKLOADS ? (struct perf_word){workloads[n - 1].name,
                                               workloads[n - 1].about}
                          : (struct perf_word){NULL, NULL};
}

bool perf_micro_has(const char *name)
{
    return perf_options_has(workload_at, name);
}

/* Those that are named: all if none is. */
static void choose(struct session *session, int n, char **names)
{
    session->calibrate |= n == 0;
    for (size_t i = 0; i < WORKLOADS; i++) {
        session->chosen[i] = n == 0;
    }
    for (int k = 0; k < n; k++) {
        session->calibrate |= strcmp(names[k], "calibrate") == 0;
        for (size_t i = 0; i < WORKLOADS; i++) {
            session->chosen[i] |= strcmp(names[k], workloads[i].name) == 0;
        }
    }
}

/* As many workers as a runtime has if it is not told. */
static int count_workers(struct session *session)
{
    struct perf_micro micro = {.workers = (unsigned)session->workers};
    weft_runtime_info info;
    weft_runtime *runtime;
    int rc = perf_micro_open(&micro, &runtime);

    if (rc != 0) {
        fprintf(stderr, "weft-perf micro: %s\n", weft_strerror(rc));
        return rc;
    }
    weft_info(runtime, &info);
    session->workers = info.workers;
    return perf_micro_close(&micro, runtime);
}

static bool runs_any(const struct session *session)
{
    for (size_t i = 0; i < WORKLOADS; i++) {
        if (session->chosen[i]) {
            return true;
        }
    }
    return false;
}

static int run_session(struct session *session)
{
    int rc = calibrate(session);

    if (rc != 0 || !runs_any(session)) {
        return rc;
    }
    rc = count_workers(session);
    if (rc != 0) {
        return rc;
    }
    perf_table_init(&session->table, "lrrrrl");
    perf_table_row(&session->table, "workload", "operations", "ns each",
                   "malloc pairs", "bare switches", "");
    rc = run_chosen(session);
    if (!session->json) {
        printf("\n%llu workers, medians of %llu\n",
               (unsigned long long)session->workers,
               (unsigned long long)session->repeat);
        perf_table_print(&session->table, stdout);
    }
    perf_table_fini(&session->table);
    return rc;
}

int perf_micro_command(int argc, char **argv)
{
    static struct session session = {.repeat = 5, .scale = 1};
    const struct perf_option options[] = {
        {"workers", PERF_OPTION_COUNT, &session.workers, 1, 256, 0,
         "workers (default: one for each CPU)"},
        {"no-monitor", PERF_OPTION_FLAG, &session.no_monitor, 0, 0, 0,
         "nobody looks for stuck workers"},
        {"repeat", PERF_OPTION_COUNT, &session.repeat, 1, REPEAT_MAX, 0,
         "runs of each workload, of which the median counts (default 5)"},
        {"scale", PERF_OPTION_COUNT, &session.scale, 1, 1000000, 0,
         "divide all counts by this (default 1)"},
        {"json", PERF_OPTION_FLAG, &session.json, 0, 0, 0,
         "one JSON object a line"},
        {"stats", PERF_OPTION_FLAG, &session.stats, 0, 0, 0,
         "the runtime's counters of the last run of each, too"},
        {0},
    };
    const struct perf_command command = {
        "micro", "[WORKLOAD ...]", "Measure single operations of the runtime.",
        options, workload_at};
    int others = perf_options_parse(&command, argc, argv);

    if (others < 0) {
        return perf_options_status(others);
    }
    choose(&session, others, argv);
    return run_session(&session) == 0 ? 0 : 1;
}

int perf_calibrate_command(int argc, char **argv)
{
    static struct session session = {.scale = 1, .calibrate = true};
    const struct perf_option options[] = {
        {"json", PERF_OPTION_FLAG, &session.json, 0, 0, 0, "one JSON object"},
        {0},
    };
    const struct perf_command command = {
        "calibrate", "", "What elementary things cost on this machine.",
        options, NULL};
    int others = perf_options_parse(&command, argc, argv);

    if (others < 0) {
        return perf_options_status(others);
    }
    return run_session(&session) == 0 ? 0 : 1;
}
