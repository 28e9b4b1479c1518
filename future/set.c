// SPDX-License-Identifier: MIT
/* Sets: see set.h. */
#include "future/set.h"

#include <weft/inspect.h>

#define ASLEEP ((uintptr_t)1)

static void fire(struct weft__waiter *waiter)
{
    struct weft__watch *watch =
        weft__container_of(waiter, struct weft__watch, waiter);
    struct weft__set *set = watch->set;
    struct weft__coro *coro = &set->self->coro;
    uintptr_t seen = weft__load_relaxed(&set->word);
    do
        watch->next = (struct weft__watch *)(seen & ~ASLEEP);
    /* Pairs with the exchanges of the task. */
    while (!weft__cas(&set->word, &seen, (uintptr_t)watch));
    if (seen & ASLEEP)
        weft__sched_wake(coro, WEFT__WAKE_NOTIFY);
}

int weft__set_open(struct weft__set *set, weft_future *const *futures, size_t n)
{
    set->self = weft__task_current();
    if (set->self == NULL)
        return -WEFT_ENORUNTIME;
    set->watches = set->own;
    if (n > WEFT__SET_INLINE)
        set->watches = weft__mem_alloc(n, sizeof(*set->watches));
    if (set->watches == NULL)
        return -ENOMEM;
    weft__store_relaxed(&set->word, 0);
    set->futures = futures;
    set->n = n;
    set->left = 0;
    set->ready = NULL;
    set->end = &set->ready;
    for (size_t i = 0; i < n; i++)
        set->watches[i].set = NULL;
    return 0;
}

static void append(struct weft__set *set, struct weft__watch *watch)
{
    watch->next = NULL;
    *set->end = watch;
    set->end = &watch->next;
}

int weft__set_add(struct weft__set *set, size_t index, uint32_t mark)
{
    struct weft__watch *watch = &set->watches[index];
    watch->waiter.fire = fire;
    watch->set = set;
    int rc = weft__future_add_waiter(set->futures[index], &watch->waiter, mark);
    if (rc < 0) {
        watch->set = NULL;
        return rc;
    }
    set->left++;
    if (rc == 0)
        append(set, watch);
    return 0;
}

/* Those that fired, newest first, behind the ready ones, oldest first. */
static void collect(struct weft__set *set)
{
    /* Pairs with fire(). */
    uintptr_t word = weft__xchg_sc(&set->word, 0);
    struct weft__watch *newest = (struct weft__watch *)(word & ~ASLEEP);
    struct weft__watch *oldest = NULL;
    while (newest != NULL) {
        struct weft__watch *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest != NULL) {
        struct weft__watch *next = oldest->next;
        append(set, oldest);
        oldest = next;
    }
}

/* 0: something fired; -WEFT_ECANCELED. */
static int sleep_for(struct weft__set *set, uint32_t mask)
{
    uint64_t waits = weft__waits(WEFT_WAITS_FUTURES, set->left);
    uintptr_t none = 0;
    if (!weft__cas(&set->word, &none, ASLEEP))
        return 0; /* pairs with fire() */
    for (;;) {
        if (weft__task_suspend(set->self, mask, waits) & WEFT__WAKE_NOTIFY)
            return 0;
        if (!weft__task_cancelled(set->self))
            continue;
        uintptr_t asleep = ASLEEP;
        if (weft__cas(&set->word, &asleep, 0))
            return -WEFT_ECANCELED; /* pairs with fire() */
        mask = WEFT__WAKE_NOTIFY;   /* it is on its way */
    }
}

int64_t weft__set_next(struct weft__set *set, uint32_t mask)
{
    while (set->ready == NULL) {
        if (set->left == 0)
            return -1;
        if (weft__load_relaxed(&set->word) == 0) {
            if ((mask & WEFT__WAKE_INTERRUPT) &&
                weft__task_cancelled(set->self))
                return -WEFT_ECANCELED;
            int rc = sleep_for(set, mask);
            if (rc < 0)
                return rc;
        }
        collect(set);
    }
    struct weft__watch *watch = set->ready;
    set->ready = watch->next;
    if (set->ready == NULL)
        set->end = &set->ready;
    set->left--;
    watch->set = NULL;
    int64_t index = watch - set->watches;
    (void)weft__future_is_done(set->futures[index]); /* acquire the result */
    return index;
}

bool weft__set_remove(struct weft__set *set, size_t index)
{
    struct weft__watch *watch = &set->watches[index];
    if (watch->set == NULL ||
        !weft__future_remove_waiter(set->futures[index], &watch->waiter))
        return false;
    watch->set = NULL;
    set->left--;
    return true;
}

void weft__set_close(struct weft__set *set)
{
    for (size_t i = 0; i < set->n && set->left > 0; i++)
        weft__set_remove(set, i);
    while (set->left > 0) /* these are firing now */
        weft__set_next(set, WEFT__WAKE_NOTIFY);
    if (set->watches != set->own)
        weft__mem_free(set->watches);
}
