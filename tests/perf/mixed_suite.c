// SPDX-License-Identifier: MIT
/*
 * What `weft-perf mixed --shapes` makes of what a run has printed.
 */
#include "perf/mixed_suite.h"

#include <stdio.h>

#include "tests/support/test.h"

static struct perf_suite suite;
static struct perf_suite_row *const row = &suite.rows[0];
static char text[1024];

/* What weft-perf mixed --json prints, as far as it matters. Of each name there
 * is another one that is not meant. */
static const char *output(double p99, unsigned handoffs, const char *verdict,
                          const char *fine)
{
    snprintf(text, sizeof(text),
             "{\"light\":{\"per_second\":1,\"corrected_us\":{\"p50\":10.5,"
             "\"p99\":%f,\"p99.9\":30,\"p99.99\":31,\"max\":40},"
             "\"uncorrected_us\":{\"p50\":1,\"p99\":2,\"p99.9\":3,\"max\":4},"
             "\"verdict\":%s},\"apart\":{\"per_second\":100,\"corrected_us\":"
             "{\"p50\":7}},\"hogs\":{\"per_second\":75},\"server\":{"
             "\"runtime\":{\"handoffs\":%u,\"demotions\":5,\"promotions\":6}},"
             "\"runtime\":{\"handoffs\":9,\"demotions\":9,\"promotions\":9},"
             "\"fine\":%s}\n",
             p99, verdict, handoffs, fine);
    return text;
}

static double median(enum perf_suite_figure figure)
{
    return perf_suite_range(row, figure).median;
}

Test(mixed_suite, figures_of_a_run)
{
    suite = (struct perf_suite){.count = 1};
    perf_suite_count(row, output(20, 4, "true", "true"));
    cr_expect_eq(row->runs, 1);
    cr_expect_eq(median(PERF_SUITE_P50), 10.5);
    cr_expect_eq(median(PERF_SUITE_P99), 20);
    cr_expect_eq(median(PERF_SUITE_P999), 30);
    cr_expect_eq(median(PERF_SUITE_MAX), 40);
    cr_expect_eq(median(PERF_SUITE_HOGS), 175);
    cr_expect_eq(median(PERF_SUITE_HANDOFFS), 4);
    cr_expect_eq(median(PERF_SUITE_DEMOTIONS), 5);
    cr_expect_eq(median(PERF_SUITE_PROMOTIONS), 6);
    cr_expect_eq(row->late, 0);
    cr_expect(perf_suite_is_fine(&suite));
}

Test(mixed_suite, runs_have_a_middle)
{
    struct perf_suite_range range;

    suite = (struct perf_suite){.count = 1};
    perf_suite_count(row, output(30, 4, "true", "true"));
    perf_suite_count(row, output(10, 8, "false", "true"));
    perf_suite_count(row, output(20, 6, "true", "true"));
    range = perf_suite_range(row, PERF_SUITE_P99);
    cr_expect_eq(range.median, 20);
    cr_expect_eq(range.low, 10);
    cr_expect_eq(range.high, 30);
    cr_expect_eq(median(PERF_SUITE_HANDOFFS), 6);
    cr_expect_eq(row->late, 1);
}

Test(mixed_suite, a_run_that_was_not_answered_counts_and_is_told)
{
    suite = (struct perf_suite){.count = 1};
    perf_suite_count(row, output(20, 4, "true", "false"));
    cr_expect_eq(row->runs, 1);
    cr_expect_eq(row->unanswered, 1);
    cr_expect(!perf_suite_is_fine(&suite));
}

Test(mixed_suite, a_run_that_said_nothing)
{
    const char *const nothing[] = {"", "{}", "{\"server\":null}",
                                   "{\"corrected_us\":{\"p50\":1}}"};

    suite = (struct perf_suite){.count = 1};
    for (unsigned i = 0; i < 4; i++) {
        perf_suite_count(row, nothing[i]);
        cr_expect_eq(row->runs, 0);
        cr_expect_eq(row->unanswered, i + 1);
    }
    cr_expect(!perf_suite_is_fine(&suite));
}

Test(mixed_suite, no_more_runs_than_there_is_room_for)
{
    suite = (struct perf_suite){.count = 1};
    for (unsigned i = 0; i < PERF_SUITE_RUNS_MAX + 5; i++) {
        perf_suite_count(row, output(i, 4, "true", "true"));
    }
    cr_expect_eq(row->runs, PERF_SUITE_RUNS_MAX);
}
