// SPDX-License-Identifier: MIT
/*
 * Thread pools and their jobs inside. A job is a future whose producer is a
 * thread of the pool's crew, or who waits for it (weft__producer.help).
 *
 * Who completes a job: who took it out of the queue, under the crew's lock: the
 * thread that runs it, a canceller, the pool that breaks or is emptied.
 *
 * Who keeps a pool's memory (`refs`): the handle, each job, each thread, and
 * the list of the runtime that will close it. The pool keeps the memory of that
 * runtime, so whoever is late finds the locks.
 */
#ifndef WEFT_EXEC_EXECUTOR_H
#define WEFT_EXEC_EXECUTOR_H

#include "future/line.h"
#include "sched/runtime.h"

#include <weft/exec.h>

/* One that runs. */
struct weft__running {
    struct weft__running *next, *prev; /* under ->spin */
    weft_future *job;
    struct weft__running *outer; /* that waits for it on this thread, or NULL */
    bool covered; /* it is an outer one: interrupts are not for it now */
    int tid;      /* of the kernel; on whom interrupts go */
};

/* What pools of threads and of processes do differently. */
struct weft__executor_class {
    /** Drop what is queued, with this code. */
    void (*empty)(weft_executor *, int code);
    /** Ask all that run to stop. */
    void (*cancel_running)(weft_executor *);
    /** Its own resources, before the memory; or NULL. */
    void (*free)(weft_executor *);
};

struct weft_executor {
    const struct weft__executor_class *class; /* fixed */
    struct weft__crew crew; /* of processes: one thread, that manages them */
    struct weft__census census; /* of its own; in a runtime, of who nags */
    _Atomic(uint32_t) refs;
    struct weft_runtime *rt;          /* whose end closes it; NULL: none */
    weft_thread_pool_options options; /* fixed */
    char name[12];                    /* fixed */
    weft_future *ended;               /* made by hand: it has no thread left */
    int cause; /* of what begin() failed with; by the thread that breaks it,
                  before anybody can see that */
    struct weft__spin spin; /* of all below; inside the crew's lock */
    struct weft__line line; /* who waits for a place in the queue */
    unsigned places;        /* taken, if there is a limit */
    bool over;              /* nobody waits for a place any more */
    bool shut;  /* the handle is gone, or a runtime's own, and not void with
                  that runtime's end */
    bool stops; /* all that runs is asked to stop */
    bool nags;  /* there is a thread that repeats interrupts */
    struct weft__running *running;
    _Atomic(struct weft__job *)
        spare; /* memory of jobs, by ->next; looked at without
                                the lock, too */
    unsigned spares;
};

/* What jobs of threads and of processes have in common: a future that keeps its
 * pool, and is counted in a runtime, whose end waits for it. */
struct weft__work {
    weft_future future;      /* first: freed as it */
    weft_executor *executor; /* fixed, as all below */
    struct weft_runtime *rt; /* where it is counted; NULL: nowhere */
    unsigned loop;           /* the same */
    bool counted;            /* that is done; by who submits it */
};

struct weft__pool_job {
    struct weft__work work; /* first */
    struct weft__job job;
    void (*drop)(void *arg);
    void *arg;                     /* for drop() */
    void *result;                  /* by who runs it, until it completes it */
    struct weft__running *running; /* by who runs it, meanwhile */
};

/** A pool in zeroed memory: in `rt`, if that is not NULL. 0 or -ENOMEM. Then it
 * is found by the end of that runtime. */
int weft__executor_init(weft_executor *, struct weft_runtime *rt,
                        const struct weft__executor_class *,
                        const struct weft__crew_hooks *);
void weft__executor_open(weft_executor *);

/** The hooks of every crew: threads keep the pool, and the last one ends it. */
void weft__executor_came(struct weft__crew *);
void weft__executor_left(struct weft__crew *, bool last);
void weft__executor_abandoned(struct weft__crew *);

/** A place in the queue is free, if they are limited. */
void weft__executor_leave_place(weft_executor *);

/** In zeroed memory: of the current task or job, if there is one. */
void weft__work_init(struct weft__work *, weft_executor *,
                     const struct weft__producer *, const char *name, weft_fn *,
                     void *arg);

/** Count it; pairs with weft__work_entered(), when it can be forgotten. 0, or
 * -WEFT_ESHUTDOWN. */
int weft__work_enter(struct weft__work *, struct weft__loop **);
void weft__work_entered(struct weft__loop *);

/** Complete it. The last touch. */
void weft__work_end(struct weft__work *, void *result);

/** Its memory, and what it holds; from the producer's free(). */
void weft__work_free(struct weft__work *);

/** One reference more, and less. */
void weft__executor_keep(weft_executor *);
void weft__executor_drop(weft_executor *);

/** A job that nobody sees yet; NULL without memory. Of the current task or job,
 * if there is one. */
struct weft__pool_job *weft__pool_job_new(weft_executor *,
                                          const weft_job_options *, weft_fn *,
                                          void *arg);

/** Queue it, or fail it. Returns its future. */
weft_future *weft__pool_job_submit(struct weft__pool_job *);

/** It will not be run. */
void weft__pool_job_refuse(struct weft__pool_job *, int code);

/** The memory of jobs that it has kept. */
void weft__pool_free_spares(weft_executor *);

/** Ask all that run on threads to stop. */
void weft__pool_cancel_running(weft_executor *);

/** Does the job on this thread, if any, belong to this pool? */
bool weft__pool_runs_here(const weft_executor *);

#endif
