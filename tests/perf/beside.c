// SPDX-License-Identifier: MIT
/*
 * The servers side by side: what is read of the command line, and what is told:
 * the table, the JSON, the page. The runs themselves are in beside.sh.
 */
#include "perf/rivals/beside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/perf/page.h"
#include "tests/support/test.h"

static struct perf_beside beside;

/* --- The list of crowds --- */

Test(beside, crowds)
{
    cr_expect_eq(perf_beside_crowds(&beside, "0,1,16,5k"), 0);
    cr_expect_eq(beside.crowd_count, 4);
    cr_expect_eq(beside.crowds[0], 0);
    cr_expect_eq(beside.crowds[2], 16);
    cr_expect_eq(beside.crowds[3], 5000);
    cr_expect_eq(perf_beside_crowds(&beside, "7"), 0);
    cr_expect_eq(beside.crowd_count, 1);
    cr_expect_eq(
        perf_beside_crowds(&beside, "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16"),
        0);
}

Test(beside, crowds_that_are_none)
{
    static const char *const wrong[] = {
        "",
        ",",
        "1,",
        ",1",
        "1,,2",
        "2,1",
        "1,1",
        "x",
        "1 2",
        "-1",
        "5001",
        "00000000000000001",
        "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17",
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        cr_expect(perf_beside_crowds(&beside, wrong[i]) < 0, "%s", wrong[i]);
    }
}

/* --- What is told --- */

static void give(int server, size_t crowd, double p99, double hogs)
{
    struct perf_beside_cell *cell = &beside.cells[server][crowd];

    cell->measured = true;
    for (int i = 0; i < PERF_FIGURES; i++) {
        double at = i == PERF_FIGURE_P99    ? p99
                    : i == PERF_FIGURE_HOGS ? hogs
                                            : i;

        cell->runs[i][0] = at * 2;
        cell->runs[i][1] = at;
        cell->median[i] = at;
    }
}

/* Tokio was not there, Go failed beside 4. */
static void fill(void)
{
    beside = (struct perf_beside){.light_rate = 2000,
                                  .light_connections = 32,
                                  .runs = 2,
                                  .workers = 2,
                                  .duration = 5000000000,
                                  .crowds = {0, 4},
                                  .crowd_count = 2,
                                  .burn_us = 10000,
                                  .rounds = 6500000,
                                  .floor_p50 = 50,
                                  .machine = "a <b> & \"c\"",
                                  .when = "now"};
    beside.present[PERF_SERVER_WEFT] = true;
    beside.present[PERF_SERVER_THREADS] = true;
    beside.present[PERF_SERVER_GO] = true;
    strcpy(beside.version[PERF_SERVER_GO], "go1 < 2");
    beside.alone[PERF_SERVER_GO] = 10300;
    give(PERF_SERVER_WEFT, 0, 200, 0);
    give(PERF_SERVER_THREADS, 0, 300, 0);
    give(PERF_SERVER_GO, 0, 400, 0);
    give(PERF_SERVER_WEFT, 1, 1500, 97);
    give(PERF_SERVER_THREADS, 1, 2500, 100);
}

static char *told(int (*tell)(const struct perf_beside *, FILE *))
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);

    cr_assert_not_null(to);
    cr_expect_eq(tell(&beside, to), 0);
    fclose(to);
    return text;
}

Test(beside, share)
{
    fill();
    cr_expect(fabs(perf_beside_share(&beside, PERF_SERVER_WEFT, 1) - 97) <
              1e-9);
    cr_expect(perf_beside_share(&beside, PERF_SERVER_WEFT, 0) < 0);
    cr_expect(perf_beside_share(&beside, PERF_SERVER_GO, 1) < 0);
}

Test(beside, table)
{
    char *text;

    fill();
    text = told(perf_beside_print);
    cr_expect_not_null(strstr(text, "6 500 000 rounds"));
    cr_expect_not_null(strstr(text, "Go 10.3 ms"));
    cr_expect_not_null(strstr(text, "1.50 ms"));
    cr_expect_not_null(strstr(text, " 97 %"));
    cr_expect_null(strstr(text, "Tokio"));
    cr_expect_null(strstr(text, " nan"));
    free(text);
}

Test(beside, json)
{
    char *text;

    fill();
    text = told(perf_beside_json);
    cr_expect_not_null(strstr(text, "\"burn_rounds\":6500000"));
    cr_expect_not_null(strstr(text, "\"p99_us\":{\"median\":1500.000,"
                                    "\"runs\":[3000.000,1500.000]}"));
    cr_expect_not_null(strstr(text, "\"version\":\"go1 < 2\""));
    cr_expect_null(strstr(text, "\"tokio\""));
    free(text);
}

Test(beside, page)
{
    char *text;

    fill();
    text = told(perf_beside_page);
    test_page(text);
    cr_expect_not_null(strstr(text, "a &lt;b&gt; &amp; \"c\""));
    cr_expect_not_null(strstr(text, "go1 &lt; 2"));
    cr_expect_not_null(strstr(text, "weft beside 4: 1.50 ms"));
    cr_expect_null(strstr(text, "Tokio beside"));
    free(text);
}

/* None was measured; or none beside anybody. */
Test(beside, page_of_little)
{
    char *text;

    fill();
    beside.crowd_count = 1;
    text = told(perf_beside_page);
    test_page(text);
    free(text);
    memset(beside.cells, 0, sizeof(beside.cells));
    beside.crowds[0] = 4;
    text = told(perf_beside_page);
    test_page(text);
    free(text);
}
