// SPDX-License-Identifier: MIT
/**
 * Words that every public header uses: codes, results, the shape of a
 * coroutine function.
 *
 * A call returns 0, a count or a descriptor; or a negative code. Codes of the
 * system are `-errno` (`-ENOENT`); codes of weft are `-WEFT_E…`, 1001 to 1099.
 * `errno` itself is never a result and is not preserved over a suspension.
 */
#ifndef WEFT_BASE_H
#define WEFT_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
#define WEFT_BEGIN extern "C" {
#define WEFT_END }
#else
#define WEFT_BEGIN
#define WEFT_END
#endif

#define WEFT_API __attribute__((visibility("default")))
#define WEFT_MUST_CHECK __attribute__((warn_unused_result))

/* Where something was made, for people: "function@file:line". */
#define WEFT_STRING_(x) #x
#define WEFT_STRING(x) WEFT_STRING_(x)
#define WEFT_SITE(what) #what "@" __FILE__ ":" WEFT_STRING(__LINE__)

#define WEFT_VERSION_MAJOR 0
#define WEFT_VERSION_MINOR 1
#define WEFT_VERSION_PATCH 0

/* Every code of weft's own: name, number, text. */
#define WEFT_CODES(X)                                                          \
    X(ECANCELED, 1001, "cancelled")                                            \
    X(ETIMEOUT, 1002, "deadline passed")                                       \
    X(ESHUTDOWN, 1003, "the runtime is shutting down or has stopped")          \
    X(ECLOSED, 1004, "closed by another task while in use")                    \
    X(EDEADLK, 1005, "this would wait for itself or block a worker")           \
    X(EBUSY, 1006, "in use, full, or not drained in time")                     \
    X(EALREADY, 1007, "already done")                                          \
    X(ENORUNTIME, 1008, "no runtime runs this code")                           \
    X(ENOTSUP, 1009, "not available on this system")                           \
    X(EBROKEN, 1010, "the pool cannot make its threads or processes ready")    \
    X(ECRASHED, 1011, "the process that ran it has died")

enum weft_error_code {
#define WEFT_CODE_ENUM(name, number, text) WEFT_##name = number,
    WEFT_CODES(WEFT_CODE_ENUM)
#undef WEFT_CODE_ENUM
};

WEFT_BEGIN

/**
 * A coroutine function, a callback or a job: takes what it was given, returns a
 * result or weft_fail(code). It may also be called plainly.
 */
typedef void *weft_fn(void *arg);

/** The runtime: workers, loops, tasks. Counted; see weft/runtime.h. */
typedef struct weft_runtime weft_runtime;

/** The one awaitable. Counted; see weft/future.h and weft/task.h. */
typedef struct weft_future weft_future;

/** A snapshot of the context variables. Counted; see weft/context.h. */
typedef struct weft_context weft_context;

/**
 * Make a code into a result: what a failing coroutine function returns.
 *
 * A pure encoding, as the kernel's ERR_PTR: the last 4095 addresses are never
 * those of an object.
 *
 * Context:       any.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     none.
 * Returns:       an error value for -1 to -4095; NULL for 0. Any other number
 *                is a mistake of the caller and becomes -EINVAL.
 */
static inline void *weft_fail(int code)
{
    if (code > 0 || code < -4095)
        code = -22; /* -EINVAL */
    return (void *)(intptr_t)code;
}

/**
 * The code in a result.
 *
 * Context:       any.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     none.
 * Returns:       0 if `result` is a value (NULL is one), else the code, -1 to
 *                -4095.
 */
static inline int weft_code(const void *result)
{
    intptr_t value = (intptr_t)result;
    return value < 0 && value >= -4095 ? (int)value : 0;
}

/**
 * The text of a code, for people.
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     the text is static or thread-local; valid until the same
 *                thread asks for another unknown system code.
 * Returns:       never NULL; takes -WEFT_E…, -errno, and their positives.
 */
WEFT_API const char *weft_strerror(int code);

WEFT_END

#endif
