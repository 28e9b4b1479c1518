// SPDX-License-Identifier: MIT
/**
 * Scopes: deadlines and shields around a piece of code, and clean-up that runs
 * on every way out of a task.
 *
 * A scope lies in your frame, belongs to the task that entered it and ends in
 * that frame, innermost first; anything else aborts with a sentence. Inside an
 * expired scope every ordinary call fails with -WEFT_ECANCELED, until its exit;
 * joins hand the cancellation down. The exit alone says -WEFT_ETIMEOUT, so that
 * nobody takes an outer deadline for an inner one.
 *
 * After N. J. Smith, "Timeouts and cancellation for humans" (2018).
 */
#ifndef WEFT_SCOPE_H
#define WEFT_SCOPE_H

#include <weft/base.h>
#include <weft/time.h>

WEFT_BEGIN

/** A deadline or a shield; no field is yours. */
typedef struct weft_scope {
    void *weft_private[14];
} weft_scope;

/** Why a task is cancelled. */
enum weft_reason {
    WEFT_REASON_NONE,     /* it is not */
    WEFT_REASON_USER,     /* weft_cancel(), weft_group_cancel() … */
    WEFT_REASON_TIMEOUT,  /* a deadline passed */
    WEFT_REASON_SIBLING,  /* another one of its group, gather or race */
    WEFT_REASON_SHUTDOWN, /* the runtime ends */
};

/**
 * Begin a scope that expires `after` from now. Zero or less has expired
 * already; WEFT_FOREVER never does, but can be cancelled and rescheduled.
 *
 * Never early (but by as much as the machine itself stood still for longer than
 * 100 ms); late by no more than 100 ms, only when the code inside computes for
 * that long before it first suspends.
 *
 * Context:       coroutine; elsewhere the scope is inert.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     the scope is yours and must not move until its exit.
 * Returns:       nothing.
 */
WEFT_API void weft_timeout_enter(weft_scope *, weft_ns after);

/**
 * weft_timeout_enter() with a moment.
 *
 * Context:       coroutine; elsewhere the scope is inert.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     as weft_timeout_enter().
 * Returns:       nothing.
 */
WEFT_API void weft_timeout_enter_at(weft_scope *, weft_time moment);

/**
 * Move the deadline: to `after` from now.
 *
 * Context:       the coroutine that entered it.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     borrows.
 * Returns:       0; -WEFT_EALREADY: it has expired or was cancelled; -EINVAL
 *                for a shield, or from another task; -WEFT_ENORUNTIME for an
 *                inert scope.
 */
WEFT_API int weft_timeout_reschedule(weft_scope *, weft_ns after);

/**
 * End the scope. `body` is what the code inside came to: 0, a count, or a code.
 *
 * Context:       the coroutine that entered it.
 * Suspends:      never.
 * Cancellation:  a release.
 * Ownership:     the scope is free to go.
 * Returns:       `body`; but -WEFT_ETIMEOUT if `body` is -WEFT_ECANCELED, the
 *                deadline has passed, and nothing outside is cancelled as well
 *                (that wins).
 */
WEFT_API int weft_timeout_exit(weft_scope *, int body);

/**
 * Cancel what is inside a scope (not a shield), now. Its exit then gives what
 * the body came to.
 *
 * Context:       any thread that knows that the scope has not ended.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     borrows.
 * Returns:       0 requested now; 1 it was cancelled or had expired before;
 *                -EINVAL for a shield.
 */
WEFT_API int weft_scope_cancel(weft_scope *);

/**
 * Begin a shield: for at most `max`, cancellation from outside does not reach
 * the code inside. Then it does; and so it does in the last phase of a
 * runtime's end. What is spawned inside has the grace period, as with .keep.
 *
 * Context:       coroutine; elsewhere the shield is inert.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     as weft_timeout_enter().
 * Returns:       nothing.
 */
WEFT_API void weft_shield_enter(weft_scope *, weft_ns max);

/**
 * End the shield.
 *
 * Context:       the coroutine that entered it.
 * Suspends:      never.
 * Cancellation:  a release.
 * Ownership:     the shield is free to go.
 * Returns:       `body`.
 */
WEFT_API int weft_shield_exit(weft_scope *, int body);

/**
 * When calls here will begin to fail: the least deadline of the scopes around,
 * as far as no shield lies between, and of those around the spawn of this task
 * or the submission of this job.
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     none.
 * Returns:       a moment; WEFT_FOREVER if there is none.
 */
WEFT_API weft_time weft_deadline(void);

/**
 * Why the current task is cancelled; of several reasons the innermost.
 *
 * Context:       any; WEFT_REASON_NONE outside a task.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     none.
 * Returns:       a reason. *code (may be NULL) is the failure of the sibling,
 *                if that is the reason and it is a task of the same group, else
 *                0.
 */
WEFT_API enum weft_reason weft_cancel_reason(int *code);

/**
 * Run `fn(arg)` when this task ends: after its children, in reverse order of
 * the calls, on every way out. It may suspend, behind a shield of the
 * runtime's grace period for all of them together. A failure of it is reported,
 * and does not change the task's result.
 *
 * Context:       coroutine, callback.
 * Suspends:      never.
 * Cancellation:  none; also works in a cancelled task.
 * Ownership:     `arg` stays yours.
 * Returns:       0; -ENOMEM; -WEFT_ENORUNTIME outside a coroutine: then `fn`
 *                will not run.
 */
WEFT_API WEFT_MUST_CHECK int weft_defer(weft_fn *fn, void *arg);

WEFT_END

#endif
