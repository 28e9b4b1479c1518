// SPDX-License-Identifier: MIT
/* Task descriptors: see pool.h. */
#include "sched/pool.h"

#include "sched/debug.h"

#define KEPT 256 /* slabs of runtimes that have ended, in debug mode */
#define PER_SLAB ((WEFT__SLAB_SIZE - WEFT__TASK_SIZE) / WEFT__TASK_SIZE)

_Static_assert(sizeof(struct weft__pool_slab) <= WEFT__TASK_SIZE,
               "the header takes one descriptor's place");

static struct weft__coro *slot(struct weft__pool_slab *slab, size_t i)
{
    return (void *)((char *)slab + (i + 1) * WEFT__TASK_SIZE);
}

static void chain(struct weft__coro **head, struct weft__coro *coro)
{
    coro->link.next = *head ? &(*head)->link : NULL;
    *head = coro;
}

static struct weft__coro *unchain(struct weft__coro **head)
{
    struct weft__coro *coro = *head;
    if (coro != NULL)
        *head = coro->link.next ? weft__coro_of_link(coro->link.next) : NULL;
    return coro;
}

struct weft__pool *weft__pool_new(struct weft_runtime *rt, unsigned shards)
{
    struct weft__pool *pool = weft__mem_alloc_at(
        2 * WEFT__LINE,
        sizeof(*pool) + shards * sizeof(struct weft__pool_shard));
    if (pool == NULL)
        return NULL;
    pool->shards = shards;
    pool->rt = rt;
    return pool;
}

/* With debugging on, handles that are used too late must find it there. */
static void slab_free(struct weft__pool_slab *slab)
{
    static void *memory[KEPT];
    static struct weft__debug_kept kept = {memory, KEPT, 0};
    if (weft__debug_on())
        slab = weft__debug_keep(&kept, slab);
    if (slab != NULL)
        weft__os->unmap(slab, WEFT__SLAB_SIZE);
}

static void pool_free(struct weft__pool *pool)
{
    for (struct weft__pool_slab *slab = pool->slabs, *next; slab; slab = next) {
        next = slab->next;
        slab_free(slab);
    }
    weft__mem_free(pool);
}

/* One more slab, all of it into the shard. Under the shard's lock. */
static bool grow(struct weft__pool *pool, struct weft__pool_shard *shard)
{
    void *at = NULL;
    if (weft__os->map(WEFT__SLAB_SIZE, WEFT__SLAB_SIZE, &at) < 0)
        return false;
    struct weft__pool_slab *slab = at;
    slab->pool = pool;
    for (size_t i = PER_SLAB; i-- > 0;) {
        slot(slab, i)->rt = pool->rt;
        chain(&shard->free, slot(slab, i));
    }
    shard->count += PER_SLAB;
    weft__spin_lock(&pool->lock);
    slab->next = pool->slabs;
    pool->slabs = slab;
    weft__spin_unlock(&pool->lock);
    return true;
}

/* Batches. Under the shard's lock. */

static void put_batch(struct weft__pool_shard *shard, struct weft__coro *batch)
{
    batch->sp = shard->batches;
    shard->batches = batch;
    shard->count += WEFT__POOL_BATCH;
}

static struct weft__coro *take_batch(struct weft__pool_shard *shard)
{
    struct weft__coro *batch = shard->batches;
    if (batch != NULL) {
        shard->batches = batch->sp;
        shard->count -= WEFT__POOL_BATCH;
    }
    return batch;
}

/* Of another shard, a batch or half of the others: tasks may be spawned here
 * for ever and end elsewhere. Under the locks of both. */
static void take_over(struct weft__pool_shard *shard,
                      struct weft__pool_shard *other)
{
    struct weft__coro *batch = take_batch(other);
    if (batch != NULL) {
        put_batch(shard, batch);
        return;
    }
    size_t half = (other->count + 1) / 2;
    for (size_t n = half < PER_SLAB ? half : PER_SLAB; n > 0; n--) {
        chain(&shard->free, unchain(&other->free));
        shard->count++;
        other->count--;
    }
}

/* Under the shard's lock, so the others are only tried. */
static bool borrow(struct weft__pool *pool, struct weft__pool_shard *shard)
{
    for (unsigned i = 0; i < pool->shards && shard->count == 0; i++) {
        struct weft__pool_shard *other = &pool->shard[i];
        if (other == shard || !weft__spin_try(&other->lock))
            continue;
        take_over(shard, other);
        weft__spin_unlock(&other->lock);
    }
    return shard->count > 0;
}

static bool has_some(struct weft__pool *pool, struct weft__pool_shard *shard)
{
    return shard->count > 0 || borrow(pool, shard) || grow(pool, shard);
}

/* Single ones first: a batch is worth more whole. */
static struct weft__coro *take_one(struct weft__pool_shard *shard)
{
    if (shard->free == NULL) {
        shard->free = take_batch(shard);
        shard->count += WEFT__POOL_BATCH;
    }
    shard->count--;
    return unchain(&shard->free);
}

struct weft__coro *weft__pool_take(struct weft__pool *pool, unsigned index)
{
    struct weft__pool_shard *shard = &pool->shard[index];
    weft__spin_lock(&shard->lock);
    struct weft__coro *coro = has_some(pool, shard) ? take_one(shard) : NULL;
    weft__spin_unlock(&shard->lock);
    return coro;
}

