// SPDX-License-Identifier: MIT
/*
 * The histogram against the exact answer, which is to sort all values.
 */
#include "perf/histogram.h"

#include <math.h>
#include <stdlib.h>

#include "tests/support/scale.h"
#include "tests/support/test.h"

#define VALUES 200000

static const double percents[] = {0,  1,  10,   25,    50,     75,
                                  90, 99, 99.9, 99.99, 99.999, 100};
#define PERCENTS (sizeof(percents) / sizeof(percents[0]))

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* Nearest rank in sorted values, in whole numbers: percents are given to three
 * decimals. */
static int64_t exact(const int64_t *sorted, size_t n, double percent)
{
    uint64_t thousandths = (uint64_t)llround(percent * 1000);
    uint64_t rank = (thousandths * n + 99999) / 100000;

    return sorted[rank > 0 ? rank - 1 : 0];
}

static void check(const struct perf_histogram *histogram, int64_t *values,
                  size_t n)
{
    qsort(values, n, sizeof(*values), compare);
    for (size_t i = 0; i < PERCENTS; i++) {
        double is = (double)perf_histogram_percentile(histogram, percents[i]);
        double should = (double)exact(values, n, percents[i]);

        cr_expect(fabs(is - should) <= should * 0.001,
                  "p%g: %.0f instead of %.0f", percents[i], is, should);
    }
    cr_expect_eq(perf_histogram_max(histogram), values[n - 1]);
    cr_expect_eq(perf_histogram_count(histogram), n);
}

/* Random values of up to `bits` bits, all magnitudes alike. */
static int64_t draw(struct weft_test_random *random, unsigned bits)
{
    return (int64_t)(weft_test_next(random) >>
                     (64 - 1 - weft_test_below(random, bits)));
}

static void check_random(unsigned bits)
{
    struct weft_test_random random = {weft_test_seed() + bits};
    size_t n = weft_test_scaled(VALUES);
    int64_t *values = malloc(n * sizeof(*values));
    struct perf_histogram histogram;
    double sum = 0;

    cr_assert_eq(perf_histogram_init(&histogram), 0);
    for (size_t i = 0; i < n; i++) {
        values[i] = draw(&random, bits);
        sum += (double)values[i];
        perf_histogram_record(&histogram, values[i]);
    }
    check(&histogram, values, n);
    cr_expect(fabs(perf_histogram_mean(&histogram) - sum / (double)n) <=
              sum / (double)n * 1e-9 + 1);
    perf_histogram_fini(&histogram);
    free(values);
}

Test(histogram, small_values)
{
    check_random(8);
}

Test(histogram, microseconds)
{
    check_random(20);
}

Test(histogram, seconds)
{
    check_random(34);
}

Test(histogram, hours)
{
    check_random(45);
}

/* Each value alone, at the places where the cells change their width. */
Test(histogram, single_values_at_the_borders)
{
    for (unsigned bit = 0; bit < 46; bit++) {
        for (int64_t near = -2; near <= 2; near++) {
            int64_t value = (INT64_C(1) << bit) + near;
            struct perf_histogram histogram;

            if (value < 0) {
                continue;
            }
            cr_assert_eq(perf_histogram_init(&histogram), 0);
            perf_histogram_record(&histogram, value);
            perf_histogram_record(&histogram, value * 2);
            double is = (double)perf_histogram_percentile(&histogram, 50);
            cr_expect(fabs(is - (double)value) <= (double)value * 0.001,
                      "%lld became %.0f", (long long)value, is);
            perf_histogram_fini(&histogram);
        }
    }
}

Test(histogram, small_counts_are_exact)
{
    struct perf_histogram histogram;

    cr_assert_eq(perf_histogram_init(&histogram), 0);
    cr_expect_eq(perf_histogram_percentile(&histogram, 99), 0);
    for (int64_t i = 1; i <= 1000; i++) {
        perf_histogram_record(&histogram, i);
    }
    cr_expect_eq(perf_histogram_percentile(&histogram, 0), 1);
    cr_expect_eq(perf_histogram_percentile(&histogram, 50), 500);
    cr_expect_eq(perf_histogram_percentile(&histogram, 99), 990);
    cr_expect_eq(perf_histogram_percentile(&histogram, 99.9), 999);
    cr_expect_eq(perf_histogram_percentile(&histogram, 99.99), 1000);
    cr_expect_eq(perf_histogram_percentile(&histogram, 100), 1000);
    perf_histogram_fini(&histogram);
}

