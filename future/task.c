// SPDX-License-Identifier: MIT
/* Tasks: spawn, await, cancel, and what a task may say about itself. */
#include "future/task.h"

#include "future/account.h"
#include "future/callback.h"
#include "future/context.h"
#include "future/debug.h"
#include "future/defer.h"
#include "future/dump.h"
#include "future/error.h"
#include "future/fork.h"
#include "future/group.h"
#include "sched/class.h"
#include "sched/report.h"

#include <string.h>

/* Making */

static void task_entry(struct weft__coro *coro);

WEFT__INLINE void init(weft_future *task, enum weft__kind kind, weft_fn *fn,
                       void *arg)
{
    struct weft__coro *coro = &task->coro;
    weft__store_relaxed(&coro->wake, 0);
    coro->flags = WEFT__CORO_FRESH | WEFT__CORO_SCORED;
    coro->stack_class = WEFT__STACK_DEFAULT;
    coro->told = 0;
    coro->score = WEFT__SCORE_NEW;
    coro->blocks = 0;
    coro->pins = 0;
    coro->light = 0;
    coro->stack = NULL;
    coro->entry = task_entry;
    coro->home = NULL;
    coro->alarm.timer.armed = 0;
    coro->alarm.timer.tag = 0;
    coro->alarm.loop = NULL;
    weft__future_init(task, kind, fn, arg);
}

WEFT__INLINE weft_future *new_task(struct weft__worker *worker,
                                   enum weft__kind kind, weft_fn *fn, void *arg)
{
    struct weft__coro *coro =
        weft__pool_alloc(worker->rt->pool, worker->loop->index, &worker->tasks);
    if (weft__unlikely(coro == NULL))
        return NULL;
    weft_future *task = weft__future_of(coro);
    init(task, kind, fn, arg);
    coro->alarm.timer.tag = (uint32_t)(worker->polled >> WEFT__BIRTH_SHIFT);
    if (weft__likely(worker->current != NULL))
        coro->flags |= worker->current->flags & WEFT__CORO_KEEP;
    return task;
}

weft_future *weft__task_new(struct weft__worker *worker, enum weft__kind kind,
                            weft_fn *fn, void *arg)
{
    return new_task(worker, kind, fn, arg);
}

weft_future *weft__task_new_foreign(struct weft_runtime *rt, unsigned loop,
                                    enum weft__kind kind, weft_fn *fn,
                                    void *arg)
{
    struct weft__coro *coro = weft__pool_take(rt->pool, loop);
    if (coro == NULL)
        return NULL;
    init(weft__future_of(coro), kind, fn, arg);
    return weft__future_of(coro);
}

WEFT__INLINE void own(weft_future *child, weft_future *spawner, uint64_t flags)
{
    if (weft__unlikely(spawner->scope != NULL) || spawner->deadline != 0)
        weft__scope_inherit(child, spawner);
    if (weft__unlikely(child->coro.flags & WEFT__CORO_KEEP))
        flags |= WEFT__KEPT;
    weft__store_relaxed(&child->state, flags | WEFT__OWNED);
    if (weft__likely(child->owner == spawner))
        weft__context_spawned(child, spawner);
    else
        weft__context_capture(child);
}

void weft__task_own(weft_future *child, weft_future *spawner, uint64_t flags)
{
    own(child, spawner, flags);
}

/* Numbers come from one place, but only for those who are looked at. */
uint64_t weft__task_number(weft_future *task)
{
    static _Atomic(uint64_t) numbers;
    uint8_t kind = weft__load_relaxed(&task->kind);
    if (kind != WEFT__TASK && kind != WEFT__CALLBACK)
        return 0;
    uint64_t seen = weft__load_relaxed(&task->id);
    if (seen != 0)
        return seen;
    uint64_t number = weft__fetch_add(&numbers, 1) + 1;
    /* One of several who ask at once. */
    return weft__cas(&task->id, &seen, number) ? number : seen;
}

/* Ending */

