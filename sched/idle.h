// SPDX-License-Identifier: MIT
/*
 * Who sleeps, who searches, whom to wake.
 *
 * Pusher: put work in a queue; fence; look at `parked`.
 * Parker: set its bit in `parked`; fence; look at every queue; sleep, untimed.
 * One of the two sees the other. No timeout heals a wake that is lost here.
 *
 * A single piece of work (one spawn that its spawner will await at once, one
 * task woken into the next slot) is not worth waking anybody: its worker comes
 * to it in a moment. Unless it does not: so while somebody is idle and somebody
 * works, one idle worker is the sentinel: it looks round every millisecond and
 * takes what has been lying with a worker that has not moved since its last
 * look, its events and timers included. The sentinel goes to sleep for good
 * after some looks that found nothing to do; the next single piece of work
 * appoints a new one. When everybody sleeps nobody looks.
 *
 * Longer stretches, and those in which nobody is idle, are the monitor's
 * (monitor.h): it marks who is stuck, and anybody may rescue.
 *
 * A sentinel that has just run out of work dozes: its first looks are a tenth
 * of a millisecond apart, and until then nobody wakes anybody at all. So a
 * program that makes work in short bursts does not pay for a wake in each. Nor
 * does one whose pieces are not worth stealing: a poor thief (steal.c) dozes
 * on, and each look steals one piece to see whether that has changed.
 */
#ifndef WEFT_SCHED_IDLE_H
#define WEFT_SCHED_IDLE_H

#include "sched/atomic.h"
#include "sched/base.h"

#define WEFT__MAX_WORKERS 256
#define WEFT__IDLE_WORDS (WEFT__MAX_WORKERS / 64)

struct weft_runtime;
struct weft__loop;
struct weft__worker;

enum { WEFT__IDLE_DOZING = 1 << 16 };

/* Is there somebody who wants to know that nothing moves any more? */
enum {
    WEFT__STALL_OFF,     /* no */
    WEFT__STALL_WATCHED, /* yes: weft_run()'s thread */
    WEFT__STALL_RINGING, /* a worker tells it just now */
    WEFT__STALL_TOLD,    /* it knows, and looks for itself */
};

struct weft__stall {
    _Atomic(uint32_t) state; /* WATCHED -> RINGING -> TOLD by a worker that
                                 parks, the rest by who watches */
    _Atomic(uint32_t) *word; /* its futex; fixed while not OFF */
    uint32_t step;           /* what to add to it; the same */
};

struct weft__idle {
    /* Bit set: the worker sleeps or is about to. Set by the worker; cleared by
     * it, or by who wakes it. */
    WEFT__APART _Atomic(uint64_t) parked[WEFT__IDLE_WORDS];
    /* Workers that were woken to search and have not found work yet. Below 0
     * while one leaves the search that its waker has not counted yet. */
    _Atomic(int32_t) searching;
    /* 1 + the index of the sentinel, or 0, with DOZING. Written by that
     * worker. */
    _Atomic(uint32_t) sentinel;
    struct weft__stall stall;
};

/** Does everybody sleep, with tasks alive, but no timer or event to come?
 * Any thread; true for certain only if it stays so. */
bool weft__idle_stalled(struct weft_runtime *);

/** Somebody goes to sleep: tell who watches if that was the last one. */
void weft__idle_tell_if_stalled(struct weft_runtime *);

/** Would an announcement wake somebody? A guess, at the price of some loads. */
static inline bool weft__idle_wants(const struct weft__idle *idle,
                                    unsigned workers)
{
    uint64_t parked = weft__load_relaxed(&idle->parked[0]);
    for (unsigned i = 1; weft__unlikely(i * 64 < workers); i++)
        parked |= weft__load_relaxed(&idle->parked[i]);
    return weft__unlikely(parked != 0) &&
           weft__load_relaxed(&idle->searching) <= 0 &&
           !(weft__load_relaxed(&idle->sentinel) & WEFT__IDLE_DOZING);
}

/** Work was queued that its worker will not come to at once. */
void weft__idle_announce(struct weft_runtime *);

/** A single piece of work was queued by a worker that will come to it soon. */
void weft__idle_announce_one(struct weft_runtime *);

/** The same for what was put in its place by an sc swap, or a look for which a
 * fence was made. */
void weft__idle_announce_swapped(struct weft_runtime *);

/** Work was pushed for the owner of this loop: wake it if it sleeps. Any
 * thread. Returns false if it is awake. */
bool weft__idle_wake(struct weft__loop *);

/** The worker has found nothing, and has served a foreign thread: wait awake
 * for the next submission, if that is likely to pay. True: it has come. */
bool weft__idle_linger(struct weft__worker *);

/** The worker has found nothing: sleep until there may be something. False: its
 * loop is another one's. */
bool weft__idle_park(struct weft__worker *);

/** The worker has found something to run. */
void weft__idle_found(struct weft__worker *);

/** Take what lies with those whom the monitor has found stuck: into the own
 * ring. Returns whether there was anything. */
bool weft__idle_rescue(struct weft__worker *);

/** Does its owner sleep, or is it about to? Any thread. */
bool weft__idle_is_parked(struct weft__loop *);

/** Wake everybody: the runtime ends. */
void weft__idle_wake_all(struct weft_runtime *);

#endif
