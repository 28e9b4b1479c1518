// SPDX-License-Identifier: MIT
/*
 * Waiting awake for the other side of an exchange, for some microseconds before
 * going to sleep: where both have a core of their own that is a tenth of what
 * two wakes cost. Where they share one, the other side cannot even begin before
 * the wait is over. So whoever waited in vain sits out the next chances: one,
 * three, seven and so on up to MOST, and all that is forgotten when a wait
 * pays. (Karlin et al., "Empirical Studies of Competitive Spinning for a
 * Shared-Memory Multiprocessor", SOSP 1991.)
 *
 * One thread's own.
 */
#ifndef WEFT_SCHED_PATIENCE_H
#define WEFT_SCHED_PATIENCE_H

#include "sched/atomic.h"
#include "sched/base.h"
#include "sched/os.h"

#define WEFT__PATIENCE_NS 10000 /* each wait, about twice a thread's wake */
#define WEFT__PATIENCE_MOST 255 /* chances that are sat out */
#define WEFT__PATIENCE_TURNS 16 /* looks between two at the clock */

struct weft__patience {
    unsigned out;  /* chances to sit out after the last wait in vain */
    unsigned left; /* of these */
};

/** A chance to wait awake: is it to be taken? */
static inline bool weft__patience_has(struct weft__patience *patience)
{
    if (patience->left == 0)
        return true;
    patience->left--;
    return false;
}

/** How it ended; returns that. */
static inline bool weft__patience_learn(struct weft__patience *patience,
                                        bool paid)
{
    unsigned next = patience->out * 2 + 1;
    patience->out = paid ? 0 : next;
    if (patience->out > WEFT__PATIENCE_MOST)
        patience->out = WEFT__PATIENCE_MOST;
    patience->left = patience->out;
    return paid;
}

/** Wait awake until `here` says that it has come: true. */
static inline bool weft__patience_wait(struct weft__patience *patience,
                                       bool (*here)(void *), void *arg)
{
    int64_t end = weft__os->now() + WEFT__PATIENCE_NS;
    do
        for (unsigned i = 0; i < WEFT__PATIENCE_TURNS; i++) {
            if (here(arg))
                return weft__patience_learn(patience, true);
            weft__pause();
        }
    while (weft__os->now() < end);
    return weft__patience_learn(patience, false);
}

#endif
