// SPDX-License-Identifier: MIT
/**
 * Fork and join: divide and conquer at the price of a call.
 *
 *     weft_branch left;
 *     weft_fork(&left, sort, lower_half);
 *     sort(upper_half);
 *     int rc = weft_join(&left, NULL);
 *
 * A forked branch waits in its worker's queue. If nobody has stolen it by the
 * join, the join calls it like any function; if somebody has, it runs there as
 * a task of its own, and the join waits for it. A program must not depend on
 * which.
 *
 * A branch that is called at the join runs in the task that forked it:
 * weft_current() is that task, and its stack is used. What it sets in context
 * variables and what it defers ends with it, as in a task of its own.
 *
 * After Cilk's spawn and sync; the queue is the scheduler's own (sched/deque.h).
 */
#ifndef WEFT_FORK_H
#define WEFT_FORK_H

#include <weft/base.h>

#include <stddef.h>

WEFT_BEGIN

/** A branch, in the frame of who forks; no field is yours. */
typedef struct weft_branch {
    void *weft_private[12];
} weft_branch;

/**
 * Let `fn(arg)` run, elsewhere or at the join.
 *
 * Context:       coroutine; elsewhere the join calls it.
 * Suspends:      never.
 * Cancellation:  none; `fn` runs in any case.
 * Ownership:     the branch is yours and must stay where it is until its join;
 *                so must `arg`. Branches of one task are joined in reverse
 *                order, on every path; WEFT_DEBUG=1 watches over it.
 * Returns:       nothing: without memory for the queue the join calls it.
 */
WEFT_API void weft_fork(weft_branch *, weft_fn *fn, void *arg);

/**
 * Wait for a branch. If it is called here: now and then this gives way to
 * others that wait for this worker.
 *
 * Context:       where it was forked.
 * Suspends:      if the branch was stolen and is not done, to give way, and
 *                wherever `fn` suspends.
 * Cancellation:  a join: handed down to the branch and to those forked before
 *                it, and returns when this one has ended.
 * Ownership:     the branch is free to go; *result (may be NULL) is what `fn`
 *                returned, NULL on failure.
 * Returns:       0, or the code `fn` failed with, and weft_last_error() has it.
 */
WEFT_API int weft_join(weft_branch *, void **result);

/**
 * Call `fn(from, to, arg)` for pieces of [begin, end) that cover it once each,
 * on as many workers as are free, and wait for all.
 *
 * `grain` is the most a piece may have; 0: so that each worker gets some eight
 * of them. When the caller is cancelled, pieces that have not begun are left
 * out; a failure of one leaves out none.
 *
 * Context:       coroutine; elsewhere all pieces run here, in order.
 * Suspends:      as weft_join().
 * Cancellation:  a join.
 * Ownership:     borrows `arg` until it returns.
 * Returns:       0; the failure of the first piece, in the order of the range,
 *                that failed or (-WEFT_ECANCELED) was left out.
 */
WEFT_API int weft_parallel_for(size_t begin, size_t end, size_t grain,
                               int (*fn)(size_t from, size_t to, void *arg),
                               void *arg);

WEFT_END

#endif
