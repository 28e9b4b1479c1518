// SPDX-License-Identifier: MIT
/*
 * Stacks: guarded slots cut from large mappings, kept for reuse by each worker
 * (last in, first out) and in a depot of the runtime.
 *
 * A slot is, from its lowest address: a guard of 64 KiB, the usable part, and
 * at the very top this header, so that a stack in use costs one page and
 * nothing else. Tops are shifted by some lines from slot to slot: page-aligned
 * tops would all compete for the same sets of the first-level cache.
 *
 * The guard is installed when a slot is first handed out: by
 * MADV_GUARD_INSTALL, which costs no mapping (Linux 6.13), else by mprotect(2),
 * which costs two; then the number of stacks is capped below the system's limit
 * on mappings. There is never a stack without a guard.
 *
 * What a burst has left behind goes back to the system: once a shelf of the
 * depot holds more than it keeps, the next worker with nothing to do arms an
 * alarm, a second ahead. What lay there unused all that time is surplus, and
 * workers that have nothing to do give it back, a few stacks at a time. A load
 * that comes and goes within a second keeps its stacks, and makes no system
 * call for them; an idle process is woken once more.
 */
#ifndef WEFT_SCHED_STACK_H
#define WEFT_SCHED_STACK_H

#include "sched/lock.h"
#include "sched/timers.h"

enum {
    WEFT__STACK_DEFAULT, /* 192 KiB */
    WEFT__STACK_LARGE,   /* 1 MiB */
    WEFT__STACK_HUGE,    /* 8 MiB */
    WEFT__STACK_CLASSES
};

#define WEFT__STACK_GUARD ((size_t)64 << 10)

struct weft__stack {
    void *sp;  /* where to resume, while it is a parked dispatcher; NULL
                       before its first use. Written by who leaves it. */
    char *low; /* lowest usable address; fixed */
    void *top; /* where the first frame begins; fixed */
    struct weft__stack *next; /* in a cache or the depot */
    struct weft__slab *slab;  /* fixed */
    uint8_t slot;             /* in it; fixed */
    uint8_t kind;
    void *fiber;       /* ThreadSanitizer's idea of it */
    unsigned valgrind; /* Valgrind's */
};

struct weft__slab;

/* The stacks of one kind. All under the depot's lock. */
struct weft__shelf {
    struct weft__stack *free;
    size_t count;   /* of these */
    size_t least;   /* of these since the alarm was set */
    size_t surplus; /* to be given back in this one */
    struct weft__slab *roomy, *full;
};

/* Has the depot more than it keeps, and what is done about it? */
enum weft__tidiness {
    WEFT__DEPOT_TIDY,    /* no */
    WEFT__DEPOT_MUCH,    /* yes; nothing yet */
    WEFT__DEPOT_WATCHED, /* the alarm is set */
    WEFT__DEPOT_DUE,     /* it has fired: surplus goes back */
};

struct weft__depot {
    struct weft__lock lock;
    struct weft__shelf shelf[WEFT__STACK_CLASSES];
    size_t guards; /* in place; under the lock */
    size_t limit;  /* most of them; SIZE_MAX if they cost no mapping */
    bool guard_install;
    _Atomic(uint32_t) tidiness; /* written under the lock */
    struct weft__alarm quiet;   /* armed by who made it WATCHED */
};

void weft__depot_init(struct weft__depot *);

/** Unmaps everything: no stack may be in use. */
void weft__depot_fini(struct weft__depot *);

/** One stack, or NULL without memory. Any thread. */
struct weft__stack *weft__depot_take(struct weft__depot *, unsigned kind);

/** Give back a chain, linked by ->next, of one kind. Any thread. */
void weft__depot_give(struct weft__depot *, struct weft__stack *first,
                      struct weft__stack *last);

/** See weft__depot_tidy(). */
bool weft__depot_tidy_now(struct weft__depot *, struct weft__loop *);

/** By a worker that has nothing to do, before it sleeps: give back some of what
 * is too much, or see to it that somebody does. Returns whether it gave some:
 * then it looks for work, and comes again. */
static inline bool weft__depot_tidy(struct weft__depot *depot,
                                    struct weft__loop *loop)
{
    return weft__unlikely(weft__load_relaxed(&depot->tidiness) !=
                          WEFT__DEPOT_TIDY) &&
           weft__depot_tidy_now(depot, loop);
}

/** The least kind with `size` usable bytes, or -1. */
int weft__stack_class(size_t size);

/** Usable bytes of a kind. */
size_t weft__stack_size(unsigned kind);

/** Whether an address lies in the guard of a stack. Signal-safe. */
static inline bool weft__stack_guards(const struct weft__stack *stack,
                                      const void *at)
{
    return (const char *)at < stack->low &&
           (const char *)at >= stack->low - WEFT__STACK_GUARD;
}

#endif
