// SPDX-License-Identifier: MIT
/* Connections that work: both families, all bytes, and what the calls answer
 * to what they cannot do. How connections end: tcp_ends.c. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "tests/loop/net.h"

#define CHUNK 65536

static const char *const addresses[] = {"127.0.0.1", "::1"};

/* This machine may have no IPv6. */
static bool has(const char *address)
{
    weft_tcp_listener *listener;
    int rc = weft_tcp_listen(&listener, address, 0);
    if (rc == 0)
        weft_tcp_listener_close(listener);
    return rc != -EADDRNOTAVAIL && rc != -EAFNOSUPPORT;
}

/* Echo */

static void *echo(void *arg)
{
    weft_tcp *tcp = arg;
    char buffer[4096];
    ssize_t got;
    while ((got = weft_tcp_read(tcp, buffer, sizeof(buffer))) > 0)
        if (weft_tcp_write(tcp, buffer, (size_t)got) != got)
            return weft_fail(-EIO);
    weft_tcp_shutdown(tcp, WEFT_SHUT_WRITE);
    return weft_fail((int)got);
}

struct stream {
    weft_tcp *tcp;
    uint64_t name;
    uint64_t bytes;
    struct net_digest digest;
};

/* Writes of all sizes, then the end. */
static void *produce(void *arg)
{
    struct stream *stream = arg;
    struct weft_test_random random = {weft_test_seed() + stream->name};
    static const size_t sizes[] = {1, 7, 100, 4096, CHUNK};
    uint8_t *buffer = malloc(CHUNK);
    while (stream->digest.bytes < stream->bytes) {
        size_t n =
            1 + weft_test_below(&random, sizes[weft_test_below(&random, 5)]);
        net_fill(buffer, stream->name, stream->digest.bytes, n);
        if (weft_tcp_write(stream->tcp, buffer, n) != (ssize_t)n)
            break;
        net_digest_add(&stream->digest, buffer, n);
    }
    free(buffer);
    return weft_fail(weft_tcp_shutdown(stream->tcp, WEFT_SHUT_WRITE));
}

static void *consume(void *arg)
{
    struct stream *stream = arg;
    struct weft_test_random random = {weft_test_seed() ^ stream->name};
    uint8_t *buffer = malloc(CHUNK);
    ssize_t got;
    do {
        size_t n = 1 + weft_test_below(&random, CHUNK);
        got = weft_tcp_read(stream->tcp, buffer, n);
        if (got > 0)
            net_digest_add(&stream->digest, buffer, (size_t)got);
    } while (got > 0);
    free(buffer);
    return weft_fail((int)got);
}

static void echo_over(struct net_pair *pair, uint64_t name, uint64_t bytes)
{
    struct stream out = {pair->near, name, bytes, {0}};
    struct stream in = {pair->near, name, bytes, {0}};
    weft_future *server = weft_spawn(echo, pair->far);
    weft_future *reader = weft_spawn(consume, &in);
    weft_future *writer = weft_spawn(produce, &out);
    cr_expect_eq(weft_await(writer, NULL), 0);
    cr_expect_eq(weft_await(reader, NULL), 0);
    cr_expect_eq(weft_await(server, NULL), 0);
    cr_expect_geq(out.digest.bytes, bytes);
    cr_expect_eq(in.digest.bytes, out.digest.bytes);
    cr_expect_eq(in.digest.value, out.digest.value);
}

static void *echo_body(void *unused)
{
    for (size_t i = 0; i < 2; i++) {
        struct net_pair pair;
        if (!has(addresses[i]) || !net_pair_open(&pair, addresses[i]))
            continue;
        echo_over(&pair, i, weft_test_scaled(32 << 20));
        net_pair_close(&pair);
    }
    return unused;
}

Test(tcp, echo_over_both_families, .timeout = 120)
{
    net_run(4, echo_body, NULL);
}

Test(tcp, echo_on_one_worker, .timeout = 120)
{
    net_run(1, echo_body, NULL);
}

