// SPDX-License-Identifier: MIT
/*
 * What a handful of elementary things cost on this machine, now: the units in
 * which results are compared between machines. Nothing of weft is measured.
 */
#ifndef WEFT_PERF_CALIBRATE_H
#define WEFT_PERF_CALIBRATE_H

/** Nanoseconds each; negative: not to be had here. */
struct perf_calibration {
    double malloc_pair;  /* malloc of 64 bytes and its free */
    double atomic_add;   /* on a line nobody else uses */
    double first_touch;  /* of a page of fresh memory */
    double bare_switch;  /* from one stack to another, one way */
    double bare_fork;    /* a call of fib() over a deque, see bare_fork.h */
    double bare_fork_x2; /* the same by two threads */
    double work_unit;    /* 1 000 rounds of burn.h */
};

/** Measure: the fastest of several short trials each; some 200 ms. Counts are
 * divided by `scale`. */
void perf_calibrate(struct perf_calibration *, unsigned long scale);

#endif
