// SPDX-License-Identifier: MIT
/* The bounds of a thread's own stack, for the sanitizers' sake. */
#define _GNU_SOURCE
#include "sched/sanitize.h"

#include <pthread.h>

void weft__sanitize_thread_stack(struct weft__stack *stack)
{
    pthread_attr_t attr;
    void *low = NULL;
    size_t size = 0;
    if (pthread_getattr_np(pthread_self(), &attr) == 0) {
        pthread_attr_getstack(&attr, &low, &size);
        pthread_attr_destroy(&attr);
    }
    stack->low = low;
    stack->top = (char *)low + size;
#ifdef WEFT__TSAN
    stack->fiber = __tsan_get_current_fiber();
#endif
}
