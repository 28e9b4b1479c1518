// SPDX-License-Identifier: MIT
/*
 * The cheapest fork and join by stealing that this machine can do: the
 * yardstick of the fork/join workloads. Measures only; shares no code with the
 * library that it is compared with.
 */
#ifndef WEFT_PERF_BARE_FORK_H
#define WEFT_PERF_BARE_FORK_H

#include <stdint.h>

/** Nanoseconds of one call in a fib() of at most `calls` calls, where each one
 * forks half of its work: on this thread. */
double perf_bare_fork(uint64_t calls);

/** The same beside a thread that steals, by the clock: two threads at their
 * best take half as long. Negative without a second CPU or thread. */
double perf_bare_fork_x2(uint64_t calls);

#endif
