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
 * GONE" frees. A future made by hand has no producer. An owned task has one
 * reference more, its account's (account.h).
 */
#ifndef WEFT_FUTURE_FUTURE_H
#define WEFT_FUTURE_FUTURE_H

#include "sched/sched.h"

#include <weft/future.h>
#include <weft/task.h>

enum {
    WEFT__DONE = 1,
    WEFT__CANCEL = 2, /* requested, of the root scope; why: WEFT__REASON */
    WEFT__GONE = 4,   /* nobody holds a reference */
    WEFT__LOCK = 8,
    WEFT__STARTED = 16,    /* a callback or job runs, or has run */
    WEFT__AWAITED = 32,    /* one who will drop a reference is registered */
    WEFT__OWNED = 64,      /* an account holds a reference */
    WEFT__OBSERVED = 128,  /* its failure has been handed to somebody */
    WEFT__LOOK = 256,      /* the task must look at its scopes; it clears it */
    WEFT__REASON = 512,    /* three bits: enum weft_reason */
    WEFT__ENDING = 4096,   /* a child tells its group that it ends */
    WEFT__DETACHED = 8192, /* its owner shall let go of it */
    WEFT__LIMITED = 16384, /* its group counts who runs */
    WEFT__KEPT = 32768,    /* as WEFT__CORO_KEEP, for others to read */
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

/* A job that runs on this thread waits here for another one. */
enum weft__help {
    WEFT__HELPED,    /* it has been run on this thread: it is done */
    WEFT__UNDER_WAY, /* a thread of the same pool runs it */
    WEFT__STRANGE,   /* it is not of the same pool */
};

/* What a future of another room does for itself. */
struct weft__producer {
    void (*cancel)(weft_future *); /* it was cancelled, for the first time */
    void (*free)(weft_future *);   /* nobody holds it, and it is done */
    enum weft__help (*help)(weft_future *job, weft_future *other);
    /* Its thread waits for such a one. */
    void (*block)(weft_future *job, enum weft__help, bool begins);
};

struct weft__scope;
struct weft__group;
struct weft__error;
struct weft__defer;
struct weft__branch;

/* Children, a circle by ->next and ->prev. Touched by the owner only. */
struct weft__account {
    weft_future *first; /* NULL: none. The sweep goes round with it */
};

/*
 * Three lines that every task needs, and a fourth that is at rest (zero) in a
 * free descriptor and left alone by a task that uses nothing of it: most of
 * them, so a spawn need not touch it.
 */
struct weft_future {
    struct weft__coro coro; /* of tasks and callbacks; of others ->rt alone,
                               for reports: NULL, or not to be followed */
    _Atomic(uint64_t) state;
    union {
        void *arg;    /* fixed, until `fn` is called */
        void *result; /* written by who sets DONE, before */
    };
    _Atomic(uint32_t) refs; /* references of users, and of the account */
    _Atomic(uint8_t) kind;  /* written by who makes and frees it */
    bool counted; /* ->inherited is a reference; by its maker, and by who
                     detaches it */
    bool touched; /* the fourth line is not at rest; by its maker and itself */
    uint8_t generation; /* debug.h; by who frees it */
    weft_fn *fn;        /* fixed */
    _Atomic(const char *) name;
    _Atomic(uint64_t) id;    /* of a task: never used twice; inspect.h */
    weft_context *inherited; /* fixed */
    weft_future *owner;      /* the task whose account it is in; fixed. Later it
                                may be another task's descriptor: account.h */
    union {
        struct weft__group *group;             /* of a child; fixed */
        const struct weft__producer *producer; /* of a job; fixed */
    };
    weft_future *next, *prev; /* in the account; the owner's */

    _Alignas(WEFT__LINE) union {
        struct weft__waiter waiter; /* of a done-callback, until it runs */
        struct {
            struct weft__account children; /* the task's own */
            struct weft__branch *branches; /* forked, not joined; its own */
        };
    };
    _Atomic(uint64_t) waits; /* what for: inspect.h; the task's own; any
                                value at rest */
    int64_t deadline;        /* around its spawn, 0: none; fixed */
    /* Read and written by the running task only. */
    struct weft__scope *scope;  /* innermost; NULL: the root scope */
    weft_context *own;          /* its newest one; NULL: the inherited one */
    struct weft__error *error;  /* its last; others may read it when DONE */
    struct weft__defer *defers; /* last come first */
};

_Static_assert(sizeof(struct weft_future) <= WEFT__TASK_SIZE,
               "a descriptor holds it");

static inline weft_future *weft__future_of(struct weft__coro *coro)
{
    return weft__container_of(coro, weft_future, coro);
}

static inline const char *weft__future_name(const weft_future *future)
{
    const char *name = weft__load_relaxed(&future->name);
    return name ? name : "(no name)";
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

/** Drop two, the account's and one more, of what is done. */
void weft__future_drop_two(weft_future *);

/** The result, dropping one reference, for who is no task: the error is handed
 * to this thread. */
int weft__future_take(weft_future *, void **result);

/** A future that has failed with this code: static, so it needs no memory. */
weft_future *weft__future_failed(int code);

/** Start a future in zeroed or recycled memory, with one reference. */
WEFT__INLINE void weft__future_init(weft_future *future, enum weft__kind kind,
                                    weft_fn *fn, void *arg)
{
    weft__store_relaxed(&future->id, 0);
    weft__store_relaxed(&future->state, 0);
    future->arg = arg;
    weft__store_relaxed(&future->refs, 1);
    weft__store_relaxed(&future->kind, kind);
    future->counted = false;
    future->touched = false;
    future->fn = fn;
    weft__store_relaxed(&future->name, NULL);
    future->owner = NULL;
    future->group = NULL;
    future->inherited = NULL;
    future->prev = NULL;
}

/* Decide that it starts. False: it was cancelled before. */
bool weft__future_start(weft_future *);

#endif
