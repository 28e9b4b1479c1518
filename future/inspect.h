// SPDX-License-Identifier: MIT
/* What can be seen of a task from outside, while it does what it likes. */
#ifndef WEFT_FUTURE_INSPECT_H
#define WEFT_FUTURE_INSPECT_H

#include "future/future.h"

#include <weft/inspect.h>

struct weft__sight {
    weft_task_info info;
    weft_future *task;
    weft_future *on;  /* the task of this runtime that it waits for, or NULL; of
                         a mutex its holder, if the task is claimed */
    uintptr_t future; /* the address of what else it waits for, or 0: never to
                         be followed */
};

/** Look at a descriptor of a runtime; `claimed`: it sleeps, and the caller has
 * claimed it (trace.h). False: there is no task that has not ended, or it
 * changed meanwhile. Any thread that keeps the runtime there. */
bool weft__inspect(weft_runtime *, weft_future *, bool claimed,
                   struct weft__sight *);

/** Write down who overran: see struct weft__hooks. */
void weft__inspect_overrun(struct weft__worker *, uint64_t step, int64_t ns);

#endif
