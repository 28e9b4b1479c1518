// SPDX-License-Identifier: MIT
/*
 * Task descriptors: 256 bytes each, type-stable as long as the pool lives (a
 * late wake of an ended task touches a descriptor, never something else).
 *
 * Each worker has a free list of its own; refills and overflows go through
 * shards, one for each loop, which foreign threads use directly. Between worker
 * and shard go whole batches, untouched (Bonwick and Adams, "Magazines and
 * Vmem", USENIX 2001). A descriptor may outlive its runtime in the hands of a
 * foreign thread: then the pool stays until the last one comes back.
 */
#ifndef WEFT_SCHED_POOL_H
#define WEFT_SCHED_POOL_H

#include "sched/coro.h"
#include "sched/lock.h"

#define WEFT__TASK_SIZE 256

#define WEFT__SLAB_SIZE ((size_t)64 << 10)

/* Aligned to its size, so a descriptor finds its slab by its address. */
struct weft__pool_slab {
    struct weft__pool *pool;
    struct weft__pool_slab *next;
};

struct weft__pool_shard {
    WEFT__APART struct weft__spin lock;
    struct weft__coro *free;    /* chained by ->link; under the lock */
    struct weft__coro *batches; /* their heads, by ->sp; the same */
    size_t count;               /* all of both; the same */
};

/* A worker's own free list, and a batch in hand. Owner only. */
struct weft__pool_cache {
    struct weft__coro *free; /* chained by ->link */
    unsigned count;          /* of these: less than a batch, at rest */
    struct weft__coro *batch;
};

struct weft__pool {
    struct weft__spin lock;
    struct weft__pool_slab *slabs; /* grows at the head; never shrinks */
    /* The slab found last by weft__pool_has(): mostly it is that again. */
    _Atomic(struct weft__pool_slab *) found;
    unsigned shards;
    struct weft_runtime *rt;  /* fixed; for the descriptors */
    bool closed;              /* the runtime is gone; under the lock */
    _Atomic(uint32_t) wakers; /* threads of no worker of it that are waking one
                                 of its tasks: its loops must stay */
    size_t out;               /* descriptors not back; meaningful once closed */
    struct weft__pool_shard shard[];
};

struct weft__pool *weft__pool_new(struct weft_runtime *, unsigned shards);

/** The runtime is gone. Frees the pool now, or with the last descriptor. */
void weft__pool_close(struct weft__pool *);

/** A descriptor from a worker's list, refilled from its shard; or NULL. */
struct weft__coro *weft__pool_refill(struct weft__pool *, unsigned index,
                                     struct weft__pool_cache *);

/** The worker's list is a whole batch: it is for the hand, or the shard. */
void weft__pool_spill(struct weft__pool *, unsigned index,
                      struct weft__pool_cache *);

/** Take one, or give one back, from a thread that is no worker of the pool's
 * runtime. */
struct weft__coro *weft__pool_take(struct weft__pool *, unsigned index);
void weft__pool_give(struct weft__coro *);

/** Give all of a worker's list back: the worker ends. */
void weft__pool_drain(struct weft__pool *, unsigned index,
                      struct weft__pool_cache *);

/** The pool a descriptor came from. */
static inline struct weft__pool *weft__pool_of(struct weft__coro *coro)
{
    uintptr_t slab = (uintptr_t)coro & ~(WEFT__SLAB_SIZE - 1);
    return ((struct weft__pool_slab *)slab)->pool;
}

/** Is it the address of one of the pool's descriptors, in use or not? It need
 * not be the address of anything. */
bool weft__pool_has(struct weft__pool *, const void *);

/** Call `visit` for every descriptor there is, in use or not. */
void weft__pool_each(struct weft__pool *,
                     void (*visit)(struct weft__coro *, void *), void *arg);

#define WEFT__POOL_BATCH 256

static inline struct weft__coro *
weft__pool_alloc(struct weft__pool *pool, unsigned index,
                 struct weft__pool_cache *cache)
{
    struct weft__coro *coro = cache->free;
    if (weft__unlikely(coro == NULL))
        return weft__pool_refill(pool, index, cache);
    struct weft__link *next = coro->link.next;
    cache->free = next ? weft__coro_of_link(next) : NULL;
    cache->count--;
    return coro;
}

static inline void weft__pool_free(struct weft__pool *pool, unsigned index,
                                   struct weft__pool_cache *cache,
                                   struct weft__coro *coro)
{
    coro->link.next = cache->free ? &cache->free->link : NULL;
    cache->free = coro;
    if (weft__unlikely(++cache->count == WEFT__POOL_BATCH))
        weft__pool_spill(pool, index, cache);
}

#endif
