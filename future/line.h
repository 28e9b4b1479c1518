// SPDX-License-Identifier: MIT
/*
 * A line of those who wait for a lock or a queue, first come first served:
 * coroutines and OS threads alike, each a sleeper in its own frame.
 *
 * Laws: a line, and ->listed of its sleepers, belong to who holds the spin lock
 * beside it. Who takes a sleeper off the line wakes it, exactly once, after the
 * spin lock was released; only a sleeper that takes itself off is not woken.
 * The wake is the last touch of the sleeper.
 */
#ifndef WEFT_FUTURE_LINE_H
#define WEFT_FUTURE_LINE_H

#include "future/block.h"
#include "future/task.h"

/* The misuse of the forms for OS threads. */
#define WEFT__BLOCKS "this would block a worker: use the form for coroutines"

struct weft__sleeper {
    struct weft__sleeper *next, *prev; /* in the line */
    bool listed;
    weft_future *task;        /* fixed; NULL: an OS thread */
    int64_t until;            /* fixed; of an OS thread */
    struct weft__block block; /* of an OS thread: it sleeps on it */
};

struct weft__line {
    struct weft__sleeper *first, *last; /* NULL: nobody */
};

/** A sleeper of the current task; of an OS thread if `task` is NULL. */
static inline void weft__sleeper_init(struct weft__sleeper *sleeper,
                                      weft_future *task, int64_t until)
{
    sleeper->listed = false;
    sleeper->task = task;
    if (task == NULL) {
        sleeper->until = until;
        weft__block_reset(&sleeper->block);
    }
}

/** Behind all others. */
static inline void weft__line_push(struct weft__line *line,
                                   struct weft__sleeper *sleeper)
{
    sleeper->next = NULL;
    sleeper->prev = line->last;
    if (line->last == NULL)
        line->first = sleeper;
    else
        line->last->next = sleeper;
    line->last = sleeper;
    sleeper->listed = true;
}

/** Before all others: it was there already. */
void weft__line_push_first(struct weft__line *, struct weft__sleeper *);

static inline void weft__line_remove(struct weft__line *line,
                                     struct weft__sleeper *sleeper)
{
    if (sleeper->prev == NULL)
        line->first = sleeper->next;
    else
        sleeper->prev->next = sleeper->next;
    if (sleeper->next == NULL)
        line->last = sleeper->prev;
    else
        sleeper->next->prev = sleeper->prev;
    sleeper->listed = false;
}

/** The first, off the line; NULL: nobody. */
static inline struct weft__sleeper *weft__line_pop(struct weft__line *line)
{
    struct weft__sleeper *first = line->first;
    if (first != NULL)
        weft__line_remove(line, first);
    return first;
}

/** Wake one that is off the line. */
void weft__sleeper_wake(struct weft__sleeper *);

/** May it not wait (any more)? -WEFT_ECANCELED or, of OS threads,
 * -WEFT_ETIMEOUT; else 0. */
int weft__sleeper_over(const struct weft__sleeper *);

/**
 * Wait, in the line: 0, it was taken off and woken; or as
 * weft__sleeper_over(): it has taken itself off. `waits`: what for, for people
 * (task.h).
 */
int weft__sleeper_wait(struct weft__sleeper *, struct weft__spin *,
                       struct weft__line *, uint64_t waits);

#endif