/* Workers */

/* Into an empty list, a batch or else as many as there are. */
static void fill(struct weft__pool_shard *shard, struct weft__pool_cache *cache)
{
    cache->free = take_batch(shard);
    if (cache->free != NULL) {
        cache->count = WEFT__POOL_BATCH;
        return;
    }
    while (cache->count < WEFT__POOL_BATCH && shard->free != NULL) {
        chain(&cache->free, unchain(&shard->free));
        shard->count--;
        cache->count++;
    }
}

struct weft__coro *weft__pool_refill(struct weft__pool *pool, unsigned index,
                                     struct weft__pool_cache *cache)
{
    struct weft__pool_shard *shard = &pool->shard[index];
    if (cache->batch != NULL) {
        cache->free = cache->batch;
        cache->batch = NULL;
        cache->count = WEFT__POOL_BATCH;
    } else {
        weft__spin_lock(&shard->lock);
        if (has_some(pool, shard))
            fill(shard, cache);
        weft__spin_unlock(&shard->lock);
    }
    struct weft__coro *coro = unchain(&cache->free);
    cache->count -= coro != NULL;
    return coro;
}

static void give_batch(struct weft__pool *pool, unsigned index,
                       struct weft__coro *batch)
{
    struct weft__pool_shard *shard = &pool->shard[index];
    weft__spin_lock(&shard->lock);
    put_batch(shard, batch);
    weft__spin_unlock(&shard->lock);
}

void weft__pool_spill(struct weft__pool *pool, unsigned index,
                      struct weft__pool_cache *cache)
{
    if (cache->batch != NULL)
        give_batch(pool, index, cache->batch);
    cache->batch = cache->free;
    cache->free = NULL;
    cache->count = 0;
}

void weft__pool_drain(struct weft__pool *pool, unsigned index,
                      struct weft__pool_cache *cache)
{
    struct weft__pool_shard *shard = &pool->shard[index];
    if (cache->batch != NULL)
        give_batch(pool, index, cache->batch);
    cache->batch = NULL;
    weft__spin_lock(&shard->lock);
    for (; cache->count > 0; cache->count--) {
        chain(&shard->free, unchain(&cache->free));
        shard->count++;
    }
    weft__spin_unlock(&shard->lock);
}

/* After the close, the pool lock orders the last ones coming back. */
static void give_closed(struct weft__pool *pool)
{
    weft__spin_lock(&pool->lock);
    bool last = pool->closed && --pool->out == 0;
    weft__spin_unlock(&pool->lock);
    if (last)
        pool_free(pool);
}

void weft__pool_give(struct weft__coro *coro)
{
    struct weft__pool *pool = weft__pool_of(coro);
    unsigned index = (unsigned)((uintptr_t)&pool >> 12) % pool->shards;
    struct weft__pool_shard *shard = &pool->shard[index];
    weft__spin_lock(&shard->lock);
    bool closed = pool->closed;
    chain(&shard->free, coro);
    shard->count++;
    weft__spin_unlock(&shard->lock);
    if (closed)
        give_closed(pool);
}

/* All shards are held, so nobody is between "not closed" and its chain(). */
void weft__pool_close(struct weft__pool *pool)
{
    size_t in = 0;
    size_t all = 0;
    for (unsigned i = 0; i < pool->shards; i++) {
        weft__spin_lock(&pool->shard[i].lock);
        in += pool->shard[i].count;
    }
    for (struct weft__pool_slab *slab = pool->slabs; slab; slab = slab->next)
        all += PER_SLAB;
    pool->closed = true;
    pool->out = all - in + 1; /* ours: until the last lock is left */
    for (unsigned i = pool->shards; i-- > 0;)
        weft__spin_unlock(&pool->shard[i].lock);
    give_closed(pool);
}

static struct weft__pool_slab *slabs_of(struct weft__pool *pool)
{
    weft__spin_lock(&pool->lock);
    struct weft__pool_slab *slab = pool->slabs;
    weft__spin_unlock(&pool->lock);
    return slab;
}

bool weft__pool_has(struct weft__pool *pool, const void *at)
{
    uintptr_t wanted = (uintptr_t)at & ~(WEFT__SLAB_SIZE - 1);
    struct weft__pool_slab *slab = weft__load_acquire(&pool->found); /* below */
    if ((uintptr_t)slab != wanted) {
        slab = slabs_of(pool);
        while (slab != NULL && (uintptr_t)slab != wanted)
            slab = slab->next;
        if (slab != NULL)
            weft__store_release(&pool->found, slab); /* the load above */
    }
    return slab != NULL && (uintptr_t)at != wanted &&
           ((uintptr_t)at - wanted) % WEFT__TASK_SIZE == 0;
}

void weft__pool_each(struct weft__pool *pool,
                     void (*visit)(struct weft__coro *, void *), void *arg)
{
    struct weft__pool_slab *slab = slabs_of(pool);
    for (; slab != NULL; slab = slab->next)
        for (size_t i = 0; i < PER_SLAB; i++)
            visit(slot(slab, i), arg);
}