/* One write that the socket takes in hundreds of pieces. */
static void *partial_body(void *unused)
{
    struct net_pair pair;
    int little = 4096;
    size_t size = weft_test_scaled(2 << 20) + 12345;
    struct stream in = {.name = 3};
    struct net_digest want = {0};
    uint8_t *buffer = malloc(size);
    if (!net_pair_open(&pair, "127.0.0.1"))
        return weft_fail(-EIO);
    cr_expect_eq(setsockopt(weft_tcp_fd(pair.near), SOL_SOCKET, SO_SNDBUF,
                            &little, sizeof(little)),
                 0);
    in.tcp = pair.far;
    net_fill(buffer, 3, 0, size);
    net_digest_add(&want, buffer, size);
    weft_future *reader = weft_spawn(consume, &in);
    cr_expect_eq(weft_tcp_write(pair.near, buffer, size), (ssize_t)size);
    cr_expect_eq(weft_tcp_shutdown(pair.near, WEFT_SHUT_WRITE), 0);
    cr_expect_eq(weft_await(reader, NULL), 0);
    cr_expect_eq(in.digest.bytes, want.bytes);
    cr_expect_eq(in.digest.value, want.value);
    free(buffer);
    net_pair_close(&pair);
    return unused;
}

Test(tcp, one_write_in_many_pieces, .timeout = 120)
{
    net_run(2, partial_body, NULL);
}

/* Sizes of nothing */

static void *nothing_body(void *unused)
{
    struct net_pair pair;
    char byte = 'x';
    if (!net_pair_open(&pair, "127.0.0.1"))
        return weft_fail(-EIO);
    cr_expect_eq(weft_tcp_read(pair.far, &byte, 0), 0); /* does not wait */
    cr_expect_eq(weft_tcp_write(pair.near, &byte, 0), 0);
    cr_expect_eq(weft_tcp_write(pair.near, &byte, 1), 1);
    cr_expect_eq(weft_tcp_read(pair.far, &byte, 0), 0);
    byte = 'y';
    cr_expect_eq(weft_tcp_read(pair.far, &byte, 1), 1);
    cr_expect_eq(byte, 'x');
    net_pair_close(&pair);
    return unused;
}

/* What never has to wait gives way all the same, also to who comes only after
 * it has been alone for long. */

static bool had_a_turn;

static void *takes_a_turn(void *unused)
{
    had_a_turn = true;
    return unused;
}

static void exchange_byte(struct net_pair *pair)
{
    char byte = 'x';
    cr_expect_eq(weft_tcp_write(pair->near, &byte, 1), 1);
    cr_expect_eq(weft_tcp_read(pair->far, &byte, 1), 1);
}

static void *is_always_ready(void *unused)
{
    struct net_pair pair;
    if (!net_pair_open(&pair, "127.0.0.1"))
        return weft_fail(-EIO);
    for (int i = 0; i < 500; i++)
        exchange_byte(&pair);
    weft_future *other = weft_spawn(takes_a_turn, NULL);
    for (int i = 0; i < 500 && !had_a_turn; i++)
        exchange_byte(&pair);
    cr_expect(had_a_turn);
    cr_expect_eq(weft_await(other, NULL), 0);
    net_pair_close(&pair);
    return unused;
}

Test(tcp, gives_way_when_always_ready, .timeout = 30)
{
    net_run(1, is_always_ready, NULL);
}

Test(tcp, reads_and_writes_of_nothing, .timeout = 30)
{
    net_run(2, nothing_body, NULL);
}

/* Options and addresses */

static void expect_options(weft_tcp *tcp)
{
    int on = 0;
    socklen_t size = sizeof(on);
    int fd = weft_tcp_fd(tcp);
    cr_expect_eq(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &size), 0);
    cr_expect_neq(on, 0, "TCP_NODELAY");
    cr_expect(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    cr_expect(fcntl(fd, F_GETFL) & O_NONBLOCK);
}

static void *options_body(void *unused)
{
    struct net_pair pair;
    struct sockaddr_in peer = {0};
    socklen_t size = sizeof(peer);
    if (!net_pair_open(&pair, "127.0.0.1"))
        return weft_fail(-EIO);
    expect_options(pair.near);
    expect_options(pair.far);
    cr_expect_eq(
        getpeername(weft_tcp_fd(pair.near), (struct sockaddr *)&peer, &size),
        0);
    cr_expect_eq(ntohs(peer.sin_port), weft_tcp_listener_port(pair.listener));
    net_pair_close(&pair);
    return unused;
}

