// SPDX-License-Identifier: MIT
/*
 * The end of a body, as a machine that eats bytes (RFC 9112, section 7.1).
 * Lines end with CR LF and nothing else.
 */
#include "perf/body.h"

#include <errno.h>

#define IDLE_MAX 8192
#define SIZE_DIGITS 15

enum state {
    PLAIN, /* `left` bytes, then done */
    ENDLESS,
    SIZE,      /* of a chunk, in hexadecimal digits */
    EXTENSION, /* up to CR */
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_LINE, /* at its beginning */
    TRAILER,      /* within */
    TRAILER_LF,
    END_LF,
};

static void init(struct perf_body *body, enum state state)
{
    *body = (struct perf_body){.state = state};
}

void perf_body_init_length(struct perf_body *body, uint64_t length)
{
    init(body, PLAIN);
    body->left = length;
    body->done = length == 0;
}

void perf_body_init_chunked(struct perf_body *body)
{
    init(body, SIZE);
}

void perf_body_init_endless(struct perf_body *body)
{
    init(body, ENDLESS);
    body->endless = true;
}

static int hex(char byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    byte = (char)(byte | 0x20);
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

static int expect(struct perf_body *body, char byte, char wanted,
                  enum state next)
{
    body->state = next;
    return byte == wanted ? 0 : -EPROTO;
}

/* The size has ended with `byte`. */
static int end_size(struct perf_body *body, char byte)
{
    if (body->digits == 0) {
        return -EPROTO;
    }
    if (byte == '\r') {
        body->state = SIZE_LF;
        return 0;
    }
    return expect(body, byte, ';', EXTENSION);
}

static int take_size(struct perf_body *body, char byte)
{
    int digit = hex(byte);

    if (digit < 0) {
        return end_size(body, byte);
    }
    body->left = body->left * 16 + (uint64_t)digit;
    return ++body->digits > SIZE_DIGITS ? -EPROTO : 0;
}

static int begin_chunk(struct perf_body *body, char byte)
{
    enum state next = body->left == 0 ? TRAILER_LINE : DATA;

    body->digits = 0;
    return expect(body, byte, '\n', next);
}

/* Bytes that are nobody's, up to CR; LF alone does not end a line. */
static int take_idle(struct perf_body *body, char byte, enum state next)
{
    if (byte == '\r') {
        body->state = next;
        return 0;
    }
    return byte == '\n' || ++body->idle > IDLE_MAX ? -EPROTO : 0;
}

static int take_trailer_line(struct perf_body *body, char byte)
{
    body->state = byte == '\r' ? END_LF : TRAILER;
    return byte == '\r' ? 0 : take_idle(body, byte, TRAILER_LF);
}

static int take_byte(struct perf_body *body, char byte)
{
    switch ((enum state)body->state) {
    case SIZE:
        return take_size(body, byte);
    case EXTENSION:
        return take_idle(body, byte, SIZE_LF);
    case SIZE_LF:
        return begin_chunk(body, byte);
    case DATA_CR:
        return expect(body, byte, '\r', DATA_LF);
    case DATA_LF:
        return expect(body, byte, '\n', SIZE);
    case TRAILER_LINE:
        return take_trailer_line(body, byte);
    case TRAILER:
        return take_idle(body, byte, TRAILER_LF);
    case TRAILER_LF:
        return expect(body, byte, '\n', TRAILER_LINE);
    case END_LF:
        body->done = true;
        return expect(body, byte, '\n', END_LF);
    default:
        return -EPROTO;
    }
}

/* Content at the front of n bytes; it may end a chunk or the body. */
static size_t take_content(struct perf_body *body, size_t n)
{
    if (body->state == ENDLESS) {
        body->total += n;
        return n;
    }
    if (n > body->left) {
        n = (size_t)body->left;
    }
    body->left -= n;
    body->total += n;
    if (body->left == 0) {
        body->done = body->state == PLAIN;
        body->state = body->state == DATA ? DATA_CR : body->state;
    }
    return n;
}

static bool has_content(const struct perf_body *body)
{
    return body->state == PLAIN || body->state == ENDLESS ||
           body->state == DATA;
}

ssize_t perf_body_take(struct perf_body *body, const char *bytes, size_t n)
{
    size_t at = 0;

    while (at < n && !body->done) {
        if (has_content(body)) {
            at += take_content(body, n - at);
        } else if (take_byte(body, bytes[at++]) != 0) {
            return -EPROTO;
        }
    }
    return (ssize_t)at;
}
