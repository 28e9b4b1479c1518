// SPDX-License-Identifier: MIT
/*
 * Taking from other workers, and whether that pays.
 *
 * Each stolen piece costs both sides some cache misses: a microsecond of work
 * outweighs them, a few nanoseconds do not, however many such pieces there are.
 * Nobody can tell from outside whether a piece is a no-op or the root of a big
 * tree. So a thief weighs what it took last when it is out of work again: if
 * that kept it busy for less than PAYS_NS a piece it is poor. A poor thief
 * dozes instead of stealing at once (idle.c), and then tries a single piece.
 *
 * Branches have credit: in an unbalanced tree nearly all of them are leaves,
 * and one among a hundred pays for them all.
 */
#include "sched/branch.h"
#include "sched/class.h"

#define STEAL_MAX 32
#define PAYS_NS 1000
#define CREDIT_NS 250000 /* at most: times change */
#define SUSPECTS 64      /* sent to the background in one visit */
#define POOREST 8 /* hauls in a row that did not pay; no need to count more */

/* `gain`: of the last haul; below 0, it was not worth it. */
static bool on_credit(struct weft__worker *thief, int64_t gain)
{
    if (!thief->forked)
        return false;
    int64_t credit = thief->credit + gain;
    thief->credit = credit < 0 ? 0 : credit < CREDIT_NS ? credit : CREDIT_NS;
    return credit >= 0;
}

static void weigh(struct weft__worker *thief)
{
    if (thief->haul == 0)
        return;
    int64_t gain =
        weft__os->now() - thief->hauled - (int64_t)thief->haul * PAYS_NS;
    bool pays = on_credit(thief, gain) || gain >= 0;
    if (weft__unlikely(thief->rt->driver->turn != NULL))
        pays = weft__worker_chance(thief) & 1; /* no time passes there */
    if (pays)
        thief->poor = 0;
    else if (thief->poor < POOREST)
        thief->poor++;
    thief->haul = 0;
}

static struct weft__coro *mark_stolen(struct weft__coro *coro)
{
    if (coro != NULL)
        coro->flags |= WEFT__CORO_STOLEN;
    return coro;
}

/* Half of a long queue, within reason: each visit costs its owner a few cache
 * misses, however much is taken. One if it lies behind who has lost its loop:
 * else the next one of that kind would have the rest behind it. */
static size_t share(struct weft__worker *thief, struct weft__worker *victim,
                    size_t size)
{
    if (thief->poor || !weft__worker_is_active(victim))
        return 1;
    return 1 + (size / 2 < STEAL_MAX ? size / 2 : STEAL_MAX);
}

/* One branch is enough: the oldest is the biggest. */
static struct weft__coro *steal_fresh(struct weft__worker *thief,
                                      struct weft__worker *victim, size_t size)
{
    struct weft__coro *first = NULL;
    size_t most = share(thief, victim, size);
    for (size_t i = 0; i < most; i++) {
        void *item = weft__deque_oldest(&victim->deque);
        struct weft__coro *coro = mark_stolen(weft__branch_coro(thief, item));
        if (coro == NULL)
            break;
        if (weft__unlikely(coro->home != NULL)) {
            weft__background_push(thief->rt, coro);
            most++; /* it is not for the thief */
            continue;
        }
        thief->haul++;
        thief->forked = weft__branch_is(item);
        if (first == NULL)
            first = coro;
        else
            weft__queue_polled(thief, coro);
        if (weft__branch_is(item))
            break;
    }
    return first;
}

static struct weft__coro *steal_woken(struct weft__worker *thief,
                                      struct weft__worker *victim)
{
    struct weft__ring *ring = &victim->ring;
    size_t size = weft__ring_size(ring);
    struct weft__coro *first =
        size ? mark_stolen(weft__ring_oldest(ring)) : NULL;
    if (first == NULL)
        return NULL;
    thief->haul++;
    thief->forked = false;
    size_t most = share(thief, victim, size);
    for (size_t i = 1; i < most; i++) {
        struct weft__coro *coro = mark_stolen(weft__ring_oldest(ring));
        if (coro == NULL)
            break;
        thief->haul++;
        weft__queue_polled(thief, coro);
    }
    return first;
}

