// SPDX-License-Identifier: MIT
/*
 * The runs of beside.h. Each is a `weft-perf mixed` of its own, with a fresh
 * server and a fresh generator that inherit nothing; in each round, every
 * server has one, and the one that begins changes.
 */
#include "perf/rivals/beside.h"

#include <errno.h>
#include <string.h>

#include <weft/error.h>
#include <weft/time.h>

#include "perf/capture.h"
#include "perf/median.h"
#include "perf/rivals/rivals.h"

#define PATH_SIZE 4096
#define TEXT_SIZE 32768
#define PATIENCE WEFT_S(120) /* beyond the duration */
#define ALONE_DURATION WEFT_S(1)

/* Where a figure stands in what `mixed --json` prints: behind the first
 * `inside`, if there is one, by the name of `key`. */
static const struct place {
    const char *inside, *key;
} places[PERF_FIGURES] = {
    [PERF_FIGURE_P50] = {"\"corrected_us\":", "p50"},
    [PERF_FIGURE_P99] = {"\"corrected_us\":", "p99"},
    [PERF_FIGURE_P999] = {"\"corrected_us\":", "p99.9"},
    [PERF_FIGURE_MAX] = {"\"corrected_us\":", "max"},
    [PERF_FIGURE_HOGS] = {"\"hogs\":", "per_second"},
    [PERF_FIGURE_FEWEST] = {"\"hogs\":", "fewest"},
    [PERF_FIGURE_CPUS] = {"", "server_cpus"},
    [PERF_FIGURE_LATE] = {"\"lateness_us\":", "p99"},
    [PERF_FIGURE_UNANSWERED] = {"", "unanswered"},
};

static bool read_number(const char *json, const char *inside, const char *key,
                        double *out)
{
    const char *at = strstr(json, inside);

    return at != NULL && perf_rivals_number(at, key, out);
}

/* --- One child --- */

/* A command line; numbers are kept in it as texts. */
struct line {
    const char *of[32];
    char texts[8][24], path[PATH_SIZE];
    int count, numbers;
};

static void add(struct line *line, const char *word)
{
    line->of[line->count++] = word;
}

static void add_number(struct line *line, const char *name, uint64_t n)
{
    char *text = line->texts[line->numbers++];

    snprintf(text, sizeof(line->texts[0]), "%llu", (unsigned long long)n);
    add(line, name);
    add(line, text);
}

static void add_duration(struct line *line, int64_t duration)
{
    char *text = line->texts[line->numbers++];

    snprintf(text, sizeof(line->texts[0]), "%lldns", (long long)duration);
    add(line, "--duration");
    add(line, text);
}

static const char *program_path(const struct perf_beside *beside, int server,
                                char *path)
{
    snprintf(path, PATH_SIZE, "%s/%s", beside->programs,
             perf_server_names[server].program);
    return path;
}

static void add_server(const struct perf_beside *beside, int server,
                       struct line *line)
{
    add_number(line, "--workers", beside->workers);
    if (server == PERF_SERVER_THREADS) {
        add(line, "--threads");
    } else if (server != PERF_SERVER_WEFT) {
        add(line, "--server");
        add(line, program_path(beside, server, line->path));
    }
}

static void add_hogs(const struct perf_beside *beside, uint64_t crowd,
                     struct line *line)
{
    add_number(line, "--hogs", crowd);
    if (beside->rounds > 0) {
        add_number(line, "--burn-rounds", beside->rounds);
    } else {
        add_number(line, "--block-us", beside->block_us);
    }
}

static int complain(int server, const char *what)
{
    fprintf(stderr, "weft-perf mixed: %s: %s\n",
            perf_server_names[server].title, what);
    return -EPROTO;
}

/* Run ourselves; what it printed is in `out`. A status of 1 is told by what it
 * printed: something was not answered, or it is no JSON. */
static int run_line(const struct line *line, int server, int64_t duration,
                    char *out)
{
    int status = perf_capture("/proc/self/exe", line->of, out, TEXT_SIZE,
                              duration + PATIENCE);
    char what[64];

    if (status < 0) {
        return complain(server, weft_strerror(status));
    }
    if (status > 1 || out[0] != '{') {
        snprintf(what, sizeof(what), "a run ended with status %d", status);
        return complain(server, what);
    }
    return 0;
}

static int run_mixed(const struct perf_beside *beside, int server,
                     uint64_t crowd, uint64_t rate, int64_t duration, char *out)
{
    struct line line = {.of = {"weft-perf", "mixed", "--json"}, .count = 3};

    add_number(&line, "--light-rate", rate);
    add_number(&line, "--light-connections", beside->light_connections);
    add_duration(&line, duration);
    add_server(beside, server, &line);
    add_hogs(beside, crowd, &line);
    return run_line(&line, server, duration, out);
}

