// SPDX-License-Identifier: MIT
/*
 * The head of a request: its first line, and what only a request must have.
 */
#define _GNU_SOURCE /* memrchr */
#include "perf/http.h"

#include <string.h>
#include <strings.h>

void perf_http_request_init(struct perf_http_request *request)
{
    memset(request, 0, sizeof(*request));
}

static enum perf_http_method method_of(const char *name, size_t n)
{
    static const char *const others[] = {
        "POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "TRACE", "PATCH"};

    if (n == 3 && memcmp(name, "GET", 3) == 0) {
        return PERF_HTTP_GET;
    }
    if (n == 4 && memcmp(name, "HEAD", 4) == 0) {
        return PERF_HTTP_HEAD;
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (strlen(others[i]) == n && memcmp(name, others[i], n) == 0) {
            return PERF_HTTP_OTHER;
        }
    }
    return PERF_HTTP_UNKNOWN;
}

/* "HTTP/1.1": any 1.x that we speak; other versions are well-formed strangers.
 */
static int read_version(struct perf_http_head *head, const char *text, size_t n)
{
    if (n != 8 || memcmp(text, "HTTP/", 5) != 0 || text[6] != '.' ||
        text[5] < '0' || text[5] > '9' || text[7] < '0' || text[7] > '9') {
        return -400;
    }
    if (text[5] != '1' || text[7] > '1') {
        return -505;
    }
    head->minor = (unsigned)(text[7] - '0');
    return 0;
}

/* The target in absolute form ("http://host/path") is stripped to its path;
 * "*", a host alone, a fragment and all that is not printable are refused. */
static int read_target(struct perf_http_request *request, const char *bytes,
                       size_t at, size_t n)
{
    static const char scheme[] = "http://";
    size_t skip = sizeof(scheme) - 1;

    for (size_t i = 0; i < n; i++) {
        if (bytes[at + i] <= 0x20 || bytes[at + i] == 0x7f ||
            bytes[at + i] == '#') {
            return -400;
        }
    }
    if (n > skip && strncasecmp(bytes + at, scheme, skip) == 0) {
        const char *slash = memchr(bytes + at + skip, '/', n - skip);

        if (slash == NULL) {
            return -400;
        }
        skip = (size_t)(slash - (bytes + at));
        at += skip;
        n -= skip;
    }
    request->target = at;
    request->target_length = n;
    if (n > 0 && bytes[at] == '/') {
        return 0;
    }
    /* OPTIONS * and CONNECT host:port are right, and will be told 405. */
    return n > 0 && request->method == PERF_HTTP_OTHER ? 0 : -400;
}

static int read_first(void *message, const char *bytes, size_t at, size_t n)
{
    struct perf_http_request *request = message;
    const char *line = bytes + at;
    const char *space = memchr(line, ' ', n);
    const char *last = memrchr(line, ' ', n);
    size_t method, target;
    int rc;

    if (space == NULL || last == space || space == line) {
        return -400;
    }
    method = (size_t)(space - line);
    target = (size_t)(last - space) - 1;
    for (size_t i = 0; i < method; i++) {
        if (!perf_http_is_token((unsigned char)line[i])) {
            return -400;
        }
    }
    request->method = method_of(line, method);
    rc = read_target(request, bytes, at + method + 1, target);
    if (rc != 0) {
        return rc;
    }
    return read_version(&request->head, last + 1,
                        n - (size_t)(last + 1 - line));
}

ssize_t perf_http_request_parse(struct perf_http_request *request,
                                const char *bytes, size_t n)
{
    ssize_t length =
        perf_http_head_parse(&request->head, bytes, n, read_first, request);

    if (length <= 0) {
        return length;
    }
    if (request->head.hosts > 1 ||
        (request->head.hosts == 0 && request->head.minor >= 1)) {
        return -400;
    }
    return request->method == PERF_HTTP_UNKNOWN ? -501 : length;
}
