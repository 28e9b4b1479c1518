// SPDX-License-Identifier: MIT
/*
 * The future inside: one state word, a result, waiters.
 *
 * The word, 64 bits:
 *   bits 0-15   flags, below
 *   bits 16-63  the waiters, newest first (user addresses have 47 bits)
 *
 * Laws: DONE is set once and never cleared; whoever sets it takes the waiters
 * in the same swap and fires each exactly once. CANCEL and STARTED are never
 * cleared. LOCK is held for a few instructions, to take a waiter back or to
 * decide who completes; nobody sets DONE under another's LOCK.
 *
 * Who frees: the last reference (`refs`) and the producer. GONE says that there
 * is no reference; the later of "producer sets DONE" and "last reference sets
 * GONE" frees. A future made by hand has no producer.
 */
#ifndef WEFT_FUTURE_FUTURE_H
#define WEFT_FUTURE_FUTURE_H

#include "sched/sched.h"

#include <weft/future.h>
#include <weft/task.h>

enum {
    WEFT__DONE = 1,
    WEFT__CANCEL = 2, /* requested */
    WEFT__GONE = 4,   /* nobody holds a reference */
    WEFT__LOCK = 8,
    WEFT__STARTED = 16, /* a callback or job runs, or has run */
    WEFT__AWAITED = 32, /* one who will drop a reference is registered */
    WEFT__FLAGS = 0xffff,
    WEFT__WAITERS = 16, /* shift */
};

enum weft__kind {
    WEFT__FREE, /* a descriptor in the pool */
    WEFT__TASK,
    WEFT__CALLBACK,
    WEFT__JOB,    /* completed by an executor */
    WEFT__MADE,   /* by weft_future_new() */
    WEFT__STATIC, /* failed from the start, never freed */
};

/* A registration with a future, in the frame of who waits. */
struct weft__waiter {
    struct weft__waiter *next; /* the future's, while it is registered */
    void (*fire)(struct weft__waiter *); /* once; the last touch of it */
};

/* What a future of another room does for itself. */
struct weft__producer {
    void (*cancel)(weft_future *); /* it was cancelled, for the first time */
    void (*free)(weft_future *);   /* nobody holds it, and it is done */
};

struct weft_scope; /* deadlines and shields: weft/scope.h, later */
struct weft__account;
struct weft__context;
struct weft__error;

struct weft_future {
    struct weft__coro coro; /* of tasks and callbacks; else unused */
    _Atomic(uint64_t) state;
    void *result;           /* written by who sets DONE, before */
    _Atomic(uint32_t) refs; /* references of users */
    _Atomic(uint8_t) kind;  /* written by who makes and frees it */
    weft_fn *fn;            /* fixed from here on */
    void *arg;
    const char *name;
    struct weft__waiter waiter; /* a done-callback's own registration */
    const struct weft__producer *producer; /* of a job */
    /* Read and written by the running task only. */
    struct weft_scope *scope;      /* innermost; NULL: the root scope */
    struct weft__account *account; /* children not yet awaited */
    struct weft__context *context; /* copied at spawn */
    struct weft__error *error;     /* the last one */
};

_Static_assert(sizeof(struct weft_future) <= WEFT__TASK_SIZE,
               "a descriptor holds it");

static inline weft_future *weft__future_of(struct weft__coro *coro)
{
    return weft__container_of(coro, weft_future, coro);
}

static inline bool weft__future_is_done(const weft_future *future)
{
    /* Pairs with the swap that sets DONE: the result is visible. */
    return weft__load_acquire(&future->state) & WEFT__DONE;
}

/* Completing: future.c */

/** The producer is done: publish the result, fire the waiters, and free the
 * future if nobody holds it. The future must not be touched afterwards. */
void weft__future_finish(weft_future *, void *result);

/** Complete one that several may try to complete. 0 or -WEFT_EALREADY. */
int weft__future_set(weft_future *, void *result);

/* Waiting: future.c */

/** Register; `mark` is WEFT__AWAITED for one who will drop a reference, or 0.
 * 1; 0 if it is done; -WEFT_EBUSY if another await has the only reference. In
 * the last two cases nothing was registered. */
int weft__future_add_waiter(weft_future *, struct weft__waiter *,
                            uint32_t mark);

/** Take a registration back. False: it has been taken, and fires. */
bool weft__future_remove_waiter(weft_future *, struct weft__waiter *);

/* References: future.c */

/** Drop one reference. */
void weft__future_drop(weft_future *);

/** The result, dropping one reference: the tail of every join. */
int weft__future_take(weft_future *, void **result);

/** A future that has failed with this code: static, so it needs no memory. */
weft_future *weft__future_failed(int code);

/** Start a future in zeroed or recycled memory, with one reference. */
void weft__future_init(weft_future *, enum weft__kind, weft_fn *, void *arg);

/* Decide that it starts. False: it was cancelled before. */
bool weft__future_start(weft_future *);

#endif
