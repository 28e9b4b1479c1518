// SPDX-License-Identifier: MIT
/*
 * `weft-perf load`: one URL in open loop. Tells what it measured only together
 * with whether it was on time itself; with --floor it first measures a bare
 * loop in the same way, which no server can beat.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft.h>

#include "perf/commands.h"
#include "perf/floor/thread.h"
#include "perf/format.h"
#include "perf/hurry.h"
#include "perf/limits.h"
#include "perf/options.h"
#include "perf/pace.h"
#include "perf/report.h"
#include "perf/stats.h"
#include "perf/url.h"

#define FLOOR_DURATION WEFT_S(2)
#define FLOOR_WARMUP WEFT_MS(200)
#define EXIT_LATE 3

struct load {
    const char *text;
    struct perf_url url;
    uint64_t connections, rate, workers, seed;
    int64_t duration, warmup, timeout;
    bool poisson, json, allow_remote, stats, with_floor;

    struct perf_pace_result result, floor;
    weft_counters counters;
};

static const char *same_path(void *context, uint64_t n)
{
    (void)n;
    return context;
}

static struct perf_pace_plan plan_of(struct load *load,
                                     const struct perf_peer *peer)
{
    return (struct perf_pace_plan){
        .peer = peer,
        .path = same_path,
        .context = load->url.path,
        .connections = load->connections,
        .rate = (double)load->rate,
        .warmup = load->warmup,
        .duration = load->duration,
        .poisson = load->poisson,
        .progress = !load->json,
        .seed = load->seed,
    };
}

static int run_floor(struct load *load, uint16_t port)
{
    struct perf_peer peer = {"127.0.0.1", "127.0.0.1", port, load->timeout};
    struct perf_pace_plan plan = plan_of(load, &peer);

    plan.context = (char[]){"/"};
    plan.warmup = FLOOR_WARMUP;
    plan.duration = FLOOR_DURATION;
    return perf_pace_run(&plan, &load->floor);
}

static int run_url(struct load *load)
{
    struct perf_peer peer = {load->url.address, load->url.authority,
                             load->url.port, load->timeout};
    struct perf_pace_plan plan = plan_of(load, &peer);

    return perf_pace_run(&plan, &load->result);
}

struct both {
    struct load *load;
    struct perf_floor *floor;
};

/* The main coroutine. */
static void *run(void *arg)
{
    struct both *both = arg;
    struct load *load = both->load;
    int rc = 0;

    if (load->with_floor) {
        rc = run_floor(load, both->floor->port);
    }
    if (rc == 0 && load->text != NULL && !load->floor.interrupted) {
        rc = run_url(load);
    }
    weft_stats(weft_running_loop(), &load->counters);
    return weft_fail(rc);
}

static int run_runtime(struct load *load, struct perf_floor *floor)
{
    weft_options options = {.size = sizeof(options),
                            .workers = (unsigned)load->workers};
    struct both both = {load, floor};

    /* Workers inherit it. The thread of the floor has begun before: a server
     * is not to be favoured. */
    perf_hurry();
    return weft_run_with(&options, run, &both, NULL);
}

static int run_with_floor(struct load *load)
{
    struct perf_floor floor;
    int rc;

    if (!load->with_floor) {
        return run_runtime(load, NULL);
    }
    rc = perf_floor_start(&floor);
    if (rc == 0) {
        rc = run_runtime(load, &floor);
        perf_floor_stop(&floor);
    }
    return rc;
}

static int print_json(const struct load *load)
{
    char text[8192];
    struct perf_json json;

    perf_json_init(&json, text, sizeof(text));
    perf_json_open(&json, NULL);
    perf_json_text(&json, "command", "load");
    perf_json_text(&json, "url", load->text);
    perf_json_count(&json, "connections", load->connections);
    perf_json_count(&json, "rate", load->rate);
    perf_json_flag(&json, "poisson", load->poisson);
    if (load->text != NULL) {
        perf_report_json(&load->result, &json);
    }
    if (load->with_floor) {
        perf_report_histogram_json(&load->floor.intended, &json, "floor_us");
        perf_report_histogram_json(&load->floor.late, &json,
                                   "floor_lateness_us");
    }
    if (load->stats) {
        perf_stats_json(&load->counters, &json, "runtime");
    }
    perf_json_close(&json);
    return perf_json_print(&json, stdout);
}

static void print_floor(const struct load *load)
{
    const struct perf_histogram *floor = &load->floor.intended;

    if (!load->with_floor) {
        printf("floor: not measured (--floor)\n");
        return;
    }
    printf("floor: p50 %s, p99 %s, max %s against a bare epoll loop on a "
           "thread of this process\n",
           perf_format_ns((double)perf_histogram_percentile(floor, 50)).s,
           perf_format_ns((double)perf_histogram_percentile(floor, 99)).s,
           perf_format_ns((double)perf_histogram_max(floor)).s);
}

