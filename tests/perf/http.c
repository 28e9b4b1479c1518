// SPDX-License-Identifier: MIT
/*
 * Heads of requests and responses: in one piece, byte by byte, at their limits,
 * and all the ways to say one thing to one reader and another to the next.
 */
#include "perf/http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/test.h"

/* Parse a whole request at once. The bytes are copied to memory of just that
 * size: AddressSanitizer sees whoever looks beyond. */
static ssize_t parse_n(const char *text, size_t n,
                       struct perf_http_request *request)
{
    char *copy = malloc(n > 0 ? n : 1);
    ssize_t rc;

    cr_assert_not_null(copy);
    memcpy(copy, text, n);
    perf_http_request_init(request);
    rc = perf_http_request_parse(request, copy, n);
    free(copy);
    return rc;
}

/* The same with the bytes coming one at a time, each time in other memory. */
static ssize_t parse_slowly(const char *text, size_t n,
                            struct perf_http_request *request)
{
    ssize_t rc = 0;

    perf_http_request_init(request);
    for (size_t have = 0; have <= n && rc == 0; have++) {
        char *copy = malloc(have > 0 ? have : 1);

        cr_assert_not_null(copy);
        memcpy(copy, text, have);
        rc = perf_http_request_parse(request, copy, have);
        free(copy);
    }
    return rc;
}

/* The same in two pieces, cut at each place. */
static void expect_everywhere(const char *text, size_t n, ssize_t wanted)
{
    struct perf_http_request request;

    cr_expect_eq(parse_n(text, n, &request), wanted, "%zd for <%s>",
                 parse_n(text, n, &request), text);
    cr_expect_eq(parse_slowly(text, n, &request), wanted,
                 "%zd, byte by byte, for <%s>", parse_slowly(text, n, &request),
                 text);
    for (size_t cut = 0; cut <= n; cut++) {
        ssize_t rc;

        perf_http_request_init(&request);
        rc = perf_http_request_parse(&request, text, cut);
        if (rc == 0) {
            rc = perf_http_request_parse(&request, text, n);
        }
        cr_expect_eq(rc, wanted, "%zd when cut at %zu, for <%s>", rc, cut,
                     text);
    }
}

static void expect(const char *text, ssize_t wanted)
{
    expect_everywhere(text, strlen(text), wanted);
}

/* A well-formed request: all of it is head. */
static void expect_whole(const char *text)
{
    expect(text, (ssize_t)strlen(text));
}

#define HOST "Host: a\r\n"

Test(request, plain)
{
    static const char text[] =
        "GET /file/a%20b?x=1 HTTP/1.1\r\n" HOST "Accept: */*\r\n\r\n";
    struct perf_http_request request;

    expect_whole(text);
    cr_assert_eq(parse_n(text, strlen(text), &request), (ssize_t)strlen(text));
    cr_expect_eq(request.method, PERF_HTTP_GET);
    cr_expect_eq(request.target, 4);
    cr_expect_eq(request.target_length, 15);
    cr_expect_eq(request.head.minor, 1);
    cr_expect(!request.head.close);
    cr_expect(!request.head.has_length);
}

Test(request, what_follows_is_left_alone)
{
    static const char text[] = "GET / HTTP/1.1\r\n" HOST "\r\nGET /2 HTT";

    expect(text, (ssize_t)strlen(text) - 10);
}

Test(request, incomplete_is_no_error)
{
    expect("", 0);
    expect("G", 0);
    expect("GET / HTTP/1.1\r\n", 0);
    expect("GET / HTTP/1.1\r\n" HOST "\r", 0);
}

Test(request, methods)
{
    struct perf_http_request request;

    expect_whole("HEAD / HTTP/1.1\r\n" HOST "\r\n");
    parse_n("HEAD / HTTP/1.1\r\n" HOST "\r\n", 28, &request);
    cr_expect_eq(request.method, PERF_HTTP_HEAD);
    expect_whole("POST / HTTP/1.1\r\n" HOST "\r\n");
    expect_whole("OPTIONS * HTTP/1.1\r\n" HOST "\r\n");
    expect_whole("CONNECT a:80 HTTP/1.1\r\n" HOST "\r\n");
    expect("BREW / HTTP/1.1\r\n" HOST "\r\n", -501);
    expect("get / HTTP/1.1\r\n" HOST "\r\n", -501);
    expect("G(T / HTTP/1.1\r\n" HOST "\r\n", -400);
}

