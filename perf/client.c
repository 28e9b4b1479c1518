// SPDX-License-Identifier: MIT
/*
 * The client of client.h. The time limit of a request is a number that someone
 * else looks at now and then (perf_client_watch): it costs the request a store.
 */
#include "perf/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/task.h>

#include "perf/body.h"
#include "perf/http.h"

#define BUFFER_SIZE 16384

const char *const perf_failure_names[PERF_FAILURES] = {
    [0] = "none",
    [PERF_FAILURE_CONNECT] = "connect",
    [PERF_FAILURE_TIMEOUT] = "timeout",
    [PERF_FAILURE_RESET] = "reset",
    [PERF_FAILURE_STATUS] = "status",
    [PERF_FAILURE_PARSE] = "parse",
    [PERF_FAILURE_MEMORY] = "memory",
    [PERF_FAILURE_CANCELLED] = "cancelled",
};

int perf_client_init(struct perf_client *client, const struct perf_peer *peer)
{
    memset(client, 0, sizeof(*client));
    client->peer = peer;
    client->buffer = malloc(BUFFER_SIZE);
    client->size = BUFFER_SIZE;
    if (client->buffer == NULL) {
        return -ENOMEM;
    }
    pthread_mutex_init(&client->lock, NULL);
    return 0;
}

void perf_client_disconnect(struct perf_client *client)
{
    weft_tcp *tcp;

    pthread_mutex_lock(&client->lock);
    tcp = client->tcp;
    client->tcp = NULL;
    pthread_mutex_unlock(&client->lock);
    weft_tcp_close(tcp);
}

void perf_client_fini(struct perf_client *client)
{
    perf_client_disconnect(client);
    pthread_mutex_destroy(&client->lock);
    free(client->buffer);
}

int perf_client_connect(struct perf_client *client)
{
    weft_tcp *tcp;
    int rc;

    if (client->tcp != NULL) {
        return 0;
    }
    rc = weft_tcp_connect(&tcp, client->peer->address, client->peer->port);
    if (rc != 0) {
        return rc == -WEFT_ECANCELED ? -PERF_FAILURE_CANCELLED
                                     : -PERF_FAILURE_CONNECT;
    }
    pthread_mutex_lock(&client->lock);
    client->tcp = tcp;
    pthread_mutex_unlock(&client->lock);
    return 0;
}

/* What a read or write that failed, or an end that came too soon, means. */
static int failure(struct perf_client *client, ssize_t rc)
{
    if (atomic_load(&client->expired)) {
        return -PERF_FAILURE_TIMEOUT;
    }
    return rc == -WEFT_ECANCELED || weft_cancelled() ? -PERF_FAILURE_CANCELLED
                                                     : -PERF_FAILURE_RESET;
}

static int send_request(struct perf_client *client, const char *path)
{
    int n = snprintf(client->buffer, client->size,
                     "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path,
                     client->peer->host);
    ssize_t written;

    if (n < 0 || (size_t)n >= client->size) {
        return -PERF_FAILURE_PARSE;
    }
    written = weft_tcp_write(client->tcp, client->buffer, (size_t)n);
    client->used = 0;
    return written == n ? 0 : failure(client, written);
}

/* The head of the answer: its length, or -PERF_FAILURE_…. */
static ssize_t receive_head(struct perf_client *client,
                            struct perf_http_response *response)
{
    perf_http_response_init(response);
    for (;;) {
        ssize_t n;

        if (client->used == client->size) {
            return -PERF_FAILURE_PARSE;
        }
        n = weft_tcp_read(client->tcp, client->buffer + client->used,
                          client->size - client->used);
        if (n <= 0) {
            return failure(client, n);
        }
        client->used += (size_t)n;
        n = perf_http_response_parse(response, client->buffer, client->used);
        if (n != 0) {
            return n > 0 ? n : -PERF_FAILURE_PARSE;
        }
    }
}

static void prepare_body(struct perf_body *body,
                         const struct perf_http_response *response)
{
    if (response->status == 204 || response->status == 304) {
        perf_body_init_length(body, 0);
    } else if (response->head.chunked) {
        perf_body_init_chunked(body);
    } else if (response->head.has_length) {
        perf_body_init_length(body, response->head.length);
    } else {
        perf_body_init_endless(body);
    }
}

