// SPDX-License-Identifier: MIT
/*
 * Load in closed loop: N connections, each of which asks for something again
 * and again, the next as soon as the last was answered; or all at once, and
 * again when all were answered. It is their number that counts; the fastest
 * tells what one takes.
 */
#ifndef WEFT_PERF_HOGS_H
#define WEFT_PERF_HOGS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <weft/future.h>

#include "perf/client.h"
#include "perf/histogram.h"
#include "perf/pace.h"

struct perf_hog;

struct perf_hogs {
    const struct perf_peer *peer;
    perf_pace_path *path; /* what to ask for with the n-th request of all */
    void *context;
    uint64_t count;
    bool fresh;     /* each request on a new connection */
    weft_ns period; /* of bursts; 0: each goes on as soon as it can */
    struct perf_histogram *times; /* of what was answered; NULL: not kept */

    struct perf_hog *all;
    weft_future *conductor; /* of bursts */
    weft_future *watcher;
    atomic_bool stop;
    _Atomic uint64_t asked, done;
    _Atomic uint64_t failed[PERF_FAILURES];
    _Atomic weft_ns fastest; /* of those that are done; 0: none is */
    weft_time start;
    /* Filled by perf_hogs_stop(). */
    double per_second;
    double fewest; /* requests of the one with the fewest, of the mean: 1 is
                      fair; 0 without hogs */
};

/** Start; the members up to `times` are filled in, the others zero. In a
 * coroutine. 0 or -ENOMEM. */
int perf_hogs_start(struct perf_hogs *);

/** Let each finish the request that is under way, and take the rate. In the
 * same coroutine; if that is cancelled, so are they. */
void perf_hogs_stop(struct perf_hogs *);

uint64_t perf_hogs_failures(const struct perf_hogs *);

#endif
