// SPDX-License-Identifier: MIT
/*
 * The histogram of histogram.h: where a value is counted, and the way back.
 *
 * Values below 2 048 have a cell each. Above, a value of k bits is shifted
 * right by s = k - 11, which leaves 1 024 to 2 047; cell s * 1 024 + that.
 */
#include "perf/histogram.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>

#define SUB_BITS 10
#define SUB_CELLS (1 << SUB_BITS)
#define VALUE_BITS 47
#define CELLS ((size_t)(VALUE_BITS - SUB_BITS + 1) * SUB_CELLS)

static size_t cell_of(uint64_t value)
{
    unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1);
    unsigned shift = bits > SUB_BITS + 1 ? bits - SUB_BITS - 1 : 0;
    size_t cell = (size_t)shift * SUB_CELLS + (size_t)(value >> shift);

    return cell < CELLS ? cell : CELLS - 1;
}

/* The middle of what the cell stands for. */
static uint64_t value_of(size_t cell)
{
    unsigned shift =
        cell < 2 * SUB_CELLS ? 0 : (unsigned)(cell / SUB_CELLS - 1);
    uint64_t low = (uint64_t)(cell - (size_t)shift * SUB_CELLS) << shift;

    return low + ((UINT64_C(1) << shift) - 1) / 2;
}

static void add(_Atomic uint64_t *to, uint64_t n)
{
    atomic_fetch_add_explicit(to, n, memory_order_relaxed);
}

static uint64_t look(const _Atomic uint64_t *at)
{
    return atomic_load_explicit(at, memory_order_relaxed);
}

static void raise_to(_Atomic uint64_t *max, uint64_t value)
{
    uint64_t old = look(max);

    while (old < value &&
           !atomic_compare_exchange_weak_explicit(
               max, &old, value, memory_order_relaxed, memory_order_relaxed)) {
    }
}

int perf_histogram_init(struct perf_histogram *histogram)
{
    atomic_init(&histogram->count, 0);
    atomic_init(&histogram->sum, 0);
    atomic_init(&histogram->max, 0);
    histogram->cells = calloc(CELLS, sizeof(*histogram->cells));
    return histogram->cells == NULL ? -ENOMEM : 0;
}

void perf_histogram_fini(struct perf_histogram *histogram)
{
    free(histogram->cells);
    histogram->cells = NULL;
}

void perf_histogram_record(struct perf_histogram *histogram, int64_t value)
{
    uint64_t v = value > 0 ? (uint64_t)value : 0;

    add(&histogram->cells[cell_of(v)], 1);
    add(&histogram->count, 1);
    add(&histogram->sum, v);
    raise_to(&histogram->max, v);
}

void perf_histogram_record_corrected(struct perf_histogram *histogram,
                                     int64_t value, int64_t interval)
{
    perf_histogram_record(histogram, value);
    if (interval <= 0) {
        return;
    }
    for (value -= interval; value >= interval; value -= interval) {
        perf_histogram_record(histogram, value);
    }
}

void perf_histogram_merge(struct perf_histogram *to,
                          const struct perf_histogram *from)
{
    for (size_t i = 0; i < CELLS; i++) {
        uint64_t n = look(&from->cells[i]);

        if (n != 0) {
            add(&to->cells[i], n);
        }
    }
    add(&to->count, look(&from->count));
    add(&to->sum, look(&from->sum));
    raise_to(&to->max, look(&from->max));
}

/* The smallest whole number of values that are `percent` of all; a hair less is
 * asked for, because 99.9 % of 1 000 must be 999 in binary too. */
static uint64_t rank_of(double percent, uint64_t count)
{
    double exact = percent / 100.0 * (double)count;
    double rank = ceil(exact - exact * 1e-12 - 1e-9);

    if (rank < 1) {
        return 1;
    }
    return rank >= (double)count ? count : (uint64_t)rank;
}

int64_t perf_histogram_percentile(const struct perf_histogram *histogram,
                                  double percent)
{
    uint64_t count = look(&histogram->count);
    uint64_t max = look(&histogram->max);
    uint64_t rank = rank_of(percent, count);
    uint64_t seen = 0;

    if (rank >= count) {
        return (int64_t)max;
    }
    for (size_t i = 0; i < CELLS; i++) {
        seen += look(&histogram->cells[i]);
        if (seen >= rank) {
            uint64_t value = value_of(i);

            return (int64_t)(value < max ? value : max);
        }
    }
    return (int64_t)max;
}

int64_t perf_histogram_max(const struct perf_histogram *histogram)
{
    return (int64_t)look(&histogram->max);
}

double perf_histogram_mean(const struct perf_histogram *histogram)
{
    uint64_t count = look(&histogram->count);

    return count == 0 ? 0 : (double)look(&histogram->sum) / (double)count;
}

uint64_t perf_histogram_count(const struct perf_histogram *histogram)
{
    return look(&histogram->count);
}
