// SPDX-License-Identifier: MIT
/* Tasks in the background: see background.h. */
#include "sched/background.h"

#include "sched/runtime.h"

#define TURNS 4 /* one of so many is a marked one's, if others wait */

/* Slots */

static bool take_slot(struct weft__worker *worker)
{
    struct weft_runtime *rt = worker->rt;
    _Atomic(uint32_t) *slots = &rt->background.slots;
    if (weft__load_relaxed(&worker->slot))
        return true;
    uint32_t seen = weft__load_relaxed(slots);
    do
        if (seen >= rt->workers)
            return false;
    /* Publishes nothing: they are a number. */
    while (!weft__cas_relaxed(slots, &seen, seen + 1));
    weft__store_relaxed(&worker->slot, true);
    return true;
}

/* One of the two who may do that does it. */
static bool give_slot(struct weft__worker *worker)
{
    if (!weft__load_relaxed(&worker->slot) ||
        !weft__xchg_sc(&worker->slot, false)) /* pairs with the other's */
        return false;
    weft__fetch_sub(&worker->rt->background.slots, 1); /* wants() reads it */
    return true;
}

void weft__background_release(struct weft__worker *worker)
{
    if (!give_slot(worker))
        return;
    weft__fence(); /* the slot before the look; pairs with push */
    if (weft__background_waits(worker->rt))
        weft__reserve_call(worker->rt);
}

/* Looking */

static uint32_t waiting(struct weft_runtime *rt, unsigned kind)
{
    return weft__load_relaxed(&rt->background.queue[kind].waiting);
}

static uint32_t waiting_for_slots(struct weft_runtime *rt)
{
    return waiting(rt, WEFT__HOGS) + waiting(rt, WEFT__SUSPECTS);
}

unsigned weft__background_wants(struct weft_runtime *rt)
{
    uint32_t slots = weft__load_relaxed(&rt->background.slots);
    uint32_t free = slots < rt->workers ? rt->workers - slots : 0;
    uint32_t line = waiting_for_slots(rt);
    return (line < free ? line : free) + waiting(rt, WEFT__BLOCKERS);
}

bool weft__background_lines_up(struct weft_runtime *rt)
{
    return waiting_for_slots(rt) > 0;
}

bool weft__background_waits(struct weft_runtime *rt)
{
    return weft__background_wants(rt) > 0;
}

/* Queueing */

void weft__background_push(struct weft_runtime *rt, struct weft__coro *coro)
{
    unsigned kind = coro->home == NULL ? WEFT__SUSPECTS
                    : coro->blocks     ? WEFT__BLOCKERS
                                       : WEFT__HOGS;
    struct weft__background_queue *queue = &rt->background.queue[kind];
    coro->flags |= WEFT__CORO_INJECTED;
    weft__fetch_add(&queue->waiting, 1); /* pairs with who takes it */
    weft__inbox_push(&queue->inbox, &coro->link);
    weft__fence_after_rmw(); /* before the look; pairs with the sleeper's */
    if (weft__background_waits(rt))
        weft__reserve_call(rt);
}

/* Taking */

static void drain(struct weft__background_queue *queue)
{
    struct weft__link *oldest = weft__inbox_take(&queue->inbox);
    if (oldest == NULL)
        return;
    if (queue->head == NULL)
        queue->head = oldest;
    else
        queue->tail->next = oldest;
    while (oldest->next != NULL)
        oldest = oldest->next;
    queue->tail = oldest;
}

static struct weft__coro *pop(struct weft__background *background,
                              unsigned kind)
{
    struct weft__background_queue *queue = &background->queue[kind];
    drain(queue);
    struct weft__link *link = queue->head;
    if (link == NULL)
        return NULL;
    queue->head = link->next;
    weft__fetch_sub(&queue->waiting, 1); /* pairs with the push */
    return weft__coro_of_link(link);
}

static struct weft__coro *pop_for_slot(struct weft__background *background)
{
    uint32_t taken = weft__load_relaxed(&background->taken);
    bool hogs = taken % TURNS == 0;
    struct weft__coro *coro =
        pop(background, hogs ? WEFT__HOGS : WEFT__SUSPECTS);
    if (coro == NULL)
        coro = pop(background, hogs ? WEFT__SUSPECTS : WEFT__HOGS);
    weft__store_relaxed(&background->taken, taken + (coro != NULL));
    return coro;
}

/* Those first that use next to no CPU. */
static struct weft__coro *take(struct weft__worker *worker)
{
    struct weft__background *background = &worker->rt->background;
    weft__lock(&background->lock);
    struct weft__coro *coro = pop(background, WEFT__BLOCKERS);
    bool needs_none = coro != NULL;
    if (coro == NULL && take_slot(worker))
        coro = pop_for_slot(background);
    weft__unlock(&background->lock);
    if (coro == NULL || needs_none)
        weft__background_release(worker);
    return coro;
}

void weft__background_flush(struct weft_runtime *rt)
{
    struct weft__background *background = &rt->background;
    weft__lock(&background->lock);
    for (unsigned kind = 0; kind < WEFT__QUEUES; kind++) {
        struct weft__coro *coro;
        while ((coro = pop(background, kind)) != NULL) {
            coro->home = NULL;
            weft__queue_inject(weft__runtime_loop(rt), coro);
        }
    }
    weft__unlock(&background->lock);
}

/* Does not wait for the lock: a lowered thread may have it. */
bool weft__background_acquit(struct weft_runtime *rt)
{
    struct weft__background *background = &rt->background;
    struct weft__coro *coro;
    if (!weft__lock_try(&background->lock))
        return false;
    while ((coro = pop(background, WEFT__SUSPECTS)) != NULL)
        weft__queue_inject(weft__runtime_loop(rt), coro);
    weft__unlock(&background->lock);
    return true;
}

struct weft__coro *weft__background_take(struct weft__worker *worker)
{
    if (waiting(worker->rt, WEFT__BLOCKERS) == 0 &&
        waiting_for_slots(worker->rt) == 0) {
        weft__background_release(worker);
        return NULL;
    }
    return take(worker);
}
