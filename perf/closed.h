// SPDX-License-Identifier: MIT
/*
 * The plan of pace.h in closed loop: each connection sends its next request as
 * soon as the last was answered, so the server always has as much to do as it
 * can. For what is left to others meanwhile; not for latency: while the server
 * stands still nothing is sent, and nobody sees it.
 */
#ifndef WEFT_PERF_CLOSED_H
#define WEFT_PERF_CLOSED_H

#include "perf/pace.h"

/** As perf_pace_run(); of the plan, `apart`, `rate`, `warmup`, `poisson` and
 * `seed` say nothing. 0 or -ENOMEM. */
int perf_closed_run(const struct perf_pace_plan *, struct perf_pace_result *);

#endif
