// SPDX-License-Identifier: MIT
/*
 * The cheapest switch between two stacks that this machine can do: the
 * yardstick of the yield workload. Measures only; runs nothing else, and shares
 * no code with the library that it is compared with.
 */
#ifndef WEFT_PERF_BARE_SWITCH_H
#define WEFT_PERF_BARE_SWITCH_H

#include <stdint.h>

/** Nanoseconds of one switch, one way, as the mean of `rounds` there and back;
 * negative on a machine without an implementation, or without memory. */
double perf_bare_switch(uint64_t rounds);

#endif
