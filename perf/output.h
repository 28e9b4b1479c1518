// SPDX-License-Identifier: MIT
/*
 * A file that a command was told to write.
 */
#ifndef WEFT_PERF_OUTPUT_H
#define WEFT_PERF_OUTPUT_H

#include <stdio.h>

/** Writes what it is given; 0 or a negative code. */
typedef int perf_output_writer(const void *what, FILE *to);

/** Write the file `path`, or nothing if that is NULL. 0 or a negative code,
 * told on standard error. */
int perf_output(const char *path, perf_output_writer *write, const void *what);

#endif
