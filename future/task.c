// SPDX-License-Identifier: MIT
/* Tasks: spawn, await, cancel, and what a task may say about itself. */
#include "future/task.h"

#include "future/callback.h"

#include <string.h>

/* Making and ending */

static void task_entry(struct weft__coro *coro)
{
    weft_future *task = weft__future_of(coro);
    weft__task_end(task, task->fn(task->arg));
}

void weft__task_end(weft_future *task, void *result)
{
    struct weft_runtime *rt = task->coro.rt;
    weft__future_finish(task, result);
    weft__runtime_ended(rt, weft__worker_self(), 0);
}

static void init(weft_future *task, struct weft_runtime *rt,
                 enum weft__kind kind, weft_fn *fn, void *arg)
{
    struct weft__coro *coro = &task->coro;
    weft__store_relaxed(&coro->wake, 0);
    coro->flags = WEFT__CORO_FRESH;
    coro->stack_class = WEFT__STACK_DEFAULT;
    coro->pins = 0;
    coro->stack = NULL;
    coro->entry = task_entry;
    coro->rt = rt;
    coro->home = NULL;
    coro->step = NULL;
    coro->alarm.timer.armed = 0;
    coro->alarm.loop = NULL;
    weft__future_init(task, kind, fn, arg);
}

weft_future *weft__task_new(struct weft__worker *worker, enum weft__kind kind,
                            weft_fn *fn, void *arg)
{
    struct weft__coro *coro =
        weft__pool_alloc(worker->rt->pool, worker->index, &worker->tasks);
    if (weft__unlikely(coro == NULL))
        return NULL;
    weft_future *task = weft__future_of(coro);
    init(task, worker->rt, kind, fn, arg);
    if (weft__likely(worker->current != NULL)) {
        weft_future *parent = weft__future_of(worker->current);
        coro->flags |= parent->coro.flags & WEFT__CORO_KEEP;
        task->context = parent->context;
    }
    return task;
}

weft_future *weft__task_new_foreign(struct weft_runtime *rt, unsigned loop,
                                    enum weft__kind kind, weft_fn *fn,
                                    void *arg)
{
    struct weft__coro *coro = weft__pool_take(rt->pool, loop);
    if (coro == NULL)
        return NULL;
    init(weft__future_of(coro), rt, kind, fn, arg);
    return weft__future_of(coro);
}

/* Spawning */

weft_future *weft_spawn_named(const char *name, weft_fn *fn, void *arg)
{
    struct weft__worker *self = weft__worker_self();
    if (weft__unlikely(self == NULL || self->current == NULL))
        return weft__future_failed(-WEFT_ENORUNTIME);
    weft_future *task = weft__task_new(self, WEFT__TASK, fn, arg);
    if (weft__unlikely(task == NULL))
        return weft__future_failed(-ENOMEM);
    task->name = name;
    weft__count(self, tasks_spawned);
    weft__queue_spawned(self, &task->coro);
    return task;
}

weft_future *(weft_spawn)(weft_fn *fn, void *arg)
{
    return weft_spawn_named(NULL, fn, arg);
}

static int read_options(weft_spawn_options *to, const weft_spawn_options *from)
{
    *to = (weft_spawn_options){.size = sizeof(*to)};
    if (from == NULL)
        return WEFT__STACK_DEFAULT;
    if (from->size == 0 || from->size > sizeof(*to))
        return -EINVAL;
    memcpy(to, from, from->size);
    int kind = weft__stack_class(to->stack_size);
    return kind < 0 ? -EINVAL : kind;
}

weft_future *weft_spawn_with(const weft_spawn_options *options, weft_fn *fn,
                             void *arg)
{
    struct weft__worker *self = weft__worker_self();
    weft_spawn_options how;
    int kind = read_options(&how, options);
    if (self == NULL || self->current == NULL)
        return weft__future_failed(-WEFT_ENORUNTIME);
    if (kind < 0)
        return weft__future_failed(kind);
    weft_future *task = weft__task_new(self, WEFT__TASK, fn, arg);
    if (task == NULL)
        return weft__future_failed(-ENOMEM);
    task->name = how.name;
    task->coro.stack_class = (uint8_t)kind;
    task->coro.flags |= how.keep ? WEFT__CORO_KEEP : 0;
    if (how.pinned) {
        task->coro.pins = 1;
        task->coro.home = self;
    }
    weft__count(self, tasks_spawned);
    weft__queue_spawned(self, &task->coro);
    return task;
}

/* Awaiting */

struct await {
    struct weft__waiter waiter;
    struct weft__coro *coro;
};

static void wake_awaiter(struct weft__waiter *waiter)
{
    struct await *await = weft__container_of(waiter, struct await, waiter);
    weft__sched_wake(await->coro, WEFT__WAKE_NOTIFY);
}

/* Somebody else than who cancels us may need it: then it is left alone. */
static bool is_shared(weft_future *future)
{
    return weft__load_relaxed(&future->kind) == WEFT__MADE ||
           weft__load_relaxed(&future->refs) > 1;
}

