// SPDX-License-Identifier: MIT
/**
 * Waiting for several futures. Answers are indices into your own array.
 *
 * An empty set is done at once. The same future may stand in a set twice: where
 * the call borrows, as it is; where it drops references, each entry is one of
 * yours (if you hold only one in all, it counts for all of its entries, and the
 * later ones become NULL in your array).
 */
#ifndef WEFT_WAIT_H
#define WEFT_WAIT_H

#include <weft/base.h>
#include <weft/time.h>

WEFT_BEGIN

enum weft_wait_mode {
    WEFT_WAIT_ALL,
    WEFT_WAIT_FIRST,       /* one is done, however */
    WEFT_WAIT_FIRST_ERROR, /* one has failed or was cancelled, or all are done
                            */
};

/**
 * Wait for all; the first failure (a cancelled one is one) cancels the others,
 * which are waited for.
 *
 * Context:       coroutine.
 * Suspends:      until all are done.
 * Cancellation:  a join, as weft_await() of each.
 * Ownership:     drops the reference of each entry, on every return.
 *                results[i] (results may be NULL) is what futures[i] gave: a
 *                borrowed value, or an error value for weft_code().
 * Returns:       0; the code of the first failure; -WEFT_ECANCELED if the
 *                caller was cancelled and stopped waiting for a shared one;
 *                -ENOMEM (all were cancelled and waited for); -WEFT_EDEADLK if
 *                the caller itself is among them; -WEFT_EBUSY as weft_await();
 *                -WEFT_ENORUNTIME outside a coroutine.
 */
WEFT_API int weft_gather(weft_future **futures, size_t n, void **results);

/**
 * Wait for all, failures or not.
 *
 * Context:       coroutine.
 * Suspends:      until all are done.
 * Cancellation:  a join, as weft_await() of each.
 * Ownership:     as weft_gather().
 * Returns:       how many have failed; or as weft_gather(), but for a failure
 *                of a future.
 */
WEFT_API int weft_gather_collect(weft_future **futures, size_t n,
                                 void **results);

/**
 * Wait for the first that succeeds; the others are cancelled and waited for
 * (shared and hand-made ones are merely left alone).
 *
 * Context:       coroutine.
 * Suspends:      until one has succeeded and the others are done, or all are.
 * Cancellation:  a join, as weft_await() of each.
 * Ownership:     drops the reference of each entry, on every return. *winner
 *                and *result (each may be NULL) are written on success only;
 *                *result is borrowed.
 * Returns:       0; the code of the first failure in time, if all failed;
 *                -EINVAL for an empty set; or as weft_gather().
 */
WEFT_API int weft_race(weft_future **futures, size_t n, size_t *winner,
                       void **result);

/**
 * Wait until some are done, and leave all of them as they are.
 *
 * Context:       coroutine.
 * Suspends:      until the mode is satisfied.
 * Cancellation:  ordinary: stops waiting, cancels nobody.
 * Ownership:     borrows. done[] (may be NULL) has room for n indices.
 * Returns:       how many are done; their indices, ascending, are in done[];
 *                -WEFT_ECANCELED; -ENOMEM; -EINVAL for a mode that is none, or
 *                more than INT_MAX; -WEFT_EDEADLK if the caller is among them;
 *                -WEFT_ENORUNTIME outside a coroutine.
 */
WEFT_API WEFT_MUST_CHECK int weft_wait(weft_future *const *futures, size_t n,
                                       int mode, size_t *done);

/**
 * weft_await() for at most `timeout`; then it is cancelled as by a cancelled
 * caller: the call returns when the work has ended, unless it is shared.
 *
 * Context:       coroutine.
 * Suspends:      unless it is done.
 * Cancellation:  a join, as weft_await().
 * Ownership:     as weft_await().
 * Returns:       as weft_await(); -WEFT_ETIMEOUT if it was cancelled because
 *                the time had passed.
 */
WEFT_API int weft_wait_for(weft_future *, weft_ns timeout, void **result);

/** An iteration over futures as they complete; no field is yours. */
typedef struct weft_as_completed {
    void *weft_private[8];
} weft_as_completed;

/**
 * Begin: as if a callback took note of each future as it completes.
 *
 * Context:       coroutine.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     borrows: the array and the futures stay until the exit. The
 *                iteration belongs to the task.
 * Returns:       0; -ENOMEM; -WEFT_EDEADLK; -WEFT_ENORUNTIME: then there is
 *                nothing to exit.
 */
WEFT_API WEFT_MUST_CHECK int
weft_as_completed_enter(weft_as_completed *, weft_future *const *, size_t n);

/**
 * The next one that is done, each once, in the order of completion (those that
 * were done at the start by index). Await it for its result.
 *
 * Context:       the coroutine that entered.
 * Suspends:      until there is one.
 * Cancellation:  ordinary.
 * Ownership:     none.
 * Returns:       1, *index is into the array; 0 none is left; -WEFT_ECANCELED.
 */
WEFT_API WEFT_MUST_CHECK int weft_as_completed_next(weft_as_completed *,
                                                    size_t *index);

/**
 * End the iteration, finished or not.
 *
 * Context:       the coroutine that entered.
 * Suspends:      never for longer than a completion under way takes.
 * Cancellation:  a release.
 * Ownership:     the futures remain yours.
 * Returns:       nothing.
 */
WEFT_API void weft_as_completed_exit(weft_as_completed *);

WEFT_END

#endif