static void keep(struct perf_client *client, const char *bytes, size_t n)
{
    size_t room;

    if (client->keep == NULL) {
        return;
    }
    room = client->keep_size - 1 - client->kept;
    n = n < room ? n : room;
    memcpy(client->keep + client->kept, bytes, n);
    client->kept += n;
    client->keep[client->kept] = '\0';
}

/* Bytes of the answer that lie in the buffer from `at` on. More than the answer
 * has is no answer to what we asked. */
static int take_body(struct perf_client *client, struct perf_body *body,
                     size_t at)
{
    size_t n = client->used - at;
    ssize_t taken = perf_body_take(body, client->buffer + at, n);

    if (taken < 0 || (size_t)taken < n) {
        return -PERF_FAILURE_PARSE;
    }
    keep(client, client->buffer + at, n);
    return 0;
}

/* The rest of the answer, behind a head of `length` bytes. */
static int receive_body(struct perf_client *client, struct perf_body *body,
                        size_t length)
{
    int rc = take_body(client, body, length);

    while (rc == 0 && !body->done) {
        ssize_t n = weft_tcp_read(client->tcp, client->buffer, client->size);

        if (n == 0 && body->endless && !atomic_load(&client->expired)) {
            return 0;
        }
        if (n <= 0) {
            return failure(client, n);
        }
        client->used = (size_t)n;
        rc = take_body(client, body, 0);
    }
    return rc;
}

static bool stays_open(const struct perf_http_head *head)
{
    return !head->close && (head->minor > 0 || head->keep_alive);
}

/* Send and receive on an open connection. */
static int converse(struct perf_client *client, const char *path,
                    struct perf_exchange *out)
{
    struct perf_http_response response;
    struct perf_body body;
    ssize_t length;
    int rc = send_request(client, path);

    if (rc != 0) {
        return rc;
    }
    length = receive_head(client, &response);
    if (length < 0) {
        return (int)length;
    }
    out->status = response.status;
    prepare_body(&body, &response);
    rc = receive_body(client, &body, (size_t)length);
    out->bytes = body.total;
    if (rc == 0 && (!stays_open(&response.head) || !body.done)) {
        perf_client_disconnect(client);
    }
    return rc;
}

static void arm(struct perf_client *client, weft_time now)
{
    weft_ns timeout = client->peer->timeout;

    atomic_store(&client->expired, false);
    atomic_store_explicit(&client->deadline, timeout > 0 ? now + timeout : 0,
                          memory_order_release);
}

int perf_client_get(struct perf_client *client, const char *path,
                    struct perf_exchange *out)
{
    int rc;

    *out = (struct perf_exchange){.begun = weft_now()};
    client->kept = 0;
    arm(client, out->begun);
    rc = perf_client_connect(client);
    if (rc == 0) {
        rc = converse(client, path, out);
    }
    atomic_store_explicit(&client->deadline, 0, memory_order_release);
    if (rc != 0) {
        perf_client_disconnect(client);
    } else if (out->status >= 400) {
        rc = -PERF_FAILURE_STATUS;
    }
    out->ended = weft_now();
    return rc;
}

/* The task may end this request just after the second look and begin the next:
 * then that one is cut short, and counted as a reset or a timeout. One in a
 * million of those that were already too late is not worth a lock a request. */
void perf_client_watch(struct perf_client *client, weft_time now)
{
    weft_time deadline =
        atomic_load_explicit(&client->deadline, memory_order_acquire);

    if (deadline == 0 || now < deadline) {
        return;
    }
    pthread_mutex_lock(&client->lock);
    deadline = atomic_load_explicit(&client->deadline, memory_order_acquire);
    if (deadline != 0 && now >= deadline && client->tcp != NULL) {
        atomic_store(&client->expired, true);
        weft_tcp_shutdown(client->tcp, WEFT_SHUT_BOTH);
    }
    pthread_mutex_unlock(&client->lock);
}
