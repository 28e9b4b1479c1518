// SPDX-License-Identifier: MIT
/*
 * What the naive recursion of Fibonacci must come to, and how many calls it
 * takes: a tree of calls that do nothing else, so what it costs is the calls.
 */
#ifndef WEFT_PERF_FIB_H
#define WEFT_PERF_FIB_H

#include <stdint.h>

#define PERF_FIB_N 32 /* 7 049 155 calls */

/** The n-th number of Fibonacci, by addition. */
static inline uint64_t perf_fib(unsigned n)
{
    uint64_t a = 0, b = 1;

    while (n-- > 0) {
        uint64_t next = a + b;

        a = b;
        b = next;
    }
    return a;
}

/** Calls of fib() in fib(n), itself included. */
static inline uint64_t perf_fib_calls(unsigned n)
{
    return 2 * perf_fib(n + 1) - 1;
}

/** The largest n up to PERF_FIB_N that takes at most `calls`; at least 2. */
static inline unsigned perf_fib_within(uint64_t calls)
{
    unsigned n = PERF_FIB_N;

    while (n > 2 && perf_fib_calls(n) > calls) {
        n--;
    }
    return n;
}

#endif
