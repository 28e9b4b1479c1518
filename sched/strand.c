// SPDX-License-Identifier: MIT
/* Strands: see strand.h. */
#include "sched/sched.h"

#define TURN 32 /* callbacks before the others of the worker get theirs */

static void schedule(struct weft__strand *strand)
{
    struct weft__coro *runner = &strand->runner;
    struct weft__worker *self = weft__worker_self();
    weft__store_relaxed(&runner->wake, 0);
    runner->flags = WEFT__CORO_FRESH | WEFT__CORO_KEEP;
    runner->runner = true;
    if (self == NULL || self->rt != runner->rt) {
        struct weft__loop *loop =
            weft__container_of(strand, struct weft__loop, strand);
        weft__queue_inject(loop, runner);
        return;
    }
    weft__queue_polled(self, runner);
    if (self->wakes_to != WEFT__TO_RING)
        weft__idle_announce_one(self->rt);
}

void weft__strand_push(struct weft__strand *strand, struct weft__coro *callback)
{
    weft__inbox_push(&strand->pushed, &callback->link);
    /* Pairs with the exchange in rest(): one of us schedules the runner. */
    if (weft__xchg_sc(&strand->scheduled, 1) == 0)
        schedule(strand);
}

static struct weft__coro *next(struct weft__strand *strand)
{
    if (strand->ready == NULL)
        strand->ready = weft__inbox_take(&strand->pushed);
    struct weft__link *first = strand->ready;
    if (first == NULL)
        return NULL;
    strand->ready = first->next;
    return weft__coro_of_link(first);
}

/* Nothing left: let go, and look again, as a push may have come between. */
static bool rest(struct weft__strand *strand)
{
    weft__xchg_sc(&strand->scheduled, 0); /* pairs with weft__strand_push() */
    weft__fence_after_rmw();
    return weft__inbox_is_empty(&strand->pushed) ||
           weft__xchg_sc(&strand->scheduled, 1) != 0;
}

/* Returns false if the callback suspended: then this frame lies below it, and
 * the strand is somebody else's. */
static bool step(struct weft__strand *strand, struct weft__coro *callback,
                 struct weft__stack *stack)
{
    struct weft__strand_step first = {.strand = strand};
    weft__worker_started(callback);
    callback->step = &first;
    callback->flags |= WEFT__CORO_STEP;
    callback->stack = stack;
    weft__worker_self()->current = callback;
    callback->entry(callback);
    return !first.suspended;
}

static void run(struct weft__coro *runner)
{
    struct weft__strand *strand =
        weft__container_of(runner, struct weft__strand, runner);
    struct weft__stack *stack = runner->stack;
    for (unsigned i = 0; i < TURN; i++) {
        struct weft__coro *callback = next(strand);
        if (callback == NULL) {
            if (rest(strand))
                return;
            continue;
        }
        if (!step(strand, callback, stack))
            return;
    }
    schedule(strand);
}

void weft__strand_not_started(struct weft__coro *runner)
{
    struct weft__strand *strand =
        weft__container_of(runner, struct weft__strand, runner);
    do {
        struct weft__coro *callback;
        while ((callback = next(strand)) != NULL) {
            weft__worker_started(callback);
            runner->rt->hooks->not_started(callback);
        }
    } while (!rest(strand));
}

void weft__strand_suspended(struct weft__coro *callback)
{
    struct weft__strand_step *first = callback->step;
    callback->flags &= (uint8_t)~WEFT__CORO_STEP;
    first->suspended = true;
    schedule(first->strand);
}

void weft__strand_init(struct weft__strand *strand, struct weft_runtime *rt)
{
    strand->runner.entry = run;
    strand->runner.rt = rt;
}
