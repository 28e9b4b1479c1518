// SPDX-License-Identifier: MIT
/*
 * A progress bar on standard error, only when that is a terminal. Not a log:
 * nothing of it is left when the work is done.
 */
#ifndef WEFT_PERF_PROGRESS_H
#define WEFT_PERF_PROGRESS_H

#include <stdbool.h>

#include <weft/time.h>

struct perf_progress {
    bool on;
    weft_time start;
    weft_ns length;
};

/** Whether there is a terminal to draw on. */
bool perf_progress_wanted(void);

/** A bar that is full `length` after `start`. */
void perf_progress_init(struct perf_progress *, weft_time start,
                        weft_ns length);

/** Draw it as it is at `now`, with a text behind it. */
__attribute__((format(printf, 3, 4))) void
perf_progress_show(const struct perf_progress *, weft_time now,
                   const char *format, ...);

/** Wipe it away. */
void perf_progress_end(const struct perf_progress *);

#endif
