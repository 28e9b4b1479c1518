// SPDX-License-Identifier: MIT
/*
 * Where what can run is queued, and in which order it is found.
 *
 *   next slot   what this coroutine just woke: its data are hot. At most three
 *               in a row, so that two tasks cannot starve the rest.
 *   ring        woken and yielded, first in first out
 *   deque       fresh spawns, newest first for the owner, oldest for thieves;
 *               the owner takes the oldest once a millisecond, so none starves
 *               (branches, which others call: only if nothing else is there)
 *   inbox       from other threads; emptied into the ring
 *   pinned      nobody else may take them
 *
 * No queue refuses: if one cannot grow, the loop's inbox takes it, which needs
 * no memory.
 */
#include "sched/branch.h"

#define STREAK 3  /* from the next slot before the others get a turn */
#define LONG 4096 /* fresh tasks: then the oldest get their turn */
#define FAIR 64   /* steps between two looks at what usually comes last */
#define STARVING_NS 1000000
#define BRANCH_NS 1000000000 /* its forker goes on by itself; if not, this */

_Thread_local bool weft__queue_woke __attribute__((tls_model("initial-exec")));

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
    push_inbox(loop, coro); /* from here on it may run, and end */
    weft__queue_woke = weft__idle_wake(loop);
    if (!weft__queue_woke)
        weft__idle_announce_swapped(rt); /* it comes to it soon */
}

/* To a coroutine's own worker, from any thread. */
static void send_home(struct weft__worker *home, struct weft__coro *coro)
{
    if (home == WEFT__IN_BACKGROUND) {
        weft__background_push(coro->rt, coro);
        return;
    }
    weft__inbox_push(&home->pinned_inbox, &coro->link);
    weft__fence_after_rmw(); /* before the looks; pairs with the sleeper's */
    if (weft__worker_is_active(home))
        weft__idle_wake(home->loop);
    else if (weft__reserve_is_asleep(home))
        weft__reserve_wake(home);
}

void weft__queue_spawned(struct weft__worker *worker, struct weft__coro *coro)
{
    if (weft__unlikely(coro->home != NULL ||
                       worker->wakes_to == WEFT__TO_INBOX)) {
        weft__queue_polled(worker, coro);
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
    if (weft__likely(home == NULL && worker->wakes_to != WEFT__TO_INBOX))
        put_ring(worker, coro);
    else if (home == NULL)
        weft__queue_inject(worker->loop, coro);
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
    else if (self->wakes_to != WEFT__TO_NEXT || home != NULL)
        weft__queue_polled(self, coro);
    else
        put_next(self, coro);
}

/* Taking */

/* The inbox in one exchange: the oldest is the result, the rest the ring's. */
struct weft__coro *weft__queue_take_inbox(struct weft__worker *worker,
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

struct weft__coro *weft__queue_take_pinned(struct weft__worker *worker)
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

struct weft__coro *weft__queue_take_next(struct weft__worker *worker)
{
    if (weft__load_relaxed(&worker->next) == NULL)
        return NULL;
    /* Pairs with put_next() of the worker it is stolen from. */
    return weft__xchg(&worker->next, NULL);
}

/* Of a long deque every other one is the oldest: a task that spawns without end
 * and awaits the newest each time would never let the others start. */
WEFT__INLINE struct weft__coro *take_newest(struct weft__worker *worker)
{
    struct weft__deque *deque = &worker->deque;
    size_t size = weft__deque_size(deque); /* cheap: the pop has a fence */
    if (weft__unlikely(size > LONG) && (worker->tick & 2))
        return weft__branch_coro(worker, weft__deque_oldest(deque));
    if (size == 0)
        return NULL;
    return weft__branch_coro(worker, weft__deque_pop(deque));
}

/* Ring and deque take turns at being first. A branch comes last: its forker,
 * which has it called, is probably in the ring itself, and a task made of it is
 * one more that is under way. */
static struct weft__coro *take_queued(struct weft__worker *worker)
{
    struct weft__coro *coro;
    worker->ring_first = !worker->ring_first;
    if (worker->ring_first ||
        weft__branch_is(weft__deque_newest(&worker->deque))) {
        coro = weft__ring_oldest(&worker->ring);
        return coro ? coro : take_newest(worker);
    }
    coro = take_newest(worker);
    return coro ? coro : weft__ring_oldest(&worker->ring);
}

/* Has the oldest fresh one lain there for a while? */
bool weft__queue_starves(struct weft__worker *worker)
{
    struct weft__deque *deque = &worker->deque;
    uint64_t first = weft__deque_first(deque);
    if (first != worker->oldest || weft__deque_size(deque) == 0) {
        worker->oldest = first;
        worker->oldest_since = worker->polled;
        return false;
    }
    bool branch = weft__branch_is(weft__deque_peek(deque));
    return worker->polled - worker->oldest_since >=
           (branch ? BRANCH_NS : STARVING_NS);
}

/* Not more often: it may be the root of a big tree, and to go on with the
 * newest is what keeps few of its nodes alive at once. */
static struct weft__coro *take_starving(struct weft__worker *worker)
{
    if (weft__likely(!weft__queue_starves(worker)))
        return NULL;
    return weft__branch_coro(worker, weft__deque_oldest(&worker->deque));
}

/* What usually comes last, first; in turns, as a task that lends its worker
 * asks only here. */
static struct weft__coro *take_fair(struct weft__worker *worker)
{
    struct weft__coro *coro = take_starving(worker);
    for (unsigned i = 0; i < 3 && coro == NULL; i++) {
        unsigned source = (worker->tick / FAIR + i) % 3;
        if (source == 0)
            coro = weft__ring_oldest(&worker->ring);
        else if (source == 1)
            coro = weft__queue_take_inbox(worker, worker->loop, 0);
        else
            coro = weft__queue_take_pinned(worker);
    }
    return coro;
}

void weft__queue_be_fair(struct weft__worker *worker)
{
    worker->tick |= FAIR - 1;
}

static struct weft__coro *take_rare(struct weft__worker *worker)
{
    struct weft__coro *coro = weft__queue_take_pinned(worker);
    return coro ? coro : weft__queue_take_inbox(worker, worker->loop, 0);
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
    if (worker->streak < STREAK &&
        (coro = weft__queue_take_next(worker)) != NULL) {
        worker->streak++;
        return coro;
    }
    worker->streak = 0;
    coro = take_queued(worker);
    if (coro == NULL)
        coro = weft__queue_take_next(worker);
    return coro ? coro : take_rare(worker);
}
