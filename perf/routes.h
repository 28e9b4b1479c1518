// SPDX-License-Identifier: MIT
/*
 * What the server has to offer:
 *
 *     /               13 bytes, always the same
 *     /burn?us=N      arithmetic worth N us of one idle core, in one step
 *     /burn?n=N       N rounds of it, on whatever core
 *     /block?us=N     a nanosleep(2) that blocks the worker
 *     /sleep?us=N     a weft_sleep()
 *     /fork?us=N      as /burn, but divided by fork and join among all workers
 *     /children       spawns three tasks and awaits them
 *     /file/PATH      a file below the root
 *     /sha256/PATH    its digest, read first, then computed in one step
 *     /stats          counters, as JSON
 */
#ifndef WEFT_PERF_ROUTES_H
#define WEFT_PERF_ROUTES_H

#include "perf/connection.h"

/**
 * Answer a request; `target` are its target_length bytes.
 *
 * Returns 0: answered, whatever the status; -status: to be refused; another
 * negative code: the connection is of no use any more.
 */
int perf_routes_answer(struct perf_connection *,
                       const struct perf_http_request *, const char *target);

/** The moment a step that will not suspend begins, and its end. */
struct perf_step {
    int64_t start, cpu_start;
};
struct perf_step perf_step_begin(void);
void perf_step_end(struct perf_server *, struct perf_step);

#endif
