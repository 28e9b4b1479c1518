// SPDX-License-Identifier: MIT
/*
 * A fixed amount of arithmetic that stands for "N us of one idle core". Work is
 * work: how long it takes when the core is shared, or the thread preempted, is
 * not looked at. Not a delay.
 */
#ifndef WEFT_PERF_BURN_H
#define WEFT_PERF_BURN_H

#include <stdint.h>

/** Rounds of the arithmetic that an idle core does in a microsecond: the
 * fastest of several short trials, because noise only ever adds time. Blocks
 * for some 30 ms; to be called once, before there is load. */
double perf_burn_calibrate(void);

/** Do so many rounds, on this thread, without a break. The result depends on
 * each of them. */
uint64_t perf_burn(uint64_t rounds);

/** The rounds that stand for `us` microseconds. */
uint64_t perf_burn_rounds(double per_us, uint64_t us);

#endif
