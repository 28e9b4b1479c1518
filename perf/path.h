// SPDX-License-Identifier: MIT
/*
 * Paths in URLs: from their escaped form to a name below a root, and back. Says
 * what a name may look like; that it stays below the root although of symbolic
 * links is for root.h.
 */
#ifndef WEFT_PERF_PATH_H
#define WEFT_PERF_PATH_H

#include <stddef.h>
#include <sys/types.h>

/**
 * Undo the escapes of `from` (n bytes) into `to`, which ends with NUL.
 *
 * Returns the length; -400 for a wrong escape, a NUL byte, an absolute path or
 * a ".." component, however it was written; -404 for an empty one; -414 if it
 * does not fit.
 */
ssize_t perf_path_decode(const char *from, size_t n, char *to, size_t size);

/** Escape what may not stand in a URL's path; the length or -ENOSPC. */
ssize_t perf_path_encode(const char *from, char *to, size_t size);

#endif
