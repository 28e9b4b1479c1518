// SPDX-License-Identifier: MIT
/**
 * The future: pending, then done with a value, failed with a code, or
 * cancelled, exactly once. Tasks, callbacks and jobs are futures; others are
 * made by hand. Safe from any thread; awaited by coroutines of any runtime,
 * blocking threads and callbacks alike.
 *
 * A future you are given is one reference of yours. weft_await(),
 * weft_wait_blocking() (but for its own timeout), weft_detach() and
 * weft_future_unref() drop it; everything else borrows. Results are borrowed:
 * what must be freed travels in `arg`.
 */
#ifndef WEFT_FUTURE_H
#define WEFT_FUTURE_H

#include <weft/base.h>
#include <weft/time.h>

WEFT_BEGIN

enum weft_future_state {
    WEFT_FUTURE_PENDING,
    WEFT_FUTURE_DONE,
    WEFT_FUTURE_FAILED,
    WEFT_FUTURE_CANCELLED,
};

/**
 * Make a future that you complete yourself. It has two ends: complete it while
 * you hold a reference; take one more (weft_future_ref) for who waits.
 *
 * Context:       any thread, with or without a runtime.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     one reference of yours.
 * Returns:       never NULL: without memory a failed future (-ENOMEM), on which
 *                set_result and set_error say -WEFT_EALREADY.
 */
WEFT_API WEFT_MUST_CHECK weft_future *weft_future_new(void);

/**
 * weft_future_new() under a name, by default "weft_future_new@file:line".
 *
 * Context:       any thread, with or without a runtime.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     as weft_future_new(); `name` must outlive the future.
 * Returns:       as weft_future_new().
 */
WEFT_API WEFT_MUST_CHECK weft_future *weft_future_new_named(const char *name);

#define weft_future_new() weft_future_new_named(WEFT_SITE(weft_future_new))

/**
 * Complete with a value. A value made by weft_fail() fails it instead.
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     borrows the future; `value` is handed out as it is.
 * Returns:       0; -WEFT_EALREADY if it was complete; -EINVAL if it is a task,
 *                a callback or a job: those complete themselves.
 */
WEFT_API int weft_future_set_result(weft_future *, void *value);

/**
 * Complete with a failure. If the caller's last error has this code, it goes
 * with it: weft_last_error() of who awaits the future has its words.
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     borrows.
 * Returns:       0; -WEFT_EALREADY; -EINVAL as weft_future_set_result(), or if
 *                the code is not -1 to -4095.
 */
WEFT_API int weft_future_set_error(weft_future *, int code);

/**
 * Run `fn(arg)` as a callback when the future is done: on a runtime, never
 * inside the call that completes it. If it is done, soon.
 *
 * Context:       coroutine or callback: its runtime runs `fn`.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     borrows; the callback keeps what it needs of the future.
 * Returns:       0; -ENOMEM; -WEFT_ENORUNTIME outside a runtime.
 */
WEFT_API WEFT_MUST_CHECK int
weft_future_add_done_callback(weft_future *, weft_fn *fn, void *arg);

/**
 * Take back a callback that was added with the same function and argument.
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     borrows.
 * Returns:       1: taken back, it never runs; 0: there is none, or it is
 *                running or has run.
 */
WEFT_API int weft_future_remove_done_callback(weft_future *, weft_fn *fn,
                                              void *arg);

/**
 * Take one more reference.
 *
 * Context:       any thread that holds or borrows one.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     the result is a reference of yours.
 * Returns:       its argument.
 */
WEFT_API weft_future *weft_future_ref(weft_future *);

/**
 * Drop a reference. A task goes on without it; who owns it still waits for it
 * (weft_detach() is for tasks that nobody shall wait for).
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  a release.
 * Ownership:     consumes the reference; NULL is ignored.
 * Returns:       nothing.
 */
WEFT_API void weft_future_unref(weft_future *);

/**
 * Where a future stands.
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     borrows.
 * Returns:       a state; all but PENDING are final.
 */
WEFT_API enum weft_future_state weft_future_state(const weft_future *);

/**
 * The result of a future that is done, without waiting.
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     borrows; *result (may be NULL) is borrowed too.
 * Returns:       0; the code it failed with; -WEFT_EBUSY if it is pending.
 */
WEFT_API int weft_future_result(const weft_future *, void **result);

/**
 * Block the calling OS thread until a future is done. Works also after the
 * runtime has ended.
 *
 * Context:       foreign thread.
 * Suspends:      no: blocks, for at most `timeout` (WEFT_FOREVER: as long as it
 *                takes; 0 or less: not at all).
 * Cancellation:  none.
 * Ownership:     drops your reference, on every return but -WEFT_ETIMEOUT,
 *                -WEFT_EDEADLK and -WEFT_EBUSY. *result (may be NULL) is
 *                borrowed, and NULL on failure.
 * Returns:       0; the code it failed with, -WEFT_ECANCELED among them;
 *                -WEFT_ETIMEOUT; -WEFT_EDEADLK on a worker of any runtime;
 *                -WEFT_EBUSY if another wait holds the only reference.
 */
WEFT_API int weft_wait_blocking(weft_future *, weft_ns timeout, void **result);

WEFT_END

#endif
