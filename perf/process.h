// SPDX-License-Identifier: MIT
/*
 * `weft-perf serve` as a process of its own, from the same program file, on any
 * free port. Ends with this one, whatever happens.
 */
#ifndef WEFT_PERF_PROCESS_H
#define WEFT_PERF_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct perf_process {
    pid_t pid;
    int output; /* its standard output */
    uint16_t port;
    bool no_monitor; /* an option of the server; set before the start */
};

/** Start it and wait until it listens; on a thread that lives as long as the
 * process should. `root` may be NULL, `workers` 0. 0 or a negative code. */
int perf_process_start(struct perf_process *, const char *root,
                       unsigned workers);

/** SIGTERM, and SIGKILL if that does not help in 10 s; its exit status, or 128
 * and the signal it died of. */
int perf_process_stop(struct perf_process *);

#endif
