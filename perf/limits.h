// SPDX-License-Identifier: MIT
/*
 * How much of the machine this process may use.
 */
#ifndef WEFT_PERF_LIMITS_H
#define WEFT_PERF_LIMITS_H

/** As many descriptors as the hard limit allows: a connection is one. */
void perf_limits_raise(void);

#endif
