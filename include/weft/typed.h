// SPDX-License-Identifier: MIT
/**
 * Typed arguments and results, for who likes the compiler to look: the same
 * calls, with mistakes that do not compile.
 *
 *     static void *fetch(struct job *job);
 *     WEFT_TYPED(fetch, struct job *);
 *     …
 *     weft_future *task = weft_spawn_typed(fetch, &job);
 *
 * WEFT_TYPED() defines a coroutine function, fetch_typed(), that calls fetch();
 * it is what runs. Nothing is cast behind the compiler's back, and nothing
 * costs more at run time. C and C++.
 */
#ifndef WEFT_TYPED_H
#define WEFT_TYPED_H

#include <weft/base.h>
#include <weft/group.h>
#include <weft/task.h>

/**
 * Make a typed coroutine function, void *fn(type), known to the macros below;
 * once, after its declaration, outside of functions. `type` is a pointer. Does
 * not compile if it is not what `fn` takes.
 */
#ifdef __cplusplus
#define WEFT_TYPED(fn, type)                                                   \
    typedef type fn##_argument;                                                \
    static inline void *fn##_typed(void *argument)                             \
    {                                                                          \
        void *(*typed)(fn##_argument) = fn;                                    \
        return typed(static_cast<fn##_argument>(argument));                    \
    }                                                                          \
    static_assert(sizeof(&*fn##_argument()) > 0, "not a pointer")
#else
#define WEFT_TYPED(fn, type)                                                   \
    typedef __typeof__(type) fn##_argument;                                    \
    static inline void *fn##_typed(void *argument)                             \
    {                                                                          \
        void *(*typed)(fn##_argument) = _Generic(&fn, void *(*)(fn##_argument) \
                                                 : fn);                        \
        return typed((fn##_argument)argument);                                 \
    }                                                                          \
    _Static_assert(sizeof(&*(fn##_argument)0) > 0, "not a pointer")
#endif

/**
 * `arg` for the typed function `fn`: a void pointer, if its type is right. With
 * WEFT_TYPED_FN() for calls that have no macro here:
 *
 *     weft_to_thread(WEFT_TYPED_FN(hash), WEFT_TYPED_ARG(hash, &file), NULL);
 */
#ifdef __cplusplus
#define WEFT_TYPED_ARG(fn, arg)                                                \
    const_cast<void *>(static_cast<const volatile void *>(fn##_argument{arg}))
#else
#define WEFT_TYPED_ARG(fn, arg) ((void *)_Generic((arg), fn##_argument : (arg)))
#endif

/** The coroutine function that WEFT_TYPED() made. */
#define WEFT_TYPED_FN(fn) fn##_typed

/** weft_spawn() of a typed function; an argument of another type does not
 * compile. */
#define weft_spawn_typed(fn, arg)                                              \
    weft_spawn_named(WEFT_SITE(fn), WEFT_TYPED_FN(fn), WEFT_TYPED_ARG(fn, arg))

/** weft_group_spawn() of a typed function. */
#define weft_group_spawn_typed(group, fn, arg)                                 \
    weft_group_spawn_named((group), WEFT_SITE(fn), WEFT_TYPED_FN(fn),          \
                           WEFT_TYPED_ARG(fn, arg))

WEFT_BEGIN

/**
 * A number as a result: a count, or a negative code, which becomes a failure.
 *
 * Context:       any.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     none.
 * Returns:       what weft_to_int() makes `number` of; weft_fail(number) if it
 *                is negative.
 */
static inline void *weft_from_int(intptr_t number)
{
    if (number >= 0)
        return (void *)number;
    return weft_fail(number < -4095 ? -4096 : (int)number);
}

/**
 * The number in a result.
 *
 * Context:       any.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     none.
 * Returns:       what weft_from_int() was given: a count, or a code.
 */
static inline intptr_t weft_to_int(const void *result)
{
    return (intptr_t)result;
}

/**
 * weft_await() for a number.
 *
 * Context:       as weft_await().
 * Suspends:      as weft_await().
 * Cancellation:  a join, as weft_await().
 * Ownership:     drops your reference, as weft_await().
 * Returns:       as weft_await(); *number (may be NULL) is the number, 0 on
 *                failure.
 */
static inline int weft_await_int(weft_future *future, intptr_t *number)
{
    void *result = NULL;
    int rc = weft_await(future, &result);
    if (number != NULL)
        *number = weft_to_int(result);
    return rc;
}

WEFT_END

#endif
