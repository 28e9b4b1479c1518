// SPDX-License-Identifier: MIT
/* An echo server and one client of it, in one program. */
#include <stdio.h>
#include <string.h>
#include <weft.h>

static void *serve_one(void *arg)
{
    weft_tcp *peer = arg;
    char buffer[4096];
    ssize_t n;
    while ((n = weft_tcp_read(peer, buffer, sizeof(buffer))) > 0)
        if (weft_tcp_write(peer, buffer, (size_t)n) != n)
            break;
    weft_tcp_close(peer);
    return NULL;
}

static void *serve(void *arg)
{
    weft_tcp_listener *listener = arg;
    weft_tcp *peer;
    int rc;
    while ((rc = weft_tcp_accept(listener, &peer)) == 0)
        weft_detach(weft_spawn(serve_one, peer));
    return rc == -WEFT_ECANCELED ? NULL : weft_fail(rc);
}

static int say(uint16_t port, const char *text)
{
    char answer[64] = "";
    weft_tcp *server;
    int rc = weft_tcp_connect(&server, "127.0.0.1", port);
    if (rc < 0)
        return rc;
    ssize_t n = weft_tcp_write(server, text, strlen(text));
    if (n > 0)
        n = weft_tcp_read(server, answer, sizeof(answer) - 1);
    weft_tcp_close(server);
    printf("echo says: %s\n", answer);
    return n < 0 ? (int)n : 0;
}

static void *echo(void *arg)
{
    weft_tcp_listener *listener;
    (void)arg;
    int rc = weft_tcp_listen(&listener, "127.0.0.1", 0);
    if (rc < 0)
        return weft_fail(rc);
    weft_future *server = weft_spawn(serve, listener);
    rc = say(weft_tcp_listener_port(listener), "hello");
    weft_cancel(server);
    int rc2 = weft_await(server, NULL);
    weft_tcp_listener_close(listener);
    return weft_fail(rc < 0 ? rc : rc2);
}

int main(void)
{
    return weft_main(echo, NULL);
}
