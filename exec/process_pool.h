// SPDX-License-Identifier: MIT
/*
 * Pools of processes inside. One thread, of the pool's crew, manages the
 * children (manager.c): it starts and buries them, takes their answers, and
 * watches the clock. Who submits a job sends it to an idle child himself.
 *
 * A job belongs to the queue or to one child, and is completed by who takes it
 * from there, under the pool's lock; the completing itself comes after that.
 */
#ifndef WEFT_EXEC_PROCESS_POOL_H
#define WEFT_EXEC_PROCESS_POOL_H

#include "exec/executor.h"
#include "exec/process.h"

struct weft__remote {
    struct weft__work work;           /* first */
    struct weft__remote *next, *prev; /* in the queue; ->next: or done */
    bool queued;                      /* under the lock, as the above */
    uint64_t id;                      /* fixed, as all below */
    const struct weft_job_entry *entry;
    weft_bytes *out;
    int memory; /* with the payload, or -1 */
    size_t size;
    int code;        /* by who takes it from the queue or the child */
    char words[200]; /* why it failed; the same */
    unsigned char bytes[];
};

struct weft__process_pool {
    weft_executor executor; /* first */
    weft_process_pool_options options;
    void *init_bytes; /* a copy */
    struct weft__lock lock;
    struct weft__remote *head, *tail; /* under the lock, as all below */
    unsigned queued;
    struct weft__child *children;
    unsigned count;  /* of those that are not dead */
    unsigned starts; /* of these, not ready yet */
    unsigned failures;
    uint64_t ids;
    bool managed; /* there is a manager, or it is about to come */
    bool closing;
    int broken;         /* -WEFT_EBROKEN, or 0 */
    const char *breach; /* in words, why; fixed from then on */
    int64_t retry;
    int poll, bell; /* fixed */
    struct weft__job manager;
    /* The manager's, for one packet: in a thread's own memory each thread of
     * the program would have it, on its stack. */
    _Alignas(16) char room[WEFT__WIRE_HEAD + WEFT__WIRE_BODY];
};

/* Jobs. Under the lock, but for the last one: process_pool.c. */

/** It is done, with this code: onto a list by ->next. */
void weft__remote_give(struct weft__remote **list, struct weft__remote *,
                       int code);

/** Off the queue. */
void weft__remote_unlink(struct weft__process_pool *, struct weft__remote *);

/** All that is queued is done, with this code. */
void weft__remote_drop_all(struct weft__process_pool *, int code,
                           struct weft__remote **done);

/** Complete what is on a list. Without the lock. */
void weft__remote_complete_all(struct weft__remote *done);

/* Children: manager.c */

/** Send what is queued to idle children, in order. Under the lock. */
void weft__manager_hand_out(struct weft__process_pool *);

/** End a child that works, and its job. Under the lock. */
void weft__manager_terminate(struct weft__child *);

/** Until the pool is closed and nobody is left. On its thread. */
void weft__manager_run(struct weft__process_pool *);

#endif
