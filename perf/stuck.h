// SPDX-License-Identifier: MIT
/*
 * `weft-perf stuck`: how late the others are while some tasks hold their
 * threads, one way after the other, in one process. stuck.c runs and tells,
 * stuck_ways.c has the ways, stuck_others.c those who are measured.
 */
#ifndef WEFT_PERF_STUCK_H
#define WEFT_PERF_STUCK_H

#include <stdatomic.h>
#include <stdbool.h>

#include <weft/task.h>
#include <weft/tcp.h>
#include <weft/time.h>

#include "perf/histogram.h"

enum perf_stuck_other {
    PERF_STUCK_TIMERS,  /* a task that sleeps until the next millisecond */
    PERF_STUCK_SOCKETS, /* a byte there and back, each millisecond */
    PERF_STUCK_SUBMITS, /* a coroutine that a thread submits and waits for */
    PERF_STUCK_WOKEN,   /* a task that was woken by who is stuck now */
    PERF_STUCK_OTHERS
};

struct perf_stuck_way {
    const char *name, *about;
    weft_fn *fn;           /* one that is stuck, until ->stop; its argument is
                               the struct perf_stuck */
    unsigned count;        /* so many of them */
    unsigned workers;      /* 0: as many as the caller wants */
    enum weft_class group; /* the class they are in */
    weft_ns wanted;        /* p99 of the others; 0: see `against_idle` */
    double against_idle;   /* times the p99 of the first way; 0: not so */
};

/** One run of one way. */
struct perf_stuck {
    const struct perf_stuck_way *way;
    weft_runtime *runtime; /* a reference of its own */
    weft_ns duration;
    atomic_bool stop;
    struct perf_histogram times[PERF_STUCK_OTHERS]; /* ns */
};

/** A connection: one end for a task, the other, which blocks, for a thread. In a
 * coroutine. 0 or a negative code. */
int perf_stuck_connect(weft_tcp **task, int *thread);

/** The n-th; NULL behind the last. The first is that nobody is stuck. */
const struct perf_stuck_way *perf_stuck_ways(size_t n);

/** Measure until the duration is over, then set ->stop. In a coroutine. 0 or a
 * negative code. */
int perf_stuck_measure(struct perf_stuck *);

#endif