/* Fresh ones for who does not look after its worker: the last one that was
 * spawned is probably about to be awaited; a branch is not, its forker is busy
 * with another one. */
static size_t announced(struct weft__worker *victim)
{
    size_t size = weft__deque_size(&victim->deque);
    return size == 1 && !weft__branch_is(weft__deque_peek(&victim->deque))
               ? 0
               : size;
}

/* What was announced: more than one spawn, or a ring that may be shared. What
 * its worker comes to in a moment is left to it: its descriptors and, if it is
 * an event, the next one are warm there, and bigger batches of events cost less
 * than two workers with half of them each. */
static struct weft__coro *steal_from(struct weft__worker *thief,
                                     struct weft__worker *victim)
{
    size_t size = announced(victim);
    struct weft__coro *coro = size ? steal_fresh(thief, victim, size) : NULL;
    if (coro == NULL && weft__load_relaxed(&victim->giving))
        coro = steal_woken(thief, victim);
    return coro;
}

struct weft__coro *weft__steal_now(struct weft__worker *thief)
{
    struct weft_runtime *rt = thief->rt;
    unsigned first = (unsigned)(weft__worker_chance(thief) % rt->workers);
    for (unsigned i = 0; i < rt->workers; i++) {
        struct weft__worker *victim =
            weft__loop_owner(&rt->loop[(first + i) % rt->workers]);
        struct weft__coro *coro =
            victim == thief ? NULL : steal_from(thief, victim);
        if (coro == NULL)
            continue;
        thief->hauled = weft__os->now();
        return coro;
    }
    return NULL;
}

struct weft__coro *weft__steal(struct weft__worker *thief)
{
    weigh(thief);
    /* Who was woken is wanted, poor or not. */
    return thief->poor && !thief->searching ? NULL : weft__steal_now(thief);
}

static struct weft__coro *take_all_kinds(struct weft__worker *thief,
                                         struct weft__worker *victim)
{
    struct weft__coro *coro = steal_woken(thief, victim);
    if (coro == NULL)
        coro = steal_fresh(thief, victim, weft__deque_size(&victim->deque));
    if (coro == NULL && weft__worker_is_active(victim)) /* else another's */
        coro = weft__queue_take_inbox(thief, victim->loop, WEFT__CORO_STOLEN);
    if (coro == NULL)
        coro = mark_stolen(weft__queue_take_next(victim));
    thief->haul = 0; /* had to be done */
    return coro;
}

struct weft__coro *weft__steal_rescue(struct weft__worker *thief,
                                      struct weft__worker *victim)
{
    for (unsigned i = 0;; i++) {
        struct weft__coro *coro = take_all_kinds(thief, victim);
        if (coro == NULL || i == SUSPECTS || weft__worker_is_active(victim) ||
            !weft__class_suspects(coro))
            return coro;
        weft__background_push(thief->rt, coro);
    }
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

/* Branches do not count: their forker is about to call them. */
bool weft__steal_waits(struct weft__worker *worker)
{
    struct weft__deque *deque = &worker->deque;
    return weft__ring_size(&worker->ring) > 0 ||
           (!weft__inbox_is_empty(&worker->loop->inbox) &&
            weft__worker_is_active(worker)) ||
           weft__load_relaxed(&worker->next) != NULL ||
           (weft__deque_size(deque) > 0 &&
            !weft__branch_is(weft__deque_peek(deque)));
}

/* What steal_from() would take. */
static bool has_announced(struct weft__worker *worker)
{
    return announced(worker) > 0 || (weft__load_relaxed(&worker->giving) &&
                                     weft__ring_size(&worker->ring) > 0);
}

static bool has_pinned(struct weft__worker *worker)
{
    return worker->pinned_head != NULL ||
           !weft__inbox_is_empty(&worker->pinned_inbox);
}

bool weft__steal_any(struct weft__worker *self, enum weft__reach reach)
{
    struct weft_runtime *rt = self->rt;
    if (has_pinned(self) || has_any(self))
        return true;
    for (unsigned i = 0; i < rt->workers && reach != WEFT__REACH_OWN; i++) {
        struct weft__worker *worker = weft__loop_owner(&rt->loop[i]);
        if (worker != self &&
            (reach == WEFT__REACH_ALL ? has_any(worker)
                                      : has_announced(worker)))
            return true;
    }
    return false;
}
