// SPDX-License-Identifier: MIT
/*
 * `weft-perf mixed --rivals`: light requests beside H heavy ones, at weft and
 * at other servers, in turn, in one sitting. beside.c reads the command line,
 * beside_run.c measures, beside_report.c and beside_page.c tell. What the
 * servers of the others do is in the folders here.
 */
#ifndef WEFT_PERF_RIVALS_BESIDE_H
#define WEFT_PERF_RIVALS_BESIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The first two are in weft-perf itself. */
enum perf_server_kind {
    PERF_SERVER_WEFT,
    PERF_SERVER_THREADS,
    PERF_SERVER_GO,
    PERF_SERVER_TOKIO,
    PERF_SERVER_LIBUV,
    PERF_SERVERS
};

/* What is taken down of a run. */
enum perf_figure {
    PERF_FIGURE_P50, /* of the light requests, us, as the next three */
    PERF_FIGURE_P99,
    PERF_FIGURE_P999,
    PERF_FIGURE_MAX,
    PERF_FIGURE_HOGS,   /* heavy requests a second */
    PERF_FIGURE_FEWEST, /* of one connection, of the mean: 1 is fair */
    PERF_FIGURE_CPUS,   /* that the server kept busy */
    PERF_FIGURE_LATE,   /* us that the generator was late, p99 */
    PERF_FIGURE_UNANSWERED,
    PERF_FIGURES
};

#define PERF_BESIDE_RUNS_MAX 51
#define PERF_BESIDE_CROWDS_MAX 16

extern const struct perf_server_names {
    const char *program; /* its file, and its name in the JSON */
    const char *title;
} perf_server_names[PERF_SERVERS];

extern const char *const perf_figure_names[PERF_FIGURES];

/** One server beside so many heavy requests at a time. */
struct perf_beside_cell {
    bool measured; /* what follows is there */
    double runs[PERF_FIGURES][PERF_BESIDE_RUNS_MAX];
    double median[PERF_FIGURES];
};

struct perf_beside {
    /* From the command line. */
    uint64_t light_rate, light_connections, runs, workers, burn_us, block_us;
    int64_t duration;
    const char *programs, *json, *html;
    uint64_t crowds[PERF_BESIDE_CROWDS_MAX]; /* heavy requests at a time */
    size_t crowd_count;

    uint64_t rounds; /* of a heavy request; 0: it blocks */
    bool present[PERF_SERVERS];
    char version[PERF_SERVERS][24];
    double alone[PERF_SERVERS]; /* us that the fastest heavy request took */
    /* The generator against a bare loop without heavy requests, us. */
    double floor_p50, floor_p99, floor_late;
    struct perf_beside_cell cells[PERF_SERVERS][PERF_BESIDE_CROWDS_MAX];
    char machine[256], when[32];
    double load; /* for each CPU, when it began */
};

/** The command, with the arguments of `mixed`; an exit status. */
int perf_beside_command(int argc, char **argv);

/** Numbers with commas between them, in order and without repetition: the
 * crowds. 0 or -EINVAL. */
int perf_beside_crowds(struct perf_beside *, const char *text);

/** Measure everything; 0 or a negative code, told on standard error. What was
 * measured up to then is there. */
int perf_beside_run(struct perf_beside *);

/** Heavy requests a second, in per cent of what a thread per connection
 * manages; negative: there is nothing to compare. */
double perf_beside_share(const struct perf_beside *, int server, size_t crowd);

/** How the figures were had; sentences. */
extern const char perf_beside_method[];

/** A table; one JSON object; a page that needs nothing else. 0 or a negative
 * code. */
int perf_beside_print(const struct perf_beside *, FILE *to);
int perf_beside_json(const struct perf_beside *, FILE *to);
int perf_beside_page(const struct perf_beside *, FILE *to);

#endif