/* Registered: wait, and hand a cancellation down once. */
static int wait_registered(weft_future *self, weft_future *future,
                           struct await *await, uint32_t mask)
{
    for (;;) {
        if (mask != WEFT__WAKE_NOTIFY && weft__task_cancelled(self)) {
            mask = WEFT__WAKE_NOTIFY;
            if (!is_shared(future))
                weft_cancel(future);
            else if (weft__future_remove_waiter(future, &await->waiter))
                return -WEFT_ECANCELED;
        }
        if (weft__sched_suspend(mask) & WEFT__WAKE_NOTIFY)
            return 0;
    }
}

static int wait_for_end(weft_future *future, uint32_t mask)
{
    weft_future *self = weft__task_current();
    if (weft__unlikely(self == NULL))
        return -WEFT_ENORUNTIME;
    if (future == self)
        return -WEFT_EDEADLK;
    struct await await = {{NULL, wake_awaiter}, &self->coro};
    int rc = weft__future_add_waiter(future, &await.waiter, WEFT__AWAITED);
    return rc > 0 ? wait_registered(self, future, &await, mask) : rc;
}

static int join(weft_future *future, void **result, uint32_t mask)
{
    int rc = weft__future_is_done(future) ? 0 : wait_for_end(future, mask);
    if (weft__likely(rc == 0))
        return weft__future_take(future, result);
    if (result != NULL)
        *result = NULL;
    if (rc != -WEFT_EDEADLK && rc != -WEFT_EBUSY)
        weft__future_drop(future);
    return rc;
}

int weft_await(weft_future *future, void **result)
{
    return join(future, result, WEFT__WAKE_NOTIFY | WEFT__WAKE_INTERRUPT);
}

int weft__task_join(weft_future *future, void **result)
{
    return join(future, result, WEFT__WAKE_NOTIFY);
}

void weft_detach(weft_future *future)
{
    weft__future_drop(future);
}

/* Cancelling */

int weft_cancel(weft_future *future)
{
    uint8_t kind = weft__load_relaxed(&future->kind);
    if (weft__future_is_done(future))
        return -WEFT_EALREADY;
    if (kind == WEFT__MADE)
        return weft__future_set(future, weft_fail(-WEFT_ECANCELED));
    /* Pairs with weft__future_start(). */
    uint64_t was = weft__fetch_or(&future->state, WEFT__CANCEL);
    if (was & WEFT__DONE)
        return -WEFT_EALREADY;
    if (was & WEFT__CANCEL)
        return 1;
    if (kind == WEFT__JOB)
        future->producer->cancel(future);
    else if (kind == WEFT__CALLBACK && !(was & WEFT__STARTED))
        weft__callback_drop(future);
    else
        weft__sched_wake(&future->coro, WEFT__WAKE_INTERRUPT);
    return 0;
}

bool weft_cancelled(void)
{
    weft_future *self = weft__task_current();
    return self != NULL && weft__task_cancelled(self);
}

/* A task about itself */

weft_future *weft_current(void)
{
    return weft__task_current();
}

weft_runtime *weft_running_loop(void)
{
    struct weft__worker *self = weft__worker_self();
    return self ? self->rt : NULL;
}

int weft_yield(void)
{
    int rc = weft__task_check();
    if (rc == 0)
        weft__sched_yield();
    return rc;
}

int weft_pin(void)
{
    struct weft__worker *worker = weft__worker_self();
    if (worker == NULL || worker->current == NULL)
        return -WEFT_ENORUNTIME;
    if (worker->current->pins == UINT8_MAX)
        return -EINVAL;
    worker->current->pins++;
    worker->current->home = worker;
    return 0;
}

int weft_unpin(void)
{
    struct weft__coro *coro = weft__sched_current();
    if (coro == NULL)
        return -WEFT_ENORUNTIME;
    if (coro->pins == 0)
        return -EINVAL;
    if (--coro->pins == 0)
        coro->home = NULL;
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
            weft__sched_suspend(WEFT__WAKE_PERMIT | WEFT__WAKE_INTERRUPT);
        if (woken & WEFT__WAKE_PERMIT)
            return 0;
        if (weft__task_cancelled(self))
            return -WEFT_ECANCELED;
    }
}

int weft_ready(weft_future *task)
{
    uint8_t kind = weft__load_relaxed(&task->kind);
    if (kind != WEFT__TASK && kind != WEFT__CALLBACK)
        return -EINVAL;
    if (weft__future_is_done(task))
        return -WEFT_EALREADY;
    weft__sched_wake(&task->coro, WEFT__WAKE_PERMIT);
    return 0;
}

/* For the scheduler */

static void not_started(struct weft__coro *coro)
{
    weft__task_end(weft__future_of(coro), weft_fail(-ENOMEM));
}

static const char *name(struct weft__coro *coro)
{
    const char *known = weft__future_of(coro)->name;
    return known ? known : "(no name)";
}

static bool alive(struct weft__coro *coro)
{
    weft_future *task = weft__future_of(coro);
    return weft__load_relaxed(&task->kind) != WEFT__FREE &&
           !weft__future_is_done(task);
}

const struct weft__hooks weft__task_hooks = {
    .not_started = not_started,
    .fire = weft__callback_due,
    .name = name,
    .alive = alive,
};
