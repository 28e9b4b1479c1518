// SPDX-License-Identifier: MIT
/*
 * A set of futures that one task waits for: a watch on each, which puts itself
 * on a list when the future is done, in the order of completion.
 *
 * One word decides between the task that goes to sleep and those that complete:
 * the newest watch that fired, and ASLEEP. A watch that fires pushes itself
 * with one swap, its last touch of the set; if that took ASLEEP away, it owes
 * the task a NOTIFY. So the set may lie in the task's frame.
 */
#ifndef WEFT_FUTURE_SET_H
#define WEFT_FUTURE_SET_H

#include "future/task.h"

#define WEFT__SET_INLINE 16

struct weft__set;

struct weft__watch {
    struct weft__waiter waiter;
    struct weft__watch *next; /* that fired before; later: to be given next */
    struct weft__set *set;    /* NULL: not registered, or given */
};

struct weft__set {
    _Atomic(uintptr_t) word; /* the newest watch that fired | ASLEEP */
    weft_future *self;
    weft_future *const *futures;
    size_t n;
    size_t left;               /* registered and not given */
    struct weft__watch *ready; /* to be given, oldest first */
    struct weft__watch **end;  /* of ->ready */
    struct weft__watch *watches;
    struct weft__watch own[WEFT__SET_INLINE];
};

/** Room for n watches of the current task. 0, -ENOMEM or -WEFT_ENORUNTIME. */
int weft__set_open(struct weft__set *, weft_future *const *, size_t n);

/** Watch a future; one that is done is ready at once. 0, or as
 * weft__future_add_waiter(). */
int weft__set_add(struct weft__set *, size_t index, uint32_t mark);

/** The next that is done, an index; -1: none is left; -WEFT_ECANCELED, if the
 * mask has INTERRUPT. */
int64_t weft__set_next(struct weft__set *, uint32_t mask);

/** Watch it no more; false: it is done and will be given. */
bool weft__set_remove(struct weft__set *, size_t index);

/** Watch none any more; afterwards the set is not touched. */
void weft__set_close(struct weft__set *);

#endif
