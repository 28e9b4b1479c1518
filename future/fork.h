// SPDX-License-Identifier: MIT
/*
 * Branches inside. A branch stands in its forker's deque among the coroutines,
 * marked by its lowest bit. The join takes it back and calls it; who else takes
 * it makes a task of it:
 *
 *   QUEUED ──── the join finds it on top ───────────────────── called there
 *     ├──────── taken: a task is made ── TAKEN ─────────────── the join awaits
 *     │                 no memory ────── REFUSED ───────────── called there
 *     └ WAITED: it lies elsewhere; the join is registered with the task by who
 *       makes it, or woken by who refuses
 *
 * The forker is alive until the join, and with it the frame the branch lies in.
 */
#ifndef WEFT_FUTURE_FORK_H
#define WEFT_FUTURE_FORK_H

#include "future/future.h"

enum {
    WEFT__BRANCH_QUEUED = 0,
    WEFT__BRANCH_WAITED = 1, /* by the join */
    WEFT__BRANCH_CANCEL = 2, /* by the join: whoever takes it hands that on */
    WEFT__BRANCH_TAKEN = 4,  /* by the taker: ->task is there */
    WEFT__BRANCH_REFUSED = 8,
    WEFT__BRANCH_HERE = 16,    /* by the fork: never queued */
    WEFT__BRANCH_REASON = 256, /* times why; beside CANCEL */
    WEFT__BRANCH_SETTLED =
        WEFT__BRANCH_TAKEN | WEFT__BRANCH_REFUSED | WEFT__BRANCH_HERE,
};

/* What a task made of it inherits. */
enum {
    WEFT__BRANCH_KEEP = 1, /* as WEFT__CORO_KEEP */
    WEFT__BRANCH_LOW = 2,  /* was forked in the background: belongs there */
};

struct weft__branch {
    weft_fn *fn; /* the fork writes these, once */
    void *arg;
    weft_future *forker;        /* NULL: not a task */
    struct weft__worker *home;  /* in whose deque it was put */
    weft_context *own;          /* the forker's own context then, borrowed */
    int64_t deadline;           /* around the fork; 0: none */
    struct weft__branch *outer; /* forked before it, not joined yet */
    uint8_t flags;              /* of what follows */
    _Atomic(uint32_t) state;
    weft_future *task;          /* the taker's, before TAKEN */
    struct weft__waiter waiter; /* the join's; after WAITED the taker's */
};

/** Make a coroutine of what was taken out of a deque, or NULL: refused. */
struct weft__coro *weft__fork_take(struct weft__worker *, void *branch);

#endif
