// SPDX-License-Identifier: MIT
/*
 * Load in open loop: arrivals keep to a schedule whatever the server does, and
 * a request's time counts from the moment it should have been sent. An arrival
 * that finds all connections busy waits in line, and its wait counts. So a
 * server that stands still for a second is seen to have done so (a closed loop
 * would send nothing meanwhile, and see one slow request).
 *
 * One coroutine a connection, one that dispatches, one that watches the time
 * limits. What they share is under one short lock or atomic: any number of
 * workers will do; one is best.
 */
#ifndef WEFT_PERF_PACE_H
#define WEFT_PERF_PACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weft/time.h>

#include "perf/client.h"
#include "perf/histogram.h"

/** What to ask for with the n-th request; the text outlives the run. */
typedef const char *perf_pace_path(void *context, uint64_t n);

/** Whether the n-th request is of another kind than the rest: its time is not to
 * be mixed with theirs. */
typedef bool perf_pace_apart(void *context, uint64_t n);

/** Something to say behind the progress bar. */
typedef void perf_pace_say(void *context, char *text, size_t size);

struct perf_pace_plan {
    const struct perf_peer *peer;
    perf_pace_path *path;
    perf_pace_apart *apart; /* may be NULL: none is */
    perf_pace_say *say;     /* may be NULL */
    void *context;          /* of all three */
    uint64_t connections;
    double rate;              /* a second */
    weft_ns warmup, duration; /* what arrives in the warm-up is not counted */
    bool poisson;             /* random gaps; else all the same */
    bool progress;
    uint64_t seed;
};

/**
 * What it came to: sent = done + failed + in_flight. `offered` arrivals were on
 * the schedule; what of them was never sent is `unsent`. All of these count
 * those that are kept apart, too.
 */
struct perf_pace_result {
    _Atomic uint64_t offered, sent, done, in_flight, unsent, bytes;
    _Atomic uint64_t failed[PERF_FAILURES]; /* by kind */
    bool interrupted;                       /* ended before the schedule did */
    weft_time start, end;                   /* of what was counted */
    weft_ns cpu; /* of this process, all threads, meanwhile */

    /* Requests that were answered, those given up for being too late, and those
     * that were not answered when all ended (with the time they had taken so
     * far): from the intended start, and from the actual one. */
    struct perf_histogram intended, actual;
    /* The same, from the intended start, of those that are kept apart. */
    struct perf_histogram apart;
    _Atomic uint64_t apart_done;
    /* How late the generator itself was, with a free connection at hand. */
    struct perf_histogram late;
};

int perf_pace_result_init(struct perf_pace_result *);
void perf_pace_result_fini(struct perf_pace_result *);

/** CPU time of this process so far, all threads. */
weft_ns perf_pace_cpu_time(void);

/** All that failed. */
uint64_t perf_pace_failures(const struct perf_pace_result *);

/**
 * Run it; in a coroutine. If that is cancelled, the run ends within a moment
 * and its result is what was seen so far.
 *
 * Returns 0; -ENOMEM; -ECONNREFUSED if not one connection could be made.
 */
int perf_pace_run(const struct perf_pace_plan *, struct perf_pace_result *);

#endif
