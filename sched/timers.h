// SPDX-License-Identifier: MIT
/*
 * Alarms: the timers of one loop, armed and disarmed from any thread under the
 * loop's lock. The wheel knows no clock and no lock; this does.
 *
 * An alarm either is disarmed by weft__alarm_disarm(), or fires, exactly one of
 * the two, decided under the lock. Firing happens after the lock was left, so a
 * disarm that returns false means that fire() runs or will run in a moment.
 */
#ifndef WEFT_SCHED_TIMERS_H
#define WEFT_SCHED_TIMERS_H

#include "sched/lock.h"
#include "sched/wheel.h"

struct weft__loop;
struct weft__worker;

struct weft__alarm {
    struct weft__timer timer;
    struct weft__loop *loop; /* where it was armed last */
    void (*fire)(struct weft__alarm *, struct weft__worker *);
};

struct weft__timers {
    struct weft__spin lock;
    struct weft__wheel wheel; /* under the lock */
    _Atomic(int64_t) next;    /* a hint: the earliest; written under it */
    struct weft__lock firing; /* one at a time, so in the order of moments */
};

/** Arm on a loop. Any thread; wakes the loop's worker if it sleeps past it. */
void weft__alarm_arm(struct weft__alarm *, struct weft__loop *, int64_t moment);

/** Returns true if it was armed: then it does not fire. Any thread. */
bool weft__alarm_disarm(struct weft__alarm *);

/** Fire what is due on a loop; returns how many. A worker. */
unsigned weft__timers_expire(struct weft__loop *, struct weft__worker *,
                             int64_t now);

/**
 * Disarm and fire at once every alarm with this fire function: the end of a
 * runtime does not wait for its callbacks' moments. Any thread.
 */
void weft__timers_flush(struct weft__loop *,
                        void (*fire)(struct weft__alarm *,
                                     struct weft__worker *));

#endif
