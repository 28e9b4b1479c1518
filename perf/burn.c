// SPDX-License-Identifier: MIT
/*
 * The arithmetic of burn.h: a chain in which each round needs the one before,
 * so that no compiler and no core does two at once, and nothing touches memory.
 */
#include "perf/burn.h"

#include <weft/time.h>

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

static weft_ns trial(void)
{
    weft_time start = weft_now();

    perf_burn(TRIAL_ROUNDS);
    return weft_now() - start;
}

double perf_burn_calibrate(void)
{
    weft_ns best = trial();

    for (int i = 1; i < TRIALS; i++) {
        weft_ns took = trial();

        best = took < best ? took : best;
    }
    return (double)TRIAL_ROUNDS * 1000.0 / (double)(best > 0 ? best : 1);
}

uint64_t perf_burn_rounds(double per_us, uint64_t us)
{
    return (uint64_t)(per_us * (double)us);
}
