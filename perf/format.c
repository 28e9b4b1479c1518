// SPDX-License-Identifier: MIT
/*
 * The formats of format.h: three digits that mean something, then the unit.
 */
#include "perf/format.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Digits after the point that make three in all. */
static int decimals(double x)
{
    double size = fabs(x);

    if (size >= 99.95) {
        return 0;
    }
    if (size >= 9.995) {
        return 1;
    }
    return size >= 0.9995 ? 2 : 3;
}

/* The first unit in which the value stays below `step`. */
static struct perf_text scaled(double value, double step,
                               const char *const *units, size_t n)
{
    struct perf_text text;
    size_t i = 0;

    while (i + 1 < n && fabs(value) >= step - 0.5) {
        value /= step;
        i++;
    }
    snprintf(text.s, sizeof(text.s), "%.*f %s",
             i == 0 && value == floor(value) ? 0 : decimals(value), value,
             units[i]);
    return text;
}

struct perf_text perf_format_ns(double ns)
{
    static const char *const units[] = {"ns", "us", "ms", "s"};

    return scaled(ns, 1000, units, 4);
}

struct perf_text perf_format_bytes(double bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};

    return scaled(bytes, 1024, units, 5);
}

struct perf_text perf_format_count(uint64_t n)
{
    struct perf_text text;
    char digits[24];
    size_t length =
        (size_t)snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n);
    size_t used = 0;

    for (size_t i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) {
            text.s[used++] = ' ';
        }
        text.s[used++] = digits[i];
    }
    text.s[used] = '\0';
    return text;
}

struct perf_text perf_format_real(double x)
{
    struct perf_text text;

    snprintf(text.s, sizeof(text.s), "%.*f", decimals(x), x);
    return text;
}