void weft__task_close(weft_future *task)
{
    if (task->scope != NULL)
        weft__debug_misuse("return",
                           "a task has returned inside a scope or group");
    if (task->branches != NULL)
        weft__debug_misuse("return",
                           "a task has returned before it joined a branch");
    if (task->coro.flags & WEFT__CORO_MAIN)
        weft__runtime_enter(task->coro.rt, WEFT__CLOSING);
    do {
        if (task->coro.flags & WEFT__CORO_MAIN)
            weft__account_leave_kept(task, &task->children);
        weft__account_join(task, &task->children);
        if (task->defers != NULL)
            weft__defer_run(task, &task->defers, NULL);
    } while (task->children.first != NULL);
    if (task->own != NULL)
        weft__context_ended(task);
}

WEFT__INLINE void end(weft_future *task, void *result)
{
    struct weft_runtime *rt = task->coro.rt;
    int code = weft_code(result);
    if (weft__unlikely(code < 0) && (code != -WEFT_ECANCELED || task->touched))
        weft__error_ended(task, code);
    if (weft__unlikely(task->group != NULL) &&
        (code < 0 || weft__load_relaxed(&task->state) & WEFT__LIMITED))
        weft__group_child_ends(task, code);
    if (weft__unlikely(task->coro.pins > 0))
        weft__worker_home(task->coro.home, -1);
    weft__future_finish(task, result);
    weft__runtime_ended(rt, weft__worker_self(), 0);
}

void weft__task_end(weft_future *task, void *result)
{
    end(task, result);
}

static void task_entry(struct weft__coro *coro)
{
    weft_future *task = weft__future_of(coro);
    void *result = task->fn(task->arg);
    if (weft__task_has_business(task))
        weft__task_close(task);
    end(task, result);
}

/* Spawning */

struct weft__group *weft__task_group(weft_future *self)
{
    struct weft__scope *scope = self->scope;
    while (scope != NULL && scope->kind != WEFT__SCOPE_GROUP)
        scope = scope->outer;
    return (struct weft__group *)scope;
}

WEFT__INLINE weft_future *new_child(struct weft__worker *self, weft_fn *fn,
                                    void *arg)
{
    if (weft__unlikely(self == NULL || self->current == NULL))
        return weft__future_failed(
            weft__misuse(-WEFT_ENORUNTIME, "weft_spawn", WEFT__OUTSIDE));
    weft_future *parent = weft__future_of(self->current);
    weft_future *task = new_task(self, WEFT__TASK, fn, arg);
    if (weft__unlikely(task == NULL))
        return weft__future_failed(-ENOMEM);
    task->owner = parent;
    if (weft__unlikely(parent->scope != NULL))
        task->group = weft__task_group(parent);
    weft__store_relaxed(&task->refs, 2); /* yours and the account's */
    own(task, parent, 0);
    return task;
}

/* Options have been applied: into the account, and off. */
WEFT__INLINE weft_future *start_child(struct weft__worker *self,
                                      weft_future *task)
{
    weft_future *parent = task->owner;
    parent->touched = true;
    struct weft__account *account = weft__likely(task->group == NULL)
                                        ? &parent->children
                                        : weft__group_children(task->group);
    weft__account_sweep(parent, account);
    weft__account_link(account, task);
    weft__task_start(self, task);
    return task;
}

weft_future *weft_spawn_named(const char *name, weft_fn *fn, void *arg)
{
    struct weft__worker *self = weft__worker_self();
    weft_future *task = new_child(self, fn, arg);
    if (weft__unlikely(weft__load_relaxed(&task->kind) == WEFT__STATIC))
        return task;
    weft__store_relaxed(&task->name, name);
    return weft__debug_give(start_child(self, task));
}

weft_future *(weft_spawn)(weft_fn *fn, void *arg)
{
    return weft_spawn_named("weft_spawn", fn, arg);
}

static int read_options(weft_spawn_options *to, const weft_spawn_options *from)
{
    *to = (weft_spawn_options){.size = sizeof(*to)};
    if (from == NULL)
        return WEFT__STACK_DEFAULT;
    if (from->size == 0 || from->size > sizeof(*to))
        return -EINVAL;
    memcpy(to, from, from->size);
    if (to->task_class > WEFT_CLASS_BACKGROUND)
        return -EINVAL;
    int kind = weft__stack_class(to->stack_size);
    return kind < 0 ? -EINVAL : kind;
}

