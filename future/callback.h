// SPDX-License-Identifier: MIT
/*
 * Callbacks: small tasks that a loop starts in order, on its strand. Unlike a
 * task, one that is cancelled before it starts does not run.
 */
#ifndef WEFT_FUTURE_CALLBACK_H
#define WEFT_FUTURE_CALLBACK_H

#include "future/task.h"

/** A callback, neither counted nor queued. NULL without memory. */
weft_future *weft__callback_new(struct weft__worker *, weft_fn *, void *arg);

/** Count it and queue it on its runtime, from any thread; what it needs is in
 * hand. 0; -WEFT_ESHUTDOWN: the runtime is ending, it was not taken. */
int weft__callback_submit(weft_future *);

/** weft_run_coroutine_threadsafe() from a thread that is no worker of the
 * runtime, with flags for the coroutine. */
weft_future *weft__callback_run_coroutine(weft_runtime *, const char *name,
                                          uint8_t flags, weft_fn *, void *arg);

/** It was cancelled before it started: end it now if it waits for its moment;
 * else its turn on the strand will. */
void weft__callback_drop(weft_future *);

/** Its moment has come, or will not: queue it. */
void weft__callback_due(struct weft__alarm *, struct weft__worker *);

#endif
