// SPDX-License-Identifier: MIT
/* Backtraces of tasks: those that lie there, and those that run. */
#ifndef WEFT_FUTURE_TRACE_H
#define WEFT_FUTURE_TRACE_H

#include "future/future.h"

/** What a worker runs at this moment, more or less; NULL: nothing. Any thread.
 * May be another's by now: to be compared, or asked. */
struct weft__coro *weft__trace_runs(const struct weft__worker *);

/**
 * Take a task that sleeps, as a waker does, so that it stays as it is: 0, it
 * does not sleep; else what to pass to weft__trace_release(), soon. Wakes that
 * come meanwhile are not lost. Any thread.
 */
uint32_t weft__trace_claim(weft_future *);
void weft__trace_release(weft_future *, uint32_t claim);

/** The frames of a task that was claimed. */
size_t weft__trace_claimed(weft_future *, void **frames, size_t n);

/** The frames of a task that runs, or of nothing if no worker runs it. */
size_t weft__trace_anywhere(weft_future *, void **frames, size_t n);

/** The frames of what runs there, if the worker still does; waits for it for
 * 100 ms. Not in a signal handler. */
size_t weft__trace_running(struct weft__worker *, const struct weft__coro *,
                           void **frames, size_t n);

/** An address in words: "module+0x12 (function+0x3)". */
void weft__trace_describe(const void *frame, char *text, size_t size);

#endif
