// SPDX-License-Identifier: MIT
/*
 * "Nothing can run any more": found by the thread that waits in weft_run(), and
 * reported once each time. Conservative: as long as anything might still come
 * from outside, nothing is said.
 */
#ifndef WEFT_FUTURE_DEADLOCK_H
#define WEFT_FUTURE_DEADLOCK_H

#include "future/future.h"

/* Of the thread in weft_run(), in its frame. */
struct weft__deadlock {
    weft_runtime *rt;
    int64_t until;      /* when to look again; INT64_MAX: when told to */
    uint64_t moved;     /* steps of all workers when it began to look */
    uint64_t reported;  /* and when it last reported */
    unsigned strangers; /* looks in a row that found other threads */
};

/** Begin to watch. Workers add `step` to the futex word when they think that
 * nothing moves. */
void weft__deadlock_open(struct weft__deadlock *, weft_runtime *,
                         _Atomic(uint32_t) *word, uint32_t step);

/** The thread is awake, for whatever reason: look, if it is time. */
void weft__deadlock_look(struct weft__deadlock *);

/** From here on nobody touches the word. */
void weft__deadlock_close(struct weft__deadlock *);

#endif
