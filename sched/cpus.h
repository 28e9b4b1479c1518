// SPDX-License-Identifier: MIT
/* How many workers a runtime should have by itself. */
#ifndef WEFT_SCHED_CPUS_H
#define WEFT_SCHED_CPUS_H

/** CPUs of the affinity mask, or fewer if the cgroup has a smaller quota
 * (rounded up); at least 1. */
unsigned weft__cpus(void);

/** CPUs that a cgroup's quota file allows, rounded up; 0 for no limit. `text`
 * is "QUOTA PERIOD" or "max PERIOD", in us (cgroups(7), cpu.max). */
unsigned weft__cpus_of_quota(const char *text);

#endif