Test(request, versions)
{
    expect_whole("GET / HTTP/1.0\r\n\r\n");
    expect("GET / HTTP/1.2\r\n" HOST "\r\n", -505);
    expect("GET / HTTP/2.0\r\n" HOST "\r\n", -505);
    expect("GET / HTTP/1.1x\r\n" HOST "\r\n", -400);
    expect("GET / http/1.1\r\n" HOST "\r\n", -400);
    expect("GET / HTTP/11\r\n" HOST "\r\n", -400);
    expect("GET /\r\n\r\n", -400);
}

Test(request, first_lines_that_are_none)
{
    expect(" GET / HTTP/1.1\r\n" HOST "\r\n", -400);
    expect("GET  / HTTP/1.1\r\n" HOST "\r\n", -400);
    expect("GET /  HTTP/1.1\r\n" HOST "\r\n", -400);
    expect("GET\t/ HTTP/1.1\r\n" HOST "\r\n", -400);
    expect("GET /a b HTTP/1.1\r\n" HOST "\r\n", -400);
    expect("GET a HTTP/1.1\r\n" HOST "\r\n", -400);
    expect("GET * HTTP/1.1\r\n" HOST "\r\n", -400);
    expect("GET /# HTTP/1.1\r\n" HOST "\r\n", -400);
    expect("GET /\x80 HTTP/1.1\r\n" HOST "\r\n", -400);
    expect("GET /\x7f HTTP/1.1\r\n" HOST "\r\n", -400);
    expect("GET /\r HTTP/1.1\r\n" HOST "\r\n", -400);
    expect("HTTP/1.1\r\n\r\n", -400);
    expect_everywhere("GET /\0 HTTP/1.1\r\n\r\n", 19, -400);
}

Test(request, absolute_form_is_stripped)
{
    static const char text[] = "GET http://a:80/x?y HTTP/1.1\r\n" HOST "\r\n";
    struct perf_http_request request;

    expect_whole(text);
    parse_n(text, strlen(text), &request);
    cr_expect_eq(request.target, 15);
    cr_expect_eq(request.target_length, 4);
    expect("GET http://a HTTP/1.1\r\n" HOST "\r\n", -400);
}

Test(request, one_empty_line_before_it)
{
    expect_whole("\r\nGET / HTTP/1.1\r\n" HOST "\r\n");
    expect("\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", -400);
    expect("\nGET / HTTP/1.1\r\n" HOST "\r\n", -400);
}

Test(request, hosts)
{
    expect("GET / HTTP/1.1\r\n\r\n", -400);
    expect("GET / HTTP/1.1\r\n" HOST HOST "\r\n", -400);
    expect_whole("GET / HTTP/1.1\r\nhOsT:a\r\n\r\n");
}

Test(request, fields_that_are_none)
{
    expect("GET / HTTP/1.1\r\n" HOST "A\r\n\r\n", -400);
    expect("GET / HTTP/1.1\r\n" HOST ": b\r\n\r\n", -400);
    expect("GET / HTTP/1.1\r\n" HOST "A : b\r\n\r\n", -400);
    expect("GET / HTTP/1.1\r\n" HOST "A\tB: b\r\n\r\n", -400);
    expect("GET / HTTP/1.1\r\n" HOST "A: b\x01\r\n\r\n", -400);
    expect("GET / HTTP/1.1\r\n" HOST "A: b\rc\r\n\r\n", -400);
    expect("GET / HTTP/1.1\r\n" HOST "A\x80: b\r\n\r\n", -400);
    expect_everywhere("GET / HTTP/1.1\r\nA: \0\r\n\r\n", 24, -400);
    expect_whole("GET / HTTP/1.1\r\n" HOST "A:\r\n\r\n");
    expect_whole("GET / HTTP/1.1\r\n" HOST "A: \xc3\xa9 \t \r\n\r\n");
}

