// SPDX-License-Identifier: MIT
/*
 * Numbers for people: durations, bytes, counts with a unit that fits. Not for
 * JSON, which has plain numbers.
 */
#ifndef WEFT_PERF_FORMAT_H
#define WEFT_PERF_FORMAT_H

#include <stdint.h>

/** Room for what any of these write; passed around by value. */
struct perf_text {
    char s[48];
};

/** "812 ns", "12.3 us", "1.85 ms", "2.00 s". */
struct perf_text perf_format_ns(double ns);

/** "13 B", "4.0 KiB", "1.5 GiB". */
struct perf_text perf_format_bytes(double bytes);

/** "1 234 567". */
struct perf_text perf_format_count(uint64_t n);

/** A number with three or more digits that mean something: "0.123", "12.3". */
struct perf_text perf_format_real(double x);

#endif
