// SPDX-License-Identifier: MIT
/*
 * `weft-perf mixed`: does a server stay quick for the many who ask for little
 * while some ask for much? The server is a process of its own; this one asks:
 * light requests in open loop, hogs in closed loop beside them, and (--walkers)
 * foreign threads that use this process's runtime for something else.
 */
#include "perf/mixed.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft.h>

#include "perf/burn.h"
#include "perf/closed.h"
#include "perf/commands.h"
#include "perf/format.h"
#include "perf/hurry.h"
#include "perf/limits.h"
#include "perf/mixed_suite.h"
#include "perf/options.h"
#include "perf/random.h"
#include "perf/rivals/beside.h"

#define HOG_TIMEOUT WEFT_S(60)
#define LIGHT_TIMEOUT WEFT_S(20)
#define EXIT_INTERRUPTED 130
#define ROUNDS_MAX INT64_C(1000000000000)
#define USUAL_US 10000

bool perf_mixed_is_weft(const struct perf_mixed *mixed)
{
    return mixed->server == NULL && !mixed->threads;
}

static const char *one_of(const struct perf_targets *targets, uint64_t seed,
                          uint64_t n)
{
    return targets->of[perf_random_at(seed, n) % targets->count];
}

static const char *hog_path(void *context, uint64_t n)
{
    const struct perf_mixed *mixed = context;

    if (mixed->kind == PERF_HOG_MIX) {
        return perf_shape_mix_path(&mixed->shape, ~mixed->seed, n);
    }
    return mixed->sha256 ? one_of(&mixed->tree.big, ~mixed->seed, n)
                         : mixed->hog_path;
}

static bool is_heavy(void *context, uint64_t n)
{
    const struct perf_mixed *mixed = context;

    return perf_shape_is_heavy(&mixed->shape, n);
}

static const char *light_path(void *context, uint64_t n)
{
    const struct perf_mixed *mixed = context;

    if (is_heavy(context, n)) {
        return hog_path(context, n);
    }
    if (mixed->sha256) {
        return one_of(&mixed->tree.small, mixed->seed, n);
    }
    return mixed->shape.light_path != NULL ? mixed->shape.light_path : "/";
}

static void say(void *context, char *text, size_t size)
{
    struct perf_mixed *mixed = context;
    int n = snprintf(text, size, "; %s heavy ones",
                     perf_format_count(atomic_load(&mixed->hogs.done)).s);

    if (mixed->walker_count > 0 && (size_t)n < size) {
        snprintf(text + n, size - (size_t)n, "; %s files walked",
                 perf_format_count(atomic_load(&mixed->foreign.files)).s);
    }
}

/* --- In the runtime --- */

static double number_in(const char *json, const char *key)
{
    const char *at = strstr(json, key);

    return at != NULL ? strtod(at + strlen(key), NULL) : -1;
}

/* What the server has to say of itself, if it is weft. Cannot be had when this
 * run was interrupted: then the task is cancelled. */
static void ask_for_stats(struct perf_mixed *mixed)
{
    struct perf_client client;
    struct perf_exchange exchange;
    int rc;

    if (perf_client_init(&client, &mixed->light_peer) != 0) {
        return;
    }
    client.keep = mixed->server_stats;
    client.keep_size = sizeof(mixed->server_stats);
    rc = perf_client_get(&client, "/stats", &exchange);
    perf_client_fini(&client);
    if (rc != 0) {
        mixed->server_stats[0] = '\0';
    }
    mixed->longest_step_us =
        number_in(mixed->server_stats, "\"longest_step_us\":");
    mixed->longest_step_cpu_us =
        number_in(mixed->server_stats, "\"longest_step_cpu_us\":");
}

static int run_light(struct perf_mixed *mixed)
{
    struct perf_pace_plan plan = {
        .peer = &mixed->light_peer,
        .path = light_path,
        .apart = is_heavy,
        .say = say,
        .context = mixed,
        .connections = mixed->light_connections,
        .rate = (double)mixed->light_rate,
        .duration = mixed->duration,
        .poisson = mixed->poisson,
        .progress = !mixed->json,
        .seed = mixed->seed,
    };

    return mixed->shape.light_closed ? perf_closed_run(&plan, &mixed->light)
                                     : perf_pace_run(&plan, &mixed->light);
}

