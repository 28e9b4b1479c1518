// SPDX-License-Identifier: MIT
/* Handing a loop over: see handoff.h. */
#include "sched/handoff.h"

#include "sched/runtime.h"

static bool swap(struct weft__loop *loop, struct weft__worker *from,
                 struct weft__worker *to)
{
    uintptr_t owner = (uintptr_t)from;
    /* Publishes the verdict, and the new worker; pairs with loop_owner(), and
     * with the swap of who goes to sleep. */
    return weft__cas_sc(&loop->owner, &owner, (uintptr_t)to);
}

/* It does not get the loop after all. */
static void send_back(struct weft__worker *spare)
{
    uint32_t called = WEFT__CALLED;
    weft__cas_relaxed(&spare->role, &called, WEFT__SPARE);
}

/* Under the lock, and `from` has it still: only going to sleep is in the way. */
static bool hand_over(struct weft__worker *from, uint64_t step,
                      enum weft__verdict verdict)
{
    struct weft_runtime *rt = from->rt;
    bool lower =
        verdict == WEFT__COMPUTES && weft__load_relaxed(&from->homed) == 0;
    struct weft__worker *to = weft__reserve_spare(from->loop);
    if (to == NULL)
        return false;
    weft__store_relaxed(&from->verdict, verdict);
    weft__store_relaxed(&from->overran, step + 1);
    weft__store_relaxed(&from->lowered, lower);
    weft__fetch_add(&rt->reserve.awake, 1); /* that is `from`, from now on */
    if (!swap(from->loop, from, to)) {
        weft__store_relaxed(&from->lowered, false);
        weft__fetch_sub(&rt->reserve.awake, 1);
        weft__fence(); /* as where a thread leaves */
        weft__idle_tell_if_stalled(rt);
        send_back(to);
        return false;
    }
    if (lower)
        weft__os->thread_lower(weft__load_relaxed(&from->tid), WEFT__LOWER);
    weft__fetch_add_relaxed(&from->slow, 1); /* look, before the next step */
    weft__reserve_wake(to);
    return true;
}

bool weft__handoff(struct weft__worker *from, uint64_t step,
                   enum weft__verdict verdict)
{
    struct weft__lock *lock = &from->rt->reserve.handing;
    weft__lock(lock);
    bool done = weft__worker_is_active(from) && hand_over(from, step, verdict);
    weft__unlock(lock);
    return done;
}

/* Blocking sections */

#define SHORT_NS 50000 /* what a hand-off, and coming back, is worth */

static bool is_blocking(struct weft__worker *worker, uint64_t step)
{
    return weft__load_relaxed(&worker->blocking) == step + 1;
}

void weft__handoff_block(struct weft__worker *worker)
{
    uint64_t step = weft__load_relaxed(&worker->counters.steps);
    if (is_blocking(worker, step)) {
        worker->blocking_depth++;
        return;
    }
    worker->blocking_depth = 1;
    worker->blocking_since = weft__os->now();
    weft__store_relaxed(&worker->blocking, step + 1);
    if (worker->blocking_usual >= SHORT_NS && worker->rt->background.open &&
        weft__worker_has_loop(worker))
        weft__handoff(worker, step, WEFT__SAID_SO);
}

bool weft__handoff_unblock(struct weft__worker *worker)
{
    uint64_t step = weft__load_relaxed(&worker->counters.steps);
    if (!is_blocking(worker, step))
        return false;
    if (--worker->blocking_depth > 0)
        return true;
    int64_t took = weft__os->now() - worker->blocking_since;
    worker->blocking_usual += (took - worker->blocking_usual) / 4;
    weft__store_relaxed(&worker->blocking, 0);
    return true;
}
