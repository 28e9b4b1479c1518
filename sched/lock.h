// SPDX-License-Identifier: MIT
/*
 * Two locks of one word, never held while user code runs or over a suspension.
 *
 * The usual one spins a little, then sleeps on a futex, so a preempted holder
 * costs no core. (Drepper, "Futexes Are Tricky", mutex 3.)
 *
 * The spin lock is for what is taken in nearly every call and is held for some
 * tens of instructions. Released by a plain store, which halves its price; so
 * nobody can be woken by it, and who finds it held for too long (its holder was
 * preempted, or asks the system for memory) naps.
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

/* The spin lock */

struct weft__spin {
    _Atomic(uint32_t) word; /* 0 free, 1 held */
};

void weft__spin_slow(struct weft__spin *);

static inline bool weft__spin_try(struct weft__spin *spin)
{
    uint32_t free = 0; /* pairs with the store in weft__spin_unlock() */
    return weft__likely(weft__cas(&spin->word, &free, 1));
}

static inline void weft__spin_lock(struct weft__spin *spin)
{
    if (!weft__spin_try(spin))
        weft__spin_slow(spin);
}

static inline void weft__spin_unlock(struct weft__spin *spin)
{
    weft__store_release(&spin->word, 0); /* pairs with weft__spin_lock() */
}

#endif
