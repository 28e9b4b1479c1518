// SPDX-License-Identifier: MIT
/*
 * The runtime: workers, loops, pools, and the phases of its end. What a task is
 * and what cancelling means is known above; the hooks say so.
 */
#ifndef WEFT_SCHED_RUNTIME_H
#define WEFT_SCHED_RUNTIME_H

#include "sched/background.h"
#include "sched/crew.h"
#include "sched/monitor.h"
#include "sched/report.h"
#include "sched/reserve.h"
#include "sched/worker.h"

enum weft__phase {
    WEFT__OPEN,
    WEFT__CLOSING, /* no foreign submissions; all but .keep tasks cancelled */
    WEFT__KILLING, /* .keep tasks, too */
    WEFT__STOPPED, /* the workers have been told to end */
};

/* What future/ does for sched/. */
struct weft__hooks {
    /** There is no stack to start it on: end it with -ENOMEM. */
    void (*not_started)(struct weft__coro *);
    /** A branch was taken out of a deque: make a coroutine of it, counted as
     * spawned; NULL: no memory, and it is taken care of. */
    struct weft__coro *(*take)(struct weft__worker *, void *branch);
    /** Fired early by the close: a callback whose moment has not come. */
    void (*fire)(struct weft__alarm *, struct weft__worker *);
    /** It has been in the same step for so long: report that. The monitor. */
    void (*slow)(struct weft__worker *, int64_t ns);
    /** Its step of that number is the longest so far that keeps others waiting:
     * write down whose it is. The monitor. */
    void (*overran)(struct weft__worker *, uint64_t step, int64_t ns);
    /** The name of a coroutine, for people. Signal-safe; never NULL. */
    const char *(*name)(struct weft__coro *);
};

/* Who wants to know that the end has begun: the thread in weft_run(). */
struct weft__watcher {
    struct weft__lock lock;
    _Atomic(uint32_t) *word; /* futex; NULL: nobody; under the lock */
    uint32_t step;           /* what is added to it */
};

struct weft__defer;

struct weft_runtime {
    _Atomic(uint32_t) users; /* references of users */
    _Atomic(uint32_t) refs;  /* of the memory: one of all users together, one
                                of each worker thread and done-callback */
    _Atomic(uint32_t) phase; /* enum weft__phase; only ever goes up */
    const struct weft__driver *driver; /* fixed */
    const struct weft__hooks *hooks;   /* fixed */
    unsigned workers;                  /* active ones, and loops; fixed */
    unsigned capacity;                 /* of ->worker; fixed */
    _Atomic(unsigned) known;     /* of these, opened; only ever grows; by the
                                    monitor, once the runtime is open */
    struct weft__worker *worker; /* fixed */
    struct weft__loop *loop;     /* fixed */
    bool threads;                /* it has some; fixed once it is open */
    struct weft__pool *pool;
    weft_options options; /* fixed; defaults filled in */
    struct weft__depot stacks;
    struct weft__census census; /* its OS threads */
    struct weft__crew crew;     /* those for what blocks */
    struct weft__lock crews_lock;
    struct weft__crew *crews; /* others; under ->crews_lock */
    bool crews_over;          /* they have been closed; the same */
    _Atomic(bool) crew_wants; /* a thread; by who is too low to start it, and
                                  cleared by the monitor */
    _Atomic(struct weft__crew *) own_crew; /* of its own pool; swapped in by who
                                              first uses that */
    enum weft_engine engine;               /* in use; fixed */
    struct weft__lock closing;             /* one thread closes */
    bool ended;                            /* under ->closing */
    int outcome;                           /* of the end; under ->closing */
    _Atomic(uint32_t) drained; /* futex: times that nothing was alive */
    struct weft__watcher watcher;
    _Atomic(uint32_t) onlookers; /* threads that look at pools and loops; RMW
                                    by each */
    struct weft__lock defers_lock;
    struct weft__defer *defers; /* last come first; under ->defers_lock */
    bool defers_over;           /* no more are taken; the same */
    struct weft__idle idle;
    struct weft__monitor monitor;
    struct weft__reserve reserve;
    struct weft__background background;
    struct weft__reporter reporter;
};

/** How many workers there are, or were: active and others. */
static inline unsigned weft__runtime_known(const struct weft_runtime *rt)
{
    /* Pairs with the store when one more has been opened. */
    return weft__load_acquire(&rt->known);
}

/** Make and start one. 0 or a negative code. `driver` NULL: the real one.
 * Without threads (simulation) the caller steps the workers. */
int weft__runtime_open(const weft_options *, const struct weft__hooks *,
                       const struct weft__driver *, bool threads,
                       weft_runtime **out);

/** Start the thread of a worker that has none. 0 or a negative code. */
int weft__runtime_start_worker(struct weft__worker *);

