// SPDX-License-Identifier: MIT
/* weft_fork() and weft_join(): see fork.h. */
#include "future/fork.h"

#include "future/account.h"
#include "future/context.h"
#include "future/debug.h"
#include "future/defer.h"
#include "future/error.h"
#include "future/task.h"
#include "sched/branch.h"
#include "sched/class.h"

#include <weft/fork.h>

#define ROOM ((ptrdiff_t)16 << 10) /* of stack, for a call at the join */

_Static_assert(sizeof(struct weft__branch) <= sizeof(weft_branch),
               "a public branch holds it");

static struct weft__branch *branch_of(weft_branch *public)
{
    return (struct weft__branch *)(void *)public;
}

/* Forking */

_Static_assert((int)WEFT__BRANCH_KEEP == (int)WEFT__CORO_KEEP &&
                   WEFT__BRANCH_LOW == WEFT__FORKS_LOW,
               "a fork copies them");

/* Also read by who takes it: what the forker's scopes are by then is its own
 * business. */
static WEFT__NOINLINE void inherit_scopes(struct weft__branch *branch,
                                          weft_future *self)
{
    branch->deadline = weft__scope_deadline(self);
    if (weft__scope_shields(self))
        branch->flags |= WEFT__BRANCH_KEEP;
}

void weft_fork(weft_branch *public, weft_fn *fn, void *arg)
{
    struct weft__branch *branch = branch_of(public);
    struct weft__worker *worker = weft__worker_self();
    branch->fn = fn;
    branch->arg = arg;
    if (weft__unlikely(worker == NULL || worker->current == NULL)) {
        branch->forker = NULL;
        return;
    }
    weft_future *self = weft__future_of(worker->current);
    branch->forker = self;
    branch->home = worker;
    branch->deadline = 0;
    branch->flags = (self->coro.flags & WEFT__CORO_KEEP) | worker->forks;
    branch->own = self->own;
    if (weft__unlikely(self->own != NULL))
        self->own->borrowed++;
    if (weft__unlikely(self->scope != NULL) || self->deadline != 0)
        inherit_scopes(branch, self);
    branch->outer = self->branches;
    self->branches = branch;
    if (weft__unlikely(weft__debug_on()))
        self->touched = true; /* its end looks for what was not joined */
    weft__store_relaxed(&branch->state, WEFT__BRANCH_QUEUED);
    if (weft__unlikely(!weft__branch_push(worker, branch)))
        weft__store_relaxed(&branch->state, WEFT__BRANCH_HERE);
}

/* Taking */

static weft_context *context_of(const struct weft__branch *branch)
{
    return branch->own ? branch->own : branch->forker->inherited;
}

/* Its forker keeps alive what it inherits. */
static weft_future *task_of(struct weft__worker *worker,
                            struct weft__branch *branch)
{
    weft_future *task =
        weft__task_new(worker, WEFT__TASK, branch->fn, branch->arg);
    if (task == NULL)
        return NULL;
    weft__store_relaxed(&task->name, "branch");
    task->inherited = context_of(branch);
    task->deadline = branch->deadline;
    task->touched = branch->deadline != 0;
    if (branch->flags & WEFT__BRANCH_KEEP)
        task->coro.flags |= WEFT__CORO_KEEP;
    if (branch->flags & WEFT__BRANCH_LOW)
        weft__class_inherit(&task->coro);
    return task;
}

static void refuse(struct weft__branch *branch)
{
    struct weft__coro *forker = &branch->forker->coro;
    /* Pairs with the join. Unless it waits, the branch may be gone then. */
    uint32_t was = weft__xchg(&branch->state, WEFT__BRANCH_REFUSED);
    if (was & WEFT__BRANCH_WAITED)
        weft__sched_wake(forker, WEFT__WAKE_NOTIFY);
}

