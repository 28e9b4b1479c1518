// SPDX-License-Identifier: MIT
/*
 * How a worker sleeps, and what it learns from outside: the one upward call of
 * sched/, turned upside down. loop/ fills this table in (weft__loop_driver);
 * the simulation of the tests has its own, and runs every worker on one thread.
 */
#ifndef WEFT_SCHED_DRIVER_H
#define WEFT_SCHED_DRIVER_H

#include <signal.h>
#include <stdatomic.h>
#include <weft/runtime.h>

struct weft__loop;
struct weft__worker;

/* What weft_run() shares with the signal handler. */
struct weft__signals {
    _Atomic(uint32_t) *word;      /* futex of who waits */
    uint32_t step;                /* what the handler adds to it */
    _Atomic(uint32_t) interrupts; /* counted by the handler, as the others */
    _Atomic(uint32_t) terminations;
    _Atomic(uint32_t) quits;
    void (*dump)(void *); /* before a second SIGINT exits */
    void *dump_arg;
    bool stop;     /* take SIGINT and SIGTERM */
    bool quit;     /* take SIGQUIT */
    bool taken[3]; /* ours to give back */
    struct sigaction before[3];
};

struct weft__driver {
    /** Set up a loop's engine. 0 or a negative code. Called by the thread that
     * starts the runtime, before any worker runs. */
    int (*open)(struct weft__loop *, const weft_options *);

    /** Undo open(). After every worker has ended. */
    void (*close)(struct weft__loop *);

    /** Queue what is ready, without waiting. Returns how many events. Any
     * worker: also one that looks after a stuck worker's loop. */
    unsigned (*poll)(struct weft__loop *, struct weft__worker *);

    /** Sleep until something is ready, wake() was called since the last return,
     * or `until` has come; then poll. The loop's owner only. */
    void (*wait)(struct weft__loop *, struct weft__worker *, int64_t until);

    /** End a wait(), or the next one. Any thread; cheap if it is awake. */
    void (*wake)(struct weft__loop *);

    /** Is anything registered that poll() could find? */
    bool (*watching)(struct weft__loop *);

    /** Would poll() find something? Any thread; never NULL but in models. */
    bool (*ready)(struct weft__loop *);

    /** What file calls use: WEFT_ENGINE_URING or _EPOLL. */
    enum weft_engine (*engine)(struct weft__loop *);

    /** IORING_FEAT_… of that io_uring. NULL in simulation, which has none. */
    unsigned (*features)(struct weft__loop *);

    /** Take the signals asked for, where they are at their default, until the
     * close. One weft_run() of the process at a time has them; to another one
     * nothing happens. */
    void (*signals_open)(struct weft__signals *);
    void (*signals_close)(struct weft__signals *);

    /** Before each step of a worker. NULL but in simulation. */
    void (*turn)(struct weft__worker *);
};

/** The real one; defined in loop/driver.c. */
extern const struct weft__driver weft__loop_driver;

#endif