/** Go to a phase, if not there or further; interrupts whom it concerns. Any
 * thread. */
void weft__runtime_enter(weft_runtime *, enum weft__phase);

/** Have `word` bumped, and its waiter woken, when the end begins; NULL: no more.
 */
void weft__runtime_watch(weft_runtime *, _Atomic(uint32_t) *word,
                         uint32_t step);

/** The submitter of what was counted in ->submitted touches this loop no more:
 * what he pushed may have run, and the end may be waiting for him. */
static inline void weft__runtime_left(struct weft__loop *loop)
{
    weft__fetch_add(&loop->left, 1); /* pairs with weft__runtime_stop() */
}

/** Count a submission that the end does not refuse. By who ends it, between two
 * waits. */
void weft__runtime_submit_last(weft_runtime *, struct weft__coro *);

/** Wait until nothing is alive or `until`. Foreign thread. True: drained. */
bool weft__runtime_wait_drained(weft_runtime *, int64_t until);

/** Tasks and callbacks accepted that have not ended. Exact when it says 0. */
uint64_t weft__runtime_alive(weft_runtime *);

/** The rest of it, while the runtime closes. */
void weft__runtime_ended_late(weft_runtime *);

/** A task or callback has ended on this worker (NULL: on a foreign thread). */
static inline void weft__runtime_ended(weft_runtime *rt,
                                       struct weft__worker *worker,
                                       unsigned loop)
{
    if (weft__likely(worker != NULL)) {
        _Atomic(uint64_t) *ended = &worker->counters.tasks_ended;
        /* Pairs with the acquire in weft__runtime_alive(). */
        weft__store_release(ended, weft__load_relaxed(ended) + 1);
    } else {
        weft__fetch_add_sc(&rt->loop[loop].dropped, 1);
    }
    if (weft__unlikely(weft__load_relaxed(&rt->phase) != WEFT__OPEN))
        weft__runtime_ended_late(rt);
}

/** Somebody may have ended unseen: a worker about to sleep, while it closes. */
void weft__runtime_check_drained(weft_runtime *);

/** A crew to close with the runtime; false: that has closed them. Unless it is
 * taken back before: true, it was. Any thread that holds both. */
bool weft__runtime_add_crew(weft_runtime *, struct weft__crew *);
bool weft__runtime_remove_crew(weft_runtime *, struct weft__crew *);

/** One of them wants a thread that the caller, lowered, shall not start; the
 * monitor does it. */
void weft__runtime_crew_wants(weft_runtime *);
void weft__runtime_reinforce_crews(weft_runtime *);

/** End the workers' threads. If `join`, wait for them and close everything but
 * the memory that late holders of references may still look at. */
void weft__runtime_stop(weft_runtime *, bool join);

/** A thread that holds a reference, but is perhaps no worker, wants to look at
 * the loops, or at tasks that are not its own. False: they are gone. Else the
 * end waits until it has looked. Signal-safe. */
static inline bool weft__runtime_look(weft_runtime *rt)
{
    weft__fetch_add_sc(&rt->onlookers, 1);
    weft__fence_after_rmw(); /* pairs with weft__runtime_stop() */
    if (weft__likely(weft__load_fenced(&rt->phase) != WEFT__STOPPED))
        return true;
    weft__fetch_sub(&rt->onlookers, 1); /* the same */
    return false;
}

static inline void weft__runtime_looked(weft_runtime *rt)
{
    weft__fetch_sub(&rt->onlookers, 1); /* pairs with weft__runtime_stop() */
}

/** The users' reference to the memory: nobody submits any more. After the end.
 */
void weft__runtime_leave(weft_runtime *);

/** Drop one reference to the memory; the last one frees it. */
void weft__runtime_drop(weft_runtime *);

/** The loop that this foreign thread submits to: always the same one. */
struct weft__loop *weft__runtime_loop(weft_runtime *);

/** Does a phase cancel a task that was, or was not, spawned with .keep? */
static inline bool weft__phase_cancels(uint32_t phase, bool keep)
{
    return phase >= (keep ? WEFT__KILLING : WEFT__CLOSING);
}

/** The one that makes the deferred calls of the runtime: no phase cancels it. */
static inline bool weft__runtime_spares(struct weft__coro *coro)
{
    uint8_t last = WEFT__CORO_KEEP | WEFT__CORO_MAIN;
    return (coro->flags & last) == last;
}

/** Does the present one cancel this coroutine? */
static inline bool weft__runtime_cancels(struct weft__coro *coro)
{
    uint32_t phase = weft__load_relaxed(&coro->rt->phase);
    return weft__unlikely(phase != WEFT__OPEN) &&
           weft__phase_cancels(phase, coro->flags & WEFT__CORO_KEEP) &&
           !weft__runtime_spares(coro);
}

#endif
