// SPDX-License-Identifier: MIT
/*
 * The head of a response: its first line. What is wrong with it has no status
 * to be answered with: any mistake is -EPROTO.
 */
#include "perf/http.h"

#include <errno.h>
#include <string.h>

void perf_http_response_init(struct perf_http_response *response)
{
    memset(response, 0, sizeof(*response));
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* "HTTP/1.1 200 OK"; the text may be missing. */
static int read_first(void *message, const char *bytes, size_t at, size_t n)
{
    struct perf_http_response *response = message;
    const char *line = bytes + at;

    if (n < 12 || memcmp(line, "HTTP/1.", 7) != 0 || !is_digit(line[7]) ||
        line[8] != ' ' || (n > 12 && line[12] != ' ')) {
        return -EPROTO;
    }
    if (!is_digit(line[9]) || !is_digit(line[10]) || !is_digit(line[11])) {
        return -EPROTO;
    }
    response->head.minor = line[7] == '0' ? 0 : 1;
    response->status =
        (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
    return response->status < 100 ? -EPROTO : 0;
}

ssize_t perf_http_response_parse(struct perf_http_response *response,
                                 const char *bytes, size_t n)
{
    ssize_t length =
        perf_http_head_parse(&response->head, bytes, n, read_first, response);

    return length < 0 ? -EPROTO : length;
}
