// SPDX-License-Identifier: MIT
/*
 * The arithmetic that stands for CPU time: that all of it is done. No time is
 * asserted: how long it takes is the machine's business.
 */
#include "perf/burn.h"

#include "tests/support/test.h"

/* The same, written once more. */
static uint64_t plain(uint64_t rounds)
{
    uint64_t x = rounds | 1;

    while (rounds-- > 0) {
        x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    }
    return x;
}

Test(burn, does_each_round)
{
    for (uint64_t rounds = 0; rounds < 100; rounds++) {
        cr_expect_eq(perf_burn(rounds), plain(rounds));
    }
    cr_expect_eq(perf_burn(1000003), plain(1000003));
}

Test(burn, rounds_grow_with_time)
{
    double per_us = perf_burn_calibrate();

    cr_assert_gt(per_us, 0);
    cr_expect_eq(perf_burn_rounds(per_us, 0), 0);
    cr_expect_eq(perf_burn_rounds(100.5, 10), 1005);
    cr_expect_gt(perf_burn_rounds(per_us, 1000000),
                 perf_burn_rounds(per_us, 1000));
}
