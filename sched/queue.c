// SPDX-License-Identifier: MIT
/*
 * Where what can run is queued, and in which order it is found.
 *
 *   next slot   what this coroutine just woke: its data are hot. At most three
 *               in a row, so that two tasks cannot starve the rest.
 *   ring        woken and yielded, first in first out
 *   deque       fresh spawns, newest first for the owner, oldest for thieves;
 *               the owner takes the oldest now and then, so none starves
 *   inbox       from other threads; emptied into the ring
 *   pinned      nobody else may take them
 *
 * No queue refuses: if one cannot grow, the loop's inbox takes it, which needs
 * no memory.
 */
#include "sched/runtime.h"

#define STREAK 3  /* from the next slot before the others get a turn */
#define LONG 4096 /* fresh tasks: then the oldest get their turn */
#define FAIR 64   /* steps between two looks at what usually comes last */
#define STEAL_MAX 32

/* Putting */

static void put_pinned(struct weft__worker *home, struct weft__coro *coro)
{
    coro->link.next = NULL;
    if (home->pinned_head == NULL)
        home->pinned_head = coro;
    else
        home->pinned_tail->link.next = &coro->link;
    home->pinned_tail = coro;
}

static void push_inbox(struct weft__loop *loop, struct weft__coro *coro)
{
    coro->flags |= WEFT__CORO_INJECTED;
    weft__inbox_push(&loop->inbox, &coro->link);
}

static void put_ring(struct weft__worker *worker, struct weft__coro *coro)
{
    if (weft__unlikely(weft__ring_push(&worker->ring, coro) < 0))
        push_inbox(worker->loop, coro);
}

void weft__queue_inject(struct weft__loop *loop, struct weft__coro *coro)
{
    struct weft_runtime *rt = loop->rt;
    struct weft__worker *owner = loop->owner;
    push_inbox(loop, coro); /* from here on it may run, and end */
    if (!weft__idle_wake(owner))
        weft__idle_announce_one(rt); /* it comes to it soon */
}

/* To a coroutine's own worker, from any thread. */
static void send_home(struct weft__worker *home, struct weft__coro *coro)
{
    weft__inbox_push(&home->pinned_inbox, &coro->link);
    weft__idle_wake(home);
}

void weft__queue_spawned(struct weft__worker *worker, struct weft__coro *coro)
{
    if (weft__unlikely(coro->home != NULL)) {
        put_pinned(worker, coro);
        return;
    }
    struct weft_runtime *rt = worker->rt;
    if (weft__unlikely(weft__deque_push(&worker->deque, coro) < 0))
        push_inbox(worker->loop, coro);
    if (weft__deque_size(&worker->deque) > 1)
        weft__idle_announce(rt);
    else
        weft__idle_announce_one(rt);
}

void weft__queue_wake_from_outside(struct weft__coro *coro, uint32_t wake)
{
    struct weft__pool *pool = weft__pool_of(coro);
    /* Before the wake; pairs with the wait in weft__runtime_stop(). */
    weft__fetch_add(&pool->wakers, 1);
    if (weft__coro_wake(coro, wake))
        weft__queue_woken(coro);
    weft__fetch_sub(&pool->wakers, 1); /* the same */
}

void weft__queue_polled(struct weft__worker *worker, struct weft__coro *coro)
{
    struct weft__worker *home = coro->home;
    if (weft__likely(home == NULL))
        put_ring(worker, coro);
    else if (home == worker)
        put_pinned(worker, coro);
    else
        send_home(home, coro);
}

/* The one woken last runs first; the one it displaces gets in line. */
static void put_next(struct weft__worker *worker, struct weft__coro *coro)
{
    /* Publishes the coroutine to a thief; pairs with its exchange. */
    struct weft__coro *old = weft__xchg_sc(&worker->next, coro);
    if (old == NULL) {
        weft__idle_announce_swapped(worker->rt);
        return;
    }
    put_ring(worker, old);
    weft__store_relaxed(&worker->giving, true);
    weft__idle_announce(worker->rt);
}

void weft__queue_woken(struct weft__coro *coro)
{
    struct weft__worker *self = weft__worker_self();
    struct weft__worker *home = coro->home;
    if (weft__unlikely(home != NULL && home != self))
        send_home(home, coro);
    else if (weft__unlikely(self == NULL || self->rt != coro->rt))
        weft__queue_inject(weft__runtime_loop(coro->rt), coro);
    else if (self->polling || home != NULL)
        weft__queue_polled(self, coro);
    else
        put_next(self, coro);
}

