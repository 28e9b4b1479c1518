// SPDX-License-Identifier: MIT
/*
 * The bare switch of stacks: one file of assembler for each architecture, the
 * build chooses. Not a coroutine: who owns a stack, and when a suspended one
 * may be shown to others (only after it was left), is the caller's business.
 *
 * Saved are the registers that the ABI says a callee keeps, on the stack that
 * is left. The modes of the floating point unit (mxcsr and the x87 control
 * word, FPCR) also belong to the callee, but are deliberately not switched:
 * that would cost more than all the rest, for the sake of code that changes
 * the rounding mode over a suspension. They stay with the thread.
 *
 * The switch ends in an indirect jump, not in a return: the return predictor
 * holds the calls of the stack that was left, and missing costs three times
 * the whole switch. For the same reason there are no shadow stacks here (no
 * SHSTK or GCS mark on the objects, so the loader leaves them off).
 *
 * On x86-64 it is not called either, but jumped to. A call that never returns
 * would stay behind in the return predictor, which then is one off for each
 * return of who is resumed; without it, two that have suspended in the same
 * place go on as if nobody had switched. A yield among 1 000 tasks takes half
 * the time so. The code around it must not keep anything below the stack
 * pointer: -mno-red-zone, for all of this tree.
 */
#ifndef WEFT_SCHED_CONTEXT_H
#define WEFT_SCHED_CONTEXT_H

#include "sched/base.h"

/* What the ABI lets a callee change, beside the four that are passed: the
 * compiler believes that nothing else does change here. */
#if defined(__x86_64__)
#ifdef __AVX512F__
#define WEFT__CONTEXT_AVX512                                                   \
    "k1", "k2", "k3", "k4", "k5", "k6", "k7", "xmm16", "xmm17", "xmm18",       \
        "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25",         \
        "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31",
#else
#define WEFT__CONTEXT_AVX512
#endif
#define WEFT__CONTEXT_CLOBBERED                                                \
    WEFT__CONTEXT_AVX512                                                       \
    "rcx", "r8", "r9", "r10", "r11", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4",   \
        "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",     \
        "xmm13", "xmm14", "xmm15", "st", "st(1)", "st(2)", "st(3)", "st(4)",   \
        "st(5)", "st(6)", "st(7)", "cc", "memory"
#endif

/**
 * Leave this stack for `to_sp`. What is to be resumed later is stored in
 * *save_sp before the new stack is touched. Over there `pass` comes out as the
 * result of the call that once left that stack (or as the argument of its
 * entry); here, whatever the one who comes back passes.
 *
 * May resume on another thread: nothing thread-local may be kept over it.
 */
#if defined(__x86_64__) && !defined(WEFT__CONTEXT_UCONTEXT)
WEFT__INLINE void *weft__context_switch(void **save_sp, void *to_sp, void *pass)
{
    void *passed;
    __asm__ volatile("leaq 1f(%%rip), %%rax\n\t"
                     "jmp weft__context_jump\n"
                     "1:"
                     : "=a"(passed), "+D"(save_sp), "+S"(to_sp), "+d"(pass)
                     :
                     : WEFT__CONTEXT_CLOBBERED);
    return passed;
}
#else
void *weft__context_switch(void **save_sp, void *to_sp, void *pass);
#endif

/**
 * Prepare a fresh stack that ends at `top` (aligned to 16): the `to_sp` of the
 * first switch to it, which calls entry(pass) as the outermost frame there.
 * `entry` never returns; if it does, the process dies of a trap.
 */
void *weft__context_make(void *top, void (*entry)(void *pass));

#endif
