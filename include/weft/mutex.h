// SPDX-License-Identifier: MIT
/**
 * A mutex for coroutines and OS threads. Who finds it locked waits: a coroutine
 * suspends, and its worker runs others. It may be held over calls that suspend.
 *
 * An unlocked mutex goes to whoever comes first, not to who has waited longest:
 * that is faster. But who has waited for more than a millisecond is handed it
 * by the next unlock, first come first served; so nobody starves.
 */
#ifndef WEFT_MUTEX_H
#define WEFT_MUTEX_H

#include <weft/base.h>
#include <weft/time.h>

WEFT_BEGIN

/**
 * A mutex; no field is yours. Zeroed memory is an unlocked one. It needs no
 * end; it must not move or go while somebody holds it or waits for it.
 */
typedef struct weft_mutex {
    void *weft_private[4];
} weft_mutex;

/** An unlocked one, for definitions. */
#define WEFT_MUTEX_INIT                                                        \
    {                                                                          \
        {                                                                      \
            0                                                                  \
        }                                                                      \
    }

/**
 * Lock.
 *
 * Context:       coroutine.
 * Suspends:      while another one holds it.
 * Cancellation:  ordinary.
 * Ownership:     it is the caller's to unlock, if 0 is returned.
 * Returns:       0; -WEFT_EDEADLK: the caller holds it; -WEFT_ECANCELED;
 *                -WEFT_ENORUNTIME.
 */
WEFT_API WEFT_MUST_CHECK int weft_mutex_lock(weft_mutex *);

/**
 * Lock, if that is possible at once.
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     as weft_mutex_lock().
 * Returns:       0; -WEFT_EBUSY.
 */
WEFT_API WEFT_MUST_CHECK int weft_mutex_trylock(weft_mutex *);

/**
 * Lock; blocks the calling OS thread while another one holds it.
 *
 * Context:       foreign thread.
 * Suspends:      no: blocks, for at most `timeout` (WEFT_FOREVER: as long as it
 *                takes; 0 or less: not at all).
 * Cancellation:  none.
 * Ownership:     as weft_mutex_lock().
 * Returns:       0; -WEFT_ETIMEOUT; -WEFT_EDEADLK: the caller holds it, or is a
 *                worker of any runtime.
 */
WEFT_API WEFT_MUST_CHECK int weft_mutex_lock_blocking(weft_mutex *,
                                                      weft_ns timeout);

/**
 * Unlock.
 *
 * Context:       the task or OS thread that has locked it.
 * Suspends:      never.
 * Cancellation:  a release.
 * Ownership:     none.
 * Returns:       0; -EPERM: the caller does not hold it, and nothing was done.
 */
WEFT_API int weft_mutex_unlock(weft_mutex *);

WEFT_END

#endif
