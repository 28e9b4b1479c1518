// SPDX-License-Identifier: MIT
/*
 * What a task carries, for code that no task runs: on a foreign thread, in a
 * job, in a worker's dispatcher. One for each OS thread, in its thread-local
 * storage; what it holds is dropped when the thread ends.
 *
 * A task migrates, so code that may run in one asks for the task first; then
 * no address of a thread-local is used on either side of a suspension.
 */
#ifndef WEFT_FUTURE_LOCAL_H
#define WEFT_FUTURE_LOCAL_H

#include "future/task.h"

struct weft__local {
    weft_context *context;     /* a counted reference, or NULL */
    struct weft__error *error; /* the last one, a counted reference */
    weft_future *job;          /* that runs here: jobs do not migrate */
};

extern _Thread_local struct weft__local weft__local_of_thread
    __attribute__((tls_model("initial-exec")));

/** This thread's, to look at. Never NULL. */
static inline struct weft__local *weft__local_peek(void)
{
    return &weft__local_of_thread;
}

/** This thread's, to put something into: it will be dropped with the thread.
 * NULL: that cannot be promised, for lack of memory. */
struct weft__local *weft__local(void);

/** Where its own context stands, the task's (NULL: it has none) or the
 * thread's; or NULL. */
static inline weft_context **weft__local_context(void)
{
    weft_future *self = weft__task_current();
    if (weft__likely(self != NULL)) {
        self->touched = true;
        return &self->own;
    }
    struct weft__local *local = weft__local();
    return local ? &local->context : NULL;
}

/** The same for the last error. */
static inline struct weft__error **weft__local_error(void)
{
    weft_future *self = weft__task_current();
    if (weft__likely(self != NULL)) {
        self->touched = true;
        return &self->error;
    }
    struct weft__local *local = weft__local();
    return local ? &local->error : NULL;
}

/** A job begins on this thread: with its context, and no error.
 * *outer keeps what was here. */
void weft__local_enter_job(struct weft__local *outer, weft_future *job);

/** Its function has returned: its last error goes into the job, what it set is
 * dropped, and what was here before is back. */
void weft__local_leave_job(const struct weft__local *outer, weft_future *job);

#endif
