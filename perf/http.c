// SPDX-License-Identifier: MIT
/*
 * What the heads of requests and responses share: lines, fields, limits.
 */
#include "perf/http.h"

#include <string.h>
#include <strings.h>

/* Digits a length may have: the largest is below 2^60. */
#define LENGTH_DIGITS 18

typedef int read_field(struct perf_http_head *head, const char *value,
                       size_t n);

bool perf_http_is_token(unsigned char byte)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";

    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= 'a' && byte <= 'z') ||
           (byte != '\0' && strchr(marks, byte) != NULL);
}

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\t';
}

static bool is(const char *text, size_t n, const char *word)
{
    return strlen(word) == n && strncasecmp(text, word, n) == 0;
}

/* A second length is refused even if it says the same: some proxy on the way
 * may have believed another one. */
static int read_length(struct perf_http_head *head, const char *value, size_t n)
{
    uint64_t length = 0;

    if (head->has_length || n == 0 || n > LENGTH_DIGITS) {
        return -400;
    }
    for (size_t i = 0; i < n; i++) {
        if (value[i] < '0' || value[i] > '9') {
            return -400;
        }
        length = length * 10 + (uint64_t)(value[i] - '0');
    }
    head->has_length = true;
    head->length = length;
    return 0;
}

static int read_coding(struct perf_http_head *head, const char *value, size_t n)
{
    if (head->has_coding) {
        return -400;
    }
    head->has_coding = true;
    head->chunked = is(value, n, "chunked");
    return head->chunked ? 0 : -501;
}

/* A list: words apart by commas. */
static int read_connection(struct perf_http_head *head, const char *value,
                           size_t n)
{
    size_t at = 0;

    while (at < n) {
        size_t end = at;

        while (end < n && value[end] != ',' && !is_space(value[end])) {
            end++;
        }
        head->close |= is(value + at, end - at, "close");
        head->keep_alive |= is(value + at, end - at, "keep-alive");
        at = end + 1;
    }
    return 0;
}

static int read_host(struct perf_http_head *head, const char *value, size_t n)
{
    (void)value;
    (void)n;
    head->hosts++;
    return 0;
}

static int read_expect(struct perf_http_head *head, const char *value, size_t n)
{
    head->expects = is(value, n, "100-continue");
    return head->expects ? 0 : -417;
}

/* The fields that mean something to us. */
static const struct field {
    const char *name;
    size_t length;
    read_field *read;
} known[] = {
    {"host", 4, read_host},
    {"expect", 6, read_expect},
    {"connection", 10, read_connection},
    {"content-length", 14, read_length},
    {"transfer-encoding", 17, read_coding},
};

static bool is_value(const char *value, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char byte = (unsigned char)value[i];

        if ((byte < 0x20 && byte != '\t') || byte == 0x7f) {
            return false;
        }
    }
    return true;
}

/* How long the name is that a colon follows; 0 if there is no such thing. A
 * line that begins with a space would be folded, a space before the colon is a
 * trick: neither is a token. */
static size_t name_length(const char *line, size_t n)
{
    size_t i = 0;

    while (i < n && perf_http_is_token((unsigned char)line[i])) {
        i++;
    }
    return i < n && line[i] == ':' ? i : 0;
}

static int take_field(struct perf_http_head *head, const char *line, size_t n)
{
    size_t name = name_length(line, n);
    const char *value = line + name + 1;
    size_t length;

    if (name == 0) {
        return -400;
    }
    if (++head->fields > PERF_HTTP_FIELDS_MAX) {
        return -431;
    }
    length = n - name - 1;
    for (; length > 0 && is_space(value[0]); length--) {
        value++;
    }
    while (length > 0 && is_space(value[length - 1])) {
        length--;
    }
    if (!is_value(value, length)) {
        return -400;
    }
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (known[i].length == name &&
            strncasecmp(line, known[i].name, name) == 0) {
            return known[i].read(head, value, length);
        }
    }
    return 0;
}

/* What no single field can tell. */
static int check(const struct perf_http_head *head)
{
    if (head->has_coding && (head->has_length || head->minor == 0)) {
        return -400;
    }
    return 0;
}

/* Whether a line that has not ended yet, or has just ended at `end`, is too
 * long already. */
static int check_limits(const struct perf_http_head *head, size_t end)
{
    if (!head->began && end - head->line > PERF_HTTP_LINE_MAX) {
        return -414;
    }
    return end > PERF_HTTP_HEAD_MAX ? -431 : 0;
}

/* One whole line of n bytes, not the empty one behind the fields. */
static int take_line(struct perf_http_head *head, const char *bytes, size_t n,
                     perf_http_first_line *first, void *message)
{
    int rc;

    if (head->began) {
        return take_field(head, bytes + head->line, n);
    }
    if (n == 0) {
        /* RFC 9112, 2.2: one empty line before a message is passed over. */
        rc = head->blank ? -400 : 0;
        head->blank = true;
        return rc;
    }
    rc = first(message, bytes, head->line, n);
    head->began = true;
    return rc;
}

ssize_t perf_http_head_parse(struct perf_http_head *head, const char *bytes,
                             size_t n, perf_http_first_line *first,
                             void *message)
{
    for (;;) {
        const char *lf = memchr(bytes + head->seen, '\n', n - head->seen);
        size_t end = lf != NULL ? (size_t)(lf - bytes) : n;
        int rc = check_limits(head, lf != NULL ? end + 1 : n);

        if (rc != 0) {
            return rc;
        }
        head->seen = end;
        if (lf == NULL) {
            return 0;
        }
        if (end == head->line || bytes[end - 1] != '\r') {
            return -400;
        }
        head->seen = end + 1;
        if (head->began && end - 1 == head->line) {
            rc = check(head);
            return rc != 0 ? rc : (ssize_t)(end + 1);
        }
        rc = take_line(head, bytes, end - 1 - head->line, first, message);
        if (rc != 0) {
            return rc;
        }
        head->line = end + 1;
    }
}
