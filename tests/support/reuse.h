// SPDX-License-Identifier: MIT
/*
 * Mappings that are kept and used again: ten thousands of simulated runtimes
 * would spend most of their time in the kernel. One thread; not under the
 * sanitizers, which want to see memory come and go.
 */
#ifndef WEFT_TESTS_SUPPORT_REUSE_H
#define WEFT_TESTS_SUPPORT_REUSE_H

#include "sched/os.h"

/** Let this table, a copy of the real one, use mappings again. */
void weft_test_reuse(struct weft__os *os);

#endif
