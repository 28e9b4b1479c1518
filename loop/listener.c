// SPDX-License-Identifier: MIT
/*
 * TCP listeners: one socket for each loop, sharing the port, so the kernel
 * spreads connections over the loops and no two workers meet at one queue.
 *
 * A socket is hot from an edge until an accept finds it empty. Waiting accepts
 * are a list; an edge, and each accept that leaves a hot socket behind, wakes
 * the oldest. One that was woken and then finds itself cancelled passes it on.
 */
#include "loop/address.h"
#include "loop/tcp.h"
#include "sched/debug.h"

#include <errno.h>
#include <weft/time.h>

#define BACKLOG 4096
#define BACK_OFF WEFT_MS(50) /* out of descriptors or memory */

struct queue {
    struct weft__source source;
    struct weft__lock lock;      /* of the next one */
    weft_tcp_listener *listener; /* NULL: gone; an event may come late */
    _Atomic(bool) hot; /* set by edges and accepts, cleared before an accept */
};

_Static_assert(sizeof(struct queue) <= WEFT__SOURCE_SIZE, "fits a source");

struct waiter {
    struct waiter *next;
    struct weft__coro *coro;
};

struct weft_tcp_listener {
    struct weft__retired retired;
    struct weft__loop *home; /* keeps the memory, when it is gone */
    struct weft__lock lock;
    struct waiter *first; /* oldest first; under the lock */
    _Atomic(bool) closed; /* written under the lock */
    unsigned users;       /* the handle and accepts; under the lock */
    uint16_t port;
    unsigned queues;
    struct queue *queue[];
};

/* Waking */

static void wake_one(weft_tcp_listener *listener)
{
    weft__lock(&listener->lock);
    struct waiter *waiter = listener->first;
    struct weft__coro *coro = waiter ? waiter->coro : NULL;
    if (waiter != NULL)
        listener->first = waiter->next;
    weft__unlock(&listener->lock);
    if (coro != NULL)
        weft__sched_wake(coro, WEFT__WAKE_NOTIFY);
}

static void on_event(struct weft__source *source, uint32_t events)
{
    struct queue *queue = weft__container_of(source, struct queue, source);
    (void)events;
    weft__lock(&queue->lock);
    weft__store_release(&queue->hot, true); /* pairs with take() */
    if (queue->listener != NULL)
        wake_one(queue->listener);
    weft__unlock(&queue->lock);
}

/* After this no event finds the listener that was there. */
static void set_listener(struct queue *queue, weft_tcp_listener *listener)
{
    weft__lock(&queue->lock);
    queue->listener = listener;
    weft__unlock(&queue->lock);
}

static bool any_hot(weft_tcp_listener *listener)
{
    for (unsigned i = 0; i < listener->queues; i++)
        if (weft__load_acquire(&listener->queue[i]->hot))
            return true; /* pairs with on_event() */
    return false;
}

/* Life */

static void free_listener(weft_tcp_listener *listener)
{
    for (unsigned i = 0; i < listener->queues; i++) {
        struct queue *queue = listener->queue[i];
        if (queue == NULL)
            continue;
        set_listener(queue, NULL);
        weft__source_close(&queue->source);
        listener->queue[i] = NULL;
    }
    weft__listener_retire(listener->home, &listener->retired);
}

/* The runtime ends with it open: its last queue takes the listener along. */
static void on_left(struct weft__source *source)
{
    struct queue *queue = weft__container_of(source, struct queue, source);
    if (--queue->listener->queues == 0)
        weft__mem_free(queue->listener);
}

static void done_with(weft_tcp_listener *listener)
{
    weft__lock(&listener->lock);
    bool last = --listener->users == 0;
    weft__unlock(&listener->lock);
    if (last)
        free_listener(listener);
}

static int set_option(int fd, int option)
{
    int on = 1;
    return (int)weft__os->setsockopt(fd, SOL_SOCKET, option, &on, sizeof(on));
}

/* Any may follow upon a server whose last connections still linger. */
static int bind_to(int fd, const struct weft__address *at, bool first)
{
    int rc = set_option(fd, SO_REUSEADDR);
    if (rc == 0 && !first)
        rc = set_option(fd, SO_REUSEPORT);
    return rc == 0 ? (int)weft__os->bind(fd, &at->any, at->size) : rc;
}

/* Sockets that share a port do not notice another program on it. So the first
 * one, which also finds a free port if any will do, shares it only when it
 * listens: no other first one can from then on. */
