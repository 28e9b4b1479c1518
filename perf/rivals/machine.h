// SPDX-License-Identifier: MIT
/*
 * Where and when something was measured, for those who read it elsewhere and
 * later; and where the programs of the rivals are.
 */
#ifndef WEFT_PERF_RIVALS_MACHINE_H
#define WEFT_PERF_RIVALS_MACHINE_H

#include <stddef.h>

/** The processor, how many, and the kernel. */
void perf_machine_name(char *out, size_t size);

/** The moment, in UTC. */
void perf_machine_when(char *out, size_t size);

/** How many want to run, for each CPU; 0 if nobody knows. */
double perf_machine_load(void);

/** build/rivals for build/release/perf/weft-perf, wherever build/ is. */
const char *perf_rivals_programs(void);

#endif
