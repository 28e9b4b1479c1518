// SPDX-License-Identifier: MIT
/* Deferred calls: a stack of them for a task, a group or a runtime. */
#ifndef WEFT_FUTURE_DEFER_H
#define WEFT_FUTURE_DEFER_H

#include "future/future.h"

struct weft__defer {
    struct weft__defer *next; /* older */
    weft_fn *fn;
    void *arg;
    weft_context *context; /* of the registration; a reference, or NULL */
};

/** 0 or -ENOMEM. */
int weft__defer_push(struct weft__defer **stack, weft_fn *fn, void *arg);

/** Run those above `end` (NULL: all), last come first, also those that come
 * meanwhile: plain calls of the current task, behind a shield, each in the
 * context of its registration. */
void weft__defer_run(weft_future *self, struct weft__defer **stack,
                     struct weft__defer *end);

#endif
