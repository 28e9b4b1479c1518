// SPDX-License-Identifier: MIT
/* Calls that are cancelled or closed under: what was done is told, nothing is
 * lost, and who waits is always woken. */
#include <arpa/inet.h>
#include <unistd.h>

#include "tests/loop/net.h"

/* In a cancelled task nothing begins */

static void *cancelled_task(void *arg)
{
    struct net_pair *pair = arg;
    weft_tcp_listener *listener;
    weft_tcp *tcp;
    char byte = 'x';
    weft_cancel(weft_current());
    cr_expect_eq(weft_tcp_connect(&tcp, "127.0.0.1", 1), -WEFT_ECANCELED);
    cr_expect_eq(weft_tcp_listen(&listener, "127.0.0.1", 0), -WEFT_ECANCELED);
    cr_expect_eq(weft_tcp_accept(pair->listener, &tcp), -WEFT_ECANCELED);
    cr_expect_eq(weft_tcp_read(pair->far, &byte, 1), -WEFT_ECANCELED);
    cr_expect_eq(weft_tcp_write(pair->far, &byte, 1), -WEFT_ECANCELED);
    cr_expect_eq(weft_tcp_shutdown(pair->far, WEFT_SHUT_WRITE), 0);
    return NULL;
}

static void *cancelled_body(void *unused)
{
    struct net_pair pair;
    char byte;
    if (!net_pair_open(&pair, "127.0.0.1"))
        return weft_fail(-EIO);
    cr_expect_eq(weft_tcp_write(pair.near, "y", 1), 1);
    cr_expect_eq(weft_await(weft_spawn(cancelled_task, &pair), NULL), 0);
    cr_expect_eq(weft_tcp_read(pair.far, &byte, 1), 1);
    cr_expect_eq(byte, 'y');
    cr_expect_eq(weft_tcp_read(pair.near, &byte, 1), 0);
    net_pair_close(&pair);
    return unused;
}

Test(tcp_cancel, nothing_begins_in_a_cancelled_task, .timeout = 30)
{
    net_run(2, cancelled_body, NULL);
}

/* Waiting calls */

static void *read_one(void *arg)
{
    char byte;
    return weft_fail((int)weft_tcp_read(arg, &byte, 1));
}

static void *accept_one(void *arg)
{
    weft_tcp *tcp;
    int rc = weft_tcp_accept(arg, &tcp);
    if (rc == 0)
        weft_tcp_close(tcp);
    return weft_fail(rc);
}

static void *waiting_body(void *unused)
{
    struct net_pair pair;
    char byte;
    if (!net_pair_open(&pair, "127.0.0.1"))
        return weft_fail(-EIO);
    for (int i = 0; i < 100; i++) {
        weft_future *reader = weft_spawn(read_one, pair.far);
        weft_future *acceptor = weft_spawn(accept_one, pair.listener);
        net_await_parked(&pair.far->readable);
        cr_expect_eq(weft_cancel(reader), 0);
        cr_expect_eq(weft_cancel(acceptor), 0);
        cr_expect_eq(weft_await(reader, NULL), -WEFT_ECANCELED);
        cr_expect_eq(weft_await(acceptor, NULL), -WEFT_ECANCELED);
    }
    cr_expect_eq(weft_tcp_write(pair.near, "z", 1), 1);
    cr_expect_eq(weft_tcp_read(pair.far, &byte, 1), 1);
    cr_expect_eq(byte, 'z');
    net_pair_close(&pair);
    return unused;
}

Test(tcp_cancel, waiting_calls_end, .timeout = 30)
{
    net_run(2, waiting_body, NULL);
}

/* Readers and writers cancelled at random: the bytes that reads gave, one
 * after the other, are those that writes said they took. */

struct side {
    weft_tcp *tcp;
    uint64_t moved;
    bool right;
    bool more; /* the call was cancelled, not at its end */
};

static void *write_some(void *arg)
{
    struct side *side = arg;
    uint8_t buffer[5000];
    ssize_t rc;
    do {
        net_fill(buffer, 7, side->moved, sizeof(buffer));
        rc = weft_tcp_write(side->tcp, buffer, sizeof(buffer));
        side->moved += rc > 0 ? (uint64_t)rc : 0;
    } while (rc > 0);
    side->more = rc == -WEFT_ECANCELED;
    return NULL;
}

static void *read_some(void *arg)
{
    struct side *side = arg;
    uint8_t buffer[3000];
    ssize_t rc;
    do {
        rc = weft_tcp_read(side->tcp, buffer, sizeof(buffer));
        for (ssize_t i = 0; i < rc; i++)
            side->right &= buffer[i] == net_byte(7, side->moved + (size_t)i);
        side->moved += rc > 0 ? (uint64_t)rc : 0;
    } while (rc > 0);
    side->more = rc == -WEFT_ECANCELED;
    return NULL;
}

static void cancel_one(struct weft_test_random *random, weft_future **task,
                       weft_fn *fn, struct side *side)
{
    for (uint64_t n = weft_test_below(random, 4); n > 0; n--)
        cr_expect_eq(weft_yield(), 0);
    weft_cancel(*task);
    cr_expect_eq(weft_await(*task, NULL), 0);
    cr_expect(side->more);
    *task = weft_spawn(fn, side);
}

