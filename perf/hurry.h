// SPDX-License-Identifier: MIT
/*
 * Makes the calling thread, and those it starts from now on, wake on time: no
 * timer slack, a short scheduler slice. Needs no privilege, and lowers nobody
 * else's priority: a short slice only means to be run sooner and for less long.
 */
#ifndef WEFT_PERF_HURRY_H
#define WEFT_PERF_HURRY_H

/** What the system does not know of is left out silently. */
void perf_hurry(void);

#endif
