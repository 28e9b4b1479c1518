// SPDX-License-Identifier: MIT
/*
 * What AddressSanitizer, ThreadSanitizer and Valgrind must be told about our
 * stacks. The only place with their #ifdefs; without them all of this is
 * nothing. A ThreadSanitizer fiber belongs to a stack, not to a coroutine.
 */
#ifndef WEFT_SCHED_SANITIZE_H
#define WEFT_SCHED_SANITIZE_H

#include "sched/atomic.h"
#include "sched/context.h"
#include "sched/stack.h"

#if defined(__SANITIZE_ADDRESS__)
#define WEFT__ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WEFT__ASAN 1
#endif
#endif

/** May memory that was given back be used again for the same? A sanitizer that
 * looks for late uses is to see them. */
static inline bool weft__sanitize_reuses(void)
{
#ifdef WEFT__ASAN
    return false;
#else
    return true;
#endif
}

#ifdef WEFT__ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef WEFT__TSAN
#include <sanitizer/tsan_interface.h>
void *__tsan_get_current_fiber(void);
void *__tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void *fiber);
void __tsan_switch_to_fiber(void *fiber, unsigned flags);
#endif
#if __has_include(<valgrind/valgrind.h>) && !defined(WEFT__ASAN) && \
    !defined(WEFT__TSAN)
#include <valgrind/valgrind.h>
#define WEFT__VALGRIND 1
#endif

/** A slot was handed out for the first time. */
static inline void weft__sanitize_stack_open(struct weft__stack *stack)
{
    (void)stack;
#ifdef WEFT__TSAN
    stack->fiber = __tsan_create_fiber(0);
#endif
#ifdef WEFT__VALGRIND
    stack->valgrind = VALGRIND_STACK_REGISTER(stack->low, stack->top);
#endif
}

/** Its memory is about to be unmapped. */
static inline void weft__sanitize_stack_close(struct weft__stack *stack)
{
    (void)stack;
#ifdef WEFT__TSAN
    __tsan_destroy_fiber(stack->fiber);
#endif
#ifdef WEFT__VALGRIND
    VALGRIND_STACK_DEREGISTER(stack->valgrind);
#endif
#ifdef WEFT__ASAN
    __asan_unpoison_memory_region(stack->low,
                                  (size_t)((char *)stack->top - stack->low));
#endif
}

/** Fill in the header that stands for the calling thread's own stack. */
void weft__sanitize_thread_stack(struct weft__stack *stack);

/**
 * Leave the current stack for another one: every switch of the library.
 * `save` receives where to resume; returns when somebody does.
 */
static inline void weft__stack_switch(void **save, struct weft__stack *to,
                                      void *sp, void *pass)
{
#ifdef WEFT__ASAN
    void *fake = NULL;
    __sanitizer_start_switch_fiber(&fake, to->low,
                                   (size_t)((char *)to->top - to->low));
#endif
#ifdef WEFT__TSAN
    __tsan_switch_to_fiber(to->fiber, 0);
#endif
    (void)to;
    weft__context_switch(save, sp, pass);
#ifdef WEFT__ASAN
    __sanitizer_finish_switch_fiber(fake, NULL, NULL);
#endif
}

/** First thing on a fresh stack. */
static inline void weft__sanitize_entered(void)
{
#ifdef WEFT__ASAN
    __sanitizer_finish_switch_fiber(NULL, NULL, NULL);
#endif
}

#endif
