// SPDX-License-Identifier: MIT
/* What the process takes of the system's memory, for the workloads that hold a
 * million of something. */
#ifndef WEFT_PERF_FOOTPRINT_H
#define WEFT_PERF_FOOTPRINT_H

#include <stdint.h>

/** Bytes of its resident set. */
double perf_footprint_resident(void);

/** Lines of /proc/self/maps: its mappings, as the kernel counts them. */
uint64_t perf_footprint_mappings(void);

/** Bytes of memory that may be had without swapping. */
uint64_t perf_footprint_available(void);

/** CPU time of the process so far, in nanoseconds: who else uses the machine has
 * little say in it. */
double perf_footprint_cpu(void);

/** Nanoseconds of CPU that one of `n` bare stacks costs: 256 KiB and a page apart, a
 * guard of 64 KiB below, one page touched. All are there at once, then gone.
 * Negative: they cannot be had. */
double perf_footprint_bare_stack(uint64_t n);

#endif
