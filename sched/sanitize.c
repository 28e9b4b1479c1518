// SPDX-License-Identifier: MIT
/* The bounds of a thread's own stack, for the sanitizers' sake. */
#define _GNU_SOURCE
#include "sched/sanitize.h"

#include <pthread.h>

void weft__sanitize_thread_stack(struct weft__stack *stack)
{
    /* Once for each thread: of the main one glibc reads /proc/self/maps for it,
     * and the simulation starts every worker there. */
    static _Thread_local void *low;
    static _Thread_local size_t size;
    pthread_attr_t attr;
    if (size == 0 && pthread_getattr_np(pthread_self(), &attr) == 0) {
        pthread_attr_getstack(&attr, &low, &size);
        pthread_attr_destroy(&attr);
    }
    stack->low = low;
    stack->top = (char *)low + size;
#ifdef WEFT__TSAN
    stack->fiber = __tsan_get_current_fiber();
#endif
}
