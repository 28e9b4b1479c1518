// SPDX-License-Identifier: MIT
/*
 * Handing a loop over, from a worker that is stuck in a step to another one.
 *
 * Nothing is revoked: the stuck worker keeps its thread, its stack and what it
 * has queued, which others rescue, and finds out when the step ends. All that
 * changes is loop->owner, by one compare-and-swap. A worker can be in the way
 * of the new owner only asleep in the loop; so it says in that word when it
 * goes to sleep there (idle.c), and then the loop stays.
 *
 * One that computes is lowered before the new one is woken: else both would
 * fight for the CPU. One that sleeps in the kernel is not.
 */
#ifndef WEFT_SCHED_HANDOFF_H
#define WEFT_SCHED_HANDOFF_H

#include "sched/worker.h"

/* By how much a thread is lowered: beside full load it keeps a tenth of a CPU.
 * With more it would be stalled for half a second. */
#define WEFT__LOWER 10
/* So many of them for each CPU, still in that step, are a crowd: they keep even
 * who is not lowered from the CPU, so there should not be more. */
#define WEFT__CROWD 4

/** Give the loop of this worker, which is in its step number `step`, to another
 * one. False: it is not stuck any more, or there is no thread for it. A thread
 * that was never lowered. */
bool weft__handoff(struct weft__worker *, uint64_t step, enum weft__verdict);

/** The task that runs is going to block its thread: hand the loop over, now if
 * such sections usually take a while, else when this one does. Owner. */
void weft__handoff_block(struct weft__worker *);

/** It is over; false: it never began. Owner; the task should yield if that is
 * not active any more. */
bool weft__handoff_unblock(struct weft__worker *);

#endif
