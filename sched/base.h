// SPDX-License-Identifier: MIT
/*
 * What every file of the library leans on: the cache line, the three tiers of
 * assertion and the handful of compiler words. No types of our own.
 */
#ifndef WEFT_SCHED_BASE_H
#define WEFT_SCHED_BASE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Two lines: the adjacent-line prefetcher pulls them in pairs. */
#define WEFT__LINE 64
#define WEFT__APART _Alignas(2 * WEFT__LINE)

#define weft__likely(x) __builtin_expect(!!(x), 1)
#define weft__unlikely(x) __builtin_expect(!!(x), 0)
#define WEFT__NOINLINE __attribute__((noinline))
/* For the few functions that every spawn and await goes through. */
#define WEFT__INLINE static inline __attribute__((always_inline))
#define WEFT__MUST_CHECK __attribute__((warn_unused_result))
#define WEFT__UNUSED __attribute__((unused))

#define weft__container_of(ptr, type, member)                                  \
    ((type *)((char *)(ptr)-offsetof(type, member)))
#define weft__count_of(array) (sizeof(array) / sizeof((array)[0]))

/* Debug tier. WEFT__CHECK costs more than it guards: only with WEFT_EXPENSIVE. */
#define WEFT__ASSERT(cond) assert(cond)
#ifdef WEFT_EXPENSIVE
#define WEFT__CHECK(cond) assert(cond)
#else
#define WEFT__CHECK(cond) ((void)0)
#endif

/* Always on: the state is corrupt and going on would destroy user data. */
#define WEFT__REQUIRE(cond)                                                    \
    (weft__likely(cond) ? (void)0 : weft__panic(#cond, __FILE__, __LINE__))

/** Write one line to stderr and abort. Never returns; async-signal-safe. */
__attribute__((noreturn, cold)) void weft__panic(const char *what,
                                                 const char *file, int line);

#endif
