// SPDX-License-Identifier: MIT
/*
 * The engine of one loop: an epoll instance, the eventfd that ends its sleep,
 * perhaps an io_uring for files, and the memory of what is registered.
 *
 * Registration is edge-triggered and lasts as long as the descriptor. Events
 * carry the address of a source, and sources keep their place and kind until
 * the loop is closed: an event that comes too late finds one of its own kind,
 * perhaps of somebody else, who is told to try once more and finds nothing to
 * do.
 */
#ifndef WEFT_LOOP_ENGINE_H
#define WEFT_LOOP_ENGINE_H

#include "sched/runtime.h"

#include <liburing.h>

enum weft__source_kind { WEFT__SOURCE_TCP, WEFT__SOURCE_QUEUE };

/* What an event names. */
struct weft__source {
    void (*ready)(struct weft__source *, uint32_t events); /* fixed */
    void (*left)(struct weft__source *); /* fixed; at the end of the loop, if it
                                            is open then; may be NULL */
    struct weft__loop *loop;             /* whose memory it is; fixed */
    struct weft__loop *at;       /* where it is registered; the reader's */
    struct weft__source *next;   /* in a free list; under the engine's lock */
    int fd;                      /* -1 while free */
    enum weft__source_kind kind; /* fixed */
};

#define WEFT__SOURCE_SIZE 128

struct weft__source_slab;

/* First in memory that is gone, but may still be asked whether it is. */
struct weft__retired {
    struct weft__retired *next;
};

struct weft__engine {
    int epfd;
    enum weft_engine kind;        /* fixed after open */
    struct weft__source bell;     /* the eventfd that ends the owner's sleep */
    _Atomic(uint32_t) sleep;      /* driver.c */
    _Atomic(uint32_t) watched;    /* sources registered */
    struct weft__lock lock;       /* of all below */
    struct weft__source *free[2]; /* by kind */
    struct weft__source_slab *slabs;
    struct weft__retired *retired; /* listeners */
    struct weft__source ring_source;
    struct io_uring ring;
    _Atomic(uint32_t) in_flight; /* operations whose completion is to come */
    bool unsubmitted;            /* entries the kernel has not taken yet */
};

static inline struct weft__engine *weft__engine_of(struct weft__loop *loop)
{
    return loop->engine;
}

/** A source of WEFT__SOURCE_SIZE bytes, whose fd is -1; NULL without memory.
 * Zeroed, or recycled as one of its kind left it. All of a kind have the same
 * functions. Any worker. */
struct weft__source *
weft__source_take(struct weft__loop *, enum weft__source_kind,
                  void (*ready)(struct weft__source *, uint32_t events),
                  void (*left)(struct weft__source *));

/** Watch `fd` for reading, writing and hang-up on a loop. 0 or a negative code;
 * then it is as before. */
int weft__source_open(struct weft__source *, struct weft__loop *at, int fd);

/** Watch it on another loop from now on. Best effort; no edge is lost. One
 * thread at a time. */
void weft__source_move(struct weft__source *, struct weft__loop *to);

/** Close the descriptor, if there is one, and give the source back. */
void weft__source_close(struct weft__source *);

/** Keep the memory of a listener until the loop is closed, or for the next
 * one: an accept may just be about to begin. Any worker. */
void weft__listener_retire(struct weft__loop *, struct weft__retired *);

/** Memory of a listener that is gone, or NULL. Any worker. */
struct weft__retired *weft__listener_reuse(struct weft__loop *);

/** Close every descriptor left open, free all memory. */
void weft__source_close_all(struct weft__engine *);

/* io_uring: uring.c */

/** Open the loop's ring; 0 or a negative code. */
int weft__uring_open(struct weft__loop *);

/** Queue the completions there are. Any worker. */
void weft__uring_reap(struct weft__loop *);

#endif
