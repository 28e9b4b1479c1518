// SPDX-License-Identifier: MIT
/*
 * Tables and the formats of what stands in them.
 */
#include "perf/table.h"

#include <stdlib.h>
#include <string.h>

#include "perf/format.h"
#include "tests/support/test.h"

static void expect(const struct perf_table *table, const char *wanted)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);

    cr_assert_not_null(to);
    cr_expect_eq(perf_table_print(table, to), 0);
    fclose(to);
    cr_expect_str_eq(text, wanted);
    free(text);
}

Test(table, aligned)
{
    struct perf_table table;

    perf_table_init(&table, "lrl");
    perf_table_row(&table, "a", "12345", "x");
    perf_table_row(&table, "bcd", "1", "a sentence");
    perf_table_row(&table, "e", NULL, "");
    expect(&table, "a    12345  x\n"
                   "bcd      1  a sentence\n"
                   "e           \n");
    perf_table_fini(&table);
}

Test(table, empty)
{
    struct perf_table table;

    perf_table_init(&table, "l");
    expect(&table, "");
    perf_table_fini(&table);
}

Test(format, durations)
{
    cr_expect_str_eq(perf_format_ns(0).s, "0 ns");
    cr_expect_str_eq(perf_format_ns(812).s, "812 ns");
    cr_expect_str_eq(perf_format_ns(2.25).s, "2.25 ns");
    cr_expect_str_eq(perf_format_ns(12340).s, "12.3 us");
    cr_expect_str_eq(perf_format_ns(999999).s, "1.00 ms");
    cr_expect_str_eq(perf_format_ns(1.85e6).s, "1.85 ms");
    cr_expect_str_eq(perf_format_ns(2e9).s, "2.00 s");
    cr_expect_str_eq(perf_format_ns(3.6e12).s, "3600 s");
}

Test(format, others)
{
    cr_expect_str_eq(perf_format_bytes(13).s, "13 B");
    cr_expect_str_eq(perf_format_bytes(4096).s, "4.00 KiB");
    cr_expect_str_eq(perf_format_bytes(1.5 * 1024 * 1024 * 1024).s, "1.50 GiB");
    cr_expect_str_eq(perf_format_count(0).s, "0");
    cr_expect_str_eq(perf_format_count(999).s, "999");
    cr_expect_str_eq(perf_format_count(1234567).s, "1 234 567");
    cr_expect_str_eq(perf_format_count(UINT64_MAX).s,
                     "18 446 744 073 709 551 615");
    cr_expect_str_eq(perf_format_real(0.5).s, "0.500");
    cr_expect_str_eq(perf_format_real(12.34).s, "12.3");
    cr_expect_str_eq(perf_format_real(1234.5).s, "1234");
}
