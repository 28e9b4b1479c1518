// SPDX-License-Identifier: MIT
/*
 * One connection of the server: a task, a buffer, one request after the other.
 * What the answers are is for routes.h.
 *
 * Threads: all belongs to the connection's task, but for what server.h says of
 * the list, `stand` and `expired`, which server.c looks at from outside.
 */
#ifndef WEFT_PERF_CONNECTION_H
#define WEFT_PERF_CONNECTION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weft/future.h>
#include <weft/tcp.h>

#include "perf/http.h"
#include "perf/server.h"

/** What a connection is about. Each has its own patience; see server.c. */
enum perf_phase {
    PERF_PHASE_IDLE,   /* between two requests */
    PERF_PHASE_HEAD,   /* a head has begun and is not complete */
    PERF_PHASE_BODY,   /* the request's body */
    PERF_PHASE_BUSY,   /* an answer is being made */
    PERF_PHASE_WRITE,  /* a piece of it is being written */
    PERF_PHASE_LINGER, /* refused: reading what is left, so that the refusal
                          is not lost to a reset */
};

struct perf_connection {
    struct perf_connection *next, *previous; /* the server's list */
    struct perf_server *server;
    weft_tcp *tcp;
    weft_future *task;      /* written and dropped under the server's lock */
    _Atomic uint64_t stand; /* the phase and the tick in which it began */
    atomic_bool expired;    /* shut down from outside: it was too slow */

    char *buffer; /* `own`, until a head needs more */
    size_t size, used;
    bool last;     /* close after this answer */
    bool headless; /* a HEAD request: no body in the answer */

    /* Requests so far: written by the task alone, so that no line is shared
     * between workers on the way of a request. */
    _Atomic uint64_t requests;

    char own[]; /* the rest of PERF_CONNECTION_BLOCK bytes */
};

/* Memory of a connection with its buffer. Two pages, of which short requests
 * touch one. */
#define PERF_CONNECTION_BLOCK 8192

/** The connection's task; its argument is the connection. */
void *perf_connection_run(void *connection);

/** Write `n` bytes of an answer; 0, or a negative code: then close. */
int perf_connection_send(struct perf_connection *, const char *bytes, size_t n);

/** Write a whole answer with a short body (up to 8 KiB); 0 or a negative code.
 */
int perf_connection_reply(struct perf_connection *, int status,
                          const char *type, const char *body, size_t n);

/** The head of an answer whose body the caller writes; its length. `size` of at
 * least 256 is enough. */
size_t perf_connection_head(const struct perf_connection *, char *to,
                            size_t size, int status, const char *type,
                            uint64_t length);

static inline void perf_connection_mark(struct perf_connection *connection,
                                        enum perf_phase phase)
{
    uint64_t tick =
        atomic_load_explicit(&connection->server->tick, memory_order_relaxed);

    atomic_store_explicit(&connection->stand, tick << 8 | phase,
                          memory_order_relaxed);
}

#endif
