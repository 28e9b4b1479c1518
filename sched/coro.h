// SPDX-License-Identifier: MIT
/*
 * The coroutine as the scheduler sees it: where its stack pointer is, what may
 * wake it, where it is queued. What it computes and who waits for it is known
 * to future/, which embeds this as the first member of a weft_future.
 *
 * The wake word decides, by one compare-and-swap on either side, every race
 * between going to sleep and being woken:
 *
 *   bits 0-7   wakes that came while it was not asleep for them
 *   bits 8-15  it is asleep, and these wakes end the sleep; 0: not asleep
 *
 * Laws: only the dispatcher that has left the coroutine's stack sets bits 8-15
 * (so nobody else ever runs on a live stack), or who has cleared them to look
 * at it as it lies (future/trace.c); the waker that clears them owns
 * the coroutine and must queue it, exactly once.
 *
 * Who writes the other fields, and when: whoever owns the coroutine. That is
 * its creator until it is queued, the worker that runs it, then its waker.
 */
#ifndef WEFT_SCHED_CORO_H
#define WEFT_SCHED_CORO_H

#include "sched/atomic.h"
#include "sched/base.h"
#include "sched/inbox.h"
#include "sched/timers.h"

/* Wakes. */
enum {
    WEFT__WAKE_NOTIFY = 1,    /* what it waits for has come; exactly one each */
    WEFT__WAKE_INTERRUPT = 2, /* look whether you are cancelled; may be stale */
    WEFT__WAKE_PERMIT = 4,    /* weft_ready() */
    WEFT__WAKE_NEVER = 128,   /* not one: it waits for a part of its own work */
};

/* Flags. */
enum {
    WEFT__CORO_KEEP = 1,       /* not cancelled by the first phase of a close */
    WEFT__CORO_FRESH = 2,      /* has not started: has no stack */
    WEFT__CORO_INJECTED = 4,   /* came through an inbox; for the counters */
    WEFT__CORO_STOLEN = 8,     /* was stolen; for the counters */
    WEFT__CORO_SUBMITTED = 16, /* its loop has not counted it as ->started */
    WEFT__CORO_SCORED = 32,    /* ->score is not 0 */
    WEFT__CORO_STEP = 64,      /* a callback in its first step: ->step */
    WEFT__CORO_MAIN = 128,     /* of weft_run(); see weft__runtime_spares() */
};

struct weft__worker;
struct weft__stack;
struct weft__strand_step;

/* Of its birth, in the alarm's tag: the clock, to about a millisecond. */
#define WEFT__BIRTH_SHIFT 20

struct weft__coro {
    _Atomic(uint32_t) wake;
    uint8_t flags;
    uint8_t reason;          /* the wakes that ended the last sleep */
    uint8_t stack_class : 2; /* of stack.h */
    uint8_t told : 2;        /* the phase it has been interrupted for */
    uint8_t score : 3;       /* how it behaves; of class.h, as the next two */
    uint8_t blocks : 1;      /* when it overran last it slept in the kernel */
    uint8_t pins : 6;        /* weft_pin() less weft_unpin() */
    uint8_t light : 1;       /* is never marked */
    uint8_t runner : 1;      /* of a strand: not a task */
    void *sp;                /* valid while it is suspended */
    struct weft__stack *stack;
    union {
        struct weft__link link; /* in an inbox, pinned queue or free list */
        struct weft__strand_step *step; /* strand.h; while it runs */
    };
    void (*entry)(struct weft__coro *); /* runs it, once, from end to end */
    struct weft_runtime *rt;            /* fixed, as long as the pool lives */
    /* Not NULL: runs on this worker only, or WEFT__IN_BACKGROUND. */
    struct weft__worker *home;
    struct weft__alarm alarm; /* sleep, or a callback's moment */
};

#define WEFT__MOST_PINS 63

/* A marked one's ->home: any background worker. */
#define WEFT__IN_BACKGROUND ((struct weft__worker *)8)

static inline struct weft__coro *weft__coro_of_link(struct weft__link *link)
{
    return weft__container_of(link, struct weft__coro, link);
}

/**
 * Go to sleep for the wakes in `mask`, after the stack was left.
 * Returns true if asleep: from then on the coroutine may run elsewhere. False:
 * a wake had come; it was consumed and stands in ->reason.
 */
static inline bool weft__coro_park(struct weft__coro *coro, uint32_t mask)
{
    uint32_t seen = weft__load_relaxed(&coro->wake);
    for (;;) {
        uint32_t came = seen & mask;
        uint32_t next = came ? seen & ~came : seen | mask << 8;
        coro->reason = (uint8_t)came;
        /* Publishes sp and the stack; pairs with the swap of the waker. */
        if (weft__cas_sc(&coro->wake, &seen, next))
            return came == 0;
    }
}

/**
 * Wake. Returns true if that ended a sleep: the caller owns the coroutine now
 * and must queue it. Any thread.
 */
static inline bool weft__coro_wake(struct weft__coro *coro, uint32_t wake)
{
    uint32_t seen = weft__load_relaxed(&coro->wake);
    for (;;) {
        bool asleep = (seen >> 8 & wake) != 0;
        uint32_t next = asleep ? seen & 0xff : seen | wake;
        /* Pairs with weft__coro_park(). Done even if nothing changes, so that
         * what the waker wrote is visible to whom it wakes. */
        if (weft__cas_sc(&coro->wake, &seen, next)) {
            if (asleep)
                coro->reason = (uint8_t)wake;
            return asleep;
        }
    }
}

/** Take a wake that has come already; true if there was one. Owner only. */
static inline bool weft__coro_take(struct weft__coro *coro, uint32_t wake)
{
    if (!(weft__load_relaxed(&coro->wake) & wake))
        return false;
    /* Pairs with weft__coro_wake(). */
    coro->reason = (uint8_t)(weft__fetch_and(&coro->wake, ~wake) & wake);
    return true;
}

#endif
