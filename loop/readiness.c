// SPDX-License-Identifier: MIT
/* Readiness: see readiness.h. */
#include "loop/readiness.h"

enum { IDLE, READY, CLOSED };

struct waiter {
    struct weft__coro *coro;
    int code; /* written by who takes the waiter off the word, before the wake */
};

static void wake(uintptr_t word, int code)
{
    struct waiter *waiter = (struct waiter *)word;
    struct weft__coro *coro = waiter->coro;
    waiter->code = code;
    weft__sched_wake(coro, WEFT__WAKE_NOTIFY);
}

void weft__readiness_signal(weft__readiness *word)
{
    uintptr_t seen = weft__load_relaxed(word);
    do
        if (seen == CLOSED)
            return;
    /* Pairs with the swaps of wait(): the edge is seen, or the waiter is. */
    while (!weft__cas_weak(word, &seen, seen > CLOSED ? IDLE : READY));
    if (seen > CLOSED)
        wake(seen, 0);
}

void weft__readiness_close(weft__readiness *word)
{
    uintptr_t was = weft__xchg(word, CLOSED); /* pairs with wait() */
    if (was > CLOSED)
        wake(was, -WEFT_ECLOSED);
}

/* Returns 1 when it waits; otherwise the outcome. */
static int enlist(weft__readiness *word, struct waiter *waiter)
{
    uintptr_t seen = weft__load_relaxed(word);
    for (;;) {
        if (seen == CLOSED)
            return -WEFT_ECLOSED;
        if (seen > CLOSED)
            return -WEFT_EBUSY;
        uintptr_t next = seen == READY ? IDLE : (uintptr_t)waiter;
        /* Pairs with weft__readiness_signal(). */
        if (weft__cas_weak(word, &seen, next))
            return seen == READY ? 0 : 1;
    }
}

int weft__readiness_wait(weft__readiness *word, uint64_t waits)
{
    weft_future *self = weft__task_current();
    struct waiter waiter = {.coro = &self->coro};
    uint32_t mask = WEFT__WAKE_NOTIFY | WEFT__WAKE_INTERRUPT;
    int rc = enlist(word, &waiter);
    if (rc <= 0)
        return rc;
    while (!(weft__task_suspend(self, mask, waits) & WEFT__WAKE_NOTIFY)) {
        uintptr_t mine = (uintptr_t)&waiter;
        if (!weft__task_cancelled(self))
            continue;
        if (weft__cas(word, &mine, IDLE)) /* pairs with signal() */
            return -WEFT_ECANCELED;
        mask = WEFT__WAKE_NOTIFY; /* it is being woken */
    }
    return waiter.code;
}
