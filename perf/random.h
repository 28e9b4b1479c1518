// SPDX-License-Identifier: MIT
/*
 * Pseudo-random numbers from a seed (splitmix64): the same seed gives the same
 * run. Not for secrets.
 */
#ifndef WEFT_PERF_RANDOM_H
#define WEFT_PERF_RANDOM_H

#include <stdint.h>

/** The n-th number of a seed, without a state to share. */
static inline uint64_t perf_random_at(uint64_t seed, uint64_t n)
{
    uint64_t x = seed + n * UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/** The next number; *state is any number to begin with. */
static inline uint64_t perf_random_next(uint64_t *state)
{
    *state += 1;
    return perf_random_at(0, *state);
}

/** The next number in (0, 1], never 0: its logarithm is finite. */
static inline double perf_random_unit(uint64_t *state)
{
    return (double)((perf_random_next(state) >> 11) + 1) * 0x1p-53;
}

#endif
