// SPDX-License-Identifier: MIT
/*
 * One file call in flight: by the loop's io_uring, or by a thread of the crew.
 * It lies in the frame of the task, which leaves it only when the operation is
 * over; so nothing outlives its buffer.
 */
#ifndef WEFT_LOOP_OPERATION_H
#define WEFT_LOOP_OPERATION_H

#include "loop/engine.h"
#include "sched/crew.h"

struct weft__operation {
    enum { WEFT__OP_OPEN, WEFT__OP_READ, WEFT__OP_STAT } kind;
    int fd; /* or the directory */
    const char *path;
    int flags;
    unsigned mode;
    void *buffer; /* or struct statx */
    size_t size;
    uint64_t offset;
    struct weft__coro *coro;      /* who waits */
    struct weft__loop *loop;      /* whose ring */
    struct weft__operation *next; /* of those just completed */
    struct weft__job job;
    long result; /* written before the wake */
};

/** Do it, wherever. Its result, or -WEFT_ECANCELED if it was cancelled before
 * it did anything. Coroutine. */
long weft__operation_run(struct weft__operation *);

/* By the ring: uring.c */

/** Submit to the current loop's ring. 1: it waits for completion; 0: it is
 * complete; -EBUSY: no room, not taken. */
int weft__uring_submit(struct weft__operation *);

/** Ask the kernel to give it up; it still completes. */
void weft__uring_cancel(struct weft__operation *);

#endif
