// SPDX-License-Identifier: MIT
/**
 * Looking at a running program: who is there, what each waits for, where it
 * stands. For people, logs and tests; exact for tasks that do not move.
 */
#ifndef WEFT_INSPECT_H
#define WEFT_INSPECT_H

#include <weft/base.h>
#include <weft/time.h>

WEFT_BEGIN

enum weft_task_state {
    WEFT_TASK_NEW,       /* has not started */
    WEFT_TASK_RUNNABLE,  /* runs, or waits for a worker */
    WEFT_TASK_SUSPENDED, /* waits for what `waits` says */
    WEFT_TASK_ENDED,     /* weft_all_tasks() passes over it */
};

enum weft_wait_kind {
    WEFT_WAITS_NOTHING,
    WEFT_WAITS_FUTURE,   /* weft_await() …; object: its id if it is a task */
    WEFT_WAITS_FUTURES,  /* several; object: how many */
    WEFT_WAITS_CHILDREN, /* a group's exit, its own end; object: id of one */
    WEFT_WAITS_PLACE,    /* weft_group_spawn() with max_running */
    WEFT_WAITS_TIME,     /* weft_sleep() */
    WEFT_WAITS_READABLE, /* object: the descriptor */
    WEFT_WAITS_WRITABLE, /* object: the descriptor */
    WEFT_WAITS_FILE,     /* an operation on a file */
    WEFT_WAITS_READY,    /* weft_suspend() */
    WEFT_WAITS_BRANCH,   /* weft_join(): nobody has begun it yet */
    WEFT_WAITS_QUEUE,    /* weft_queue_put(), _get(); object: its address */
    WEFT_WAITS_MUTEX,    /* weft_mutex_lock(); object: its address */
    WEFT_WAITS_POOL,     /* a place in the queue of a pool that is full */
};

/** What is known of a task. */
typedef struct weft_task_info {
    size_t size; /* sizeof(weft_task_info) of the library */
    uint64_t id;
    const char *name; /* never NULL; as long-lived as who gave it made it */
    uint64_t parent;  /* id of the task that owns it; 0: the runtime */
    enum weft_task_state state;
    enum weft_wait_kind waits;
    uint64_t object; /* of what it waits for; 0 if it has no number */
    bool cancelled;  /* a cancellation was requested */
    bool keep;
    weft_ns age; /* since the spawn, to about a millisecond */
} weft_task_info;

/**
 * Visit every task and callback of a runtime that has not ended. One that is
 * there all the while is seen exactly once, others at most once.
 *
 * Context:       any thread that holds a reference; `visit` must neither suspend
 *                nor end the runtime.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     the info is valid during the visit only.
 * Returns:       how many were visited; 0 after the end.
 */
WEFT_API size_t weft_all_tasks(weft_runtime *,
                               void (*visit)(const weft_task_info *, void *arg),
                               void *arg);

/**
 * The number of a task or callback, unique in the process, never used again.
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     borrows.
 * Returns:       0 for what is neither.
 */
WEFT_API uint64_t weft_task_id(const weft_future *);

/**
 * The name of a future: given, or "function@file:line" of the spawn.
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     the text lives as long as whoever named it made it live.
 * Returns:       never NULL.
 */
WEFT_API const char *weft_task_name(const weft_future *);

/**
 * Rename the current task.
 *
 * Context:       coroutine, callback.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     `name` must outlive the task.
 * Returns:       0; -EINVAL for NULL; -WEFT_ENORUNTIME.
 */
WEFT_API int weft_task_set_name(const char *name);

/**
 * Where a task stands: return addresses, innermost first. A suspended task is
 * read as it lies, and not woken meanwhile. One that runs is asked by a signal
 * to its thread: SIGURG, if the program has no handler for it; ours is there
 * only meanwhile. It may interrupt a system call of the task.
 *
 * Context:       any thread that holds references to the task and its runtime.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     borrows.
 * Returns:       how many addresses stand in frames[]; 0: it has not started,
 *                waits for a worker, has ended or moved while it was looked at,
 *                did not answer within 100 ms, or this build cannot unwind.
 */
WEFT_API size_t weft_task_backtrace(weft_future *, void **frames, size_t n);

/** A step that kept others waiting: see weft_longest_overrun(). */
typedef struct weft_overrun {
    weft_ns time;  /* so far, if it goes on; to about a millisecond */
    uint64_t task; /* its number */
    char name[80]; /* cut off if it is longer */
} weft_overrun;

/**
 * Which task ran longest without a suspension while something waited for its
 * worker, from a millisecond on, since the runtime began.
 *
 * Context:       any thread that holds a reference.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     *out is a copy.
 * Returns:       1; 0: there was none, or nobody looks (.no_monitor), and *out
 *                is all zeros.
 */
WEFT_API int weft_longest_overrun(weft_runtime *, weft_overrun *out);

/**
 * Write all there is to a descriptor: workers, tasks with their names, ages,
 * backtraces (of the first thousand), and who waits for whom; a circle is
 * marked.
 *
 * Works also when every worker is stuck, and without memory.
 * weft_options.dump_on_sigquit calls it for SIGQUIT.
 *
 * Context:       any thread that keeps the runtime there; not a signal handler.
 * Suspends:      never; blocks while it writes.
 * Cancellation:  none.
 * Ownership:     none.
 * Returns:       0; -WEFT_ESHUTDOWN after the end; -EBADF, -EPIPE and what else
 *                write(2) said.
 */
WEFT_API int weft_dump(weft_runtime *, int fd);

WEFT_END

#endif