/* --- What a run came to --- */

static int measure_once(struct perf_beside *beside, int server, size_t crowd,
                        uint64_t run)
{
    struct perf_beside_cell *cell = &beside->cells[server][crowd];
    char out[TEXT_SIZE];
    int rc = run_mixed(beside, server, beside->crowds[crowd],
                       beside->light_rate, beside->duration, out);

    for (int i = 0; rc == 0 && i < PERF_FIGURES; i++) {
        if (!read_number(out, places[i].inside, places[i].key,
                         &cell->runs[i][run])) {
            rc = complain(server, "a run did not tell all its figures");
        }
    }
    return rc;
}

static void conclude(const struct perf_beside *beside,
                     struct perf_beside_cell *cell)
{
    for (int i = 0; i < PERF_FIGURES; i++) {
        double sorted[PERF_BESIDE_RUNS_MAX];

        memcpy(sorted, cell->runs[i], beside->runs * sizeof(*sorted));
        cell->median[i] = perf_median(sorted, beside->runs);
    }
    cell->measured = true;
}

static int measure_crowd(struct perf_beside *beside, size_t crowd)
{
    for (uint64_t run = 0; run < beside->runs; run++) {
        fprintf(stderr, "%llu heavy ones, run %llu of %llu\n",
                (unsigned long long)beside->crowds[crowd],
                (unsigned long long)run + 1, (unsigned long long)beside->runs);
        for (uint64_t i = 0; i < PERF_SERVERS; i++) {
            int server = (int)((run + crowd + i) % PERF_SERVERS);
            int rc = beside->present[server]
                         ? measure_once(beside, server, crowd, run)
                         : 0;

            if (rc != 0) {
                return rc;
            }
        }
    }
    for (int i = 0; i < PERF_SERVERS; i++) {
        if (beside->present[i]) {
            conclude(beside, &beside->cells[i][crowd]);
        }
    }
    return 0;
}

/* --- Before the runs --- */

/* One heavy request at a time, nothing else: the same work takes the same time
 * everywhere, or the compilers did not make the same of it. */
static int measure_alone(struct perf_beside *beside, int server)
{
    int64_t duration =
        ALONE_DURATION + WEFT_US(5 * (beside->burn_us + beside->block_us));
    char out[TEXT_SIZE];
    int rc = run_mixed(beside, server, 1, 1, duration, out);

    if (rc == 0 &&
        !read_number(out, "\"hogs\":", "fastest_us", &beside->alone[server])) {
        rc = complain(server, "no heavy request was answered");
    }
    return rc;
}

static void ask_version(struct perf_beside *beside, int server)
{
    char path[PATH_SIZE], out[256];
    const char *const argv[] = {perf_server_names[server].program, "--version",
                                NULL};

    if (perf_capture(program_path(beside, server, path), argv, out, sizeof(out),
                     PATIENCE) == 0) {
        snprintf(beside->version[server], sizeof(beside->version[server]),
                 "%.*s", (int)strcspn(out, "\n"), out);
    }
}

/* What no server can beat. */
static int measure_floor(struct perf_beside *beside)
{
    struct line line = {.of = {"weft-perf", "load", "--floor", "--json"},
                        .count = 4};
    char out[TEXT_SIZE];
    int status;

    add_number(&line, "--rate", beside->light_rate);
    add_number(&line, "--connections", beside->light_connections);
    status =
        perf_capture("/proc/self/exe", line.of, out, sizeof(out), PATIENCE);
    if (status < 0 ||
        !read_number(out, "\"floor_us\":", "p50", &beside->floor_p50) ||
        !read_number(out, "\"floor_us\":", "p99", &beside->floor_p99) ||
        !read_number(out, "\"floor_lateness_us\":", "p99",
                     &beside->floor_late)) {
        fputs("weft-perf mixed: the generator's floor is unknown\n", stderr);
        return -EPROTO;
    }
    return 0;
}

int perf_beside_run(struct perf_beside *beside)
{
    int rc;

    fputs("measuring the generator's floor, then one heavy request alone\n",
          stderr);
    rc = measure_floor(beside);
    for (int i = 0; rc == 0 && i < PERF_SERVERS; i++) {
        if (beside->present[i]) {
            if (i > PERF_SERVER_THREADS) {
                ask_version(beside, i);
            }
            rc = measure_alone(beside, i);
        }
    }
    for (size_t i = 0; rc == 0 && i < beside->crowd_count; i++) {
        rc = measure_crowd(beside, i);
    }
    return rc;
}