Test(histogram, values_out_of_range)
{
    struct perf_histogram histogram;

    cr_assert_eq(perf_histogram_init(&histogram), 0);
    perf_histogram_record(&histogram, -5);
    perf_histogram_record(&histogram, -5);
    perf_histogram_record(&histogram, INT64_MAX);
    cr_expect_eq(perf_histogram_percentile(&histogram, 50), 0);
    cr_expect_eq(perf_histogram_max(&histogram), INT64_MAX);
    cr_expect_eq(perf_histogram_count(&histogram), 3);
    perf_histogram_fini(&histogram);
}

Test(histogram, merged_is_as_recorded_in_one)
{
    struct weft_test_random random = {weft_test_seed()};
    struct perf_histogram one, halves[2];

    cr_assert_eq(perf_histogram_init(&one), 0);
    cr_assert_eq(perf_histogram_init(&halves[0]), 0);
    cr_assert_eq(perf_histogram_init(&halves[1]), 0);
    for (int i = 0; i < 10000; i++) {
        int64_t value = draw(&random, i % 2 == 0 ? 30 : 40);

        perf_histogram_record(&one, value);
        perf_histogram_record(&halves[i & 1], value);
    }
    perf_histogram_merge(&halves[0], &halves[1]);
    for (size_t i = 0; i < PERCENTS; i++) {
        cr_expect_eq(perf_histogram_percentile(&halves[0], percents[i]),
                     perf_histogram_percentile(&one, percents[i]));
    }
    cr_expect_eq(perf_histogram_count(&halves[0]), perf_histogram_count(&one));
    cr_expect_eq(perf_histogram_max(&halves[0]), perf_histogram_max(&one));
    cr_expect_eq(perf_histogram_mean(&halves[0]), perf_histogram_mean(&one));
    for (int i = 0; i < 2; i++) {
        perf_histogram_fini(&halves[i]);
    }
    perf_histogram_fini(&one);
}

/* A closed loop that meant to measure every millisecond for ten seconds, with
 * answers after 1 ms, sees one answer of a second: a tenth of the time nothing
 * was answered at all, so a hundredth of all arrivals waited for 0.9 s or more.
 */
static int64_t freeze(bool corrected)
{
    struct perf_histogram histogram;
    int64_t interval = 1000000, p99;

    cr_assert_eq(perf_histogram_init(&histogram), 0);
    for (int i = 0; i < 9000; i++) {
        perf_histogram_record_corrected(&histogram, interval,
                                        corrected ? interval : 0);
    }
    perf_histogram_record_corrected(&histogram, 1000000000,
                                    corrected ? interval : 0);
    p99 = perf_histogram_percentile(&histogram, 99);
    cr_expect_eq(perf_histogram_count(&histogram), corrected ? 10000 : 9001);
    perf_histogram_fini(&histogram);
    return p99;
}

Test(histogram, a_freeze_is_seen_when_corrected)
{
    cr_expect_geq(freeze(true), 899000000); /* 0.1 % of 900 ms */
    cr_expect_leq(freeze(false), 1001000);
}

Test(histogram, correction_adds_what_was_omitted)
{
    struct perf_histogram histogram;

    cr_assert_eq(perf_histogram_init(&histogram), 0);
    perf_histogram_record_corrected(&histogram, 1000, 300);
    /* 1000, 700, 400 */
    cr_expect_eq(perf_histogram_count(&histogram), 3);
    cr_expect_eq(perf_histogram_percentile(&histogram, 34), 700);
    cr_expect_eq(perf_histogram_percentile(&histogram, 1), 400);
    perf_histogram_record_corrected(&histogram, 1000, -1);
    cr_expect_eq(perf_histogram_count(&histogram), 4);
    perf_histogram_fini(&histogram);
}
