// SPDX-License-Identifier: MIT
/* A server that stops gracefully: no new connections from now on, two seconds
 * for the requests in flight, then they are cancelled. */
#include <stdio.h>
#include <weft.h>

static void *answer(void *peer)
{
    ssize_t n = weft_tcp_write(peer, "first half, ", 12);
    if (n >= 0)
        n = weft_sleep(WEFT_MS(20));
    if (n >= 0)
        n = weft_tcp_write(peer, "second half", 11);
    weft_tcp_close(peer);
    return weft_fail(n < 0 ? (int)n : 0);
}

static void *serve(void *listener)
{
    weft_group_options options = {.size = sizeof(options), .keep_going = true};
    weft_scope grace;
    weft_group group;
    weft_tcp *peer;
    int rc = 0;
    weft_timeout_enter(&grace, WEFT_FOREVER);
    weft_group_enter(&group, &options);
    while (rc == 0 && (rc = weft_tcp_accept(listener, &peer)) == 0)
        if ((rc = weft_group_spawn(&group, answer, peer)) < 0)
            weft_tcp_close(peer);
    weft_timeout_reschedule(&grace, WEFT_S(2)); /* from here on, for all */
    rc = weft_group_exit(&group, rc == -WEFT_ECLOSED ? 0 : rc);
    return weft_fail(weft_timeout_exit(&grace, rc));
}

static void *graceful_stop(void *arg)
{
    weft_tcp_listener *listener;
    weft_tcp *client = NULL;
    char text[32] = "";
    size_t used = 0;
    ssize_t n = weft_tcp_listen(&listener, arg, 0);
    if (n < 0)
        return weft_fail((int)n);
    weft_future *server = weft_spawn(serve, listener);
    n = weft_tcp_connect(&client, arg, weft_tcp_listener_port(listener));
    if (n == 0)
        n = weft_tcp_read(client, text, 12); /* it is being served */
    weft_tcp_listener_close(listener);       /* stop */
    for (; n > 0; n = weft_tcp_read(client, text + used, 31 - used))
        used += (size_t)n;
    weft_tcp_close(client);
    int rc = weft_await(server, NULL);
    printf("%s; the server: %s\n", text, rc < 0 ? weft_strerror(rc) : "ended");
    return weft_fail(rc < 0 ? rc : (int)n);
}

int main(void)
{
    return weft_main(graceful_stop, "127.0.0.1");
}
