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
 */
#ifndef WEFT_SCHED_STACK_H
#define WEFT_SCHED_STACK_H

#include "sched/lock.h"

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
    uint8_t kind;
    void *fiber;       /* ThreadSanitizer's idea of it */
    unsigned valgrind; /* Valgrind's */
};

struct weft__slab; /* one mapping, cut into slots */

struct weft__depot {
    struct weft__lock lock;
    struct weft__slab *slabs;                      /* all; under the lock */
    struct weft__stack *free[WEFT__STACK_CLASSES]; /* under the lock */
    struct weft__slab *fresh[WEFT__STACK_CLASSES]; /* has unused slots */
    size_t count; /* stacks handed out ever; under the lock */
    size_t limit; /* most of them; SIZE_MAX if guards cost no mapping */
    bool guard_install;
};

void weft__depot_init(struct weft__depot *);

/** Unmaps everything: no stack may be in use. */
void weft__depot_fini(struct weft__depot *);

/** One stack, or NULL without memory. Any thread. */
struct weft__stack *weft__depot_take(struct weft__depot *, unsigned kind);

/** Give back a chain, linked by ->next, of one kind. Any thread. */
void weft__depot_give(struct weft__depot *, struct weft__stack *first,
                      struct weft__stack *last);

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
