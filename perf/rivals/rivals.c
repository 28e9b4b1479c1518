// SPDX-License-Identifier: MIT
/*
 * `weft-perf rivals`: which workloads, against whom, and whether weft is where
 * it should be.
 */
#include "perf/rivals/rivals.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include <weft.h>

#include "perf/commands.h"
#include "perf/format.h"
#include "perf/micro/micro.h"
#include "perf/options.h"
#include "perf/output.h"
#include "perf/rivals/machine.h"

#define STATUS_MISSED 3 /* all was measured, a limit was not kept */

/* What an operation is, and how much less than the better of Go and Tokio it
 * must cost. The limit of fork/join is to the bare deque, not to these. */
static const struct {
    const char *name;
    double limit;
    const char *about;
} workloads[] = {
    {"spawn_join", 1. / 4, "1 000 tasks spawned, then awaited; a task"},
    {"spawn_one", 1. / 8, "a task spawned and awaited at once"},
    {"yield", 1. / 2, "1 000 tasks let each other run; a yield"},
    {"pingpong", 1. / 4, "a round trip through two queues of one slot"},
    {"fib", 0, "fork and join, a call (Go, Tokio: fib(27), a task a call)"},
    {"skynet", 1. / 6, "a tree of tasks with a million leaves; a node"},
    {"foreign_sync", 1. / 5, "an OS thread submits a coroutine and waits"},
    {"foreign_pipe", 1. / 3, "the same, 1 000 at a time"},
    {"exec_sync", 0,
     "a job on a pool of 2 threads (libuv: 4; Tokio: up to 512), awaited"},
    {"exec_pipe", 0, "the same, 1 000 at a time"},
    {"mpmc", 1, "4 producers, 4 consumers, a queue of 1 024; an item"},
    {"mutex", 1. / 2, "1 000 tasks share a lock; lock and unlock"},
    {"timer_cancel", 1. / 4, "a timer armed for an hour and cancelled"},
    {"nqueens", 0, "12 queens by fork and join; a board"},
    {"matmul", 0, "512 x 512 doubles by fork and join; 64 x 64 of them"},
    {"uts", 0, "an unbalanced tree by fork and join; a node"},
};

#define WORKLOADS (sizeof(workloads) / sizeof(workloads[0]))

_Static_assert(WORKLOADS <= PERF_RIVALS_ROWS_MAX, "rows for all workloads");

/* --- What is to be run --- */

static void add_row(struct perf_rivals *rivals, size_t i)
{
    if (!perf_micro_has(workloads[i].name)) {
        printf("%s: skipped: this weft-perf has no such workload\n",
               workloads[i].name);
        return;
    }
    rivals->rows[rivals->count++] =
        (struct perf_rivals_row){.workload = workloads[i].name,
                                 .about = workloads[i].about,
                                 .limit = workloads[i].limit};
}

static struct perf_word workload_at(size_t n)
{
    return n < WORKLOADS
               ? (struct perf_word){workloads[n].name, workloads[n].about}
               : (struct perf_word){NULL, NULL};
}

/* All if none is named, in the order of the list, each once. */
static void choose(struct perf_rivals *rivals, int n, char **names)
{
    for (size_t i = 0; i < WORKLOADS; i++) {
        bool chosen = n == 0;

        for (int j = 0; j < n; j++) {
            chosen |= strcmp(names[j], workloads[i].name) == 0;
        }
        if (chosen) {
            add_row(rivals, i);
        }
    }
}

/* Who is there; false if one is missing that must not. */
static bool look_around(struct perf_rivals *rivals)
{
    bool complete = true;

    rivals->present[PERF_RUNNER_WEFT] = true;
    for (int i = PERF_RUNNER_WEFT + 1; i < PERF_RUNNERS; i++) {
        char path[PATH_MAX + 16];

        snprintf(path, sizeof(path), "%s/%s", rivals->programs,
                 perf_runner_names[i].program);
        rivals->present[i] = access(path, X_OK) == 0;
        if (!rivals->present[i]) {
            fprintf(stderr, "weft-perf rivals: %s: %s: not built\n",
                    perf_runner_names[i].title, path);
            complete &= i > PERF_RIVALS_REQUIRED;
        }
    }
    if (!complete) {
        fputs("weft-perf rivals: there is no comparison without Go and Tokio: "
              "`make rivals` installs what they need, builds and runs them\n",
              stderr);
    }
    return complete;
}