/* Up to the last answer: what is late keeps the server busy, too. */
static int run_light_on_the_clock(struct perf_mixed *mixed)
{
    weft_ns cpu = perf_process_cpu(&mixed->process);
    weft_time start = weft_now();
    int rc = run_light(mixed);
    weft_ns used = perf_process_cpu(&mixed->process) - cpu;
    weft_ns took = weft_now() - start;

    mixed->server_cpus =
        cpu >= 0 && took > 0 ? (double)used / (double)took : -1;
    return rc;
}

/* The main coroutine. */
static void *run(void *arg)
{
    struct perf_mixed *mixed = arg;
    int rc = perf_hogs_start(&mixed->hogs);

    if (rc == 0 && mixed->walker_count > 0) {
        rc = perf_foreign_start(&mixed->foreign);
    }
    if (rc == 0) {
        rc = run_light_on_the_clock(mixed);
    }
    perf_foreign_stop(&mixed->foreign);
    perf_hogs_stop(&mixed->hogs);
    if (rc == 0 && perf_mixed_is_weft(mixed)) {
        ask_for_stats(mixed);
    }
    weft_stats(weft_running_loop(), &mixed->counters);
    return weft_fail(rc);
}

/* --- Around it --- */

static struct perf_peer peer_of(const struct perf_mixed *mixed, weft_ns timeout)
{
    return (struct perf_peer){"127.0.0.1", "127.0.0.1", mixed->process.port,
                              timeout};
}

/* The walkers are waited for after the runtime has ended: so they also see
 * what it answers to those who come too late. */
static int run_runtime(struct perf_mixed *mixed)
{
    weft_options options = {.size = sizeof(options),
                            .workers = (unsigned)mixed->client_workers};
    int rc;

    mixed->light_peer = peer_of(mixed, LIGHT_TIMEOUT);
    mixed->hog_peer = peer_of(mixed, HOG_TIMEOUT);
    mixed->hogs = (struct perf_hogs){.peer = &mixed->hog_peer,
                                     .path = hog_path,
                                     .context = mixed,
                                     .count = mixed->hog_count,
                                     .fresh = mixed->shape.fresh_hogs,
                                     .period = mixed->shape.burst};
    mixed->foreign = (struct perf_foreign){.root = mixed->root,
                                           .count = mixed->walker_count};
    perf_hurry();
    rc = weft_run_with(&options, run, mixed, NULL);
    perf_foreign_join(&mixed->foreign);
    return rc;
}

static int run_with_server(struct perf_mixed *mixed)
{
    struct perf_process_plan plan = {.program = mixed->server,
                                     .root = mixed->root,
                                     .threads = mixed->threads,
                                     .at_once = (unsigned)mixed->at_once,
                                     .no_monitor = mixed->shape.no_monitor,
                                     .workers = (unsigned)mixed->workers};
    int rc = perf_process_start(&mixed->process, &plan);

    if (rc != 0) {
        fprintf(stderr, "weft-perf mixed: the server did not start: %s\n",
                weft_strerror(rc));
        return rc;
    }
    rc = run_runtime(mixed);
    mixed->server_status = perf_process_stop(&mixed->process);
    return rc;
}

/* weft ends in good order; of others SIGTERM is the end. */
bool perf_mixed_ended_well(const struct perf_mixed *mixed)
{
    return mixed->server_status == 0 || (!perf_mixed_is_weft(mixed) &&
                                         mixed->server_status == 128 + SIGTERM);
}

bool perf_mixed_is_fine(const struct perf_mixed *mixed)
{
    return atomic_load(&mixed->light.done) > 0 &&
           perf_mixed_unanswered(mixed) == 0 &&
           (mixed->hog_count == 0 || atomic_load(&mixed->hogs.done) > 0) &&
           perf_mixed_ended_well(mixed);
}

static int measure(struct perf_mixed *mixed)
{
    int rc = perf_pace_result_init(&mixed->light);

    if (rc == 0) {
        rc = run_with_server(mixed);
    }
    if (rc != 0 && rc != -WEFT_ECANCELED) {
        fprintf(stderr, "weft-perf mixed: %s\n", weft_strerror(rc));
        rc = 1;
    } else if (perf_mixed_report(mixed) != 0) {
        rc = 1;
    } else if (mixed->light.interrupted) {
        rc = EXIT_INTERRUPTED;
    } else {
        rc = perf_mixed_is_fine(mixed) ? 0 : 1;
    }
    perf_pace_result_fini(&mixed->light);
    return rc;
}

