// SPDX-License-Identifier: MIT
/*
 * The end of a body: by length, by chunks, cut at each place.
 */
#include "perf/body.h"

#include <errno.h>
#include <string.h>

#include "tests/support/test.h"

/* Feed a chunked body in two pieces, cut at each place, and byte by byte;
 * `wanted` bytes belong to it, or -EPROTO; `left` says that more is awaited. */
static ssize_t feed(struct perf_body *body, const char *text, size_t from,
                    size_t to)
{
    return body->done ? 0 : perf_body_take(body, text + from, to - from);
}

static void expect(const char *text, ssize_t wanted, bool done, uint64_t total)
{
    size_t n = strlen(text);

    for (size_t cut = 0; cut <= n; cut++) {
        struct perf_body body;
        ssize_t first, second = 0;

        perf_body_init_chunked(&body);
        first = feed(&body, text, 0, cut);
        if (first >= 0) {
            second = feed(&body, text, cut, n);
        }
        if (first < 0 || second < 0) {
            cr_expect_eq(wanted, -EPROTO, "<%s> cut at %zu", text, cut);
            continue;
        }
        cr_expect_eq(first + second, wanted, "<%s> cut at %zu: %zd", text, cut,
                     first + second);
        cr_expect_eq(body.done, done, "<%s> cut at %zu", text, cut);
        cr_expect_eq(body.total, total, "<%s> cut at %zu", text, cut);
    }
}

static void expect_whole(const char *text, uint64_t total)
{
    expect(text, (ssize_t)strlen(text), true, total);
}

Test(body, by_length)
{
    struct perf_body body;

    perf_body_init_length(&body, 0);
    cr_expect(body.done);
    perf_body_init_length(&body, 5);
    cr_expect_eq(perf_body_take(&body, "abc", 3), 3);
    cr_expect(!body.done);
    cr_expect_eq(perf_body_take(&body, "defg", 4), 2);
    cr_expect(body.done);
    cr_expect_eq(body.total, 5);
}

Test(body, endless)
{
    struct perf_body body;

    perf_body_init_endless(&body);
    cr_expect_eq(perf_body_take(&body, "0\r\n\r\n", 5), 5);
    cr_expect(!body.done);
    cr_expect_eq(body.total, 5);
}

Test(body, chunks)
{
    expect_whole("0\r\n\r\n", 0);
    expect_whole("5\r\nhello\r\n0\r\n\r\n", 5);
    expect_whole("a\r\n0123456789\r\nB\r\n0123456789a\r\n000\r\n\r\n", 21);
    expect_whole("1;name=value\r\na\r\n0;x\r\n\r\n", 1);
    expect_whole("0\r\nTrailer: yes\r\nAnother: one\r\n\r\n", 0);
    expect("0\r\n\r\nGET /", 5, true, 0);
    expect("5\r\nhel", 6, false, 3);
}

Test(body, chunks_that_are_none)
{
    expect("\r\n", -EPROTO, false, 0);
    expect(";\r\n", -EPROTO, false, 0);
    expect("g\r\n", -EPROTO, false, 0);
    expect("-1\r\n", -EPROTO, false, 0);
    expect("0x1\r\n", -EPROTO, false, 0);
    expect("1 \r\na\r\n", -EPROTO, false, 0);
    expect("1\na\r\n", -EPROTO, false, 0);
    expect("1\r\nab\r\n", -EPROTO, false, 0);
    expect("1\r\na\n0\r\n\r\n", -EPROTO, false, 0);
    expect("1\r\na\rx0\r\n\r\n", -EPROTO, false, 0);
    expect("1\rxa\r\n", -EPROTO, false, 0);
    expect("0\r\nA: b\rx\r\n", -EPROTO, false, 0);
    expect("0\r\n\rx", -EPROTO, false, 0);
    expect("0\r\n\n", -EPROTO, false, 0);
    expect("0\r\nA: b\n\r\n", -EPROTO, false, 0);
    expect("1;a\n\r\na\r\n0\r\n\r\n", -EPROTO, false, 0);
    expect("1000000000000000\r\n", -EPROTO, false, 0);
}

Test(body, what_is_not_content_has_a_limit)
{
    struct perf_body body;
    char line[10000];

    memset(line, 'a', sizeof(line));
    perf_body_init_chunked(&body);
    cr_expect_eq(perf_body_take(&body, "1;", 2), 2);
    cr_expect_eq(perf_body_take(&body, line, sizeof(line)), -EPROTO);
    perf_body_init_chunked(&body);
    cr_expect_eq(perf_body_take(&body, "0\r\n", 3), 3);
    cr_expect_eq(perf_body_take(&body, line, sizeof(line)), -EPROTO);
}
