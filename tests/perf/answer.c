// SPDX-License-Identifier: MIT
/*
 * The requests that the servers in C read, whole, in pieces and in a row.
 */
#include "perf/rivals/answer.h"

#include <string.h>

#include "tests/support/test.h"

static struct perf_answer read_all(const char *text)
{
    return perf_answer_read(text, strlen(text));
}

Test(answer, kinds)
{
    struct perf_answer answer = read_all("GET / HTTP/1.1\r\nHost: a\r\n\r\n");

    cr_expect_eq(answer.kind, PERF_ANSWER_LIGHT);
    cr_expect_eq(answer.request, 27);
    cr_expect_not_null(strstr(answer.text, "Length: 13\r\n\r\nHello, world\n"));
    cr_expect_eq(answer.length, strlen(answer.text));
    answer = read_all("GET /burn?n=123456789012 HTTP/1.1\r\n\r\n");
    cr_expect_eq(answer.kind, PERF_ANSWER_BURN);
    cr_expect_eq(answer.amount, 123456789012);
    cr_expect_not_null(strstr(answer.text, "Length: 5\r\n\r\ndone\n"));
    cr_expect_eq(answer.length, strlen(answer.text));
    answer = read_all("GET /block?us=7 HTTP/1.1\r\n\r\n");
    cr_expect_eq(answer.kind, PERF_ANSWER_BLOCK);
    cr_expect_eq(answer.amount, 7);
    answer = read_all("GET /burn HTTP/1.1\r\n\r\n");
    cr_expect_eq(answer.kind, PERF_ANSWER_UNKNOWN);
    cr_expect_not_null(strstr(answer.text, " 404 "));
    cr_expect_not_null(strstr(answer.text, "Length: 10\r\n\r\nnot found\n"));
    cr_expect_eq(answer.length, strlen(answer.text));
}

Test(answer, in_pieces)
{
    static const char text[] = "GET /burn?n=1 HTTP/1.1\r\nHost: a\r\n\r\n";

    for (size_t n = 0; n < sizeof(text) - 1; n++) {
        cr_expect_eq(perf_answer_read(text, n).request, 0);
    }
    cr_expect_eq(read_all(text).request, sizeof(text) - 1);
}

Test(answer, in_a_row)
{
    static const char text[] = "GET / HTTP/1.1\r\n\r\n"
                               "GET /block?us=2 HTTP/1.1\r\n\r\n";
    struct perf_answer first = read_all(text);

    cr_expect_eq(first.kind, PERF_ANSWER_LIGHT);
    cr_expect_eq(first.request, 18);
    cr_expect_eq(read_all(text + first.request).kind, PERF_ANSWER_BLOCK);
}
