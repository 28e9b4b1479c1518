// SPDX-License-Identifier: MIT
/*
 * The server of epoll.h. What it keeps of a connection is how much of the empty
 * line it has seen: two bits of state in the event's data, beside the
 * descriptor.
 */
#define _GNU_SOURCE
#include "perf/floor/epoll.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 256
#define DESCRIPTORS 65536

struct loop {
    int epoll, listener, stop;
    unsigned char *seen; /* by descriptor: bytes of the empty line so far */
    int highest;
};

static const char answer[] = "HTTP/1.1 200 OK\r\n"
                             "Content-Type: text/plain\r\n"
                             "Content-Length: 13\r\n"
                             "\r\n"
                             "Hello, world\n";

int perf_floor_listen(uint16_t *port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(*port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t length = sizeof(address);
    int one = 1, rc;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return -errno;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&address, length) != 0 ||
        listen(fd, 4096) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) != 0) {
        rc = -errno;
        close(fd);
        return rc;
    }
    *port = ntohs(address.sin_port);
    return fd;
}

static int add(const struct loop *loop, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event);
}

static void accept_one(struct loop *loop)
{
    int one = 1;
    int fd = accept4(loop->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0) {
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (fd >= DESCRIPTORS || add(loop, fd) != 0) {
        close(fd);
        return;
    }
    loop->seen[fd] = 0;
    loop->highest = fd > loop->highest ? fd : loop->highest;
}

/* How many empty lines end in these bytes. */
static int count_ends(unsigned char *seen, const char *bytes, ssize_t n)
{
    static const char end[] = "\r\n\r\n";
    int ends = 0;

    for (ssize_t i = 0; i < n; i++) {
        if (bytes[i] == end[*seen]) {
            ++*seen;
        } else {
            *seen = bytes[i] == '\r';
        }
        if (*seen == 4) {
            ends++;
            *seen = 0;
        }
    }
    return ends;
}

static void hang_up(struct loop *loop, int fd)
{
    loop->seen[fd] = 0;
    close(fd);
}

/* The whole of what a plain client sends is one request: then the end is at
 * the end. */
static void serve(struct loop *loop, int fd)
{
    char bytes[4096];
    ssize_t n = recv(fd, bytes, sizeof(bytes), 0);
    int ends;

    if (n < 0 && errno == EAGAIN) {
        return;
    }
    if (n <= 0) {
        hang_up(loop, fd);
        return;
    }
    ends = loop->seen[fd] == 0 && n >= 4 &&
                   memmem(bytes, (size_t)n, "\r\n\r\n", 4) == bytes + n - 4
               ? 1
               : count_ends(&loop->seen[fd], bytes, n);
    for (; ends > 0; ends--) {
        if (send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL) !=
            (ssize_t)sizeof(answer) - 1) {
            hang_up(loop, fd);
            return;
        }
    }
}

static int turn(struct loop *loop)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(loop->epoll, events, EVENTS, -1);

    if (n < 0) {
        return errno == EINTR ? 0 : -errno;
    }
    for (int i = 0; i < n; i++) {
        int fd = events[i].data.fd;

        if (fd == loop->stop) {
            return 1;
        }
        if (fd == loop->listener) {
            accept_one(loop);
        } else {
            serve(loop, fd);
        }
    }
    return 0;
}

/* Whether this descriptor is one of our connections: it is in our epoll set. */
static void close_all(struct loop *loop)
{
    for (int fd = 0; fd <= loop->highest; fd++) {
        if (fd != loop->listener && fd != loop->stop &&
            epoll_ctl(loop->epoll, EPOLL_CTL_DEL, fd, NULL) == 0) {
            close(fd);
        }
    }
}

int perf_floor_serve(int listener, int stop)
{
    struct loop loop = {.listener = listener, .stop = stop};
    int rc;

    loop.seen = calloc(DESCRIPTORS, 1);
    loop.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (loop.epoll < 0 || loop.seen == NULL) {
        rc = loop.epoll < 0 ? -errno : -ENOMEM;
    } else {
        rc = add(&loop, listener);
        if (stop >= 0 && rc == 0) {
            rc = add(&loop, stop);
        }
        rc = rc != 0 ? -errno : 0;
        while (rc == 0) {
            rc = turn(&loop);
        }
        close_all(&loop);
    }
    if (loop.epoll >= 0) {
        close(loop.epoll);
    }
    free(loop.seen);
    return rc < 0 ? rc : 0;
}
