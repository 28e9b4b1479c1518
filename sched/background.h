// SPDX-License-Identifier: MIT
/*
 * The background: tasks that overrun again and again, and those that were
 * spawned for it, run on threads of a lower priority, so that whoever makes
 * short steps goes first, at once. They have all the CPU that is left, in turns
 * of one step each, and what runs at nice 10 beside full load still gets a
 * tenth of a CPU: it may hold locks.
 *
 * No more than one of them per CPU runs at a time (a slot each), but for those
 * that sleep in the kernel: these use no CPU, so they take no slot, and each
 * that waits gets a thread. Who may be light goes before those who are not, but
 * for every fourth turn.
 *
 * Anybody queues. The queues behind the inboxes are under a lock that only
 * background workers take: an active one never waits for a lowered thread.
 */
#ifndef WEFT_SCHED_BACKGROUND_H
#define WEFT_SCHED_BACKGROUND_H

#include "sched/coro.h"
#include "sched/lock.h"

/* Marked ones that compute, and that sleep in the kernel; and who is not marked
 * but stood behind those in a crowd. */
enum { WEFT__HOGS, WEFT__BLOCKERS, WEFT__SUSPECTS, WEFT__QUEUES };

struct weft__background_queue {
    /* Anybody adds; taken under the lock. */
    WEFT__APART struct weft__inbox inbox;
    _Atomic(uint32_t) waiting; /* in it and in the queue; RMW by each */
    struct weft__link *head;   /* first in, first out; under the lock */
    struct weft__link *tail;
};

struct weft__background {
    bool open; /* there are threads for it; fixed once the runtime is open */
    struct weft__lock lock;
    struct weft__background_queue queue[WEFT__QUEUES];
    _Atomic(uint32_t) taken; /* that had a slot, ever; under the lock */
    _Atomic(uint32_t) slots; /* taken; RMW by who takes one or gives it back */
};

/** Queue one. Any thread; it may run, and end, before the return. */
void weft__background_push(struct weft_runtime *, struct weft__coro *);

/** The next one, with a slot if it needs one; NULL: none, and the slot is given
 * back. A background worker. */
struct weft__coro *weft__background_take(struct weft__worker *);

/** Is there one that a further thread could run now? Any thread. */
bool weft__background_waits(struct weft_runtime *);

/** Does any that computes wait there for its turn? */
bool weft__background_lines_up(struct weft_runtime *);

/** How many further threads could run one now. */
unsigned weft__background_wants(struct weft_runtime *);

/** There is no thread for them: let all that wait run as if they were light. */
void weft__background_flush(struct weft_runtime *);

/** Nobody had a turn for long: let who is not marked run as a light one. False:
 * the queue is in use just now. The monitor. */
bool weft__background_acquit(struct weft_runtime *);

/** The slot of a worker, if it has one, is for another one from here on. The
 * worker, or the monitor when it sleeps in the kernel. */
void weft__background_release(struct weft__worker *);

#endif
