// SPDX-License-Identifier: MIT
/*
 * The answers that are files below the server's root, or digests of them.
 *
 * Nothing outside the root can be reached: the name is checked as a text
 * (path.h), then the kernel resolves it with RESOLVE_BENEATH, which follows no
 * ".." and no symbolic link that leads out, however the tree changes meanwhile.
 * What it found is held by a descriptor without access (O_PATH), looked at, and
 * opened for weft through that descriptor: there is no second resolution.
 */
#ifndef WEFT_PERF_FILES_H
#define WEFT_PERF_FILES_H

#include "perf/connection.h"

/** Answer with the file that `path` (n bytes, escaped) names; results as
 * perf_routes_answer(). */
int perf_files_send(struct perf_connection *, const char *path, size_t n);

/** Answer with its SHA-256 in hexadecimal digits and a newline; files of more
 * than 64 MiB are refused with 413. */
int perf_files_digest(struct perf_connection *, const char *path, size_t n);

#endif
