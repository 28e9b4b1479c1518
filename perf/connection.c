// SPDX-License-Identifier: MIT
/*
 * The conversation on one connection. The way of a plain request: one read, one
 * parse, one write; no allocation, no timer, no clock, no lock.
 */
#include "perf/connection.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "perf/body.h"
#include "perf/routes.h"

#define BODY_MAX (1024 * 1024)
#define LINGER_MAX (256 * 1024)

int perf_connection_send(struct perf_connection *connection, const char *bytes,
                         size_t n)
{
    ssize_t written;

    perf_connection_mark(connection, PERF_PHASE_WRITE);
    written = weft_tcp_write(connection->tcp, bytes, n);
    if (written < 0) {
        return (int)written;
    }
    return (size_t)written == n ? 0 : -EPIPE;
}

static const char *reason(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 400:
        return "Bad Request";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 408:
        return "Request Timeout";
    case 413:
        return "Content Too Large";
    case 414:
        return "URI Too Long";
    case 417:
        return "Expectation Failed";
    case 431:
        return "Request Header Fields Too Large";
    case 501:
        return "Not Implemented";
    case 503:
        return "Service Unavailable";
    case 505:
        return "HTTP Version Not Supported";
    default:
        return "Internal Server Error";
    }
}

size_t perf_connection_head(const struct perf_connection *connection, char *to,
                            size_t size, int status, const char *type,
                            uint64_t length)
{
    int n = snprintf(to, size,
                     "HTTP/1.1 %d %s\r\n"
                     "Content-Type: %s\r\n"
                     "Content-Length: %llu\r\n"
                     "%s%s\r\n",
                     status, reason(status), type, (unsigned long long)length,
                     status == 405 ? "Allow: GET, HEAD\r\n" : "",
                     connection->last ? "Connection: close\r\n" : "");

    return (size_t)n < size ? (size_t)n : size - 1;
}

int perf_connection_reply(struct perf_connection *connection, int status,
                          const char *type, const char *body, size_t n)
{
    char *answer = malloc(256 + n);
    size_t used;
    int rc;

    if (answer == NULL) {
        return -ENOMEM;
    }
    used = perf_connection_head(connection, answer, 256, status, type, n);
    if (!connection->headless) {
        memcpy(answer + used, body, n);
        used += n;
    }
    rc = perf_connection_send(connection, answer, used);
    free(answer);
    return rc;
}

/* Read what there is behind what is already in the buffer; as weft_tcp_read().
 */
static ssize_t receive(struct perf_connection *connection)
{
    ssize_t n =
        weft_tcp_read(connection->tcp, connection->buffer + connection->used,
                      connection->size - connection->used);

    if (n > 0) {
        connection->used += (size_t)n;
    }
    return n;
}

/* Forget the first n bytes of the buffer. */
static void consume(struct perf_connection *connection, size_t n)
{
    connection->used -= n;
    if (connection->used > 0) {
        memmove(connection->buffer, connection->buffer + n, connection->used);
    }
}

/* Room for more of a head that is larger than the buffer; the parser says when
 * it is too large. */
static int grow(struct perf_connection *connection)
{
    size_t size = connection->size * 2;
    bool own = connection->buffer == connection->own;
    char *buffer = realloc(own ? NULL : connection->buffer, size);

    if (buffer == NULL) {
        return -ENOMEM;
    }
    if (own) {
        memcpy(buffer, connection->own, connection->used);
    }
    connection->buffer = buffer;
    connection->size = size;
    return 0;
}

/* The next head: its length; 0 at the end of the conversation; -status of a
 * refusal. */
static ssize_t receive_head(struct perf_connection *connection,
                            struct perf_http_request *request)
{
    bool began = false;

    perf_http_request_init(request);
    for (;;) {
        ssize_t n = 0;

        if (connection->used > 0) {
            n = perf_http_request_parse(request, connection->buffer,
                                        connection->used);
            if (n != 0) {
                return n;
            }
            if (!began) {
                perf_connection_mark(connection, PERF_PHASE_HEAD);
                began = true;
            }
        } else if (atomic_load(&connection->server->draining)) {
            return 0;
        }
        if (connection->used == connection->size && grow(connection) != 0) {
            return -503;
        }
        n = receive(connection);
        if (n <= 0) {
            return n == 0 && began && atomic_load(&connection->expired) ? -408
                                                                        : 0;
        }
    }
}

static void prepare_body(struct perf_body *body,
                         const struct perf_http_head *head)
{
    if (head->chunked) {
        perf_body_init_chunked(body);
    } else {
        perf_body_init_length(body, head->has_length ? head->length : 0);
    }
}