Test(tcp, sockets_are_as_promised, .timeout = 30)
{
    net_run(2, options_body, NULL);
}

static void *port_body(void *unused)
{
    weft_tcp_listener *listener[8];
    for (size_t i = 0; i < 8; i++) {
        cr_expect_eq(weft_tcp_listen(&listener[i], "127.0.0.1", 0), 0);
        cr_expect_gt(weft_tcp_listener_port(listener[i]), 0);
        for (size_t j = 0; j < i; j++)
            cr_expect_neq(weft_tcp_listener_port(listener[i]),
                          weft_tcp_listener_port(listener[j]));
    }
    for (size_t i = 0; i < 8; i++)
        weft_tcp_listener_close(listener[i]);
    return unused;
}

Test(tcp, port_0_is_a_port_of_ones_own, .timeout = 30)
{
    net_run(4, port_body, NULL);
}

/* Somebody else's listener that shares its port. */
static int sharing_socket(uint16_t *port)
{
    int on = 1;
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_expect_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), 0);
    cr_expect_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    cr_expect_eq(listen(fd, 16), 0);
    cr_expect_eq(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

static void *in_use_body(void *unused)
{
    weft_tcp_listener *first, *second;
    uint16_t port;
    cr_expect_eq(weft_tcp_listen(&first, "127.0.0.1", 0), 0);
    port = weft_tcp_listener_port(first);
    cr_expect_eq(weft_tcp_listen(&second, "127.0.0.1", port), -EADDRINUSE);
    weft_tcp_listener_close(first);
    cr_expect_eq(weft_tcp_listen(&second, "127.0.0.1", port), 0);
    cr_expect_eq(weft_tcp_listener_port(second), port);
    weft_tcp_listener_close(second);
    int fd = sharing_socket(&port);
    cr_expect_eq(weft_tcp_listen(&second, "127.0.0.1", port), -EADDRINUSE);
    close(fd);
    return unused;
}

Test(tcp, a_port_in_use_is_noticed_even_if_shared, .timeout = 30)
{
    net_run(4, in_use_body, NULL);
}

static void *names_body(void *unused)
{
    static const char *const names[] = {
        "",      "localhost", "1.2.3",        "256.0.0.1", "1.2.3.4.5",
        "::g",   "1.2.3.4 ",  "fe80::1%lo",   "[::1]",     "example.org",
        "::1::", "0x7f.1",    "127.0.0.1:80", "-1",
    };
    weft_tcp_listener *listener;
    weft_tcp *tcp;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        cr_expect_eq(weft_tcp_connect(&tcp, names[i], 1), -EINVAL, "%s",
                     names[i]);
        cr_expect_eq(weft_tcp_listen(&listener, names[i], 0), -EINVAL, "%s",
                     names[i]);
    }
    return unused;
}

Test(tcp, only_numbers_are_addresses, .timeout = 30)
{
    net_run(1, names_body, NULL);
}

static void *refused_body(void *unused)
{
    unsigned before = net_descriptors();
    weft_tcp_listener *listener;
    weft_tcp *tcp;
    cr_expect_eq(weft_tcp_listen(&listener, "127.0.0.1", 0), 0);
    uint16_t port = weft_tcp_listener_port(listener);
    weft_tcp_listener_close(listener);
    for (int i = 0; i < 100; i++)
        cr_expect_eq(weft_tcp_connect(&tcp, "127.0.0.1", port), -ECONNREFUSED);
    cr_expect_eq(net_descriptors(), before);
    return unused;
}

Test(tcp, connect_where_nobody_listens, .timeout = 30)
{
    net_run(2, refused_body, NULL);
}

Test(tcp, outside_a_coroutine)
{
    weft_tcp_listener *listener;
    weft_tcp *tcp;
    cr_assert_eq(weft_tcp_connect(&tcp, "127.0.0.1", 1), -WEFT_ENORUNTIME);
    cr_assert_eq(weft_tcp_listen(&listener, "127.0.0.1", 0), -WEFT_ENORUNTIME);
    weft_tcp_close(NULL);
    weft_tcp_listener_close(NULL);
}
