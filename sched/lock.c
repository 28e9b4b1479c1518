// SPDX-License-Identifier: MIT
/* The slow halves of lock.h: somebody holds it. */
#include "sched/lock.h"

#define SPINS 100

/* Of the spin lock */
#define PAUSES 128 /* before each round of looks */
#define LOOKS 4    /* of a round */
#define ROUNDS 20  /* before a nap */
#define NAP_NS 50000

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

/* Long pauses: who holds it on another core uses it many times in a row
 * meanwhile, and the line of memory travels less. Then some swaps in a row, as
 * it is held half of the time; a load before them would be old news. */
void weft__spin_slow(struct weft__spin *spin)
{
    static const _Atomic(uint32_t) nothing;
    for (unsigned rounds = 0;; rounds++) {
        for (unsigned i = 0; i < PAUSES; i++)
            weft__pause();
        for (unsigned i = 0; i < LOOKS; i++) {
            if (weft__spin_try(spin))
                return;
            weft__pause();
        }
        if (rounds >= ROUNDS)
            weft__os->futex_wait(&nothing, 0, weft__os->now() + NAP_NS);
    }
}
