// SPDX-License-Identifier: MIT
/*
 * What the parts of `weft-perf serve` share: its settings, its counts, and the
 * list of its connections. Not the conversation on one of them: connection.h.
 *
 * Threads: settings are written before the first connection and only read
 * then. Counts are relaxed atomics. The list is under `lock`, which is held for
 * a few instructions and never over a call that suspends. A connection is on
 * the list from its admission until just before it is closed, so that whoever
 * finds it there may shut it down under the lock.
 */
#ifndef WEFT_PERF_SERVER_H
#define WEFT_PERF_SERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <weft/future.h>
#include <weft/runtime.h>
#include <weft/tcp.h>

struct perf_connection;

struct perf_server {
    int root;           /* a descriptor of the directory; -1: none */
    double burn_per_us; /* rounds of burn.h */
    uint64_t max_connections;

    /* Seconds in which there were connections: a clock that costs a load. */
    _Atomic uint32_t tick;
    atomic_bool draining;

    _Atomic uint64_t accepted;
    _Atomic uint64_t refused;      /* over max_connections, or no memory */
    _Atomic uint64_t expired;      /* too slow, or idle for too long */
    _Atomic uint64_t hog_steps;    /* burns, blocks and digests */
    _Atomic uint64_t longest_step; /* of these, ns by the clock … */
    _Atomic uint64_t longest_cpu;  /* … and ns of CPU time */
    _Atomic uint64_t digest_bytes; /* held in memory for digests now */

    pthread_mutex_t lock;
    struct perf_connection *first; /* the list */
    uint64_t connections;
    uint64_t requests; /* of connections that are closed */
    bool watched;      /* a look at the connections is due */
    /* Memory of connections that are closed, for the next ones: a server that
     * has had so many will have them again, and does not grow meanwhile as
     * holes in the heap come and go. */
    struct perf_connection *spare;
};

/** 0 or a negative code. */
int perf_server_init(struct perf_server *);
void perf_server_fini(struct perf_server *);

/**
 * Give a fresh connection to a task of its own, or close it.
 *
 * Context: the coroutine that accepted it.
 */
void perf_server_admit(struct perf_server *, weft_tcp *);

/** The connection's task gives up its place and its memory; its weft_tcp is
 * nobody else's from then on, and yet to be closed. */
void perf_server_leave(struct perf_server *, struct perf_connection *);

/**
 * Close what is idle, let requests that have begun be answered, and end what is
 * too slow for that. Returns at once; a task of its own sees to it until the
 * last connection is closed.
 *
 * Context: a coroutine, also a cancelled one.
 */
void perf_server_drain(struct perf_server *);

/** Requests so far, on all connections, and how many those are now. */
void perf_server_count(struct perf_server *, uint64_t *requests,
                       uint64_t *connections);

/** Remember a step that did not suspend. */
void perf_server_note_step(struct perf_server *, uint64_t ns, uint64_t cpu_ns);

#endif
