// SPDX-License-Identifier: MIT
/*
 * The server of serve.h. What is heavy is done on the loop, where the callback
 * runs; there is nothing else to be had without giving it to other threads by
 * hand.
 */
#include "perf/rivals/libuv/serve.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <uv.h>

#include "perf/rivals/answer.h"

struct connection {
    uv_tcp_t tcp; /* first: a handle is its connection */
    size_t used;
    char bytes[PERF_ANSWER_REQUEST_MAX];
};

static void release(uv_handle_t *handle)
{
    free(handle);
}

static void hang_up(struct connection *connection)
{
    if (!uv_is_closing((uv_handle_t *)&connection->tcp)) {
        uv_close((uv_handle_t *)&connection->tcp, release);
    }
}

static void give_room(uv_handle_t *handle, size_t wanted, uv_buf_t *room)
{
    struct connection *connection = (struct connection *)handle;

    (void)wanted;
    *room =
        uv_buf_init(connection->bytes + connection->used,
                    (unsigned)(sizeof(connection->bytes) - connection->used));
}

/* The answers are shorter than any send buffer: they fit at once, or the peer
 * does not read. */
static int answer_one(struct connection *connection,
                      const struct perf_answer *answer)
{
    uv_buf_t text =
        uv_buf_init((char *)(uintptr_t)answer->text, (unsigned)answer->length);

    perf_answer_work(answer);
    if (uv_try_write((uv_stream_t *)&connection->tcp, &text, 1) !=
        (int)answer->length) {
        return -1;
    }
    connection->used -= answer->request;
    memmove(connection->bytes, connection->bytes + answer->request,
            connection->used);
    return 0;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *room)
{
    struct connection *connection = (struct connection *)stream;
    struct perf_answer answer;
    int rc = 0;

    (void)room;
    if (n < 0) {
        hang_up(connection);
        return;
    }
    connection->used += (size_t)n;
    while (rc == 0 &&
           (answer = perf_answer_read(connection->bytes, connection->used))
                   .request > 0) {
        rc = answer_one(connection, &answer);
    }
    if (rc != 0) {
        hang_up(connection);
    }
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct connection *connection = calloc(1, sizeof(*connection));

    if (status < 0 || connection == NULL) {
        free(connection);
        return;
    }
    uv_tcp_init(listener->loop, &connection->tcp);
    if (uv_accept(listener, (uv_stream_t *)&connection->tcp) != 0 ||
        uv_tcp_nodelay(&connection->tcp, 1) != 0 ||
        uv_read_start((uv_stream_t *)&connection->tcp, give_room, on_read) !=
            0) {
        hang_up(connection);
    }
}

static int number(int argc, char **argv, const char *name)
{
    for (int i = 2; i + 1 < argc; i++) {
        if (strcmp(argv[i], name) == 0) {
            return atoi(argv[i + 1]);
        }
    }
    return 0;
}

/* End with the process that started this one. */
static void follow(int parent)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) {
        exit(1);
    }
}

int serve(int argc, char **argv)
{
    struct sockaddr_in address;
    int parent = number(argc, argv, "--follow-parent");
    int length = sizeof(address), rc;
    uv_tcp_t listener;

    if (parent != 0) {
        follow(parent);
    }
    uv_tcp_init(uv_default_loop(), &listener);
    uv_ip4_addr("127.0.0.1", number(argc, argv, "--port"), &address);
    rc = uv_tcp_bind(&listener, (struct sockaddr *)&address, 0);
    if (rc == 0) {
        rc = uv_listen((uv_stream_t *)&listener, 4096, on_connection);
    }
    if (rc == 0) {
        rc =
            uv_tcp_getsockname(&listener, (struct sockaddr *)&address, &length);
    }
    if (rc != 0) {
        fprintf(stderr, "libuv: %s\n", uv_strerror(rc));
        return 1;
    }
    printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