/* Who asks whether to send a body waits for this before doing so. */
static int encourage(struct perf_connection *connection,
                     const struct perf_http_head *head)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";

    if (!head->expects || head->minor == 0 || connection->used > 0) {
        return 0;
    }
    return perf_connection_send(connection, go_on, sizeof(go_on) - 1);
}

/* Pass over the body, whose first bytes may lie in the buffer from `at` on.
 * 0 when it is over; -status; -EPIPE at the end of the conversation. Nothing
 * before `at` is needed any more after the first read: so the target is gone.
 */
static int pass_body(struct perf_connection *connection,
                     const struct perf_http_head *head)
{
    struct perf_body body;

    prepare_body(&body, head);
    if (head->has_length && head->length > BODY_MAX) {
        return -413;
    }
    if (!body.done && encourage(connection, head) != 0) {
        return -EPIPE;
    }
    perf_connection_mark(connection, PERF_PHASE_BODY);
    for (;;) {
        ssize_t n = perf_body_take(&body, connection->buffer, connection->used);

        if (n < 0) {
            return -400;
        }
        consume(connection, (size_t)n);
        if (body.total > BODY_MAX) {
            return -413;
        }
        if (body.done) {
            return 0;
        }
        n = receive(connection);
        if (n <= 0) {
            return n == 0 && atomic_load(&connection->expired) ? -408 : -EPIPE;
        }
    }
}

/* Tell what was wrong, then read on for a moment: closing with bytes unread
 * would reset the connection, and the peer might never see the answer. */
static void refuse(struct perf_connection *connection, int status)
{
    size_t passed = 0;
    ssize_t n;

    connection->last = true;
    connection->headless = false;
    if (perf_connection_reply(connection, status, "text/plain", "", 0) != 0) {
        return;
    }
    weft_tcp_shutdown(connection->tcp, WEFT_SHUT_WRITE);
    perf_connection_mark(connection, PERF_PHASE_LINGER);
    do {
        n = weft_tcp_read(connection->tcp, connection->buffer,
                          connection->size);
        passed += n > 0 ? (size_t)n : 0;
    } while (n > 0 && passed < LINGER_MAX);
}

/* Answer one request, whose head is the first `length` bytes of the buffer; 0,
 * or a negative code: then close. The rare request with a body is answered
 * from a copy of its head. */
static int answer(struct perf_connection *connection,
                  const struct perf_http_request *request, size_t length)
{
    const char *target = connection->buffer + request->target;
    char *copy = NULL;
    int rc = 0;

    if (request->head.chunked || request->head.length > 0) {
        copy = malloc(request->target_length + 1);
        if (copy == NULL) {
            return -503;
        }
        memcpy(copy, target, request->target_length);
        target = copy;
        consume(connection, length);
        length = 0;
        rc = pass_body(connection, &request->head);
    }
    if (rc == 0) {
        rc = perf_routes_answer(connection, request, target);
    }
    free(copy);
    consume(connection, length);
    return rc;
}

static void count(struct perf_connection *connection)
{
    uint64_t n =
        atomic_load_explicit(&connection->requests, memory_order_relaxed);

    atomic_store_explicit(&connection->requests, n + 1, memory_order_relaxed);
}

/* A whole exchange; false when the connection is over. */
static bool exchange(struct perf_connection *connection)
{
    struct perf_http_request request;
    ssize_t length;
    int rc;

    length = receive_head(connection, &request);
    if (length <= 0) {
        rc = (int)length;
    } else {
        count(connection);
        connection->headless = request.method == PERF_HTTP_HEAD;
        connection->last = request.head.close || request.head.minor == 0 ||
                           atomic_load(&connection->server->draining);
        rc = answer(connection, &request, (size_t)length);
    }
    /* Statuses are below -399; the codes of the system are not, and those of
     * weft are below -1000. */
    if (rc <= -400 && rc > -600) {
        refuse(connection, -rc);
    }
    if (rc != 0 || length == 0 || connection->last) {
        return false;
    }
    perf_connection_mark(connection, PERF_PHASE_IDLE);
    return true;
}

void *perf_connection_run(void *arg)
{
    struct perf_connection *connection = arg;
    weft_tcp *tcp = connection->tcp;

    connection->buffer = connection->own;
    connection->size = PERF_CONNECTION_BLOCK - sizeof(*connection);
    while (exchange(connection)) {
    }
    if (connection->buffer != connection->own) {
        free(connection->buffer);
    }
    perf_server_leave(connection->server, connection);
    weft_tcp_close(tcp);
    return NULL;
}
