// SPDX-License-Identifier: MIT
/*
 * Writes one JSON object on one line into a buffer of the caller's: no
 * allocation, no failure on the way; what does not fit is told at the end. Not
 * a reader.
 */
#ifndef WEFT_PERF_JSON_H
#define WEFT_PERF_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct perf_json {
    char *text; /* always ends with NUL */
    size_t size, used;
    bool comma; /* something stands before in this object */
    bool full;
};

/** An empty text in `buffer`; `size` is at least 1. */
void perf_json_init(struct perf_json *, char *buffer, size_t size);

/** Begin an object, under a key or (the outermost; NULL) without. */
void perf_json_open(struct perf_json *, const char *key);
void perf_json_close(struct perf_json *);

/** A text; bytes that are not UTF-8 become U+FFFD. NULL writes null. */
void perf_json_text(struct perf_json *, const char *key, const char *value);
void perf_json_count(struct perf_json *, const char *key, uint64_t value);
void perf_json_flag(struct perf_json *, const char *key, bool value);

/** A number with three decimals; what is not finite writes null. */
void perf_json_real(struct perf_json *, const char *key, double value);

/** An array of those. */
void perf_json_reals(struct perf_json *, const char *key, const double *values,
                     size_t n);

/** A value that is JSON already. */
void perf_json_value(struct perf_json *, const char *key, const char *value);

/** The object on a line of its own; 0, or -ENOSPC (then nothing is written) or
 * -EIO. */
int perf_json_print(const struct perf_json *, FILE *to);

#endif
