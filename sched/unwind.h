// SPDX-License-Identifier: MIT
/*
 * Who called whom on a stack that stands still: one that was left, or that of a
 * thread in a signal handler. By the unwind tables (libunwind, which is given
 * the stack and the tables to read, and nothing else), or along the frame
 * pointers where a build has no libunwind. Never faults, whatever lies there.
 */
#ifndef WEFT_SCHED_UNWIND_H
#define WEFT_SCHED_UNWIND_H

#include "sched/stack.h"

/* Where it goes on, and what the ABI says that a callee keeps. */
struct weft__registers {
    uintptr_t pc, sp, fp;
    uintptr_t kept[5]; /* x86-64: rbx, r12 to r15 */
};

/** Those of a stack that was left, from its saved stack pointer. False: this
 * build does not know how. */
bool weft__registers_left(const void *sp, struct weft__registers *);

/** Those of a signal handler's third argument. Signal-safe. */
bool weft__registers_interrupted(const void *ucontext,
                                 struct weft__registers *);

/** Before the first weft__unwind(), outside of signal handlers. False: it
 * cannot be. What it opens is the process's and stays: of libunwind's own
 * accord that is a pipe, too. */
bool weft__unwind_open(void);

/** The addresses at which the frames go on, innermost first. Signal-safe. */
size_t weft__unwind(const struct weft__registers *, const struct weft__stack *,
                    void **frames, size_t n);

#endif