static void print_text(const struct load *load)
{
    if (load->text != NULL) {
        printf("%s: %llu a second over %llu connections for %s, %s\n\n",
               load->text, (unsigned long long)load->rate,
               (unsigned long long)load->connections,
               perf_format_ns((double)load->duration).s,
               load->poisson ? "at random intervals" : "at equal intervals");
        perf_report_latency(&load->result, stdout);
        printf("\n");
        perf_report_counts(&load->result, stdout);
    }
    print_floor(load);
    if (load->stats) {
        printf("\n");
        perf_stats_print(&load->counters, stdout);
    }
}

/* An interrupted run is reported, with the status of a run that was not; one
 * in which nothing was answered has failed. */
static int conclude(const struct load *load)
{
    const struct perf_pace_result *result =
        load->text != NULL ? &load->result : &load->floor;

    if (load->json) {
        if (print_json(load) != 0) {
            return 1;
        }
    } else {
        print_text(load);
    }
    if (perf_report_is_on_time(result)) {
        return result->interrupted || atomic_load(&result->done) > 0 ? 0 : 1;
    }
    fprintf(
        stderr, "no verdict: the generator was late (p99 %s, more than 1 ms)\n",
        perf_format_ns((double)perf_histogram_percentile(&result->late, 99)).s);
    return EXIT_LATE;
}

static int measure(struct load *load)
{
    int rc = perf_pace_result_init(&load->result);

    if (rc == 0) {
        rc = perf_pace_result_init(&load->floor);
        if (rc == 0) {
            rc = run_with_floor(load);
        }
    }
    if (rc == 0 || rc == -WEFT_ECANCELED) {
        rc = conclude(load);
    } else {
        fprintf(stderr, "weft-perf load: %s\n", weft_strerror(rc));
        rc = 1;
    }
    perf_pace_result_fini(&load->result);
    perf_pace_result_fini(&load->floor);
    return rc;
}

/* What the options leave to be checked; 0 or an exit status. */
static int check(struct load *load, int others, char **argv)
{
    if (others > 1 || (others == 0 && !load->with_floor)) {
        fprintf(stderr, "weft-perf load: wanted: one URL (see weft-perf load "
                        "--help)\n");
        return 2;
    }
    if (others == 0) {
        return 0;
    }
    load->text = argv[0];
    if (perf_url_parse(load->text, &load->url) != 0) {
        fprintf(stderr,
                "weft-perf load: %s: not http://ADDRESS[:PORT][/PATH] with a "
                "numeric address\n",
                load->text);
        return 2;
    }
    if (!load->allow_remote && !perf_url_is_loopback(&load->url)) {
        fprintf(stderr,
                "weft-perf load: %s is not this machine; --allow-remote if "
                "its owner agrees\n",
                load->url.address);
        return 2;
    }
    return 0;
}

int perf_load_command(int argc, char **argv)
{
    struct load load = {.connections = 32,
                        .rate = 1000,
                        .workers = 1,
                        .seed = 1,
                        .duration = WEFT_S(10),
                        .timeout = WEFT_S(10)};
    const struct perf_option options[] = {
        {"connections", PERF_OPTION_COUNT, &load.connections, 1, 60000, 0,
         "connections (default 32)"},
        {"rate", PERF_OPTION_COUNT, &load.rate, 1, 1000000, 0,
         "requests a second (default 1000)"},
        {"duration", PERF_OPTION_TIME, &load.duration, WEFT_MS(1),
         WEFT_S(86400), WEFT_S(1), "of what is counted (default 10s)"},
        {"warmup", PERF_OPTION_TIME, &load.warmup, 0, WEFT_S(3600), WEFT_S(1),
         "before it, not counted (default 0)"},
        {"timeout", PERF_OPTION_TIME, &load.timeout, WEFT_MS(1), WEFT_S(3600),
         WEFT_S(1), "of a request (default 10s)"},
        {"poisson", PERF_OPTION_FLAG, &load.poisson, 0, 0, 0,
         "random intervals instead of equal ones"},
        {"seed", PERF_OPTION_COUNT, &load.seed, 0, 0, 0,
         "of the random intervals (default 1)"},
        {"floor", PERF_OPTION_FLAG, &load.with_floor, 0, 0, 0,
         "measure a bare epoll loop first; then the URL may be left out"},
        {"workers", PERF_OPTION_COUNT, &load.workers, 1, 256, 0,
         "workers of the generator (default 1)"},
        {"allow-remote", PERF_OPTION_FLAG, &load.allow_remote, 0, 0, 0,
         "load another machine than this one"},
        {"json", PERF_OPTION_FLAG, &load.json, 0, 0, 0, "one JSON object"},
        {"stats", PERF_OPTION_FLAG, &load.stats, 0, 0, 0,
         "the generator's runtime counters, too"},
        {0},
    };
    const struct perf_command command = {
        "load", "URL",
        "Send GET requests on a schedule that waits for nobody, and tell how "
        "long they took.\nExit status 3: no verdict, the generator itself was "
        "late.",
        options, NULL};
    int others = perf_options_parse(&command, argc, argv);
    int rc;

    if (others < 0) {
        return perf_options_status(others);
    }
    rc = check(&load, others, argv);
    if (rc != 0) {
        return rc;
    }
    perf_limits_raise();
    return measure(&load);
}
