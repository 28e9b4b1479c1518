// SPDX-License-Identifier: MIT
/*
 * Answers in which other tasks than the connection's own have a part: a heavy
 * one that divides its work, a light one that waits for its children.
 */
#ifndef WEFT_PERF_TASKS_H
#define WEFT_PERF_TASKS_H

#include <stdint.h>

/**
 * Arithmetic worth `us` of one idle core (`per_us`: see burn.h), halved by fork
 * and join down to pieces of some 50 us: any worker may help. Returns 0, or the
 * code with which a join failed.
 */
int perf_tasks_fork(double per_us, uint64_t us);

/** Spawn three children and wait for them: what they came to together, or the
 * code with which one failed. */
int perf_tasks_children(void);

#endif