/* The smuggling matrix. */
Test(request, bare_line_feeds)
{
    expect("GET / HTTP/1.1\nHost: a\n\n", -400);
    expect("GET / HTTP/1.1\r\nHost: a\n\r\n", -400);
    expect("GET / HTTP/1.1\r\n" HOST "\n", -400);
    expect("GET / HTTP/1.1\n" HOST "\r\n", -400);
}

Test(request, folded_fields)
{
    expect("GET / HTTP/1.1\r\n" HOST "A: b\r\n c\r\n\r\n", -400);
    expect("GET / HTTP/1.1\r\n" HOST "A: b\r\n\tc: d\r\n\r\n", -400);
    expect("GET / HTTP/1.1\r\n " HOST "\r\n", -400);
}

Test(request, lengths)
{
    struct perf_http_request request;
    static const char text[] =
        "POST / HTTP/1.1\r\n" HOST "Content-Length:  42 \r\n\r\n";

    expect_whole(text);
    parse_n(text, strlen(text), &request);
    cr_expect(request.head.has_length);
    cr_expect_eq(request.head.length, 42);
#define LENGTH(value) "POST / HTTP/1.1\r\n" HOST "Content-Length:" value "\r\n"
    expect(LENGTH(" 5") "Content-Length: 5\r\n\r\n", -400);
    expect(LENGTH(" 5") "content-length: 6\r\n\r\n", -400);
    expect(LENGTH(" 5, 5") "\r\n", -400);
    expect(LENGTH("") "\r\n", -400);
    expect(LENGTH(" +5") "\r\n", -400);
    expect(LENGTH(" -5") "\r\n", -400);
    expect(LENGTH(" 0x5") "\r\n", -400);
    expect(LENGTH(" 5 5") "\r\n", -400);
    expect(LENGTH(" 5;") "\r\n", -400);
    expect(LENGTH(" 99999999999999999999999") "\r\n", -400);
    expect(LENGTH(" 18446744073709551617") "\r\n", -400);
}

Test(request, codings)
{
    struct perf_http_request request;
    static const char text[] =
        "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: Chunked\r\n\r\n";

    expect_whole(text);
    parse_n(text, strlen(text), &request);
    cr_expect(request.head.chunked);
#define CODING(value)                                                          \
    "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:" value "\r\n"
    expect(CODING(" chunked") "Transfer-Encoding: chunked\r\n\r\n", -400);
    expect(CODING(" gzip, chunked") "\r\n", -501);
    expect(CODING(" chunked, chunked") "\r\n", -501);
    expect(CODING(" xchunked") "\r\n", -501);
    expect(CODING(" identity") "\r\n", -501);
    expect(CODING("\x0b"
                  "chunked") "\r\n",
           -400);
    expect(CODING(" chunked") "Content-Length: 5\r\n\r\n", -400);
    expect(LENGTH(" 5") "Transfer-Encoding: chunked\r\n\r\n", -400);
    expect(LENGTH(" 5") "Transfer-Encoding : chunked\r\n\r\n", -400);
    expect("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", -400);
}

Test(request, connection_and_expect)
{
    static const char text[] =
        "GET / HTTP/1.1\r\n" HOST "Connection: x, Close\r\n"
        "Expect: 100-Continue\r\n\r\n";
    struct perf_http_request request;

    parse_n(text, strlen(text), &request);
    cr_expect(request.head.close);
    cr_expect(request.head.expects);
    expect("GET / HTTP/1.1\r\n" HOST "Expect: tea\r\n\r\n", -417);
    parse_n("GET / HTTP/1.1\r\nConnection: closed, keep-alive\r\n", 48,
            &request);
    cr_expect(!request.head.close);
    cr_expect(request.head.keep_alive);
}

