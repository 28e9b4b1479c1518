// SPDX-License-Identifier: MIT
/* Sources: their memory, and their registration with epoll. */
#include "loop/engine.h"

#include <errno.h>

#define PER_SLAB 63

struct weft__source_slab {
    WEFT__APART struct weft__source_slab *next;
    WEFT__APART char place[PER_SLAB][WEFT__SOURCE_SIZE];
};

/* Under the lock. */
static bool grow(struct weft__engine *engine, const struct weft__source *like)
{
    struct weft__source_slab *slab =
        weft__mem_alloc_at(2 * WEFT__LINE, sizeof(*slab));
    if (slab == NULL)
        return false;
    slab->next = engine->slabs;
    engine->slabs = slab;
    for (size_t i = 0; i < PER_SLAB; i++) {
        struct weft__source *source = (void *)slab->place[i];
        *source = *like;
        source->next = engine->free[like->kind];
        engine->free[like->kind] = source;
    }
    return true;
}

struct weft__source *
weft__source_take(struct weft__loop *loop, enum weft__source_kind kind,
                  void (*ready)(struct weft__source *, uint32_t events),
                  void (*left)(struct weft__source *))
{
    struct weft__source fresh = {
        .ready = ready, .left = left, .loop = loop, .fd = -1, .kind = kind};
    struct weft__engine *engine = weft__engine_of(loop);
    struct weft__source *source = NULL;
    weft__lock(&engine->lock);
    if (engine->free[kind] != NULL || grow(engine, &fresh)) {
        source = engine->free[kind];
        engine->free[kind] = source->next;
    }
    weft__unlock(&engine->lock);
    return source;
}

static int watch(struct weft__source *source, struct weft__loop *at)
{
    struct weft__engine *engine = weft__engine_of(at);
    struct epoll_event event = {
        .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
        .data.ptr = source,
    };
    weft__fetch_add_relaxed(&engine->watched, 1);
    int rc = (int)weft__os->poll_ctl(engine->epfd, EPOLL_CTL_ADD, source->fd,
                                     &event);
    if (rc < 0)
        weft__fetch_sub(&engine->watched, 1);
    else
        source->at = at;
    return rc;
}

int weft__source_open(struct weft__source *source, struct weft__loop *at,
                      int fd)
{
    source->fd = fd;
    int rc = watch(source, at);
    if (rc < 0)
        source->fd = -1;
    return rc;
}

/* The new registration reports what is ready now, so what came between the two
 * is not lost; and it comes first, so that there is always one. */
void weft__source_move(struct weft__source *source, struct weft__loop *to)
{
    struct weft__engine *from = weft__engine_of(source->at);
    if (watch(source, to) < 0)
        return;
    weft__os->poll_ctl(from->epfd, EPOLL_CTL_DEL, source->fd, NULL);
    weft__fetch_sub(&from->watched, 1);
}

void weft__source_close(struct weft__source *source)
{
    struct weft__engine *engine = weft__engine_of(source->loop);
    if (source->fd >= 0) {
        weft__os->close(source->fd);
        weft__fetch_sub(&weft__engine_of(source->at)->watched, 1);
    }
    weft__lock(&engine->lock);
    source->fd = -1;
    source->next = engine->free[source->kind];
    engine->free[source->kind] = source;
    weft__unlock(&engine->lock);
}

void weft__listener_retire(struct weft__loop *loop,
                           struct weft__retired *retired)
{
    struct weft__engine *engine = weft__engine_of(loop);
    weft__lock(&engine->lock);
    retired->next = engine->retired;
    engine->retired = retired;
    weft__unlock(&engine->lock);
}

struct weft__retired *weft__listener_reuse(struct weft__loop *loop)
{
    struct weft__engine *engine = weft__engine_of(loop);
    weft__lock(&engine->lock);
    struct weft__retired *retired = engine->retired;
    if (retired != NULL)
        engine->retired = retired->next;
    weft__unlock(&engine->lock);
    return retired;
}

static void free_retired(struct weft__engine *engine)
{
    while (engine->retired != NULL) {
        struct weft__retired *next = engine->retired->next;
        weft__mem_free(engine->retired);
        engine->retired = next;
    }
}

void weft__source_close_all(struct weft__engine *engine)
{
    free_retired(engine);
    struct weft__source_slab *slab = engine->slabs;
    while (slab != NULL) {
        struct weft__source_slab *next = slab->next;
        for (size_t i = 0; i < PER_SLAB; i++) {
            struct weft__source *source = (void *)slab->place[i];
            if (source->fd < 0)
                continue;
            weft__os->close(source->fd);
            if (source->left != NULL)
                source->left(source);
        }
        weft__mem_free(slab);
        slab = next;
    }
    engine->slabs = NULL;
}
