// SPDX-License-Identifier: MIT
/*
 * Another program, run to its end for what it prints. In our process group:
 * Ctrl-C ends it, too.
 */
#ifndef WEFT_PERF_CAPTURE_H
#define WEFT_PERF_CAPTURE_H

#include <stddef.h>

#include <weft/time.h>

/**
 * Run `path` with `argv`, which ends with NULL; its standard output goes to
 * `out` and ends with NUL, what does not fit is dropped. At the end of `limit`
 * it is killed.
 *
 * Returns its exit status, 128 and the signal it died of, -ETIMEDOUT, or
 * another negative code if it could not be run.
 */
int perf_capture(const char *path, const char *const *argv, char *out,
                 size_t size, weft_ns limit);

#endif