static int scan(struct perf_mixed *mixed)
{
    int rc = perf_tree_scan(&mixed->tree, mixed->root);

    if (rc != 0) {
        fprintf(stderr, "weft-perf mixed: %s: %s\n", mixed->root,
                weft_strerror(rc));
        return rc;
    }
    if (mixed->tree.small.count > 0 && mixed->tree.big.count > 0) {
        return 0;
    }
    fprintf(stderr,
            "weft-perf mixed: %s: needs files up to 16 KiB (%s found) and "
            "from 256 KiB to 8 MiB (%s found)\n",
            mixed->root, perf_format_count(mixed->tree.small.seen).s,
            perf_format_count(mixed->tree.big.seen).s);
    perf_tree_fini(&mixed->tree);
    return -ENOENT;
}

static int complain(const char *what)
{
    fprintf(stderr, "weft-perf mixed: %s (see weft-perf mixed --help)\n", what);
    return 2;
}

/* The path of a hog that needs no file. */
static void set_hog(struct perf_mixed *mixed, enum perf_hog_kind kind,
                    const char *head, uint64_t amount)
{
    mixed->kind = kind;
    snprintf(mixed->hog_path, sizeof(mixed->hog_path), "%s%llu", head,
             (unsigned long long)amount);
}

static void choose_burn(struct perf_mixed *mixed)
{
    if (mixed->burn_us == 0) {
        mixed->burn_us = USUAL_US;
    }
    if (mixed->burn_rounds == 0 && !perf_mixed_is_weft(mixed)) {
        mixed->burn_rounds =
            perf_burn_rounds(perf_burn_calibrate(), mixed->burn_us);
    }
    if (mixed->burn_rounds > 0) {
        set_hog(mixed, PERF_HOG_BURN, "/burn?n=", mixed->burn_rounds);
    } else {
        set_hog(mixed, PERF_HOG_BURN, "/burn?us=", mixed->burn_us);
    }
}

static void choose_hog(struct perf_mixed *mixed)
{
    if (mixed->sha256) {
        mixed->kind = PERF_HOG_SHA256;
    } else if (mixed->shape.burn_mix != NULL) {
        mixed->kind = PERF_HOG_MIX;
    } else if (mixed->block_us > 0) {
        set_hog(mixed, PERF_HOG_BLOCK, "/block?us=", mixed->block_us);
    } else if (mixed->shape.fork_us > 0) {
        set_hog(mixed, PERF_HOG_FORK, "/fork?us=", mixed->shape.fork_us);
    } else {
        choose_burn(mixed);
    }
}

/* Other servers have not all that weft's has. */
static bool asks_too_much(const struct perf_mixed *mixed)
{
    const struct perf_shape *shape = &mixed->shape;

    return !perf_mixed_is_weft(mixed) &&
           (mixed->sha256 || shape->burn_mix != NULL || shape->fork_us > 0 ||
            shape->no_monitor);
}

/* What is to be asked for; 0 or an exit status. */
static int choose(struct perf_mixed *mixed)
{
    const struct perf_shape *shape = &mixed->shape;
    const char *wrong = perf_shape_prepare(&mixed->shape);
    int kinds = mixed->sha256 + (mixed->burn_us > 0) +
                (mixed->burn_rounds > 0) + (mixed->block_us > 0) +
                (shape->burn_mix != NULL) + (shape->fork_us > 0);

    if (wrong != NULL) {
        return complain(wrong);
    }
    if (kinds > 1) {
        return complain("one of --sha256, --burn-us, --burn-rounds, "
                        "--burn-mix, --block-us and --fork-us");
    }
    if (mixed->sha256 && shape->light_path != NULL) {
        return complain("--light-path: with --sha256 they are small files");
    }
    if ((mixed->sha256 || mixed->walker_count > 0) && mixed->root == NULL) {
        return complain("--sha256 and --walkers need --root");
    }
    if (asks_too_much(mixed)) {
        return complain("other servers know --burn-us, --burn-rounds and "
                        "--block-us");
    }
    choose_hog(mixed);
    return 0;
}