struct weft__coro *weft__fork_take(struct weft__worker *worker, void *taken)
{
    struct weft__branch *branch = taken;
    weft_future *task = task_of(worker, branch);
    if (task == NULL) {
        refuse(branch);
        return NULL;
    }
    weft__count(worker, tasks_spawned);
    branch->task = task;
    /* Pairs with the join: ->task is visible. It cannot end before we return,
     * so a join that waits is still there to be registered. */
    uint32_t was = weft__xchg(&branch->state, WEFT__BRANCH_TAKEN);
    if (was & WEFT__BRANCH_WAITED)
        weft__future_add_waiter(task, &branch->waiter, WEFT__AWAITED);
    if (was & WEFT__BRANCH_CANCEL)
        weft__task_cancel(task, (enum weft_reason)(was / WEFT__BRANCH_REASON));
    return &task->coro;
}

/* Joining: a call */

/* As at the end of a task of its own. */
static WEFT__NOINLINE void close_call(weft_future *self,
                                      struct weft__branch *branch,
                                      struct weft__defer *defers)
{
    do {
        weft__account_join(self, &self->children);
        weft__defer_run(self, &self->defers, defers);
    } while (self->children.first != NULL);
    weft_context *before = context_of(branch);
    if (weft__context_of(self) != before)
        weft__context_back(self, before);
}

WEFT__INLINE int call_bare(weft_future *self, struct weft__branch *branch,
                           void **result)
{
    struct weft__defer *defers = self->defers;
    void *value = branch->fn(branch->arg);
    int code = weft_code(value);
    if (weft__unlikely(self->own != branch->own) ||
        weft__unlikely(self->defers != defers) ||
        weft__unlikely(self->children.first != NULL))
        close_call(self, branch, defers);
    if (weft__unlikely(code < 0)) {
        weft__error_ended(self, code);
        value = NULL;
    }
    if (result != NULL)
        *result = value;
    return code;
}

/* The forker has another context than at the fork. */
static WEFT__NOINLINE int
call_in_context(weft_future *self, struct weft__branch *branch, void **result)
{
    weft_context *now = self->own;
    now->borrowed++;
    self->own = branch->own;
    int code = call_bare(self, branch, result);
    self->own = now;
    now->borrowed--;
    return code;
}

WEFT__INLINE int call(weft_future *self, struct weft__branch *branch,
                      void **result)
{
    if (weft__unlikely(self->own != branch->own))
        return call_in_context(self, branch, result);
    return call_bare(self, branch, result);
}

/* Would what it spawns end up elsewhere than with a task of its own: in our
 * group, or among our children? Is there no room for a call? */
static bool wants_task(weft_future *self)
{
    char *here = __builtin_frame_address(0);
    return self->children.first != NULL ||
           (self->scope != NULL && weft__task_group(self) != NULL) ||
           here - self->coro.stack->low < ROOM;
}

static int call_outside(struct weft__branch *branch, void **result)
{
    void *value = branch->fn(branch->arg);
    int code = weft_code(value);
    if (result != NULL)
        *result = code < 0 ? NULL : value;
    return code;
}

/* Joining: a task */

static void wake_joiner(struct weft__waiter *waiter)
{
    struct weft__branch *branch =
        weft__container_of(waiter, struct weft__branch, waiter);
    weft__sched_wake(&branch->forker->coro, WEFT__WAKE_NOTIFY);
}

/* Of this branch and those around it, as the forker is: at once, as each has
 * branches of its own. Whoever takes one hands that on, or we do. */
static void cancel_from(struct weft__branch *branch, enum weft_reason reason)
{
    for (; branch != NULL; branch = branch->outer) {
        if (weft__load_relaxed(&branch->state) & WEFT__BRANCH_CANCEL)
            continue;
        uint32_t mark =
            WEFT__BRANCH_CANCEL | (uint32_t)reason * WEFT__BRANCH_REASON;
        /* Pairs with the taker: it reads the mark, or we see ->task. */
        if (weft__fetch_or(&branch->state, mark) & WEFT__BRANCH_TAKEN)
            weft__task_cancel(branch->task, reason);
    }
}

/* It may lie below others', for as long as those compute: take it out as a
 * thief does, and with it what is older. */
static void dig_out(struct weft__branch *branch)
{
    struct weft__worker *self = weft__worker_self();
    void *oldest;
    while (!(weft__load_relaxed(&branch->state) & WEFT__BRANCH_SETTLED) &&
           (oldest = weft__deque_oldest(&branch->home->deque)) != NULL) {
        struct weft__coro *coro = weft__branch_coro(self, oldest);
        if (coro != NULL)
            weft__queue_polled(self, coro);
    }
}

