// SPDX-License-Identifier: MIT
/*
 * What the rivals print, read; and what is told of them: the table, the JSON,
 * the page. The runs themselves are in rivals.sh.
 */
#include "perf/rivals/rivals.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/perf/page.h"
#include "tests/support/test.h"

Test(rivals, reads_numbers)
{
    const char *line = "{\"runtime\":\"ns_per_op\",\"ns_per_op\": 12.5, "
                       "\"ops\" : 7,\"x\":nan,\"y\":}";
    double n = 0;

    cr_expect(perf_rivals_number(line, "ns_per_op", &n));
    cr_expect(fabs(n - 12.5) < 1e-9);
    cr_expect(perf_rivals_number(line, "ops", &n));
    cr_expect(fabs(n - 7) < 1e-9);
    cr_expect(!perf_rivals_number(line, "runtime", &n));
    cr_expect(!perf_rivals_number(line, "per_op", &n));
    cr_expect(!perf_rivals_number(line, "x", &n));
    cr_expect(!perf_rivals_number(line, "y", &n));
    cr_expect(!perf_rivals_number("", "y", &n));
    cr_expect(!perf_rivals_number("\"ns_per_op\"", "ns_per_op", &n));
}

Test(rivals, reads_texts)
{
    const char *line =
        "{\"a\":\"\",\"version\": \"go1.19\",\"n\":1,\"cut\":\"x";
    char out[8];

    cr_expect(perf_rivals_text(line, "version", out, sizeof(out)));
    cr_expect_str_eq(out, "go1.19");
    cr_expect(perf_rivals_text(line, "a", out, sizeof(out)));
    cr_expect_str_eq(out, "");
    cr_expect(!perf_rivals_text(line, "version", out, 6));
    cr_expect(!perf_rivals_text(line, "n", out, sizeof(out)));
    cr_expect(!perf_rivals_text(line, "cut", out, sizeof(out)));
}

/* --- What is told --- */

static struct perf_rivals rivals;

static void give(struct perf_rivals_row *row, enum perf_runner runner,
                 double ns)
{
    row->has[runner] = true;
    row->median[runner] = ns;
    for (uint64_t i = 0; i < rivals.pairs; i++) {
        row->ns[runner][i] = ns * (double)(i + 1) / 2;
    }
}

/* One within its limit, one beyond, one with none to compare with, and one
 * that failed. */
static void fill(void)
{
    struct perf_rivals_row *rows = rivals.rows;

    rivals.pairs = 3;
    rivals.workers = 2;
    rivals.count = 4;
    strcpy(rivals.machine, "a <b> & \"c\"");
    rows[0] = (struct perf_rivals_row){.workload = "yield",
                                       .about = "x < y & z",
                                       .limit = 0.5,
                                       .measured = true,
                                       .compared = true,
                                       .ratio = {0.51, 0.49, 0.6}};
    give(&rows[0], PERF_RUNNER_WEFT, 10);
    give(&rows[0], PERF_RUNNER_GO, 20);
    give(&rows[0], PERF_RUNNER_TOKIO, 123456789);
    give(&rows[0], PERF_RUNNER_ASYNCIO, 0.01);
    rows[1] = rows[0];
    rows[1].workload = "mutex";
    rows[1].ratio = (struct perf_interval){0.56, 0.51, 0.6};
    rows[2] = (struct perf_rivals_row){
        .workload = "uts", .about = "", .measured = true};
    give(&rows[2], PERF_RUNNER_WEFT, 3);
    give(&rows[2], PERF_RUNNER_TBB, 4);
    rows[3] = (struct perf_rivals_row){.workload = "fib", .about = ""};
}

static char *told(int (*tell)(const struct perf_rivals *, FILE *))
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);

    fill();
    cr_assert_not_null(to);
    cr_expect_eq(tell(&rivals, to), 0);
    fclose(to);
    return text;
}

Test(rivals, table)
{
    char *text = told(perf_rivals_print);

    cr_expect_not_null(strstr(text, "0.510 [0.490, 0.600]  0.500  passed"));
    cr_expect_not_null(strstr(text, "0.560 [0.510, 0.600]  0.500  missed"));
    cr_expect_not_null(strstr(text, "oneTBB 4.00"));
    cr_expect_not_null(strstr(text, "fewer than 11 pairs"));
    cr_expect_null(strstr(text, "fib"));
    free(text);
}

Test(rivals, json)
{
    char *text = told(perf_rivals_json);

    cr_expect_not_null(strstr(
        text, "\"yield\":{\"weft\":{\"ns_per_op\":10.000,"
              "\"runs\":[5.000,10.000,15.000]},\"go\":{\"ns_per_op\":20.000,"));
    cr_expect_not_null(strstr(text, "\"limit\":0.500,\"passed\":true}"));
    cr_expect_not_null(strstr(text, "\"limit\":0.500,\"passed\":false}"));
    cr_expect_not_null(
        strstr(text, "\"uts\":{\"weft\":{\"ns_per_op\":3.000,"
                     "\"runs\":[1.500,3.000,4.500]},\"tbb\":{\"ns_per_op\":"
                     "4.000,\"runs\":[2.000,4.000,6.000]}}}}\n"));
    cr_expect_null(strstr(text, "fib"));
    free(text);
}

/* --- The page --- */

Test(rivals, page)
{
    char *text = told(perf_rivals_page);

    test_page(text);
    cr_expect_not_null(strstr(text, "a &lt;b&gt; &amp; \"c\""));
    cr_expect_not_null(strstr(text, "x &lt; y &amp; z"));
    cr_expect_not_null(strstr(text, ">mutex<"));
    cr_expect_null(strstr(text, "fib"));
    free(text);
}

Test(rivals, page_of_nothing)
{
    static struct perf_rivals nothing = {.pairs = 1};
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);

    cr_assert_not_null(to);
    cr_expect_eq(perf_rivals_page(&nothing, to), 0);
    fclose(to);
    test_page(text);
    free(text);
}
