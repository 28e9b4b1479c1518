// SPDX-License-Identifier: MIT
/*
 * OS threads for what blocks: file calls without io_uring, executor jobs. They
 * start on demand, up to a limit, take work in order, and end after some idle
 * seconds. This is also the one place that starts, names, counts and caps the
 * threads of a runtime.
 */
#ifndef WEFT_SCHED_CREW_H
#define WEFT_SCHED_CREW_H

#include "sched/lock.h"

struct weft__job {
    struct weft__job *next;          /* the crew's, from push to run() */
    void (*run)(struct weft__job *); /* on a thread of the crew, once */
};

struct weft__crew {
    struct weft__lock lock;
    struct weft__job *head, *tail; /* under the lock, as all below */
    unsigned queued;
    unsigned idle;    /* threads that wait for work */
    unsigned threads; /* threads of the crew */
    unsigned limit;
    unsigned started; /* ever; numbers the names */
    bool closed;
    const char *name;
    void (*left)(struct weft__crew *); /* closed by the runtime's end, because
                                          nobody has */
    struct weft__census *census;
    struct weft__crew *next; /* of the runtime's; under its ->crews_lock */
    _Atomic(uint32_t) bell;  /* futex: bumped for new work and for the end */
    _Atomic(uint32_t) gone;  /* futex: bumped when a thread ends */
};

/* The threads of one runtime, of all kinds. */
struct weft__census {
    _Atomic(uint32_t) count; /* read-modify-write by who starts and ends one */
    uint32_t limit;
};

/** Start a thread that counts. 0, -EAGAIN at the limit, or what the system
 * says. `number` < 0: the name as it is. */
int weft__thread_open(struct weft__census *, uintptr_t *thread,
                      const char *name, int number, weft__thread_fn *, void *);

/** A thread that counted has ended, or is about to. */
void weft__thread_closed(struct weft__census *);

void weft__crew_init(struct weft__crew *, struct weft__census *,
                     const char *name, unsigned limit);

/** Queue a job. 0; -EAGAIN if there is no thread and none could be started:
 * then the job was not taken. Any thread. */
int weft__crew_push(struct weft__crew *, struct weft__job *);

/** Take back a job that has not started. Any thread. */
bool weft__crew_remove(struct weft__crew *, struct weft__job *);

/** Take all that has not started and hand it to `drop`. Any thread. */
void weft__crew_empty(struct weft__crew *, void (*drop)(struct weft__job *));

/** Finish what is queued, end the threads, wait for them. */
void weft__crew_close(struct weft__crew *);

#endif