/* Nobody has taken it: wait until somebody has, and the task has ended. */
static void wait_registered(weft_future *self, struct weft__branch *branch)
{
    uint64_t waits = weft__waits(WEFT_WAITS_BRANCH, 0);
    uint32_t mask = WEFT__WAKE_NOTIFY | WEFT__WAKE_NEVER | WEFT__WAKE_INTERRUPT;
    do {
        if (!(mask & WEFT__WAKE_INTERRUPT) || !weft__task_cancelled(self))
            continue;
        mask &= ~(uint32_t)WEFT__WAKE_INTERRUPT;
        cancel_from(branch, weft__scope_look(self));
        dig_out(branch);
    } while (!(weft__task_suspend(self, mask, waits) & WEFT__WAKE_NOTIFY));
}

/* It was stolen, or lies in the deque of the worker where it was forked. */
static WEFT__NOINLINE int join_task(weft_future *self,
                                    struct weft__branch *branch, void **result)
{
    branch->waiter.fire = wake_joiner;
    /* Pairs with the taker. */
    uint32_t was = weft__fetch_or(&branch->state, WEFT__BRANCH_WAITED);
    bool waits = !(was & WEFT__BRANCH_SETTLED);
    if (waits)
        wait_registered(self, branch);
    else if (weft__unlikely(weft__task_cancelled(self)))
        cancel_from(branch, weft__scope_look(self));
    /* The same. */
    if (!(weft__load_acquire(&branch->state) & WEFT__BRANCH_TAKEN))
        return call(self, branch, result); /* refused, or never queued */
    return waits ? weft__task_take(self, branch->task, result)
                 : weft__task_await(branch->task, result);
}

/* On top, but better not called here. */
static WEFT__NOINLINE int
run_as_task(weft_future *self, struct weft__branch *branch, void **result)
{
    struct weft__worker *worker = weft__worker_self();
    struct weft__coro *coro = weft__fork_take(worker, branch);
    if (coro != NULL)
        weft__queue_spawned(worker, coro);
    return join_task(self, branch, result);
}

static WEFT__NOINLINE void debug_joins(struct weft__branch *branch)
{
    weft_future *self = weft__task_current();
    if (self != branch->forker)
        weft__debug_misuse("weft_join", "another task has forked this");
    if (self != NULL && self->branches != branch)
        weft__debug_misuse("weft_join", "branches are joined in reverse order");
}

/* Not in reverse order: slow, and a mistake in debug, but it works. */
static WEFT__NOINLINE void unlink_inner(weft_future *self,
                                        struct weft__branch *branch)
{
    struct weft__branch **link = &self->branches;
    while (*link != NULL && *link != branch)
        link = &(*link)->outer;
    if (*link != NULL)
        *link = branch->outer;
}

/* Others wait for this worker while branches are called and called. */
static WEFT__NOINLINE void give_way(struct weft__worker *worker)
{
    if (weft__worker_is_wanted(worker))
        weft__task_yield();
}

WEFT__INLINE int join(weft_future *self, struct weft__branch *branch,
                      void **result)
{
    if (weft__unlikely(!weft__branch_pop(weft__worker_self(), branch)))
        return join_task(self, branch, result);
    if (weft__unlikely(wants_task(self)))
        return run_as_task(self, branch, result);
    int code = call(self, branch, result);
    struct weft__worker *worker = weft__worker_self();
    if (weft__unlikely(--worker->calls == 0))
        give_way(worker);
    return code;
}

int weft_join(weft_branch *public, void **result)
{
    struct weft__branch *branch = branch_of(public);
    weft_future *self = branch->forker;
    if (weft__unlikely(weft__debug_on()))
        debug_joins(branch);
    if (weft__unlikely(self == NULL))
        return call_outside(branch, result);
    if (weft__likely(self->branches == branch))
        self->branches = branch->outer;
    else
        unlink_inner(self, branch);
    int code = join(self, branch, result);
    if (weft__unlikely(branch->own != NULL))
        weft__context_returned(self, branch->own);
    return code;
}
