// SPDX-License-Identifier: MIT
/*
 * A strand starts callbacks one after the other: the next one when the one
 * before has returned or suspended. Each loop has one. Anybody may push; a
 * runner, which is queued like a task and may be stolen like one, works it off,
 * so a stuck worker does not hold up its callbacks.
 */
#ifndef WEFT_SCHED_STRAND_H
#define WEFT_SCHED_STRAND_H

#include "sched/coro.h"

struct weft__strand {
    struct weft__coro runner;    /* queued while ->scheduled */
    struct weft__inbox pushed;   /* anybody adds, the runner takes */
    struct weft__link *ready;    /* oldest first; the runner only */
    _Atomic(uint32_t) scheduled; /* the runner is queued or runs */
};

/* The first step of a callback, on the runner's frame below it. */
struct weft__strand_step {
    struct weft__strand *strand;
    bool suspended;
};

struct weft_runtime;
void weft__strand_init(struct weft__strand *, struct weft_runtime *);

/** Queue a callback. Any thread. */
void weft__strand_push(struct weft__strand *, struct weft__coro *callback);

/** There is no stack for the runner: all that wait end as not started. */
void weft__strand_not_started(struct weft__coro *runner);

/** A callback has suspended for the first time: go on without it. Called by
 * the dispatcher, after the callback's stack was left. */
void weft__strand_suspended(struct weft__coro *callback);

#endif
