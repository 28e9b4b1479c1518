// SPDX-License-Identifier: MIT
/*
 * A server as a process of its own, on any free port: `weft-perf serve` from
 * the same program file, or another program that knows the same options. Ends
 * with this one, whatever happens.
 */
#ifndef WEFT_PERF_PROCESS_H
#define WEFT_PERF_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <weft/time.h>

/** What to start; all zero: weft, with its defaults. */
struct perf_process_plan {
    const char *program; /* whose `serve` it is; NULL: ours */
    const char *root;
    bool threads;     /* serve --threads */
    unsigned at_once; /* serve --at-once */
    bool no_monitor;  /* serve --no-monitor */
    unsigned workers;
};

struct perf_process {
    pid_t pid;
    int output; /* its standard output */
    uint16_t port;
};

/** Start it and wait until it listens; on a thread that lives as long as the
 * process should. 0 or a negative code. */
int perf_process_start(struct perf_process *, const struct perf_process_plan *);

/** The CPU time of all its threads so far; negative: not to be had. */
weft_ns perf_process_cpu(const struct perf_process *);

/** SIGTERM, and SIGKILL if that does not help in 10 s; its exit status, or 128
 * and the signal it died of. */
int perf_process_stop(struct perf_process *);

#endif