/* --- Where and when --- */

static void describe(struct perf_rivals *rivals)
{
    rivals->load = perf_machine_load();
    perf_machine_name(rivals->machine, sizeof(rivals->machine));
    perf_machine_when(rivals->when, sizeof(rivals->when));
    snprintf(rivals->version[PERF_RUNNER_WEFT],
             sizeof(rivals->version[PERF_RUNNER_WEFT]), "%d.%d.%d",
             WEFT_VERSION_MAJOR, WEFT_VERSION_MINOR, WEFT_VERSION_PATCH);
}

/* --- The run and its end --- */

static int measure_all(struct perf_rivals *rivals)
{
    int rc = 0;

    for (size_t i = 0; i < rivals->count; i++) {
        int one;

        fprintf(stderr, "measuring %s (%zu of %zu)\n", rivals->rows[i].workload,
                i + 1, rivals->count);
        one = perf_rivals_measure(rivals, &rivals->rows[i]);
        rc = rc != 0 ? rc : one;
    }
    return rc;
}

static int write_json(const void *rivals, FILE *to)
{
    return perf_rivals_json(rivals, to);
}

static int write_page(const void *rivals, FILE *to)
{
    return perf_rivals_page(rivals, to);
}

static int tell(const struct perf_rivals *rivals)
{
    int rc = perf_rivals_print(rivals, stdout);
    int json = perf_output(rivals->json, write_json, rivals);
    int page = perf_output(rivals->html, write_page, rivals);

    rc = rc != 0 ? rc : json;
    return rc != 0 ? rc : page;
}

static bool all_pass(const struct perf_rivals *rivals)
{
    for (size_t i = 0; i < rivals->count; i++) {
        const struct perf_rivals_row *row = &rivals->rows[i];

        if (row->compared && row->limit > 0 && !perf_rivals_passes(row)) {
            return false;
        }
    }
    return true;
}

static int run(struct perf_rivals *rivals)
{
    int rc, told;

    if (!look_around(rivals)) {
        return 1;
    }
    describe(rivals);
    perf_calibrate(&rivals->units, (unsigned long)rivals->scale);
    rc = measure_all(rivals);
    told = tell(rivals);
    if (rc != 0 || told != 0) {
        return 1;
    }
    return all_pass(rivals) ? 0 : STATUS_MISSED;
}

int perf_rivals_command(int argc, char **argv)
{
    static struct perf_rivals rivals = {.pairs = 11, .workers = 2, .scale = 1};
    const struct perf_option options[] = {
        {"pairs", PERF_OPTION_COUNT, &rivals.pairs, 1, PERF_RIVALS_PAIRS_MAX, 0,
         "runs of each, in turn (default 11)"},
        {"workers", PERF_OPTION_COUNT, &rivals.workers, 1, 256, 0,
         "workers of each (default 2)"},
        {"scale", PERF_OPTION_COUNT, &rivals.scale, 1, 1000000, 0,
         "divide all counts by this (default 1)"},
        {"json", PERF_OPTION_TEXT, &rivals.json, 0, 0, 0,
         "write every figure to this file"},
        {"html", PERF_OPTION_TEXT, &rivals.html, 0, 0, 0,
         "write a page with plots to this file"},
        {"programs", PERF_OPTION_TEXT, &rivals.programs, 0, 0, 0,
         "the folder of the rivals (default: build/rivals)"},
        {0},
    };
    const struct perf_command command = {
        "rivals", "[WORKLOAD ...]",
        "Measure weft beside Go, Tokio and others, in turn, in one sitting.\n"
        "Exit status: 0, weft is within its limits; 3, it is not; 1, failed.",
        options, workload_at};
    int others = perf_options_parse(&command, argc, argv);

    if (others < 0) {
        return perf_options_status(others);
    }
    if (rivals.programs == NULL) {
        rivals.programs = perf_rivals_programs();
    }
    choose(&rivals, others, argv);
    return run(&rivals);
}
