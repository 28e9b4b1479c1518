// SPDX-License-Identifier: MIT
/*
 * The real driver of sched/driver.h: how a worker sleeps in epoll, and is
 * woken.
 *
 * The sleep word: AWAKE while the owner looks after itself, ASLEEP in or just
 * before epoll, NOTIFIED if somebody wants it awake. Only who turns ASLEEP into
 * NOTIFIED pays for the eventfd. That is edge-triggered, so nobody reads it.
 */
#include "loop/engine.h"
#include "loop/signals.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 128

enum { AWAKE, ASLEEP, NOTIFIED };

/* Opening */

static int engine_asked(const weft_options *options)
{
    const char *text = getenv("WEFT_ENGINE");
    if (text == NULL || *text == '\0')
        return (int)options->engine;
    if (strcmp(text, "epoll") == 0)
        return WEFT_ENGINE_EPOLL;
    if (strcmp(text, "uring") == 0)
        return WEFT_ENGINE_URING;
    return strcmp(text, "auto") == 0 ? WEFT_ENGINE_AUTO : -EINVAL;
}

/* Meant for the owner: a worker that looks after this loop rings again. */
static void on_bell(struct weft__source *bell, uint32_t events)
{
    (void)events;
    if (weft__worker_self() != weft__loop_owner(bell->loop))
        weft__os->event_set(bell->fd);
}

static int open_poll(struct weft__loop *loop)
{
    struct weft__engine *engine = weft__engine_of(loop);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET,
                                .data.ptr = &engine->bell};
    long fd = weft__os->poll_open();
    if (fd < 0)
        return (int)fd;
    engine->epfd = (int)fd;
    fd = weft__os->event_open();
    if (fd < 0)
        return (int)fd;
    engine->bell =
        (struct weft__source){.ready = on_bell, .loop = loop, .fd = (int)fd};
    return (int)weft__os->poll_ctl(engine->epfd, EPOLL_CTL_ADD, (int)fd,
                                   &event);
}

/* The off switch comes first: with it not even the probe touches io_uring. */
static int open_files(struct weft__loop *loop, int asked)
{
    if (asked == WEFT_ENGINE_EPOLL)
        return 0;
    int rc = weft__uring_open(loop);
    if (rc < 0 && asked == WEFT_ENGINE_AUTO)
        return 0;
    return rc < 0 ? -WEFT_ENOTSUP : 0;
}

static void driver_close(struct weft__loop *loop)
{
    struct weft__engine *engine = weft__engine_of(loop);
    if (engine->kind == WEFT_ENGINE_URING)
        weft__os->ring_close(&engine->ring);
    weft__source_close_all(engine);
    if (engine->bell.fd >= 0)
        weft__os->close(engine->bell.fd);
    if (engine->epfd >= 0)
        weft__os->close(engine->epfd);
    weft__mem_free(engine);
    loop->engine = NULL;
}

static int driver_open(struct weft__loop *loop, const weft_options *options)
{
    int asked = engine_asked(options);
    if (asked < 0)
        return asked;
    struct weft__engine *engine = weft__mem_alloc(1, sizeof(*engine));
    if (engine == NULL)
        return -ENOMEM;
    engine->epfd = -1;
    engine->bell.fd = -1;
    engine->kind = WEFT_ENGINE_EPOLL;
    loop->engine = engine;
    int rc = open_poll(loop);
    if (rc == 0)
        rc = open_files(loop, asked);
    if (rc < 0)
        driver_close(loop);
    return rc;
}

/* Events */

static unsigned dispatch(struct weft__loop *loop, struct weft__worker *worker,
                         int64_t timeout)
{
    struct epoll_event events[BATCH];
    struct weft__engine *engine = weft__engine_of(loop);
    long n = weft__os->poll_wait(engine->epfd, events, BATCH, timeout);
    if (timeout != 0)
        weft__xchg_sc(&engine->sleep, AWAKE); /* pairs with wake() */
    weft__count(worker, polls);
    for (long i = 0; i < n; i++) {
        struct weft__source *source = events[i].data.ptr;
        source->ready(source, events[i].events);
    }
    if (n <= 0)
        return 0; /* interrupted, or no memory: the next look will tell */
    weft__count_n(worker, io_events, (uint64_t)n);
    return (unsigned)n;
}

static unsigned driver_poll(struct weft__loop *loop,
                            struct weft__worker *worker)
{
    return dispatch(loop, worker, 0);
}

static int64_t timeout_until(int64_t until)
{
    if (until == INT64_MAX)
        return -1;
    int64_t now = weft__os->now();
    return until > now ? until - now : 0; /* the past may be any number */
}

static void driver_wait(struct weft__loop *loop, struct weft__worker *worker,
                        int64_t until)
{
    struct weft__engine *engine = weft__engine_of(loop);
    int64_t timeout = timeout_until(until);
    uint32_t awake = AWAKE;
    if (timeout != 0 && !weft__cas_sc(&engine->sleep, &awake, ASLEEP)) {
        weft__xchg_sc(&engine->sleep, AWAKE); /* notified: pairs with wake() */
        timeout = 0;
    }
    dispatch(loop, worker, timeout);
}

static void driver_wake(struct weft__loop *loop)
{
    struct weft__engine *engine = weft__engine_of(loop);
    /* Pairs with the swaps of wait: it sleeps and gets the event, or it has
     * not slept yet and will not. */
    if (weft__xchg_sc(&engine->sleep, NOTIFIED) == ASLEEP)
        weft__os->event_set(engine->bell.fd);
}

static bool driver_watching(struct weft__loop *loop)
{
    struct weft__engine *engine = weft__engine_of(loop);
    return weft__load_relaxed(&engine->watched) > 0 ||
           weft__load_relaxed(&engine->in_flight) > 0;
}

static bool driver_ready(struct weft__loop *loop)
{
    return driver_watching(loop) &&
           weft__os->poll_ready(weft__engine_of(loop)->epfd) > 0;
}

static enum weft_engine driver_engine(struct weft__loop *loop)
{
    return weft__engine_of(loop)->kind;
}

static unsigned driver_features(struct weft__loop *loop)
{
    return weft__engine_of(loop)->ring.features;
}

const struct weft__driver weft__loop_driver = {
    .open = driver_open,
    .close = driver_close,
    .poll = driver_poll,
    .wait = driver_wait,
    .wake = driver_wake,
    .watching = driver_watching,
    .ready = driver_ready,
    .engine = driver_engine,
    .features = driver_features,
    .signals_open = weft__signals_open,
    .signals_close = weft__signals_close,
};
