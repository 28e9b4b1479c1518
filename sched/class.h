// SPDX-License-Identifier: MIT
/*
 * Which tasks belong in the background. Each has a score, which goes up when a
 * step of it was too long while others waited, and down with each other step:
 *
 *   0                       light, as nearly all are
 *   NEW                     not known yet: two steps, and it is
 *   OVERRAN                 was light until its last step
 *   from MARKED on          runs in the background
 *   down to CLEARED again   does not
 *   FORCED                  was spawned for the background: stays there
 *
 * So one long step of a task that is known as light has its loop handed over
 * and marks nothing: what the task does next is most likely short, and must not
 * wait behind those who compute. Two long ones in short order do, and the first
 * one of a task that is not known.
 *
 * Pinned tasks are not marked as long as they are, runners of callbacks never:
 * the next callback is another one's.
 */
#ifndef WEFT_SCHED_CLASS_H
#define WEFT_SCHED_CLASS_H

#include "sched/worker.h"

enum {
    WEFT__SCORE_NEW = 2,
    WEFT__SCORE_CLEARED = 2,
    WEFT__SCORE_OVERRAN = 3,
    WEFT__SCORE_MARKED = 5,
    WEFT__SCORE_MOST = 6,
    WEFT__SCORE_FORCED = 7,
};

/** A background worker begins a step. */
void weft__class_begin(struct weft__worker *);

/** Has it used more than its share since then? */
bool weft__class_spent(struct weft__worker *);

/** A step of this one has ended, and it is neither asleep nor queued yet: take
 * note of how it behaved. That it was short says nothing if others do a part of
 * its work. The worker that ran it. */
void weft__class_judge(struct weft__worker *, struct weft__coro *, bool part);

/** Every so many short steps that only wait for others count all the same: else
 * who does nothing but wait would never be known. */
enum { WEFT__PARTS = 8 };

/** The same, where nobody has found fault with it, and it is new or light. */
static inline void weft__class_learn(struct weft__coro *coro)
{
    if (coro->score == 0)
        return;
    coro->score = (coro->score - 1u) & 7;
    if (coro->score == 0)
        coro->flags &= (uint8_t)~WEFT__CORO_SCORED;
}

/** Of one that waited behind a task that overran, while there is a crowd of
 * those: is it probably of that kind? The new are presumed to be: what arrives
 * together is alike. They have one step in the background, which tells. Who
 * owns it. */
bool weft__class_suspects(const struct weft__coro *);

/** A task made of a branch that was forked in the background: it will compute.
 * Its creator. */
void weft__class_inherit(struct weft__coro *);

/** What the program wants: enum weft_class. Its creator. */
void weft__class_set(struct weft__coro *, unsigned wanted);

/** Where it runs when it is not pinned any more. */
static inline struct weft__worker *weft__class_home(const struct weft__coro *c)
{
    return c->score >= WEFT__SCORE_MARKED ? WEFT__IN_BACKGROUND : NULL;
}

#endif
