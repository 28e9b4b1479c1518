// SPDX-License-Identifier: MIT
/* What a task says of itself: who it is, give way, pin, suspend until ready. */
#include "future/debug.h"
#include "future/task.h"
#include "sched/class.h"
#include "sched/handoff.h"

weft_future *weft_current(void)
{
    weft_future *self = weft__task_current();
    return self != NULL ? weft__debug_give(self) : NULL;
}

weft_runtime *weft_running_loop(void)
{
    struct weft__worker *self = weft__worker_self();
    return self ? self->rt : NULL;
}

void weft__task_give_way(void)
{
    struct weft__worker *worker = weft__worker_self();
    if (weft__worker_has_loop(worker) || weft__reserve_gives_way(worker))
        weft__task_yield();
    worker = weft__worker_self();
    worker->budget = worker->allowance;
}

void weft__task_yield(void)
{
    weft_future *self = weft__task_current();
    if (weft__unlikely(self->touched) && self->scope != NULL)
        weft__scope_arm(self);
    weft__sched_yield();
}

/* Elsewhere it is no misuse: a job may well offer to let others run. */
int weft_yield(void)
{
    weft_future *self = weft__task_current();
    if (weft__unlikely(self == NULL))
        return -WEFT_ENORUNTIME;
    if (weft__task_cancelled(self))
        return -WEFT_ECANCELED;
    if (weft__unlikely(self->touched) && self->scope != NULL)
        weft__scope_arm(self);
    weft__sched_yield();
    return 0;
}

int weft_pin(void)
{
    struct weft__worker *worker = weft__worker_self();
    if (worker == NULL || worker->current == NULL)
        return weft__misuse(-WEFT_ENORUNTIME, __func__, WEFT__OUTSIDE);
    if (worker->current->pins == WEFT__MOST_PINS)
        return -EINVAL;
    if (worker->current->pins++ == 0)
        weft__worker_home(worker, 1);
    worker->current->home = worker;
    return 0;
}

int weft_unpin(void)
{
    struct weft__coro *coro = weft__sched_current();
    if (coro == NULL)
        return weft__misuse(-WEFT_ENORUNTIME, __func__, WEFT__OUTSIDE);
    if (coro->pins == 0)
        return weft__misuse(-EINVAL, __func__, "this task is not pinned");
    if (--coro->pins == 0) {
        weft__worker_home(coro->home, -1);
        coro->home = weft__class_home(coro);
    }
    return 0;
}

int weft_blocking_enter(void)
{
    struct weft__worker *worker = weft__worker_self();
    if (worker == NULL || worker->current == NULL)
        return weft__misuse(-WEFT_ENORUNTIME, __func__, WEFT__OUTSIDE);
    weft__handoff_block(worker);
    return 0;
}

int weft_blocking_exit(void)
{
    struct weft__worker *worker = weft__worker_self();
    if (worker == NULL || worker->current == NULL)
        return weft__misuse(-WEFT_ENORUNTIME, __func__, WEFT__OUTSIDE);
    if (!weft__handoff_unblock(worker))
        return weft__misuse(-EINVAL, __func__, "no section is open here");
    if (worker->blocking_depth == 0 && !weft__worker_is_active(worker))
        weft__task_yield();
    return 0;
}

int weft_suspend(void)
{
    int rc = weft__task_check();
    if (rc < 0)
        return rc;
    weft_future *self = weft__task_current();
    for (;;) {
        uint32_t woken =
            weft__task_suspend(self, WEFT__WAKE_PERMIT | WEFT__WAKE_INTERRUPT,
                               weft__waits(WEFT_WAITS_READY, 0));
        if (woken & WEFT__WAKE_PERMIT)
            return 0;
        if (weft__task_cancelled(self))
            return -WEFT_ECANCELED;
    }
}

int weft_ready(weft_future *task)
{
    task = weft__handle(task);
    uint8_t kind = weft__load_relaxed(&task->kind);
    if (kind != WEFT__TASK && kind != WEFT__CALLBACK)
        return weft__misuse(-EINVAL, __func__,
                            "this is neither task nor "
                            "callback");
    if (weft__future_is_done(task))
        return -WEFT_EALREADY;
    weft__sched_wake(&task->coro, WEFT__WAKE_PERMIT);
    return 0;
}
