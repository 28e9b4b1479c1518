// SPDX-License-Identifier: MIT
/*
 * TCP connections: the call is tried first, and waited for only if the kernel
 * said it would block. After a short read the next one does not ask again
 * before an edge has come, unless the peer has hung up: its end could be
 * queued behind the bytes that were read.
 */
#include "loop/tcp.h"

#include "loop/address.h"
#include "sched/debug.h"

#include <errno.h>
#include <netinet/tcp.h>

#define AWAY 4 /* reads on another loop's worker before it moves there */

enum { CLOSED = 1, READING = 2, WRITING = 4, USER = 8 }; /* of ->use */

/* Life */

static void on_event(struct weft__source *source, uint32_t events)
{
    weft_tcp *tcp = weft__container_of(source, weft_tcp, source);
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        weft__store_relaxed(&tcp->hangup, true); /* signal() publishes it */
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        weft__readiness_signal(&tcp->readable);
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        weft__readiness_signal(&tcp->writable);
}

int weft__tcp_open(struct weft__loop *loop, int fd, weft_tcp **out)
{
    int on = 1;
    struct weft__source *source =
        weft__source_take(loop, WEFT__SOURCE_TCP, on_event, NULL);
    if (source == NULL) {
        weft__os->close(fd);
        return -ENOMEM;
    }
    weft_tcp *tcp = weft__container_of(source, weft_tcp, source);
    tcp->drained = false;
    tcp->away = 0;
    weft__store_relaxed(&tcp->use, USER); /* the handle itself */
    weft__store_relaxed(&tcp->hangup, false);
    weft__store_relaxed(&tcp->readable, 0);
    weft__store_relaxed(&tcp->writable, 0);
    weft__os->setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    int rc = weft__source_open(source, loop, fd);
    if (rc < 0) {
        weft__os->close(fd);
        weft__source_close(source);
        return rc;
    }
    *out = tcp;
    return 0;
}

void weft__tcp_opened(weft_tcp *tcp, const void *site)
{
    weft__debug_opened(tcp, tcp->source.loop->rt, "connection", tcp->source.fd,
                       site);
}

static void done_with(weft_tcp *tcp, uint32_t what)
{
    /* Orders all calls before the close. */
    if (weft__fetch_sub(&tcp->use, what) == (what | CLOSED))
        weft__source_close(&tcp->source);
}

static void check(weft_tcp *tcp, const char *who)
{
    if (tcp->source.loop->rt != weft__worker_self()->rt)
        weft__debug_misuse(who, WEFT__FOREIGN);
}

/* To read or to write; what is the reader's own is its alone until then. */
static int begin(weft_tcp *tcp, uint32_t what, const char *who)
{
    int rc = weft__task_check_for(who);
    if (rc < 0)
        return rc;
    if (weft__debug_on())
        check(tcp, who);
    uint32_t seen = weft__load_relaxed(&tcp->use);
    do {
        if (seen & CLOSED)
            return -WEFT_ECLOSED;
        if (seen & what)
            return -WEFT_EBUSY;
        /* Pairs with weft_tcp_close(): we hold the descriptor, or see it
         * closed; and with done_with() of the one before. */
    } while (!weft__cas_weak(&tcp->use, &seen, (seen | what) + USER));
    return 0;
}

void weft_tcp_close(weft_tcp *tcp)
{
    if (tcp == NULL)
        return;
    weft__debug_closed(tcp, __func__);
    weft__fetch_or(&tcp->use, CLOSED); /* pairs with begin() */
    weft__readiness_close(&tcp->readable);
    weft__readiness_close(&tcp->writable);
    done_with(tcp, USER);
}

int weft_tcp_fd(const weft_tcp *tcp)
{
    return tcp->source.fd;
}

int weft_tcp_shutdown(weft_tcp *tcp, enum weft_shutdown how)
{
    static const int hows[] = {SHUT_RD, SHUT_WR, SHUT_RDWR};
    if ((unsigned)how >= weft__count_of(hows))
        return -EINVAL;
    return (int)weft__os->shutdown(tcp->source.fd, hows[how]);
}

/* Connecting */

static int socket_error(weft_tcp *tcp)
{
    int error = 0;
    socklen_t size = sizeof(error);
    long rc = weft__os->getsockopt(tcp->source.fd, SOL_SOCKET, SO_ERROR, &error,
                                   &size);
    return rc < 0 ? (int)rc : -error;
}