static int listen_at(int fd, struct weft__address *at, bool first)
{
    socklen_t size = at->size;
    int rc = bind_to(fd, at, first);
    if (rc == 0)
        rc = (int)weft__os->listen(fd, BACKLOG);
    if (rc == 0 && first)
        rc = set_option(fd, SO_REUSEPORT);
    if (rc == 0 && first)
        rc = (int)weft__os->getsockname(fd, &at->any, &size);
    return rc;
}

static int open_queue(weft_tcp_listener *listener, struct weft__loop *loop,
                      struct weft__address *at)
{
    struct weft__source *source =
        weft__source_take(loop, WEFT__SOURCE_QUEUE, on_event, on_left);
    if (source == NULL)
        return -ENOMEM;
    struct queue *queue = weft__container_of(source, struct queue, source);
    listener->queue[loop->index] = queue;
    set_listener(queue, listener);
    weft__store_relaxed(&queue->hot, false);
    long fd = weft__os->socket(at->any.sa_family, SOCK_STREAM, 0);
    if (fd < 0)
        return (int)fd;
    int rc = listen_at((int)fd, at, loop->index == 0);
    if (rc == 0)
        rc = weft__source_open(source, loop, (int)fd);
    if (rc < 0)
        weft__os->close((int)fd);
    return rc;
}

/* All of a runtime have as many queues, so the memory fits the next one. */
static weft_tcp_listener *new_listener(struct weft_runtime *rt)
{
    struct weft__loop *home = &rt->loop[0];
    size_t queues = rt->workers * sizeof(struct queue *);
    struct weft__retired *gone = weft__listener_reuse(home);
    weft_tcp_listener *listener =
        gone ? weft__container_of(gone, weft_tcp_listener, retired)
             : weft__mem_alloc(1, sizeof(*listener) + queues);
    if (listener == NULL)
        return NULL;
    weft__lock(&listener->lock);
    listener->home = home;
    listener->users = 1;
    listener->queues = rt->workers;
    weft__store_relaxed(&listener->closed, false);
    weft__unlock(&listener->lock);
    return listener;
}

int weft_tcp_listen(weft_tcp_listener **out, const char *text, uint16_t port)
{
    struct weft__address at;
    int rc = weft__task_check();
    if (rc == 0)
        rc = weft__address_parse(&at, text, port);
    if (rc < 0)
        return rc;
    struct weft_runtime *rt = weft__worker_self()->rt;
    weft_tcp_listener *listener = new_listener(rt);
    if (listener == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < rt->workers && rc == 0; i++)
        rc = open_queue(listener, &rt->loop[i], &at);
    if (rc < 0) {
        free_listener(listener);
        return rc;
    }
    listener->port = weft__address_port(&at);
    weft__debug_opened(listener, rt, "listener at port", listener->port,
                       weft__debug_site());
    *out = listener;
    return 0;
}

uint16_t weft_tcp_listener_port(const weft_tcp_listener *listener)
{
    return listener->port;
}

void weft_tcp_listener_close(weft_tcp_listener *listener)
{
    if (listener == NULL)
        return;
    weft__debug_closed(listener, __func__);
    weft__lock(&listener->lock);
    weft__store_relaxed(&listener->closed, true);
    struct waiter *waiting = listener->first;
    listener->first = NULL;
    weft__unlock(&listener->lock);
    while (waiting != NULL) {
        struct waiter *next = waiting->next;
        weft__sched_wake(waiting->coro, WEFT__WAKE_NOTIFY);
        waiting = next;
    }
    done_with(listener);
}

/* Accepting */

/* Where a new connection is watched: on the first loop whose worker is not
 * overloaded. Few busy workers with big batches of events cost less than many
 * with small ones; what is too much for them moves on (tcp.c, follow()). */
static struct weft__loop *choose_loop(struct weft__loop *fallback)
{
    struct weft_runtime *rt = fallback->rt;
    for (unsigned i = 0; i < rt->workers; i++)
        if (!weft__load_relaxed(&weft__loop_owner(&rt->loop[i])->giving))
            return &rt->loop[i];
    return fallback;
}

