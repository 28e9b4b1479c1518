// SPDX-License-Identifier: MIT
/**
 * Time: nanoseconds in 64 signed bits, on the monotonic clock. 292 years fit.
 */
#ifndef WEFT_TIME_H
#define WEFT_TIME_H

#include <weft/base.h>

WEFT_BEGIN

typedef int64_t weft_ns;   /* a duration */
typedef int64_t weft_time; /* a moment: weft_now() plus a duration */

#define WEFT_US(n) ((weft_ns)(n)*1000)
#define WEFT_MS(n) ((weft_ns)(n)*1000000)
#define WEFT_S(n) ((weft_ns)(n)*1000000000)
#define WEFT_FOREVER INT64_MAX

/**
 * The current moment.
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     none.
 * Returns:       nanoseconds of CLOCK_MONOTONIC (clock_gettime(2)).
 */
WEFT_API weft_time weft_now(void);

/**
 * The moment `after` nanoseconds from now.
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     none.
 * Returns:       now + after; WEFT_FOREVER instead of an overflow, now for a
 *                negative duration.
 */
WEFT_API weft_time weft_after(weft_ns after);

/**
 * Sleep for at least `duration`.
 *
 * Context:       coroutine.
 * Suspends:      always, also for 0 or less (then it is a yield);
 *                WEFT_FOREVER sleeps until cancelled.
 * Cancellation:  ordinary: fails without having slept, or wakes early.
 * Ownership:     none.
 * Returns:       0, never early and at most some 20 us late on an idle worker;
 *                -WEFT_ECANCELED; -WEFT_ENORUNTIME outside a coroutine.
 */
WEFT_API WEFT_MUST_CHECK int weft_sleep(weft_ns duration);

/**
 * Sleep until a moment. As weft_sleep(); a moment in the past is a yield.
 *
 * Context:       coroutine.
 * Suspends:      always.
 * Cancellation:  ordinary.
 * Ownership:     none.
 * Returns:       0; -WEFT_ECANCELED; -WEFT_ENORUNTIME.
 */
WEFT_API WEFT_MUST_CHECK int weft_sleep_until(weft_time moment);

WEFT_END

#endif
