// SPDX-License-Identifier: MIT
/* The slow half of lock.h: somebody holds it. */
#include "sched/lock.h"

#define SPINS 100

void weft__lock_slow(struct weft__lock *lock)
{
    for (int i = 0; i < SPINS; i++) {
        weft__pause();
        if (weft__load_relaxed(&lock->word) == 0 && weft__lock_try(lock))
            return;
    }
    /* Pairs with the exchange in weft__unlock(). */
    while (weft__xchg(&lock->word, 2) != 0)
        weft__os->futex_wait(&lock->word, 2, INT64_MAX);
}
