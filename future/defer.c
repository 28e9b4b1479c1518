// SPDX-License-Identifier: MIT
/* Deferred calls: weft_defer(). See defer.h. */
#include "future/defer.h"

#include "future/context.h"
#include "future/task.h"
#include "sched/report.h"

#include <weft/scope.h>

int weft__defer_push(struct weft__defer **stack, weft_fn *fn, void *arg)
{
    struct weft__defer *defer = weft__mem_alloc(1, sizeof(*defer));
    if (defer == NULL)
        return -ENOMEM;
    weft_context *context = weft__context_here();
    *defer = (struct weft__defer){*stack, fn, arg,
                                  context ? weft_context_ref(context) : NULL};
    *stack = defer;
    return 0;
}

/* Without memory to change the context, better in another one than never. */
static int call(struct weft__defer *defer)
{
    weft_context *before = weft__context_here();
    if (defer->context == before)
        return weft_code(defer->fn(defer->arg));
    weft_context *own = weft_context_copy();
    weft_context *wanted =
        defer->context ? defer->context : weft_context_empty();
    bool changed = weft_context_restore(wanted) == 0;
    int code = weft_code(defer->fn(defer->arg));
    if (changed && weft_context_restore(own) < 0)
        code = -ENOMEM;
    weft_context_unref(own);
    return code;
}

static void run_one(weft_future *self, struct weft__defer *defer)
{
    int code = call(defer);
    weft_context_unref(defer->context);
    weft__mem_free(defer);
    if (code < 0)
        weft__report_to(self->coro.rt, WEFT_REPORT_CLEANUP, code,
                        weft__future_name(self), weft__load_relaxed(&self->id),
                        NULL, "a deferred call failed: %s",
                        weft_strerror(code));
}

void weft__defer_run(weft_future *self, struct weft__defer **stack,
                     struct weft__defer *end)
{
    weft_scope shield;
    weft_shield_enter(&shield, self->coro.rt->options.grace);
    while (*stack != end) {
        struct weft__defer *defer = *stack;
        *stack = defer->next;
        run_one(self, defer);
    }
    weft_shield_exit(&shield, 0);
}

int weft_defer(weft_fn *fn, void *arg)
{
    weft_future *self = weft__task_current();
    if (self == NULL)
        return weft__misuse(-WEFT_ENORUNTIME, __func__, WEFT__OUTSIDE);
    self->touched = true;
    return weft__defer_push(&self->defers, fn, arg);
}
