// SPDX-License-Identifier: MIT
/*
 * The yardstick on a thread of this process: what the load generator is
 * measured against, to know its own floor.
 */
#ifndef WEFT_PERF_FLOOR_THREAD_H
#define WEFT_PERF_FLOOR_THREAD_H

#include <pthread.h>
#include <stdint.h>

struct perf_floor {
    pthread_t thread;
    int listener, stop, result;
    uint16_t port;
};

/** Start it on any free port; 0 or -errno. */
int perf_floor_start(struct perf_floor *);

/** End it; what it returned. */
int perf_floor_stop(struct perf_floor *);

#endif
