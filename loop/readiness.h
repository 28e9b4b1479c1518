// SPDX-License-Identifier: MIT
/*
 * One direction of a descriptor: has an edge come, and who waits for one.
 * The word: IDLE, READY (an edge came and nobody has used it), CLOSED, or the
 * address of the waiter, which lies in the frame of the task that waits.
 */
#ifndef WEFT_LOOP_READINESS_H
#define WEFT_LOOP_READINESS_H

#include "future/task.h"

typedef _Atomic(uintptr_t) weft__readiness;

/** An edge has come. Any thread. */
void weft__readiness_signal(weft__readiness *);

/** The descriptor is being closed: for good, until the word is reset. */
void weft__readiness_close(weft__readiness *);

/** Wait for an edge that nobody has used, and use it. 0; -WEFT_ECANCELED;
 * -WEFT_ECLOSED; -WEFT_EBUSY when another task waits. `waits`: what for, for
 * people (task.h). */
int weft__readiness_wait(weft__readiness *, uint64_t waits);

/** After a call that did not suspend: now and then let others run. */
static inline void weft__io_give_way(void)
{
    struct weft__worker *self = weft__worker_self();
    weft__count(self, io_calls);
    if (weft__unlikely(self->budget-- == 0) ||
        weft__unlikely(!weft__worker_is_active(self)))
        weft__task_give_way();
}

#endif