static int parse(struct perf_mixed *mixed, int argc, char **argv)
{
    struct perf_option options[PERF_SHAPE_OPTIONS_MAX];
    const struct perf_option own[] = {
        {"light-rate", PERF_OPTION_COUNT, &mixed->light_rate, 1, 1000000, 0,
         "light requests a second (default 500)"},
        {"light-connections", PERF_OPTION_COUNT, &mixed->light_connections, 1,
         10000, 0, "they share so many connections (default 32)"},
        {"hogs", PERF_OPTION_COUNT, &mixed->hog_count, 0, 5000, 0,
         "heavy requests at a time (default 4)"},
        {"burn-us", PERF_OPTION_COUNT, &mixed->burn_us, 1, 60000000, 0,
         "a hog: arithmetic worth so many us (default, 10000)"},
        {"burn-rounds", PERF_OPTION_COUNT, &mixed->burn_rounds, 1, ROUNDS_MAX,
         0, "a hog: the same, so many rounds of it"},
        {"block-us", PERF_OPTION_COUNT, &mixed->block_us, 1, 60000000, 0,
         "a hog: a system call that blocks for so many us"},
        {"sha256", PERF_OPTION_FLAG, &mixed->sha256, 0, 0, 0,
         "a hog: the digest of a big file; lights: small files"},
        {"root", PERF_OPTION_TEXT, &mixed->root, 0, 0, 0,
         "the directory with the files"},
        {"walkers", PERF_OPTION_COUNT, &mixed->walker_count, 0,
         PERF_FOREIGN_MAX, 0, "foreign threads that walk it (default 0)"},
        {"duration", PERF_OPTION_TIME, &mixed->duration, WEFT_MS(1),
         WEFT_S(86400), WEFT_S(1), "how long (default 10s)"},
        {"server", PERF_OPTION_TEXT, &mixed->server, 0, 0, 0,
         "another program that serves, see perf/rivals"},
        {"threads", PERF_OPTION_FLAG, &mixed->threads, 0, 0, 0,
         "another server: a thread for each connection"},
        {"at-once", PERF_OPTION_COUNT, &mixed->at_once, 0, 10000, 0,
         "of its requests, the others wait: a pool and a queue (default: all)"},
        {"workers", PERF_OPTION_COUNT, &mixed->workers, 1, 256, 0,
         "of the server (default: one for each CPU)"},
        {"client-workers", PERF_OPTION_COUNT, &mixed->client_workers, 1, 256, 0,
         "of this process (default 1)"},
        {"poisson", PERF_OPTION_FLAG, &mixed->poisson, 0, 0, 0,
         "lights at random intervals instead of equal ones"},
        {"seed", PERF_OPTION_COUNT, &mixed->seed, 0, 0, 0,
         "of what is random (default 1)"},
        {"json", PERF_OPTION_FLAG, &mixed->json, 0, 0, 0, "one JSON object"},
        {"stats", PERF_OPTION_FLAG, &mixed->stats, 0, 0, 0,
         "the counters of both runtimes, too"},
        {0},
    };
    const struct perf_command command = {
        "mixed", "",
        "Light requests on a schedule beside heavy ones, at a server in a "
        "process of its own.\nExit status 0: everything was answered. "
        "--rivals: the "
        "same at other servers,\nin turn; --rivals --help tells its options.",
        options, NULL};

    perf_shape_options(&mixed->shape, own, options);
    return perf_options_parse(&command, argc, argv);
}

/* What was given is for all of them; but for what they are, which is theirs. */
static int run_shapes(const struct perf_mixed *mixed, int argc, char **argv)
{
    static struct perf_suite suite;

    suite.runs = mixed->shape.runs;
    suite.json = mixed->json;
    suite.options = argv;
    suite.option_count = argc;
    return perf_suite_run(&suite);
}

/* A command of its own, with options of its own. */
static bool beside_rivals(int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--rivals") == 0) {
            return true;
        }
    }
    return false;
}

int perf_mixed_command(int argc, char **argv)
{
    /* Static because it is large, and there is one. */
    static struct perf_mixed mixed = {.light_rate = 500,
                                      .light_connections = 32,
                                      .hog_count = 4,
                                      .client_workers = 1,
                                      .seed = 1,
                                      .shape.runs = 3,
                                      .longest_step_us = -1,
                                      .longest_step_cpu_us = -1,
                                      .duration = WEFT_S(10)};
    int rc;

    if (beside_rivals(argc, argv)) {
        return perf_beside_command(argc, argv);
    }
    rc = parse(&mixed, argc, argv);
    if (rc < 0) {
        return perf_options_status(rc);
    }
    rc = rc > 0 ? complain("takes options only") : choose(&mixed);
    if (rc != 0) {
        return rc;
    }
    if (mixed.shape.shapes) {
        return run_shapes(&mixed, argc, argv);
    }
    perf_limits_raise();
    if (mixed.sha256 && scan(&mixed) != 0) {
        return 1;
    }
    rc = measure(&mixed);
    perf_tree_fini(&mixed.tree);
    return rc;
}
