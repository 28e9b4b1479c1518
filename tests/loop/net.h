// SPDX-License-Identifier: MIT
/*
 * What the tests of sockets share: a runtime to run in, a connected pair, and
 * streams whose every byte is known. Helpers run in coroutines, so they expect
 * and never assert.
 */
#ifndef WEFT_TESTS_LOOP_NET_H
#define WEFT_TESTS_LOOP_NET_H

#include "loop/tcp.h"

#include <dirent.h>
#include <weft.h>

#include "tests/support/scale.h"
#include "tests/support/test.h"

/** Run `fn(arg)` with so many workers; whatever it returns must be no error. */
static inline void net_run(unsigned workers, weft_fn *fn, void *arg)
{
    weft_options options = {.size = sizeof(options), .workers = workers};
    int rc = weft_run_with(&options, fn, arg, NULL);
    cr_assert_eq(rc, 0, "%s", weft_strerror(rc));
}

struct net_pair {
    weft_tcp_listener *listener;
    weft_tcp *near; /* the one that connected */
    weft_tcp *far;  /* the one that was accepted */
};

/** Connect to a listener and take the other end; there must be no other
 * connection. */
static inline bool net_pair_add(struct net_pair *pair, const char *address)
{
    uint16_t port = weft_tcp_listener_port(pair->listener);
    int rc = weft_tcp_connect(&pair->near, address, port);
    cr_expect_eq(rc, 0, "connect %s: %s", address, weft_strerror(rc));
    if (rc < 0)
        return false;
    rc = weft_tcp_accept(pair->listener, &pair->far);
    cr_expect_eq(rc, 0, "accept: %s", weft_strerror(rc));
    return rc == 0;
}

static inline bool net_pair_open(struct net_pair *pair, const char *address)
{
    int rc = weft_tcp_listen(&pair->listener, address, 0);
    cr_expect_eq(rc, 0, "listen %s: %s", address, weft_strerror(rc));
    return rc == 0 && net_pair_add(pair, address);
}

static inline void net_pair_close(struct net_pair *pair)
{
    weft_tcp_close(pair->near);
    weft_tcp_close(pair->far);
    weft_tcp_listener_close(pair->listener);
}

/** Its end will be a reset, which leaves no port waiting in the system. */
static inline void net_end_by_reset(weft_tcp *tcp)
{
    struct linger linger = {.l_onoff = 1};
    int rc = setsockopt(weft_tcp_fd(tcp), SOL_SOCKET, SO_LINGER, &linger,
                        sizeof(linger));
    cr_expect_eq(rc, 0);
}

/** Until a task waits in that direction. */
static inline void net_await_parked(weft__readiness *direction)
{
    while (weft__load_relaxed(direction) <= 2 && weft_yield() == 0)
        ;
}

/** Read until `size` bytes, the end, or an error: what it got, or the error. */
static inline ssize_t net_read_all(weft_tcp *tcp, void *buffer, size_t size)
{
    size_t got = 0;
    while (got < size) {
        ssize_t rc = weft_tcp_read(tcp, (char *)buffer + got, size - got);
        if (rc < 0)
            return rc;
        if (rc == 0)
            break;
        got += (size_t)rc;
    }
    return (ssize_t)got;
}

/* Streams: the byte at each place is known, and a digest of all says whether
 * each came once and in order. */

static inline uint8_t net_byte(uint64_t stream, uint64_t at)
{
    uint64_t z = (stream << 48 ^ at) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint8_t)(z >> 56);
}

static inline void net_fill(void *to, uint64_t stream, uint64_t at, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)to)[i] = net_byte(stream, at + i);
}

struct net_digest {
    uint64_t bytes;
    uint64_t value; /* FNV-1a */
};

static inline void net_digest_add(struct net_digest *digest, const void *from,
                                  size_t n)
{
    uint64_t value = digest->value ^ UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < n; i++)
        value = (value ^ ((const uint8_t *)from)[i]) * UINT64_C(0x100000001b3);
    digest->value = value ^ UINT64_C(0xcbf29ce484222325);
    digest->bytes += n;
}

/** Descriptors of this process; more than really by the one it looks with. */
static inline unsigned net_descriptors(void)
{
    unsigned count = 0;
    DIR *dir = opendir("/proc/self/fd");
    cr_expect_not_null(dir);
    while (dir != NULL && readdir(dir) != NULL)
        count++;
    if (dir != NULL)
        closedir(dir);
    return count;
}

#endif
