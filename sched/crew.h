// SPDX-License-Identifier: MIT
/*
 * OS threads for what blocks: file calls without io_uring, jobs of thread
 * pools. They start on demand, up to a limit, take work in order, and end after
 * some idle seconds. This is also the one place that starts, names, counts and
 * caps the threads of a runtime.
 *
 * How it grows. At most one thread is on its way to the work, woken or started
 * (`coming`); who takes a job and leaves others behind sends for the next one.
 * One that comes takes a job, unless as many as there are CPUs do that already
 * and get on. If there is nothing for it to do it watches for a while: what was
 * queued at one of its looks must be gone at the next. So short jobs keep few
 * threads busy, and cost no wake each; those that block get a thread each, as
 * fast as threads start.
 *
 * A thread inherits the priority of who starts it. A worker that was lowered
 * has the monitor do it.
 */
#ifndef WEFT_SCHED_CREW_H
#define WEFT_SCHED_CREW_H

#include "sched/lock.h"

struct weft_runtime;

struct weft__job {
    struct weft__job *next,
        *prev;   /* under the crew's lock while it is queued */
    bool queued; /* the same */
    void (*run)(struct weft__job *); /* on a thread of the crew, once */
    /* After that, when the thread counts as free: the last touch. Or NULL, and
     * run() is. */
    void (*finish)(struct weft__job *);
    /* Instead of that: it was queued, and will not be run. */
    void (*drop)(struct weft__job *, int code);
};

/* The threads of one runtime, or of a pool without one, of all kinds. */
struct weft__census {
    _Atomic(uint32_t) count; /* read-modify-write by who starts and ends one */
    uint32_t limit;
};

struct weft__crew;

/* What a pool does for its crew; NULL where there is nothing to do. */
struct weft__crew_hooks {
    /** On a new thread, before its first job: 0, or why the crew is broken. */
    int (*begin)(struct weft__crew *);
    /** On a thread that ends, if begin() returned 0. */
    void (*end)(struct weft__crew *);
    /** A thread was, or is about to be, started, under the lock; it is not
     * there any more, without a lock, its last touch. `last`: the crew is
     * closed and has none left. */
    void (*came)(struct weft__crew *);
    void (*left)(struct weft__crew *, bool last);
    /** It is being closed. Without a lock; perhaps more than once. */
    void (*closing)(struct weft__crew *);
    /** A job has left the queue. Without a lock. */
    void (*room)(struct weft__crew *);
    /** Closed by the end of its runtime, because nobody has; and, of a runtime's
     * own one, after that: nobody holds the runtime any more. */
    void (*abandoned)(struct weft__crew *);
    void (*released)(struct weft__crew *);
};

enum weft__coming { WEFT__NOBODY_COMES, WEFT__SENT_FOR, WEFT__WATCHES };

struct weft__crew {
    struct weft__lock lock;
    struct weft__job *head, *tail; /* under the lock, as all below */
    unsigned idle;                 /* threads asleep */
    unsigned threads;              /* threads of the crew */
    unsigned running;              /* jobs that run */
    unsigned blocked; /* of these, that wait for what may be done elsewhere */
    unsigned leaning; /* of these, that wait for another one that runs */
    unsigned limit;   /* of threads, beside those blocked */
    unsigned least;   /* so many do not end when they are idle */
    unsigned started; /* ever; numbers the names */
    unsigned cpus;    /* fixed */
    bool closed;
    bool lingers; /* a thread waits awake for the next job */
    bool wanted;  /* the monitor is to start one */
    int broken;   /* why it cannot work, or 0 */
    enum weft__coming coming;
    uint64_t taken;      /* jobs that left the queue to be run */
    uint64_t taken_seen; /* of these, at the last look of who comes */
    uint64_t
        newest_seen; /* what ->taken is when what was queued then is gone */
    const char *name;
    size_t stack; /* of each thread; 0: the usual */
    int64_t idle_ns;
    const struct weft__crew_hooks *hooks; /* never NULL */
    struct weft__census *census;
    struct weft_runtime *rt;  /* whose monitor helps; NULL: none */
    struct weft__crew *next;  /* of the runtime's; under its ->crews_lock */
    bool listed;              /* there; the same */
    _Atomic(unsigned) queued; /* written under the lock; looked at without */
    _Atomic(uint32_t) bell;   /* futex of the idle: bumped for each call */
    _Atomic(uint32_t) watch;  /* futex of who watches: the same */
    _Atomic(uint32_t) gone;   /* futex: bumped when a thread ends */
};

/** Start a thread that counts. 0, -EAGAIN at the limit, or what the system
 * says. `number` < 0: the name as it is; `stack` 0: the usual size. */
int weft__thread_open(struct weft__census *, uintptr_t *thread,
                      const char *name, int number, size_t stack,
                      weft__thread_fn *, void *);

/** A thread that counted has ended, or is about to. */
void weft__thread_closed(struct weft__census *);

/** Zeroed memory into a crew with the usual settings. */
void weft__crew_init(struct weft__crew *, struct weft__census *,
                     const char *name, unsigned limit);

/** Queue a job. 0; -WEFT_ESHUTDOWN when it is closed, the cause when it is
 * broken, -EAGAIN if there is no thread and none could be started: then the job
 * was not taken. Any thread. */
int weft__crew_push(struct weft__crew *, struct weft__job *);

/** Take back a job that has not started. Any thread. */
bool weft__crew_remove(struct weft__crew *, struct weft__job *);

/** Take all that has not started and drop it with this code. Any thread. */
void weft__crew_empty(struct weft__crew *, int code);

/** A thread of the crew, in a job, waits for what may be another job's doing:
 * one more may be started instead; if it `leans` on a job that runs, only when
 * all others wait, too. And it waits no more. */
void weft__crew_block(struct weft__crew *, bool leans);
void weft__crew_unblock(struct weft__crew *, bool leans);

/** The number of the thread that a lowered worker wanted, or 0; it is counted,
 * and to be started when all locks are released. The monitor. */
unsigned weft__crew_wanted(struct weft__crew *);
void weft__crew_start(struct weft__crew *, unsigned number);

/** Take no more jobs; end when the queue is empty. Returns whether there is
 * nothing to wait for: no thread is left. Any thread. */
bool weft__crew_close(struct weft__crew *);

/** The same, and wait until the last thread has ended. */
void weft__crew_join(struct weft__crew *);

#endif
