// SPDX-License-Identifier: MIT
/*
 * `weft-perf serve`: an HTTP/1.1 server on weft. Options, the listener, and the
 * order in which things end: on SIGTERM or SIGINT the main coroutine is
 * cancelled, accepting stops, idle connections are closed, and those that are
 * busy have the grace period to finish.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <weft.h>

#include "perf/burn.h"
#include "perf/commands.h"
#include "perf/limits.h"
#include "perf/options.h"
#include "perf/server.h"
#include "perf/stats.h"
#include "perf/threads.h"

#define ACCEPTORS_MAX 256

struct settings {
    uint64_t port, workers, max_connections, parent, at_once;
    int64_t grace;
    const char *address, *root;
    bool stats, threads, no_monitor;

    struct perf_server server;
    weft_tcp_listener *listener;
    weft_runtime *runtime; /* kept for the counters */
};

/* One for each worker: each has an accept queue of its own. */
static void *accept_all(void *arg)
{
    struct settings *settings = arg;
    weft_tcp *tcp;

    while (weft_tcp_accept(settings->listener, &tcp) == 0) {
        perf_server_admit(&settings->server, tcp);
    }
    return NULL;
}

/* Returns when accepting has ended: only because main was cancelled. */
static void accept_on_all_workers(struct settings *settings)
{
    weft_future *acceptors[ACCEPTORS_MAX];
    weft_runtime_info info;
    unsigned n;

    weft_info(settings->runtime, &info);
    n = info.workers < ACCEPTORS_MAX ? info.workers : ACCEPTORS_MAX;
    for (unsigned i = 0; i < n; i++) {
        acceptors[i] = weft_spawn(accept_all, settings);
    }
    for (unsigned i = 0; i < n; i++) {
        weft_await(acceptors[i], NULL);
    }
}

static void *serve(void *arg)
{
    struct settings *settings = arg;
    int rc;

    settings->runtime = weft_runtime_ref(weft_running_loop());
    rc = weft_tcp_listen(&settings->listener, settings->address,
                         (uint16_t)settings->port);
    if (rc != 0) {
        fprintf(stderr, "weft-perf serve: %s:%u: %s\n", settings->address,
                (unsigned)settings->port, weft_strerror(rc));
        return weft_fail(rc);
    }
    printf("listening on %s:%u\n", settings->address,
           (unsigned)weft_tcp_listener_port(settings->listener));
    fflush(stdout);
    accept_on_all_workers(settings);
    weft_tcp_listener_close(settings->listener);
    perf_server_drain(&settings->server);
    return NULL;
}

/* End with the process that started this one (mixed), also if it is killed, or
 * has been already. */
static void follow(pid_t parent)
{
    /* It was started through a link, whose name it has now. */
    prctl(PR_SET_NAME, "weft-perf");
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) {
        raise(SIGTERM);
    }
}

static int run(struct settings *settings)
{
    weft_options options = {
        .size = sizeof(options),
        .workers = (unsigned)settings->workers,
        .grace = settings->grace,
        .no_monitor = settings->no_monitor,
    };
    weft_counters counters;
    int rc = weft_run_with(&options, serve, settings, NULL);

    if (rc != 0 && rc != -WEFT_ECANCELED) {
        fprintf(stderr, "weft-perf serve: %s\n", weft_strerror(rc));
    }
    if (settings->runtime == NULL) {
        return 1;
    }
    if (settings->stats) {
        weft_stats(settings->runtime, &counters);
        perf_stats_print(&counters, stdout);
    }
    weft_runtime_unref(settings->runtime);
    return rc == 0 || rc == -WEFT_ECANCELED ? 0 : 1;
}

static int prepare(struct settings *settings)
{
    struct perf_server *server = &settings->server;
    int rc = perf_server_init(server);

    if (rc != 0) {
        fprintf(stderr, "weft-perf serve: %s\n", strerror(-rc));
        return rc;
    }
    if (settings->root != NULL) {
        server->root = open(settings->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (server->root < 0) {
            rc = -errno;
            fprintf(stderr, "weft-perf serve: %s: %s\n", settings->root,
                    strerror(errno));
            perf_server_fini(server);
            return rc;
        }
    }
    server->max_connections = settings->max_connections;
    server->burn_per_us = perf_burn_calibrate();
    return 0;
}

static int run_weft(struct settings *settings)
{
    int rc;

    if (prepare(settings) != 0) {
        return 1;
    }
    rc = run(settings);
    if (settings->server.root >= 0) {
        close(settings->server.root);
    }
    perf_server_fini(&settings->server);
    return rc;
}

static int run_threads(struct settings *settings)
{
    int rc = perf_threads_serve((uint16_t)settings->port,
                                (unsigned)settings->at_once);

    fprintf(stderr, "weft-perf serve: %s\n", strerror(-rc));
    return 1;
}

int perf_serve_command(int argc, char **argv)
{
    struct settings settings = {.port = 8080,
                                .max_connections = 10000,
                                .grace = WEFT_S(5),
                                .address = "127.0.0.1"};
    const struct perf_option options[] = {
        {"port", PERF_OPTION_COUNT, &settings.port, 0, 65535, 0,
         "port; 0: any free one (default 8080)"},
        {"address", PERF_OPTION_TEXT, &settings.address, 0, 0, 0,
         "numeric address (default 127.0.0.1)"},
        {"root", PERF_OPTION_TEXT, &settings.root, 0, 0, 0,
         "directory for /file/ and /sha256/ (default: none)"},
        {"workers", PERF_OPTION_COUNT, &settings.workers, 1, 256, 0,
         "workers (default: one for each CPU)"},
        {"max-connections", PERF_OPTION_COUNT, &settings.max_connections, 1,
         1000000, 0, "more are closed at once (default 10000)"},
        {"grace", PERF_OPTION_TIME, &settings.grace, 1, WEFT_S(3600), WEFT_S(1),
         "for busy connections at the end (default 5s)"},
        {"threads", PERF_OPTION_FLAG, &settings.threads, 0, 0, 0,
         "instead of weft: a thread for each connection"},
        {"at-once", PERF_OPTION_COUNT, &settings.at_once, 0, 10000, 0,
         "with --threads: requests at a time, the others wait (default: all)"},
        {"stats", PERF_OPTION_FLAG, &settings.stats, 0, 0, 0,
         "print the runtime's counters at the end"},
        {"no-monitor", PERF_OPTION_FLAG, &settings.no_monitor, 0, 0, 0,
         "nobody looks who is stuck, to see what that costs"},
        {"follow-parent", PERF_OPTION_COUNT, &settings.parent, 1, INT32_MAX, 0,
         "end when the parent, of this process id, ends"},
        {0},
    };
    const struct perf_command command = {
        "serve", "", "Serve HTTP/1.1 until SIGTERM or SIGINT.", options, NULL};
    int rc = perf_options_parse(&command, argc, argv);

    if (rc < 0) {
        return perf_options_status(rc);
    }
    if (rc > 0) {
        fprintf(stderr, "weft-perf serve: %s: not expected\n", argv[0]);
        return 2;
    }
    if (settings.parent != 0) {
        follow((pid_t)settings.parent);
    }
    perf_limits_raise();
    return settings.threads ? run_threads(&settings) : run_weft(&settings);
}
