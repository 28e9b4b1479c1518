// SPDX-License-Identifier: MIT
/* What a worker runs next: see find.h. */
#include "sched/find.h"

#include "sched/branch.h"

#define POLL_NS 50000 /* between two looks at the kernel, if busy */

static void poll(struct weft__worker *worker)
{
    struct weft_runtime *rt = worker->rt;
    worker->wakes_to = WEFT__TO_RING;
    if (rt->driver->watching(worker->loop))
        rt->driver->poll(worker->loop, worker);
    weft__timers_expire(worker->loop, worker, worker->polled);
    worker->wakes_to = WEFT__TO_NEXT;
    if (weft__ring_size(&worker->ring) > 1)
        weft__idle_announce_one(rt);
}

/* A worker that is never out of work must still hear of events and timers. */
static void poll_if_due(struct weft__worker *worker)
{
    int64_t now = weft__os->now();
    if (now - worker->polled < POLL_NS)
        return;
    uint32_t told = weft__load_relaxed(&worker->slow);
    bool slow = told != worker->heeded;
    worker->heeded = told;
    worker->polled = now;
    poll(worker);
    /* Who is slow, with a line of its own, is no help: two of that kind would
     * move each other's oldest to the end of theirs. */
    if (weft__unlikely(weft__load_relaxed(&worker->rt->monitor.stuck)) &&
        !(slow && weft__steal_waits(worker)))
        weft__idle_rescue(worker);
}

bool weft__worker_is_wanted(struct weft__worker *worker)
{
    worker->calls = WEFT__CALLS;
    if (weft__unlikely(!weft__worker_has_loop(worker)))
        return weft__reserve_gives_way(worker);
    poll_if_due(worker);
    if (weft__queue_starves(worker)) {
        weft__queue_be_fair(worker);
        return true;
    }
    return weft__ring_size(&worker->ring) > 0 ||
           weft__load_relaxed(&worker->next) != NULL ||
           worker->pinned_head != NULL ||
           !weft__inbox_is_empty(&worker->pinned_inbox) ||
           !weft__inbox_is_empty(&worker->loop->inbox);
}

/* Nothing to do: a good time to give memory back. Not at the end, which waits
 * for workers that park. */
static bool tidy(struct weft__worker *worker)
{
    struct weft_runtime *rt = worker->rt;
    if (!weft__depot_tidy(&rt->stacks, worker->loop))
        return false;
    poll_if_due(worker);
    return true;
}

/* NULL: it is to end, or not active any more. */
static struct weft__coro *search(struct weft__worker *worker)
{
    struct weft_runtime *rt = worker->rt;
    for (;;) {
        struct weft__coro *coro = weft__steal(worker);
        if (coro == NULL && weft__idle_linger(worker))
            coro = weft__queue_take(worker);
        if (coro == NULL && weft__load_relaxed(&rt->monitor.stuck) &&
            weft__idle_rescue(worker))
            coro = weft__queue_take(worker);
        if (coro == NULL) {
            uint32_t phase = weft__load_acquire(&rt->phase);
            if (phase == WEFT__STOPPED)
                return NULL; /* pairs with weft__runtime_stop() */
            if ((phase != WEFT__OPEN || !tidy(worker)) &&
                !weft__idle_park(worker))
                return NULL;
            coro = weft__queue_take(worker);
        }
        if (coro != NULL) {
            if (weft__ring_size(&worker->ring) > 0)
                weft__idle_announce_one(rt);
            return coro;
        }
    }
}

static struct weft__coro *find_active(struct weft__worker *worker)
{
    if (weft__find_is_time(worker))
        poll_if_due(worker);
    struct weft__coro *coro = weft__queue_take(worker);
    if (coro == NULL)
        coro = search(worker);
    if (weft__unlikely(worker->searching || worker->sentinel))
        weft__idle_found(worker);
    return coro;
}

/* Who is not active knows it, or is told by weft__find_is_time(). NULL: it is
 * to end. */
struct weft__coro *weft__find(struct weft__worker *worker)
{
    for (bool lost = false;; lost = true) {
        struct weft__coro *coro = NULL;
        if ((weft__find_is_time(worker) || lost) &&
            !weft__worker_has_loop(worker)) {
            if (!weft__reserve_find(worker, &coro) || coro != NULL)
                return coro;
        }
        coro = find_active(worker);
        if (coro != NULL ||
            weft__load_relaxed(&worker->rt->phase) == WEFT__STOPPED)
            return coro;
    }
}
