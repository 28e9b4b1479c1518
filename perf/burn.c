// SPDX-License-Identifier: MIT
/*
 * The arithmetic of burn.h: a chain in which each round needs the one before,
 * so that no compiler and no core does two at once, and nothing touches memory.
 * Not on weft: the servers in rivals/ that are written in C have this file, too.
 */
#include "perf/burn.h"

#include <time.h>

#define TRIALS 25
#define TRIAL_ROUNDS 200000

/* Not inlined: there is one loop, at one address, for the trials and for the
 * work. The asm makes the value look changed, and used, in each round. */
__attribute__((noinline, aligned(64))) uint64_t perf_burn(uint64_t rounds)
{
    uint64_t x = rounds | 1;

    for (uint64_t i = 0; i < rounds; i++) {
        x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        __asm__ volatile("" : "+r"(x));
    }
    return x;
}

static int64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static int64_t trial(void)
{
    int64_t start = now();

    perf_burn(TRIAL_ROUNDS);
    return now() - start;
}

double perf_burn_calibrate(void)
{
    int64_t best = trial();

    for (int i = 1; i < TRIALS; i++) {
        int64_t took = trial();

        best = took < best ? took : best;
    }
    return (double)TRIAL_ROUNDS * 1000.0 / (double)(best > 0 ? best : 1);
}

uint64_t perf_burn_rounds(double per_us, uint64_t us)
{
    return (uint64_t)(per_us * (double)us);
}
