// SPDX-License-Identifier: MIT
/**
 * Tasks and callbacks: start, wait for, cancel.
 *
 * Cancellation is level-triggered: once a task is cancelled, every ordinary
 * call it makes fails with -WEFT_ECANCELED without having begun, until the task
 * ends. Joins (weft_await …) hand the cancellation down and return only when
 * what they wait for has ended. Releases (close, unref …) never suspend and
 * never fail.
 */
#ifndef WEFT_TASK_H
#define WEFT_TASK_H

#include <weft/base.h>
#include <weft/time.h>

WEFT_BEGIN

/** Options of a task; zero means the default everywhere. */
/** Where a task runs that computes or blocks for long. */
enum weft_class {
    WEFT_CLASS_AUTO,  /* it moves to the background when its steps are long,
                              and back when they are short again */
    WEFT_CLASS_LIGHT, /* never in the background */
    WEFT_CLASS_BACKGROUND, /* always: when there is CPU time left, of which it
                              gets a tenth at least; in turns with others */
};

typedef struct weft_spawn_options {
    size_t size;       /* sizeof(weft_spawn_options) */
    const char *name;  /* must outlive the task; default: function@file:line */
    size_t stack_size; /* bytes usable; default 192 KiB, at most 8 MiB; memory
                          is used as it is touched */
    bool pinned;       /* always on the same OS thread */
    bool keep;         /* not cancelled at the end of main: has the grace
                          period. Inherited by what it spawns. */
    weft_context *context; /* what it starts with, instead of the spawner's;
                              see weft/context.h */
    enum weft_class task_class; /* not inherited; a pinned task has none */
} weft_spawn_options;

/**
 * Start `fn(arg)` as a task.
 *
 * It always runs, even when cancelled before it starts: then its first ordinary
 * call fails. The name of a task spawned through the macro is where it was
 * spawned.
 *
 * Context:       coroutine or callback.
 * Suspends:      never.
 * Cancellation:  none; also works in a cancelled task.
 * Ownership:     the future is one reference of yours: weft_await(),
 *                weft_detach() or weft_future_unref() it.
 * Returns:       never NULL. A failed future, with `fn` not run, without memory
 *                (-ENOMEM; it may turn up only when the task would start and
 *                there is no stack), or outside a runtime (-WEFT_ENORUNTIME).
 */
WEFT_API WEFT_MUST_CHECK weft_future *weft_spawn(weft_fn *fn, void *arg);

/**
 * weft_spawn() under a name, by default "function@file:line".
 *
 * Context:       coroutine or callback.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     as weft_spawn(); `name` must outlive the task.
 * Returns:       as weft_spawn().
 */
WEFT_API WEFT_MUST_CHECK weft_future *weft_spawn_named(const char *name,
                                                       weft_fn *fn, void *arg);

#define weft_spawn(fn, arg) weft_spawn_named(WEFT_SITE(fn), (fn), (arg))

/**
 * weft_spawn() with options (NULL: defaults).
 *
 * Context:       coroutine or callback.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     as weft_spawn(); the options are read, not kept.
 * Returns:       as weft_spawn(); a failed future with -EINVAL for options that
 *                make no sense.
 */
WEFT_API WEFT_MUST_CHECK weft_future *
weft_spawn_with(const weft_spawn_options *options, weft_fn *fn, void *arg);

/**
 * weft_spawn_with() under a name, by default "function@file:line";
 * options->name wins.
 *
 * Context:       coroutine or callback.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     as weft_spawn_with(); `name` must outlive the task.
 * Returns:       as weft_spawn_with().
 */
WEFT_API WEFT_MUST_CHECK weft_future *
weft_spawn_with_named(const weft_spawn_options *options, const char *name,
                      weft_fn *fn, void *arg);

#define weft_spawn_with(options, fn, arg)                                      \
    weft_spawn_with_named((options), WEFT_SITE(fn), (fn), (arg))

/**
 * Wait for a future and take its result.
 *
 * Context:       coroutine; any runtime, also another than the future's.
 * Suspends:      unless it is done.
 * Cancellation:  a join. If the caller is cancelled, so is what it waits for,
 *                and the call returns when that has ended, with its own
 *                outcome. Of a future that others hold too, or that was made by
 *                hand, it merely stops waiting.
 * Ownership:     drops your reference, on every return but -WEFT_EDEADLK and
 *                -WEFT_EBUSY. *result (may be NULL) is borrowed, and NULL on
 *                failure.
 * Returns:       0; the code it failed with; -WEFT_ECANCELED if it was
 *                cancelled, or the caller was and the future is shared;
 *                -WEFT_EDEADLK for a task that awaits itself; -WEFT_EBUSY if
 *                another await holds the only reference; -WEFT_ENORUNTIME
 *                outside a coroutine (there: weft_wait_blocking()).
 */
WEFT_API int weft_await(weft_future *, void **result);

/**
 * Let a task or callback run on without you. Its runtime ends only after it.
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     drops your reference.
 * Returns:       nothing.
 */
WEFT_API void weft_detach(weft_future *);

/**
 * Cancel. A task learns of it at its next ordinary call, a callback or job that
 * has not started is dropped, a future made by hand is cancelled at once.
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     borrows.
 * Returns:       0 requested now (a callback or job for which 0 was returned
 *                and that had not started never runs); 1 it was requested
 *                before; -WEFT_EALREADY it is done.
 */
WEFT_API int weft_cancel(weft_future *);

/**
 * Whether the current task is cancelled: for long computations.
 *
 * Context:       any; false outside a task.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     none.
 * Returns:       true if ordinary calls would fail with -WEFT_ECANCELED.
 */
