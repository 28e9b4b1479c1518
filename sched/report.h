// SPDX-License-Identifier: MIT
/*
 * What the library says to a person. The only place that prints.
 *
 * A report goes to the hook of its runtime (weft_options.on_report) as long as
 * that runtime is there, else to stderr as one line. The process prints at most
 * ten lines a second; the others are counted, and the number is said with the
 * next line or at the end of a runtime. What is said once, at the end of all,
 * is not counted (stuck, deadlock, main).
 */
#ifndef WEFT_SCHED_REPORT_H
#define WEFT_SCHED_REPORT_H

#include "sched/atomic.h"

#include <stdbool.h>
#include <weft/error.h>

struct weft__pool;

/* Of a runtime. */
struct weft__reporter {
    struct weft_runtime *next; /* of those that are open; report.c's lock */
    _Atomic(uint32_t) holders; /* futex: who may call the hook now */
};

/** Report: kind, code, name and number of a task, error, and the whole in
 * words. `rt` may be NULL, or have ended: it is looked up, not followed. No
 * lock may be held, for it calls the program's hook. Any thread. */
__attribute__((format(printf, 7, 8))) void
weft__report_to(struct weft_runtime *rt, enum weft_report_kind, int code,
                const char *task, uint64_t task_id, const weft_error *,
                const char *format, ...);

/** Keep the hook of a runtime in use until the release, if it has not ended;
 * else NULL. Another runtime may have come to the same address: with a `pool`
 * it must be the one with this pool. */
struct weft_runtime *weft__report_hold(struct weft_runtime *,
                                       const struct weft__pool *);
void weft__report_release(struct weft_runtime *);

/** The runtime begins. */
void weft__report_open(struct weft_runtime *);

/** It ends: no new calls of its hook; and none under way any more, if `wait`.
 */
void weft__report_close(struct weft_runtime *, bool wait);

/** For who is about to die, and signal handlers: print "weft: " and a line,
 * whatever the options say. Signal-safe but for what `format` needs. */
__attribute__((format(printf, 1, 2))) void weft__report(const char *format,
                                                        ...);

#endif