/* Taking */

/* The inbox in one exchange: the oldest is the result, the rest the ring's. */
static struct weft__coro *take_inbox(struct weft__worker *worker,
                                     struct weft__loop *loop, uint8_t mark)
{
    struct weft__link *oldest = weft__inbox_take(&loop->inbox);
    if (oldest == NULL)
        return NULL;
    struct weft__link *rest = oldest->next;
    while (rest != NULL) {
        struct weft__coro *coro = weft__coro_of_link(rest);
        rest = rest->next;
        coro->flags |= mark;
        put_ring(worker, coro);
    }
    struct weft__coro *first = weft__coro_of_link(oldest);
    first->flags |= mark;
    return first;
}

static struct weft__coro *take_pinned(struct weft__worker *worker)
{
    struct weft__link *link = weft__inbox_take(&worker->pinned_inbox);
    while (link != NULL) {
        struct weft__coro *woken = weft__coro_of_link(link);
        link = link->next;
        put_pinned(worker, woken);
    }
    struct weft__coro *coro = worker->pinned_head;
    if (coro == NULL)
        return NULL;
    struct weft__link *next = coro->link.next;
    worker->pinned_head = next ? weft__coro_of_link(next) : NULL;
    return coro;
}

static struct weft__coro *take_next(struct weft__worker *worker)
{
    if (weft__load_relaxed(&worker->next) == NULL)
        return NULL;
    /* Pairs with put_next() of the worker it is stolen from. */
    return weft__xchg(&worker->next, NULL);
}

static struct weft__coro *take_ring(struct weft__ring *ring)
{
    void *item = NULL;
    enum weft__steal got;
    do
        got = weft__ring_take(ring, &item);
    while (got == WEFT__STEAL_RETRY);
    return got == WEFT__STEAL_GOT ? item : NULL;
}

static struct weft__coro *take_oldest(struct weft__deque *deque)
{
    void *item = NULL;
    enum weft__steal got;
    do
        got = weft__deque_steal(deque, &item);
    while (got == WEFT__STEAL_RETRY);
    return got == WEFT__STEAL_GOT ? item : NULL;
}

/* Of a long deque every other one is the oldest: a task that spawns without end
 * and awaits the newest each time would never let the others start. */
WEFT__INLINE struct weft__coro *take_newest(struct weft__worker *worker)
{
    struct weft__deque *deque = &worker->deque;
    size_t size = weft__deque_size(deque); /* cheap: the pop has a fence */
    if (weft__unlikely(size > LONG) && (worker->tick & 2))
        return take_oldest(deque);
    return size > 0 ? weft__deque_pop(deque) : NULL;
}

/* Ring and deque take turns at being first. */
static struct weft__coro *take_queued(struct weft__worker *worker)
{
    struct weft__coro *coro;
    if (worker->tick & 1) {
        coro = take_ring(&worker->ring);
        return coro ? coro : take_newest(worker);
    }
    coro = take_newest(worker);
    return coro ? coro : take_ring(&worker->ring);
}

/* What usually comes last, first. */
static struct weft__coro *take_fair(struct weft__worker *worker)
{
    struct weft__coro *coro = take_oldest(&worker->deque);
    if (coro == NULL)
        coro = take_inbox(worker, worker->loop, 0);
    return coro ? coro : take_pinned(worker);
}

static struct weft__coro *take_rare(struct weft__worker *worker)
{
    struct weft__coro *coro = take_pinned(worker);
    return coro ? coro : take_inbox(worker, worker->loop, 0);
}

struct weft__coro *weft__queue_take(struct weft__worker *worker)
{
    struct weft__coro *coro;
    worker->tick++;
    if (weft__unlikely(worker->tick % FAIR == 0) &&
        (coro = take_fair(worker)) != NULL)
        return coro;
    if (weft__unlikely(worker->tick % 8 == 0) &&
        (coro = take_rare(worker)) != NULL)
        return coro;
    if (worker->streak < STREAK && (coro = take_next(worker)) != NULL) {
        worker->streak++;
        return coro;
    }
    worker->streak = 0;
    coro = take_queued(worker);
    if (coro == NULL)
        coro = take_next(worker);
    return coro ? coro : take_rare(worker);
}

