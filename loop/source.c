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
static bool grow(struct weft__engine *engine)
{
    struct weft__source_slab *slab =
        weft__mem_alloc_at(2 * WEFT__LINE, sizeof(*slab));
    if (slab == NULL)
        return false;
    slab->next = engine->slabs;
    engine->slabs = slab;
    for (size_t i = 0; i < PER_SLAB; i++) {
        struct weft__source *source = (void *)slab->place[i];
        source->fd = -1;
        source->next = engine->free;
        engine->free = source;
    }
    return true;
}

struct weft__source *weft__source_take(struct weft__loop *loop)
{
    struct weft__engine *engine = weft__engine_of(loop);
    struct weft__source *source = NULL;
    weft__lock(&engine->lock);
    if (engine->free != NULL || grow(engine)) {
        source = engine->free;
        engine->free = source->next;
        source->loop = loop;
    }
    weft__unlock(&engine->lock);
    return source;
}

int weft__source_open(struct weft__source *source, int fd)
{
    struct weft__engine *engine = weft__engine_of(source->loop);
    struct epoll_event event = {
        .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
        .data.ptr = source,
    };
    source->fd = fd;
    weft__fetch_add_relaxed(&engine->watched, 1);
    int rc = (int)weft__os->poll_ctl(engine->epfd, EPOLL_CTL_ADD, fd, &event);
    if (rc < 0) {
        weft__fetch_sub(&engine->watched, 1);
        source->fd = -1;
    }
    return rc;
}

void weft__source_close(struct weft__source *source)
{
    struct weft__engine *engine = weft__engine_of(source->loop);
    if (source->fd >= 0) {
        weft__os->close(source->fd);
        weft__fetch_sub(&engine->watched, 1);
    }
    weft__lock(&engine->lock);
    source->fd = -1;
    source->next = engine->free;
    engine->free = source;
    weft__unlock(&engine->lock);
}

void weft__source_close_all(struct weft__engine *engine)
{
    struct weft__source_slab *slab = engine->slabs;
    while (slab != NULL) {
        struct weft__source_slab *next = slab->next;
        for (size_t i = 0; i < PER_SLAB; i++) {
            struct weft__source *source = (void *)slab->place[i];
            if (source->fd >= 0)
                weft__os->close(source->fd);
        }
        weft__mem_free(slab);
        slab = next;
    }
    engine->slabs = NULL;
}
