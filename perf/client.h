// SPDX-License-Identifier: MIT
/*
 * One HTTP connection seen from the client: ask, wait, measure; connect again
 * when it was lost. Not a pool, and not a schedule: pace.h.
 *
 * Threads: a client belongs to one task; perf_client_watch() alone may be
 * called by others.
 */
#ifndef WEFT_PERF_CLIENT_H
#define WEFT_PERF_CLIENT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weft/tcp.h>
#include <weft/time.h>

/** Why a request failed. Results are the negative of these. */
enum perf_failure {
    PERF_FAILURE_CONNECT = 1, /* no connection could be had */
    PERF_FAILURE_TIMEOUT,     /* no whole answer in time */
    PERF_FAILURE_RESET,       /* the connection ended before the answer did */
    PERF_FAILURE_STATUS,      /* an answer, but 400 or above */
    PERF_FAILURE_PARSE,       /* no HTTP */
    PERF_FAILURE_MEMORY,
    PERF_FAILURE_CANCELLED, /* we did not want to wait any longer */
    PERF_FAILURES,
};

/** The names of the kinds, for reports. */
extern const char *const perf_failure_names[PERF_FAILURES];

/** Whom to ask; the texts outlive the clients. */
struct perf_peer {
    const char *address; /* numeric */
    const char *host;    /* the Host field */
    uint16_t port;
    weft_ns timeout; /* of one request; 0: none */
};

struct perf_client {
    const struct perf_peer *peer;
    char *buffer;
    size_t size, used;
    char *keep; /* if not NULL, gets the body (up to keep_size) and a NUL */
    size_t keep_size, kept;

    pthread_mutex_t lock;       /* of `tcp`, for the watch */
    weft_tcp *tcp;              /* NULL: not connected */
    _Atomic weft_time deadline; /* of the request under way; 0: none */
    atomic_bool expired;
};

/** What one request came to. */
struct perf_exchange {
    weft_time begun; /* we could have sent */
    weft_time ended;
    uint64_t bytes; /* of the body */
    int status;
};

/** 0 or -ENOMEM. */
int perf_client_init(struct perf_client *, const struct perf_peer *);

/** Closes what is open. */
void perf_client_fini(struct perf_client *);

/** Connect, unless it is; 0 or -PERF_FAILURE_…. */
int perf_client_connect(struct perf_client *);

/** Close the connection, if there is one: the next request makes another. */
void perf_client_disconnect(struct perf_client *);

/** GET a path (escaped, with its query) and read the answer to its end; 0 or
 * -PERF_FAILURE_…. `out` is filled in either case. */
int perf_client_get(struct perf_client *, const char *path,
                    struct perf_exchange *out);

/** End the request under way if its time is up; from any task. */
void perf_client_watch(struct perf_client *, weft_time now);

#endif