WEFT_API bool weft_cancelled(void);

/**
 * Let others run.
 *
 * Context:       coroutine.
 * Suspends:      if anybody else on this worker can run.
 * Cancellation:  ordinary.
 * Ownership:     none.
 * Returns:       0; -WEFT_ECANCELED; -WEFT_ENORUNTIME outside a coroutine.
 */
WEFT_API int weft_yield(void);

/**
 * The task or callback that runs this code.
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     borrowed; weft_future_ref() it to hand it on.
 * Returns:       NULL outside.
 */
WEFT_API weft_future *weft_current(void);

/**
 * Run a callback soon: on this worker's loop, after the callbacks it was given
 * before, each started when the one before it has returned or suspended.
 *
 * Context:       coroutine or callback.
 * Suspends:      never.
 * Cancellation:  none. weft_cancel() before it starts drops it.
 * Ownership:     as weft_spawn().
 * Returns:       as weft_spawn().
 */
WEFT_API WEFT_MUST_CHECK weft_future *weft_call_soon(weft_fn *fn, void *arg);

/**
 * weft_call_soon() under a name, by default "function@file:line".
 *
 * Context:       coroutine or callback.
 * Suspends:      never.
 * Cancellation:  as weft_call_soon().
 * Ownership:     as weft_spawn_named().
 * Returns:       as weft_spawn().
 */
WEFT_API WEFT_MUST_CHECK weft_future *
weft_call_soon_named(const char *name, weft_fn *fn, void *arg);

#define weft_call_soon(fn, arg) weft_call_soon_named(WEFT_SITE(fn), (fn), (arg))

/**
 * Run a callback `delay` from now. Equal moments keep the order of the calls.
 * It has no stack until it runs.
 *
 * Context:       coroutine or callback.
 * Suspends:      never.
 * Cancellation:  none. weft_cancel() before it is due drops it at once.
 * Ownership:     as weft_spawn().
 * Returns:       as weft_spawn().
 */
WEFT_API WEFT_MUST_CHECK weft_future *weft_call_later(weft_ns delay,
                                                      weft_fn *fn, void *arg);

/**
 * Run a callback at a moment; see weft_call_later().
 *
 * Context:       coroutine or callback.
 * Suspends:      never.
 * Cancellation:  as weft_call_later().
 * Ownership:     as weft_spawn().
 * Returns:       as weft_spawn().
 */
WEFT_API WEFT_MUST_CHECK weft_future *weft_call_at(weft_time moment,
                                                   weft_fn *fn, void *arg);

/**
 * weft_call_at() under a name, by default "function@file:line".
 *
 * Context:       coroutine or callback.
 * Suspends:      never.
 * Cancellation:  as weft_call_later().
 * Ownership:     as weft_spawn_named().
 * Returns:       as weft_spawn().
 */
WEFT_API WEFT_MUST_CHECK weft_future *
weft_call_at_named(weft_time moment, const char *name, weft_fn *fn, void *arg);

#define weft_call_at(moment, fn, arg)                                          \
    weft_call_at_named((moment), WEFT_SITE(fn), (fn), (arg))
#define weft_call_later(delay, fn, arg)                                        \
    weft_call_at_named(weft_after(delay), WEFT_SITE(fn), (fn), (arg))

/**
 * Keep the current task on its present OS thread, until as many weft_unpin().
 *
 * Context:       coroutine.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     none.
 * Returns:       0; -WEFT_ENORUNTIME outside a coroutine.
 */
WEFT_API int weft_pin(void);

/**
 * Undo one weft_pin().
 *
 * Context:       coroutine.
 * Suspends:      never.
 * Cancellation:  a release.
 * Ownership:     none.
 * Returns:       0; -EINVAL if it is not pinned; -WEFT_ENORUNTIME.
 */
WEFT_API int weft_unpin(void);

/**
 * The code from here to weft_blocking_exit() blocks the OS thread: other tasks
 * go on without it. Not needed (after a millisecond that happens by itself),
 * but at once, and next to free when the section turns out to be short. A
 * section that is left by a suspension is over.
 *
 * Context:       coroutine.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     none. Sections may be nested: the outermost counts.
 * Returns:       0; -WEFT_ENORUNTIME outside a coroutine.
 */
WEFT_API int weft_blocking_enter(void);

/**
 * The section is over.
 *
 * Context:       coroutine.
 * Suspends:      if another thread has taken this one's place meanwhile.
 * Cancellation:  none.
 * Ownership:     none.
 * Returns:       0; -EINVAL if no section is open, or the task has suspended in
 *                it; -WEFT_ENORUNTIME outside a coroutine.
 */
WEFT_API int weft_blocking_exit(void);

/**
 * Suspend the current task until weft_ready(): for authors of primitives.
 *
 * A task has one permit. weft_ready() sets it and wakes; weft_suspend() takes
 * it, or waits for it. So a ready that comes first is not lost, two before one
 * suspend count once, and a caller checks its own condition in a loop.
 *
 * Context:       coroutine.
 * Suspends:      unless the permit is there.
 * Cancellation:  ordinary; the permit, if one comes, stays for the next call.
 * Ownership:     none.
 * Returns:       0 with the permit taken; -WEFT_ECANCELED; -WEFT_ENORUNTIME.
 */
WEFT_API WEFT_MUST_CHECK int weft_suspend(void);

/**
 * Give a task its permit and wake it if it waits in weft_suspend().
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     borrows.
 * Returns:       0; -WEFT_EALREADY if the task has ended; -EINVAL for a future
 *                that is not a task.
 */
WEFT_API int weft_ready(weft_future *task);

WEFT_END

#endif