/* An edge may come before the outcome is known: then there is no peer yet. */
static int wait_connected(weft_tcp *tcp, const struct weft__address *to)
{
    for (;;) {
        int rc = weft__readiness_wait(
            &tcp->writable,
            weft__waits(WEFT_WAITS_WRITABLE, (uint64_t)tcp->source.fd));
        if (rc == 0)
            rc = socket_error(tcp);
        if (rc < 0)
            return rc;
        long again = weft__os->connect(tcp->source.fd, &to->any, to->size);
        if (again == 0 || again == -EISCONN)
            return 0;
        if (again != -EALREADY && again != -EINPROGRESS && again != -EINTR)
            return (int)again;
    }
}

int weft_tcp_connect(weft_tcp **out, const char *text, uint16_t port)
{
    struct weft__address to;
    weft_tcp *tcp;
    int rc = weft__task_check();
    if (rc == 0)
        rc = weft__address_parse(&to, text, port);
    if (rc < 0)
        return rc;
    long fd = weft__os->socket(to.any.sa_family, SOCK_STREAM, 0);
    if (fd < 0)
        return (int)fd;
    rc = (int)weft__os->connect((int)fd, &to.any, to.size);
    bool waits = rc == -EINPROGRESS || rc == -EINTR;
    if (rc < 0 && !waits) {
        weft__os->close((int)fd);
        return rc;
    }
    rc = weft__tcp_open(weft__worker_self()->loop, (int)fd, &tcp);
    if (rc < 0)
        return rc;
    weft__tcp_opened(tcp, weft__debug_site());
    rc = waits ? wait_connected(tcp, &to) : 0;
    if (rc < 0)
        weft_tcp_close(tcp);
    else
        *out = tcp;
    return rc;
}

/* Reading and writing */

/* Its task has been run elsewhere several times: its loop's worker has more
 * than it can do. Take the events there, too. */
static void follow(weft_tcp *tcp)
{
    struct weft__loop *here = weft__worker_self()->loop;
    if (weft__likely(here == tcp->source.at))
        tcp->away = 0;
    else if (++tcp->away >= AWAY) {
        tcp->away = 0;
        weft__source_move(&tcp->source, here);
    }
}

static long try_read(weft_tcp *tcp, void *buffer, size_t size)
{
    for (;;) {
        if (tcp->drained) {
            follow(tcp);
            int rc = weft__readiness_wait(
                &tcp->readable,
                weft__waits(WEFT_WAITS_READABLE, (uint64_t)tcp->source.fd));
            if (rc < 0)
                return rc;
            tcp->drained = false;
        }
        long got = weft__os->recv(tcp->source.fd, buffer, size, MSG_DONTWAIT);
        if (got == -EAGAIN) {
            tcp->drained = true;
            continue;
        }
        if (got == -EINTR)
            continue;
        tcp->drained =
            got > 0 && (size_t)got < size && !weft__load_relaxed(&tcp->hangup);
        return got;
    }
}

ssize_t weft_tcp_read(weft_tcp *tcp, void *buffer, size_t size)
{
    int rc = begin(tcp, READING, __func__);
    if (rc < 0)
        return rc;
    long got = size > 0 ? try_read(tcp, buffer, size) : 0;
    /* Sent to look again as we were closed, it may have found that the other
     * end is gone, too: what counts came first. Pairs with the close. */
    if (weft__unlikely(got <= 0) && size > 0 &&
        (weft__load_acquire(&tcp->use) & CLOSED))
        got = -WEFT_ECLOSED;
    done_with(tcp, USER | READING);
    weft__io_give_way();
    return got;
}

static long try_write(weft_tcp *tcp, const char *buffer, size_t size)
{
    size_t sent = 0;
    long rc = 0;
    while (sent < size && rc >= 0) {
        rc = weft__os->send(tcp->source.fd, buffer + sent, size - sent,
                            MSG_DONTWAIT);
        if (rc > 0)
            sent += (size_t)rc;
        else if (rc == -EAGAIN)
            rc = weft__readiness_wait(
                &tcp->writable,
                weft__waits(WEFT_WAITS_WRITABLE, (uint64_t)tcp->source.fd));
        else if (rc == -EINTR)
            rc = 0;
    }
    return sent > 0 ? (long)sent : rc;
}

ssize_t weft_tcp_write(weft_tcp *tcp, const void *buffer, size_t size)
{
    int rc = begin(tcp, WRITING, __func__);
    if (rc < 0)
        return rc;
    long sent = try_write(tcp, buffer, size);
    done_with(tcp, USER | WRITING);
    weft__io_give_way();
    return sent;
}
