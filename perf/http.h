// SPDX-License-Identifier: MIT
/*
 * The heads of HTTP/1.1 messages, read from a buffer that fills up bit by bit:
 * requests for the server, responses for the client. Strict where leniency
 * lets requests be smuggled (RFC 9112, section 11.2): a bare LF, a folded
 * field, a length told twice, or a length beside a coding is refused. Not the
 * body: body.h.
 *
 * A parser keeps offsets, not pointers: the buffer may move between two calls,
 * but what was in it must stay.
 */
#ifndef WEFT_PERF_HTTP_H
#define WEFT_PERF_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PERF_HTTP_LINE_MAX 8192  /* the first line */
#define PERF_HTTP_HEAD_MAX 32768 /* first line, fields and the empty line */
#define PERF_HTTP_FIELDS_MAX 100

/** What both kinds of head say, and how far the parser has come. */
struct perf_http_head {
    size_t line; /* where the line begins that is being read */
    size_t seen; /* its end was looked for up to here */
    unsigned fields;
    bool began; /* the first line was read */
    bool blank; /* an empty line before it was passed over */

    unsigned minor;  /* HTTP/1.minor */
    unsigned hosts;  /* Host fields */
    bool has_length; /* then `length` is what Content-Length says */
    bool has_coding; /* a Transfer-Encoding field … */
    bool chunked;    /* … and it says chunked */
    bool close;      /* Connection: close */
    bool keep_alive; /* Connection: keep-alive */
    bool expects;    /* Expect: 100-continue */
    uint64_t length;
};

enum perf_http_method {
    PERF_HTTP_GET,
    PERF_HTTP_HEAD,
    PERF_HTTP_OTHER,   /* one of the standard's others */
    PERF_HTTP_UNKNOWN, /* none of the standard's */
};

struct perf_http_request {
    struct perf_http_head head;
    enum perf_http_method method;
    size_t target, target_length; /* "/path?query" in the buffer */
};

struct perf_http_response {
    struct perf_http_head head;
    int status;
};

/** To be called before the first byte of a message. */
void perf_http_request_init(struct perf_http_request *);
void perf_http_response_init(struct perf_http_response *);

/**
 * Read a request's head from the first `n` bytes.
 *
 * Returns its length when it is complete; 0 if more is needed; else the
 * negative of the status to answer with: -400, -414, -417, -431, -501, -505.
 */
ssize_t perf_http_request_parse(struct perf_http_request *, const char *bytes,
                                size_t n);

/** Read a response's head; its length, 0 or -EPROTO. */
ssize_t perf_http_response_parse(struct perf_http_response *, const char *bytes,
                                 size_t n);

/** For the two parsers above: reads the first line, 0 or -status. */
typedef int perf_http_first_line(void *message, const char *bytes, size_t at,
                                 size_t length);

/** Read lines up to the empty one; as perf_http_request_parse(). */
ssize_t perf_http_head_parse(struct perf_http_head *, const char *bytes,
                             size_t n, perf_http_first_line *first,
                             void *message);

/** Whether a byte may stand in a token, such as a method or a field's name. */
bool perf_http_is_token(unsigned char byte);

#endif