/* One connection of one queue: 0, -EAGAIN, or why not. */
static int take(struct queue *queue, weft_tcp **out)
{
    if (!weft__load_relaxed(&queue->hot))
        return -EAGAIN;
    /* Before the accept: an edge that comes now is not lost. Pairs with
     * on_event(). */
    weft__xchg(&queue->hot, false);
    long fd;
    do
        fd = weft__os->accept(queue->source.fd, NULL, NULL, 0);
    while (fd == -EINTR || fd == -ECONNABORTED || fd == -EPROTO);
    if (fd == -EAGAIN)
        return -EAGAIN;
    weft__store_release(&queue->hot, true); /* there may be more */
    return fd < 0
               ? (int)fd
               : weft__tcp_open(choose_loop(queue->source.loop), (int)fd, out);
}

/* One connection of any queue, the own loop's first. */
static int take_any(weft_tcp_listener *listener, weft_tcp **out)
{
    unsigned own = weft__worker_self()->loop->index;
    for (unsigned i = 0; i < listener->queues; i++) {
        unsigned at = (own + i) % listener->queues;
        int rc = take(listener->queue[at], out);
        if (rc != -EAGAIN)
            return rc;
    }
    return -EAGAIN;
}

static bool unlist(weft_tcp_listener *listener, struct waiter *waiter)
{
    weft__lock(&listener->lock);
    struct waiter **link = &listener->first;
    while (*link != NULL && *link != waiter)
        link = &(*link)->next;
    bool found = *link != NULL;
    if (found)
        *link = waiter->next;
    weft__unlock(&listener->lock);
    return found;
}

/* Under the lock: 1 it waits, 0 try again, or closed. */
static int enlist(weft_tcp_listener *listener, struct waiter *waiter)
{
    if (weft__load_relaxed(&listener->closed))
        return -WEFT_ECLOSED;
    if (any_hot(listener))
        return 0;
    struct waiter **link = &listener->first;
    while (*link != NULL)
        link = &(*link)->next;
    *link = waiter;
    return 1;
}

static int wait_hot(weft_tcp_listener *listener)
{
    weft_future *self = weft__task_current();
    struct waiter waiter = {.coro = &self->coro};
    uint32_t mask = WEFT__WAKE_NOTIFY | WEFT__WAKE_INTERRUPT;
    weft__lock(&listener->lock);
    int rc = enlist(listener, &waiter);
    weft__unlock(&listener->lock);
    if (rc <= 0)
        return rc;
    uint64_t waits = weft__waits(WEFT_WAITS_READABLE,
                                 (uint64_t)listener->queue[0]->source.fd);
    while (!(weft__task_suspend(self, mask, waits) & WEFT__WAKE_NOTIFY)) {
        if (!weft__task_cancelled(self))
            continue;
        if (unlist(listener, &waiter))
            return -WEFT_ECANCELED;
        mask = WEFT__WAKE_NOTIFY; /* it is being woken */
    }
    return 0;
}

/* What the system lacks it may have again in a moment. */
static bool is_shortage(int rc)
{
    return rc == -EMFILE || rc == -ENFILE || rc == -ENOMEM || rc == -ENOBUFS ||
           rc == -ENOSPC;
}

static int accept_one(weft_tcp_listener *listener, weft_tcp **out)
{
    for (;;) {
        int rc = weft__task_check_for("weft_tcp_accept");
        if (rc < 0)
            return rc;
        if (weft__load_relaxed(&listener->closed))
            return -WEFT_ECLOSED;
        rc = take_any(listener, out);
        if (is_shortage(rc))
            rc = weft_sleep(BACK_OFF);
        else if (rc == -EAGAIN)
            rc = wait_hot(listener);
        else
            return rc;
        if (rc < 0)
            return rc;
    }
}

int weft_tcp_accept(weft_tcp_listener *listener, weft_tcp **out)
{
    int rc = weft__task_check();
    if (rc < 0)
        return rc;
    if (weft__debug_on() && listener->home->rt != weft__worker_self()->rt)
        weft__debug_misuse(__func__, WEFT__FOREIGN);
    weft__lock(&listener->lock);
    bool closed = weft__load_relaxed(&listener->closed);
    listener->users += !closed;
    weft__unlock(&listener->lock);
    if (closed)
        return -WEFT_ECLOSED;
    rc = accept_one(listener, out);
    if (rc == 0)
        weft__tcp_opened(*out, weft__debug_site());
    if (any_hot(listener))
        wake_one(listener); /* more to take, or our wake was for another */
    done_with(listener);
    weft__io_give_way();
    return rc;
}