static void *random_body(void *unused)
{
    struct weft_test_random random = {weft_test_seed()};
    struct net_pair pair;
    if (!net_pair_open(&pair, "127.0.0.1"))
        return weft_fail(-EIO);
    struct side in = {pair.far, 0, true, false};
    struct side out = {pair.near, 0, true, false};
    weft_future *reader = weft_spawn(read_some, &in);
    weft_future *writer = weft_spawn(write_some, &out);
    for (size_t i = 0; i < weft_test_scaled(20000); i++) {
        if (weft_test_below(&random, 2))
            cancel_one(&random, &reader, read_some, &in);
        else
            cancel_one(&random, &writer, write_some, &out);
    }
    weft_cancel(writer);
    cr_expect_eq(weft_await(writer, NULL), 0);
    cr_expect_eq(weft_tcp_shutdown(pair.near, WEFT_SHUT_WRITE), 0);
    cr_expect_eq(weft_await(reader, NULL), 0);
    cr_expect(!in.more);
    cr_expect(in.right);
    cr_expect_eq(in.moved, out.moved);
    net_pair_close(&pair);
    return unused;
}

Test(tcp_cancel, no_byte_is_lost_or_doubled, .timeout = 120)
{
    net_run(4, random_body, NULL);
}

/* Connecting */

/* A listener whose queue is full answers nobody. */
static int full_listener(uint16_t *port, int *filler, int fillers)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_expect_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    cr_expect_eq(listen(fd, 0), 0);
    cr_expect_eq(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    for (int i = 0; i < fillers; i++) {
        filler[i] =
            socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        connect(filler[i], (struct sockaddr *)&at, sizeof(at));
    }
    *port = ntohs(at.sin_port);
    return fd;
}

static void *connect_there(void *arg)
{
    weft_tcp *tcp;
    int rc = weft_tcp_connect(&tcp, "127.0.0.1", *(uint16_t *)arg);
    if (rc == 0)
        weft_tcp_close(tcp);
    return weft_fail(rc);
}

static void *connect_body(void *unused)
{
    uint16_t port;
    int filler[8];
    int fd = full_listener(&port, filler, 8);
    unsigned before = net_descriptors();
    for (unsigned i = 0; i < weft_test_scaled(1000); i++) {
        weft_future *task = weft_spawn(connect_there, &port);
        for (unsigned j = 0; j < i % 5; j++)
            cr_expect_eq(weft_yield(), 0);
        cr_expect_eq(weft_future_state(task), WEFT_FUTURE_PENDING);
        weft_cancel(task);
        cr_expect_eq(weft_await(task, NULL), -WEFT_ECANCELED);
    }
    cr_expect_eq(net_descriptors(), before);
    for (int i = 0; i < 8; i++)
        close(filler[i]);
    close(fd);
    return unused;
}

Test(tcp_cancel, a_cancelled_connect_leaves_nothing, .timeout = 60)
{
    net_run(2, connect_body, NULL);
}

/* Closing under others */

static void *write_until_closed(void *arg)
{
    static const char content[65536];
    ssize_t rc;
    do
        rc = weft_tcp_write(arg, content, sizeof(content));
    while (rc == sizeof(content));
    /* Some bytes may have gone out in the call that was closed under. */
    return weft_fail(rc >= 0 ? -WEFT_ECLOSED : (int)rc);
}

static void *closing_body(void *unused)
{
    struct net_pair pair;
    if (!net_pair_open(&pair, "127.0.0.1"))
        return weft_fail(-EIO);
    weft_future *reader = weft_spawn(read_one, pair.near);
    weft_future *writer = weft_spawn(write_until_closed, pair.near);
    weft_future *acceptor[10];
    for (int i = 0; i < 10; i++)
        acceptor[i] = weft_spawn(accept_one, pair.listener);
    net_await_parked(&pair.near->readable);
    net_await_parked(&pair.near->writable);
    weft_tcp_close(pair.near);
    weft_tcp_listener_close(pair.listener);
    cr_expect_eq(weft_await(reader, NULL), -WEFT_ECLOSED);
    cr_expect_eq(weft_await(writer, NULL), -WEFT_ECLOSED);
    for (int i = 0; i < 10; i++) {
        int rc = weft_await(acceptor[i], NULL);
        cr_expect_eq(rc, -WEFT_ECLOSED, "%s", weft_strerror(rc));
    }
    weft_tcp_close(pair.far);
    return unused;
}

/* One worker: when this task runs, the accepts have all begun to wait. */
Test(tcp_cancel, closing_wakes_who_waits, .timeout = 30)
{
    unsigned before = net_descriptors();
    for (size_t i = 0; i < weft_test_scaled(200); i++)
        net_run(1, closing_body, NULL);
    cr_assert_eq(net_descriptors(), before);
}

/* One at a time */

static void *busy_body(void *unused)
{
    struct net_pair pair;
    char byte;
    static const char content[65536];
    if (!net_pair_open(&pair, "127.0.0.1"))
        return weft_fail(-EIO);
    weft_future *reader = weft_spawn(read_one, pair.near);
    weft_future *writer = weft_spawn(write_until_closed, pair.near);
    net_await_parked(&pair.near->readable);
    net_await_parked(&pair.near->writable);
    cr_expect_eq(weft_tcp_read(pair.near, &byte, 1), -WEFT_EBUSY);
    cr_expect_eq(weft_tcp_write(pair.near, content, sizeof(content)),
                 -WEFT_EBUSY);
    cr_expect_eq(weft_tcp_write(pair.far, "x", 1), 1);
    cr_expect_eq(weft_await(reader, NULL), -EINVAL, "it was given a byte");
    cr_expect_eq(weft_tcp_read(pair.far, &byte, 1), 1); /* it still works */
    weft_tcp_close(pair.near);
    cr_expect_eq(weft_await(writer, NULL), -WEFT_ECLOSED);
    weft_tcp_close(pair.far);
    weft_tcp_listener_close(pair.listener);
    return unused;
}

Test(tcp_cancel, a_second_reader_or_writer_is_turned_away, .timeout = 30)
{
    net_run(2, busy_body, NULL);
}