/* Stealing */

static struct weft__coro *mark_stolen(struct weft__coro *coro)
{
    if (coro != NULL)
        coro->flags |= WEFT__CORO_STOLEN;
    return coro;
}

/* Half of a long queue, within reason: each visit costs its owner a few cache
 * misses, however much is taken. */
static struct weft__coro *steal_half(struct weft__worker *thief, void *queue,
                                     struct weft__coro *(*take)(void *),
                                     size_t size)
{
    struct weft__coro *first = mark_stolen(take(queue));
    for (size_t i = 0; first && i < size / 2 && i < STEAL_MAX; i++) {
        struct weft__coro *coro = mark_stolen(take(queue));
        if (coro == NULL)
            break;
        put_ring(thief, coro);
    }
    return first;
}

static struct weft__coro *take_ring_of(void *ring)
{
    return take_ring(ring);
}

static struct weft__coro *take_oldest_of(void *deque)
{
    return take_oldest(deque);
}

static struct weft__coro *steal_fresh(struct weft__worker *thief,
                                      struct weft__worker *victim, size_t least)
{
    size_t size = weft__deque_size(&victim->deque);
    if (size < least)
        return NULL;
    return steal_half(thief, &victim->deque, take_oldest_of, size);
}

static struct weft__coro *steal_woken(struct weft__worker *thief,
                                      struct weft__worker *victim)
{
    size_t size = weft__ring_size(&victim->ring);
    return size ? steal_half(thief, &victim->ring, take_ring_of, size) : NULL;
}

/* What was announced: more than one spawn, or a ring that may be shared. What
 * its worker comes to in a moment is left to it: its descriptors and, if it is
 * an event, the next one are warm there, and bigger batches of events cost less
 * than two workers with half of them each. */
static struct weft__coro *steal_from(struct weft__worker *thief,
                                     struct weft__worker *victim)
{
    struct weft__coro *coro = steal_fresh(thief, victim, 2);
    if (coro == NULL && weft__load_relaxed(&victim->giving))
        coro = steal_woken(thief, victim);
    return coro;
}

struct weft__coro *weft__queue_steal(struct weft__worker *thief)
{
    struct weft_runtime *rt = thief->rt;
    unsigned first = (unsigned)(weft__worker_chance(thief) % rt->workers);
    for (unsigned i = 0; i < rt->workers; i++) {
        struct weft__worker *victim = &rt->worker[(first + i) % rt->workers];
        if (victim == thief)
            continue;
        struct weft__coro *coro = steal_from(thief, victim);
        if (coro != NULL)
            return coro;
    }
    return NULL;
}

struct weft__coro *weft__queue_rescue(struct weft__worker *thief,
                                      struct weft__worker *victim)
{
    struct weft__coro *coro = steal_woken(thief, victim);
    if (coro == NULL)
        coro = steal_fresh(thief, victim, 1);
    if (coro == NULL)
        coro = take_inbox(thief, victim->loop, WEFT__CORO_STOLEN);
    return coro ? coro : mark_stolen(take_next(victim));
}

/* Looking */

/* Everything, for who would sleep with nobody to look after it. */
static bool has_any(struct weft__worker *worker)
{
    return weft__deque_size(&worker->deque) > 0 ||
           weft__ring_size(&worker->ring) > 0 ||
           !weft__inbox_is_empty(&worker->loop->inbox) ||
           weft__load_relaxed(&worker->next) != NULL;
}

/* What steal_from() would take. */
static bool has_announced(struct weft__worker *worker)
{
    return weft__deque_size(&worker->deque) > 1 ||
           (weft__load_relaxed(&worker->giving) &&
            weft__ring_size(&worker->ring) > 0);
}

static bool has_pinned(struct weft__worker *worker)
{
    return worker->pinned_head != NULL ||
           !weft__inbox_is_empty(&worker->pinned_inbox);
}

bool weft__queue_any(struct weft__worker *self, bool singles)
{
    struct weft_runtime *rt = self->rt;
    if (has_pinned(self) || has_any(self))
        return true;
    for (unsigned i = 0; i < rt->workers; i++) {
        struct weft__worker *worker = &rt->worker[i];
        if (worker != self &&
            (singles ? has_any(worker) : has_announced(worker)))
            return true;
    }
    return false;
}
