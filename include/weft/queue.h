// SPDX-License-Identifier: MIT
/**
 * Bounded queues of pointers, between any number of coroutines and OS threads,
 * of one runtime or of several.
 *
 * Who finds a queue full or empty waits, first come first served. What one
 * producer puts is got in the order in which it was put. A capacity of 0 makes
 * a rendezvous: a put returns after a get took its item.
 *
 * Nothing is lost: a put that fails has not put, a get that fails has not taken.
 * What was written before a put is seen after the get of the item.
 */
#ifndef WEFT_QUEUE_H
#define WEFT_QUEUE_H

#include <weft/base.h>
#include <weft/time.h>

WEFT_BEGIN

/** A queue; see weft_queue_new(). */
typedef struct weft_queue weft_queue;

/**
 * Make a queue of `capacity` places.
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     *out is yours: weft_queue_free() it.
 * Returns:       0; -ENOMEM; -EINVAL for a capacity above INT_MAX.
 */
WEFT_API WEFT_MUST_CHECK int weft_queue_new(size_t capacity, weft_queue **out);

/**
 * Free a queue that nobody uses any more. Who got an item may free the queue
 * although the put of it has not returned yet.
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  a release.
 * Ownership:     consumes the queue; NULL is ignored. Items that are still in
 *                it are yours: get them, or see weft_queue_close().
 * Returns:       nothing.
 */
WEFT_API void weft_queue_free(weft_queue *);

/**
 * Put an item: any pointer, NULL too.
 *
 * Context:       coroutine.
 * Suspends:      while it is full, at a rendezvous until somebody gets it; and
 *                now and then to let others run.
 * Cancellation:  ordinary.
 * Ownership:     the item goes into the queue if 0 is returned, else it is
 *                still yours.
 * Returns:       0; -WEFT_ECLOSED; -WEFT_ECANCELED; -WEFT_ENORUNTIME.
 */
WEFT_API WEFT_MUST_CHECK int weft_queue_put(weft_queue *, void *item);

/**
 * Put an item, if that is possible at once.
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     as weft_queue_put().
 * Returns:       0; -WEFT_EBUSY: it is full, at a rendezvous nobody waits for
 *                an item; -WEFT_ECLOSED.
 */
WEFT_API WEFT_MUST_CHECK int weft_queue_put_nowait(weft_queue *, void *item);

/**
 * Put an item; blocks the calling OS thread while the queue is full.
 *
 * Context:       foreign thread.
 * Suspends:      no: blocks, for at most `timeout` (WEFT_FOREVER: as long as it
 *                takes; 0 or less: not at all).
 * Cancellation:  none; close the queue to end the wait.
 * Ownership:     as weft_queue_put().
 * Returns:       0; -WEFT_ETIMEOUT; -WEFT_ECLOSED; -WEFT_EDEADLK on a worker of
 *                any runtime.
 */
WEFT_API WEFT_MUST_CHECK int weft_queue_put_blocking(weft_queue *, void *item,
                                                     weft_ns timeout);

/**
 * Get the oldest item.
 *
 * Context:       coroutine.
 * Suspends:      while it is empty; and now and then to let others run.
 * Cancellation:  ordinary.
 * Ownership:     *item is yours if 0 is returned, else unchanged.
 * Returns:       0; -WEFT_ECLOSED: it is closed, and empty; -WEFT_ECANCELED;
 *                -WEFT_ENORUNTIME.
 */
WEFT_API WEFT_MUST_CHECK int weft_queue_get(weft_queue *, void **item);

/**
 * Get the oldest item, if there is one.
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     as weft_queue_get().
 * Returns:       0; -WEFT_EBUSY: it is empty; -WEFT_ECLOSED: and closed.
 */
WEFT_API WEFT_MUST_CHECK int weft_queue_get_nowait(weft_queue *, void **item);

/**
 * Get the oldest item; blocks the calling OS thread while the queue is empty.
 *
 * Context:       foreign thread.
 * Suspends:      no: blocks, as weft_queue_put_blocking().
 * Cancellation:  none; close the queue to end the wait.
 * Ownership:     as weft_queue_get().
 * Returns:       0; -WEFT_ETIMEOUT; -WEFT_ECLOSED: it is closed, and empty;
 *                -WEFT_EDEADLK on a worker of any runtime.
 */
WEFT_API WEFT_MUST_CHECK int weft_queue_get_blocking(weft_queue *, void **item,
                                                     weft_ns timeout);

/**
 * Close a queue: from now on nothing is put. Who waits to put fails with
 * -WEFT_ECLOSED. What is in it can still be got, unless `drop` is given: that is
 * called here with each item. Closing again does the same.
 *
 * Context:       any thread.
 * Suspends:      never, if `drop` does not.
 * Cancellation:  a release.
 * Ownership:     borrows; an item given to `drop` (may be NULL) is its own.
 * Returns:       nothing.
 */
WEFT_API void weft_queue_close(weft_queue *, void (*drop)(void *item));

/**
 * How many items are in it, at some moment between call and return.
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     borrows.
 * Returns:       0 to the capacity; those of waiting puts do not count.
 */
WEFT_API size_t weft_queue_size(weft_queue *);

/**
 * How many places it has.
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     borrows.
 * Returns:       as given to weft_queue_new().
 */
WEFT_API size_t weft_queue_capacity(const weft_queue *);

WEFT_END

#endif
