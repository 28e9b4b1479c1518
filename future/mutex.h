// SPDX-License-Identifier: MIT
/* The mutex inside, for those who look at it. */
#ifndef WEFT_FUTURE_MUTEX_H
#define WEFT_FUTURE_MUTEX_H

#include "future/line.h"

#include <weft/mutex.h>

/*
 * The word: who holds it, the address of a task or of an OS thread's own data;
 * in the low bits
 *   WAITERS  somebody is in the line; may be stale, never missing
 *   WOKEN    one that was in the line is on its way to try again; then no
 *            unlock wakes another one
 *   HANDED   it was handed over: its holder had to be woken, so nobody spins
 *
 * WAITERS changes under the spin lock, and is cleared by the holder only. WOKEN
 * is set by who wakes, and cleared by the woken one. HANDED is cleared by the next
 * unlock.
 */
enum {
    WEFT__MUTEX_WAITERS = 1,
    WEFT__MUTEX_WOKEN = 2,
    WEFT__MUTEX_HANDED = 4,
    WEFT__MUTEX_FLAGS = 15,
};

struct weft__mutex {
    _Atomic(uintptr_t) word;
    struct weft__spin lock;  /* of the line */
    _Atomic(uint32_t) spins; /* that have paid lately: a guess by all */
    struct weft__line line;
};

/** Who holds the mutex at this address that a sleeping task waits for: a task,
 * or something else, or 0. */
static inline uintptr_t weft__mutex_owner(uint64_t address)
{
    struct weft__mutex *mutex = (struct weft__mutex *)(uintptr_t)address;
    return weft__load_relaxed(&mutex->word) & ~(uintptr_t)WEFT__MUTEX_FLAGS;
}

#endif
