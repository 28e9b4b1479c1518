// SPDX-License-Identifier: MIT
/*
 * The monitor: one thread that looks, once a millisecond while anybody works,
 * who has not begun a step since the last look although something waits with
 * it: a task in its queues, a timer that is due, an event. Such a worker is
 * marked as stuck, and whoever is idle, or comes to look at the clock, takes
 * what lies there (weft__idle_rescue). Nothing is taken from the stuck worker
 * but its work. One whose steps are long is told to look at the clock before
 * the next.
 *
 * It sleeps when all workers do: the first that is up again wakes it.
 */
#ifndef WEFT_SCHED_MONITOR_H
#define WEFT_SCHED_MONITOR_H

#include "sched/atomic.h"
#include "sched/base.h"
#include "sched/lock.h"

struct weft_runtime;
struct weft__worker;

enum {
    WEFT__MONITOR_TICKS,
    WEFT__MONITOR_SLEEPS, /* by the monitor; undone by who wakes it */
    WEFT__MONITOR_CALLED, /* by who wants a look now; undone by the monitor */
    WEFT__MONITOR_ENDS,   /* by who ends the runtime; stays */
};

/* The longest step that kept others waiting. Written by the monitor, read by
 * anybody, under the lock. */
struct weft__overrun {
    struct weft__lock lock;
    int64_t ns;
    uint64_t task;
    char name[80];
};

/* A place whose slow steps were reported, and when. The monitor's. */
struct weft__told {
    const void *site;
    int64_t at;
};

struct weft__monitor {
    uintptr_t thread;        /* 0: there is none; written by who starts it */
    _Atomic(uint32_t) state; /* futex */
    int64_t storm;           /* short ticks until then; the monitor's */
    int64_t sleepers;        /* still shorter ones; as above */
    bool behind;    /* something waits with those without a loop; as above */
    uint32_t taken; /* from the background's line at its last look; as above */
    int64_t moved;  /* when that had changed, or nobody stood there; as above */
    bool lifted;    /* the new ones were let out of it since then; as above */
    _Atomic(uint32_t) lifts; /* times that was done. The monitor. */
    /* Many threads that were lowered are still in that step. The monitor. */
    _Atomic(bool) crowd;
    /* Somebody was stuck at the last look. Written by the monitor. */
    _Atomic(bool) stuck;
    struct weft__overrun longest;
    struct weft__told told[16]; /* of weft_options.slow_report; the latest */
};

/** The thread's main function: look until the end. */
void weft__monitor_main(void *rt);

/** Have it end. Any thread. */
void weft__monitor_end(struct weft__monitor *);

/** One look, as of `now`. Returns whether anybody works. The monitor; or the
 * simulation, which has no such thread. */
bool weft__monitor_look(struct weft_runtime *, int64_t now);

void weft__monitor_wake_up(struct weft__monitor *);

/** Have it look now: something waits in the background. Any thread. */
void weft__monitor_call(struct weft__monitor *);

/** A worker is up: behind the read-modify-write that says so. */
static inline void weft__monitor_wake(struct weft__monitor *monitor)
{
    /* Pairs with the last look before the monitor's sleep. */
    if (weft__unlikely(weft__load_sc(&monitor->state) == WEFT__MONITOR_SLEEPS))
        weft__monitor_wake_up(monitor);
}

#endif
