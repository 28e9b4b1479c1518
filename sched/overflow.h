// SPDX-License-Identifier: MIT
/*
 * Stack overflow with a name: a SIGSEGV handler on an alternate stack that says
 * which task ran into its guard, and then lets the process die as it would
 * have. Faults elsewhere go to whoever handled them before.
 */
#ifndef WEFT_SCHED_OVERFLOW_H
#define WEFT_SCHED_OVERFLOW_H

struct weft__worker;

/** Install or remove the handler; nests. Any thread. */
void weft__overflow_open(void);
void weft__overflow_close(void);

/** The worker's alternate stack. Its thread. Best effort. */
void weft__overflow_thread_open(struct weft__worker *);
void weft__overflow_thread_close(struct weft__worker *);

#endif
