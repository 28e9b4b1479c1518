// SPDX-License-Identifier: MIT
/*
 * A lock of one word for the few places that need one: a loop's timers, the
 * depots. Held for some tens of instructions and never while user code runs or
 * over a suspension. It spins a little, then sleeps on a futex, so a preempted
 * holder costs no core. (Drepper, "Futexes Are Tricky", mutex 3.)
 */
#ifndef WEFT_SCHED_LOCK_H
#define WEFT_SCHED_LOCK_H

#include "sched/atomic.h"
#include "sched/base.h"
#include "sched/os.h"

struct weft__lock {
    _Atomic(uint32_t) word; /* 0 free, 1 held, 2 held and somebody sleeps */
};

void weft__lock_slow(struct weft__lock *);

static inline void weft__lock(struct weft__lock *lock)
{
    uint32_t free = 0; /* pairs with the release in weft__unlock() */
    if (weft__unlikely(!weft__cas(&lock->word, &free, 1)))
        weft__lock_slow(lock);
}

static inline bool weft__lock_try(struct weft__lock *lock)
{
    uint32_t free = 0; /* pairs with the release in weft__unlock() */
    return weft__cas(&lock->word, &free, 1);
}

static inline void weft__unlock(struct weft__lock *lock)
{
    if (weft__unlikely(weft__xchg(&lock->word, 0) == 2))
        weft__os->futex_wake(&lock->word, 1);
}

/* For a thread that nobody joins, at its end: whoever gets the lock next may
 * free all there is. What is left to do needs the lock's address only. */
static inline void weft__unlock_last(struct weft__lock *lock)
{
    long (*wake)(const void *, int) = weft__os->futex_wake;
    if (weft__xchg(&lock->word, 0) == 2)
        wake(&lock->word, 1);
}

#endif
