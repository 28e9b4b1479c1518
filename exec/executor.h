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
    int tid; /* of the kernel; on whom interrupts go */
};

struct weft_executor {
    struct weft__crew crew;
    struct weft__census census; /* of its own; unused in a runtime */
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
    bool shut; /* the handle is gone, or a runtime's own, and not void with
                  that runtime's end */
    bool nags; /* there is a thread that repeats interrupts */
    struct weft__running *running;
};

struct weft__pool_job {
    weft_future future; /* first: freed as it */
    struct weft__job job;
    weft_executor *executor; /* fixed, as all below */
    struct weft_runtime *rt; /* where it is counted; NULL: nowhere */
    unsigned loop;           /* the same */
    bool counted;            /* that is done; by who submits it */
    void (*drop)(void *arg);
    void *arg;    /* for drop() */
    void *result; /* by who runs it, until it completes it */
};

/** A place in the queue is free, if they are limited. */
void weft__executor_leave_place(weft_executor *);

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

/** Ask all that run to stop. */
void weft__pool_cancel_running(weft_executor *);

/** Does the job on this thread, if any, belong to this pool? */
bool weft__pool_runs_here(const weft_executor *);

#endif