weft_future *weft_spawn_with_named(const weft_spawn_options *options,
                                   const char *name, weft_fn *fn, void *arg)
{
    struct weft__worker *self = weft__worker_self();
    weft_spawn_options how;
    int kind = read_options(&how, options);
    if (kind < 0)
        return weft__future_failed(kind);
    weft_future *task = new_child(self, fn, arg);
    if (weft__load_relaxed(&task->kind) == WEFT__STATIC)
        return task;
    weft__store_relaxed(&task->name, how.name ? how.name : name);
    task->coro.stack_class = (unsigned)kind & 3;
    if (how.keep) {
        task->coro.flags |= WEFT__CORO_KEEP;
        weft__fetch_or(&task->state, WEFT__KEPT);
    }
    if (how.context != NULL)
        weft__context_given(task, how.context);
    weft__class_set(&task->coro, how.task_class);
    if (how.pinned) {
        task->coro.pins = 1;
        task->coro.home = self;
        weft__worker_home(self, 1);
    }
    return weft__debug_give(start_child(self, task));
}

weft_future *(weft_spawn_with)(const weft_spawn_options *options, weft_fn *fn,
                               void *arg)
{
    return weft_spawn_with_named(options, "weft_spawn_with", fn, arg);
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

bool weft__task_is_shared(weft_future *future)
{
    uint64_t state = weft__load_relaxed(&future->state);
    return weft__load_relaxed(&future->kind) == WEFT__MADE ||
           weft__load_relaxed(&future->refs) > (state & WEFT__OWNED ? 2u : 1u);
}

/* The caller is cancelled: so is what it waits for, or it stops waiting.
 * Returns the wakes to wait for then; 0: it waits no more. */
static WEFT__NOINLINE uint32_t hand_down(weft_future *self, weft_future *future,
                                         struct await *await, uint32_t mask)
{
    if (!weft__task_is_shared(future)) {
        weft__task_cancel(future, weft__scope_look(self));
        return mask;
    }
    bool left = weft__future_remove_waiter(future, &await->waiter);
    return left ? 0 : WEFT__WAKE_NOTIFY;
}

/* Awaiting the newest child runs it, before anything is registered. */

struct lend {
    struct weft__lend lend;
    struct await await;
    weft_future *future;
    int rc; /* of the registration */
};

/* It suspends: wait for it as for any other. */
static void settle(struct weft__lend *lend)
{
    struct lend *self = weft__container_of(lend, struct lend, lend);
    self->rc = weft__future_add_waiter(self->future, &self->await.waiter,
                                       WEFT__AWAITED);
    if (self->rc <= 0)
        weft__sched_wake(lend->lender, WEFT__WAKE_NOTIFY);
}

/* Registered: wait, and hand a cancellation down once. */
WEFT__INLINE int wait_registered(weft_future *self, weft_future *future,
                                 struct await *await, uint32_t mask)
{
    uint64_t waits = weft__waits_future(WEFT_WAITS_FUTURE, future);
    bool told = !(mask & WEFT__WAKE_INTERRUPT);
    bool task = weft__load_relaxed(&future->kind) == WEFT__TASK;
    uint32_t part = task ? WEFT__WAKE_NEVER : 0;
    do {
        if (weft__unlikely(!told && weft__task_cancelled(self))) {
            told = true;
            mask = hand_down(self, future, await, mask);
            if (mask == 0)
                return -WEFT_ECANCELED;
        }
    } while (
        !(weft__task_suspend(self, mask | part, waits) & WEFT__WAKE_NOTIFY));
    return 0;
}

/* Has somebody else awaited it meanwhile, with our reference? */
static bool was_taken(weft_future *future)
{
    uint64_t state = weft__load_relaxed(&future->state);
    return weft__unlikely(state & WEFT__AWAITED) &&
           !weft__task_is_shared(future);
}

/* 1: not possible. */
WEFT__INLINE int wait_lending(weft_future *self, weft_future *future,
                              uint32_t mask)
{
    struct lend lend;
    lend.lend.mask = mask;
    lend.lend.settle = settle;
    lend.await.waiter.fire = wake_awaiter;
    lend.await.coro = &self->coro;
    lend.future = future;
    weft__store_relaxed(&self->waits,
                        weft__waits_future(WEFT_WAITS_FUTURE, future));
    if (weft__likely(weft__sched_lend(&lend.lend, &future->coro)))
        return was_taken(future) ? -WEFT_EBUSY : 0;
    if (!lend.lend.settled)
        return 1;
    if (lend.rc <= 0 || self->coro.reason & WEFT__WAKE_NOTIFY)
        return lend.rc < 0 ? lend.rc : 0;
    return wait_registered(self, future, &lend.await, mask);
}

/* Is it what this task ends before: itself, its owner, its owner's owner? */
bool weft__task_is_above(weft_future *future, weft_future *self)
{
    uint8_t kind = weft__load_relaxed(&future->kind);
    if (kind != WEFT__TASK && kind != WEFT__CALLBACK)
        return false;
    if (future->owner == self && future != self)
        return false;
    while (self != future) {
        uint64_t state = weft__load_relaxed(&self->state);
        if (!(state & WEFT__OWNED))
            return false;
        self = self->owner;
    }
    return true;
}

WEFT__INLINE int wait_for_end(weft_future *self, weft_future *future,
                              uint32_t mask)
{
    if (weft__unlikely(self == NULL))
        return weft__misuse(-WEFT_ENORUNTIME, "weft_await", WEFT__OUTSIDE);
    if (weft__unlikely(future->owner != self || future == self) &&
        weft__task_is_above(future, self))
        return -WEFT_EDEADLK;
    if (weft__likely(self->scope == NULL && future->owner == self)) {
        int rc = wait_lending(self, future, mask);
        if (weft__likely(rc <= 0))
            return rc;
    }
    struct await await = {{NULL, wake_awaiter}, &self->coro};
    int rc = weft__future_add_waiter(future, &await.waiter, WEFT__AWAITED);
    return rc > 0 ? wait_registered(self, future, &await, mask) : rc;
}

void weft__task_wait(weft_future *future)
{
    weft_future *self = weft__task_current();
    struct await await = {{NULL, wake_awaiter}, &self->coro};
    if (weft__future_add_waiter(future, &await.waiter, 0) > 0)
        wait_registered(self, future, &await, WEFT__WAKE_NOTIFY);
}

static void take_of_group(weft_future *self, weft_future *future)
{
    weft__account_unlink(weft__group_children(future->group), future);
    weft__group_settle(future->group, future);
    weft__context_released(self, future);
    weft__future_drop_two(future);
}

/* Mine, and mostly mine alone: then nobody else can see it any more. */
WEFT__INLINE void take_own(weft_future *self, weft_future *future)
{
    if (weft__unlikely(future->group != NULL)) {
        take_of_group(self, future);
        return;
    }
    weft__account_unlink(&self->children, future);
    weft__context_released(self, future);
    weft__future_drop_two(future);
}

WEFT__INLINE int take(weft_future *self, weft_future *future, void **result)
{
    void *value = future->result;
    int code = weft_code(value);
    if (result != NULL)
        *result = code < 0 ? NULL : value;
    weft__error_retrieved(future, code);
    if (weft__likely(self != NULL) && weft__account_has(self, future))
        take_own(self, future);
    else
        weft__future_drop(future);
    return code;
}

int weft__task_take(weft_future *self, weft_future *future, void **result)
{
    return take(self, future, result);
}

static WEFT__NOINLINE int joined_not(weft_future *future, void **result, int rc)
{
    if (rc == -WEFT_EBUSY)
        weft__misuse(rc, "weft_await", WEFT__BUSY);
    if (rc == -WEFT_EDEADLK)
        weft__misuse(rc, "weft_await", WEFT__CIRCLE);
    if (result != NULL)
        *result = NULL;
    if (rc != -WEFT_EDEADLK && rc != -WEFT_EBUSY)
        weft__future_drop(future);
    return rc;
}

WEFT__INLINE int join(weft_future *future, void **result, uint32_t mask)
{
    weft_future *self = weft__task_current();
    if (!weft__future_is_done(future)) {
        int rc = wait_for_end(self, future, mask);
        if (weft__unlikely(rc < 0))
            return joined_not(future, result, rc);
    }
    return take(self, future, result);
}

int weft_await(weft_future *future, void **result)
{
    return weft__task_await(weft__handle_own(future, __func__), result);
}

int weft__task_await(weft_future *future, void **result)
{
    return join(future, result, WEFT__WAKE_NOTIFY | WEFT__WAKE_INTERRUPT);
}

int weft__task_join(weft_future *future, void **result)
{
    return join(future, result, WEFT__WAKE_NOTIFY);
}

/* Its owner does it, if that is somebody else: at its next look. */
static void ask_to_let_go(weft_future *future)
{
    uint64_t was = weft__fetch_or(&future->state, WEFT__DETACHED);
    if ((was & WEFT__OWNED) && !(was & WEFT__DONE))
        weft__sched_wake(&future->owner->coro, WEFT__WAKE_INTERRUPT);
}

void weft_detach(weft_future *future)
{
    future = weft__handle_own(future, __func__);
    weft_future *self = weft__task_current();
    uint8_t kind = weft__load_relaxed(&future->kind);
    if (weft__unlikely(kind == WEFT__STATIC)) {
        int code = weft_code(future->result);
        if (code == -WEFT_ECANCELED || code == -WEFT_ESHUTDOWN)
            return;
        weft__report_to(self ? self->coro.rt : NULL, WEFT_REPORT_UNRETRIEVED,
                        code, NULL, 0, NULL, "could not be started: %s",
                        weft_strerror(code));
        return;
    }
    if (self != NULL && weft__account_has(self, future))
        weft__account_let_go(self, future);
    else if (weft__load_relaxed(&future->state) & WEFT__OWNED ||
             weft__debug_on()) /* for weft__debug_dropped() */
        ask_to_let_go(future);
    weft__future_drop(future);
}

/* Cancelling */

/* False: it is done, was cancelled before, or shall not hear of it yet. */
static bool mark_cancelled(weft_future *future, enum weft_reason reason,
                           uint64_t *was)
{
    uint64_t mark = WEFT__CANCEL | (uint64_t)reason * WEFT__REASON;
    *was = weft__load_relaxed(&future->state);
    do
        if (*was & (WEFT__DONE | WEFT__CANCEL))
            return false;
    /* Pairs with weft__future_start(). */
    while (!weft__cas(&future->state, was, *was | mark));
    return true;
}

/* What was spawned with .keep hears of the runtime's end from the runtime. */
static bool is_spared(weft_future *future, enum weft_reason reason)
{
    return reason == WEFT_REASON_SHUTDOWN &&
           weft__load_relaxed(&future->state) & WEFT__KEPT &&
           weft__load_relaxed(&future->coro.rt->phase) < WEFT__KILLING;
}

int weft__task_cancel(weft_future *future, enum weft_reason reason)
{
    uint8_t kind = weft__load_relaxed(&future->kind);
    uint64_t was;
    if (weft__future_is_done(future))
        return -WEFT_EALREADY;
    if (kind == WEFT__MADE)
        return weft__future_set(future, weft_fail(-WEFT_ECANCELED));
    if (is_spared(future, reason))
        return 0;
    if (!mark_cancelled(future, reason, &was))
        return was & WEFT__DONE ? -WEFT_EALREADY : 1;
    if (kind == WEFT__JOB)
        future->producer->cancel(future);
    else if (kind == WEFT__CALLBACK && !(was & WEFT__STARTED))
        weft__callback_drop(future);
    else
        weft__sched_wake(&future->coro, WEFT__WAKE_INTERRUPT);
    return 0;
}

int weft_cancel(weft_future *future)
{
    return weft__task_cancel(weft__handle(future), WEFT_REASON_USER);
}

/* For the scheduler */

static void not_started(struct weft__coro *coro)
{
    weft__task_end(weft__future_of(coro), weft_fail(-ENOMEM));
}

static const char *name(struct weft__coro *coro)
{
    return weft__future_name(weft__future_of(coro));
}

const struct weft__hooks weft__task_hooks = {
    .not_started = not_started,
    .take = weft__fork_take,
    .fire = weft__callback_due,
    .slow = weft__dump_slow,
    .overran = weft__inspect_overrun,
    .name = name,
};
