// SPDX-License-Identifier: MIT
/*
 * Workers without a loop.
 *
 *   active      owns its loop: loop->owner is this worker
 *     | another one got the loop (handoff.c), because a step took too long
 *   surplus     does not know it until that step ends; whatever it holds is
 *     |         given away then
 *   spare       sleeps; may get its loop again; keeps its pinned tasks
 *   background  was lowered while it was stuck, or was started so: runs marked
 *               tasks, and is never active again, as no thread can raise its
 *               own priority
 *
 * A worker belongs to one loop for life, whoever owns that. What is queued on a
 * worker that is not active goes to the inbox of the loop.
 *
 * Threads that nobody needs for IDLE_NS end; a worker that has none is there
 * for the next thread. Only those that were never lowered start threads.
 */
#ifndef WEFT_SCHED_RESERVE_H
#define WEFT_SCHED_RESERVE_H

#include "sched/atomic.h"
#include "sched/base.h"
#include "sched/lock.h"

#define WEFT__MAX_RESERVE 1024 /* workers in all */

struct weft_runtime;
struct weft__coro;
struct weft__loop;
struct weft__worker;

struct weft__reserve {
    struct weft__lock starting; /* of who starts threads: never a lowered one */
    struct weft__lock handing; /* of who hands a loop over: the monitor, and who
                                   says that it blocks */
    /* Bit set: this background worker sleeps, or is about to. Set by it;
     * cleared by it, or by who wakes it. */
    WEFT__APART _Atomic(uint64_t) asleep[WEFT__MAX_RESERVE / 64];
    /* Threads that have no loop and are not asleep. RMW by each. */
    _Atomic(int32_t) awake;
    /* Of these, background workers that are to look for work in a moment. RMW
     * by who wakes or starts one, and by that one. */
    _Atomic(int32_t) coming;
};

/** The next thing to run for a worker that is not active; *out is NULL if it
 * has got its loop again, and is to look for itself. False: it is to end. */
bool weft__reserve_find(struct weft__worker *, struct weft__coro **out);

/** Must the step that goes on and on give way? The worker, which is not active.
 */
bool weft__reserve_gives_way(struct weft__worker *);

/** Something is queued in the background: wake a worker for it, or have the
 * monitor start one. Any thread. */
void weft__reserve_call(struct weft_runtime *);

/** Start threads for what waits in the background. The monitor. */
void weft__reserve_reinforce(struct weft_runtime *);

/** A worker to get this loop: ->role is CALLED, weft__reserve_wake() it. NULL:
 * there is none, and no thread for one. A thread that was never lowered. */
struct weft__worker *weft__reserve_spare(struct weft__loop *);

/** One of these has been used up: there may be need for more of them soon, and
 * a thread that sleeps is sooner awake than a new one. The monitor. */
void weft__reserve_refill(struct weft__loop *);

/** Wake this one: it is to look whether it is active, or what its pinned tasks
 * do. Any thread. */
void weft__reserve_wake(struct weft__worker *);

/** Wake everybody: the runtime ends. */
void weft__reserve_wake_all(struct weft_runtime *);

/** Does it sleep? Any thread; of one that is not active. */
bool weft__reserve_is_asleep(struct weft__worker *);

#endif