/* Text that is `prefix`, n times `fill`, `suffix`. */
static char *padded(const char *prefix, char fill, size_t n, const char *suffix)
{
    size_t before = strlen(prefix), after = strlen(suffix);
    char *text = malloc(before + n + after + 1);

    cr_assert_not_null(text);
    memcpy(text, prefix, before);
    memset(text + before, fill, n);
    memcpy(text + before + n, suffix, after + 1);
    return text;
}

static void expect_padded(const char *prefix, size_t n, const char *suffix,
                          ssize_t wanted)
{
    char *text = padded(prefix, 'a', n, suffix);
    struct perf_http_request request;
    ssize_t whole = (ssize_t)strlen(text);

    cr_expect_eq(parse_n(text, strlen(text), &request),
                 wanted == 1 ? whole : wanted, "%zd with %zu bytes of padding",
                 parse_n(text, strlen(text), &request), n);
    cr_expect_eq(parse_slowly(text, strlen(text), &request),
                 wanted == 1 ? whole : wanted);
    free(text);
}

Test(request, limit_of_the_first_line)
{
    /* "GET /" and " HTTP/1.1\r\n" are 16 bytes. */
    size_t room = PERF_HTTP_LINE_MAX - 16;

    expect_padded("GET /", room, " HTTP/1.1\r\n" HOST "\r\n", 1);
    expect_padded("GET /", room + 1, " HTTP/1.1\r\n" HOST "\r\n", -414);
    expect_padded("GET /", PERF_HTTP_LINE_MAX, "", -414);
}

Test(request, limit_of_the_head)
{
    size_t others = strlen("GET / HTTP/1.1\r\n" HOST "A: \r\n\r\n");
    size_t room = PERF_HTTP_HEAD_MAX - others;

    expect_padded("GET / HTTP/1.1\r\n" HOST "A: ", room, "\r\n\r\n", 1);
    expect_padded("GET / HTTP/1.1\r\n" HOST "A: ", room + 1, "\r\n\r\n", -431);
    expect_padded("GET / HTTP/1.1\r\n" HOST "A: ", 40000, "", -431);
}

Test(request, limit_of_the_fields)
{
    for (int extra = -1; extra <= 1; extra++) {
        char text[8192] = "GET / HTTP/1.1\r\n" HOST;
        struct perf_http_request request;

        for (int i = 0; i < PERF_HTTP_FIELDS_MAX - 1 + extra; i++) {
            strcat(text, "A: b\r\n");
        }
        strcat(text, "\r\n");
        cr_expect_eq(parse_n(text, strlen(text), &request),
                     extra > 0 ? -431 : (ssize_t)strlen(text));
    }
}

static ssize_t respond(const char *text, struct perf_http_response *response)
{
    ssize_t rc = 0;

    perf_http_response_init(response);
    for (size_t have = 0; have <= strlen(text) && rc == 0; have++) {
        rc = perf_http_response_parse(response, text, have);
    }
    return rc;
}

Test(response, plain)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n";
    struct perf_http_response response;

    cr_expect_eq(respond(text, &response), (ssize_t)strlen(text));
    cr_expect_eq(response.status, 200);
    cr_expect_eq(response.head.length, 13);
    cr_expect_eq(respond("HTTP/1.0 404\r\n\r\n", &response), 16);
    cr_expect_eq(response.status, 404);
    cr_expect_eq(response.head.minor, 0);
}

Test(response, mistakes)
{
    struct perf_http_response response;

    cr_expect_eq(respond("HTTP/2 200\r\n\r\n", &response), -EPROTO);
    cr_expect_eq(respond("HTTP/1.1 20 OK\r\n\r\n", &response), -EPROTO);
    cr_expect_eq(respond("HTTP/1.1 099 OK\r\n\r\n", &response), -EPROTO);
    cr_expect_eq(respond("HTTP/1.1 2000\r\n\r\n", &response), -EPROTO);
    cr_expect_eq(respond("hello\r\n\r\n", &response), -EPROTO);
    cr_expect_eq(respond("HTTP/1.1 200 OK\n\n", &response), -EPROTO);
    cr_expect_eq(respond("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"
                         "Content-Length: 1\r\n\r\n",
                         &response),
                 -EPROTO);
}
