// SPDX-License-Identifier: MIT
/* Groups: see group.h. */
#include "future/group.h"

#include "future/context.h"
#include "future/defer.h"
#include "future/error.h"
#include "future/task.h"

#include <string.h>
#include <weft/inspect.h>

/* ->failed: who, shifted, and the code of the failure. */
#define CODE_BITS 12
#define CODES ((1u << CODE_BITS) - 1)
#define BODY ((uint64_t)1 << CODE_BITS) /* the code between enter and exit */

_Static_assert(sizeof(struct weft__group) <= sizeof(weft_group), "it fits");

static struct weft__group *inside(weft_group *group)
{
    return (struct weft__group *)(void *)group;
}

/* Places: how many may run at once */

static bool is_closed(struct weft__group *group)
{
    return weft__load_acquire(&group->scope.fired) || /* pairs with fire() */
           weft__load_fenced(&group->closed);
}

static bool place_try(struct weft__group *group, struct weft__place *place)
{
    weft__lock(&group->lock);
    bool free = group->running < group->max && group->waiting == NULL;
    if (free) {
        group->running++;
    } else {
        place->next = NULL;
        if (group->waiting == NULL)
            group->waiting = place;
        else
            group->waiting_last->next = place;
        group->waiting_last = place;
    }
    weft__unlock(&group->lock);
    return free;
}

/* To who has waited longest. */
static void place_free(struct weft__group *group)
{
    weft__lock(&group->lock);
    struct weft__place *place = group->waiting;
    struct weft__coro *coro = place ? place->coro : NULL;
    if (place != NULL)
        group->waiting = place->next;
    else
        group->running--;
    weft__unlock(&group->lock);
    if (coro != NULL)
        weft__sched_wake(coro, WEFT__WAKE_NOTIFY);
}

/* False: it was given a place already. */
static bool place_leave(struct weft__group *group, struct weft__place *place)
{
    struct weft__place *before = NULL;
    weft__lock(&group->lock);
    struct weft__place *at = group->waiting;
    for (; at != NULL && at != place; at = at->next)
        before = at;
    if (at != NULL && before != NULL)
        before->next = place->next;
    else if (at != NULL)
        group->waiting = place->next;
    if (at != NULL && group->waiting_last == place)
        group->waiting_last = before;
    weft__unlock(&group->lock);
    return at != NULL;
}

static int place_take(struct weft__group *group, weft_future *self)
{
    struct weft__place place = {NULL, &self->coro};
    uint32_t mask = WEFT__WAKE_NOTIFY | WEFT__WAKE_INTERRUPT;
    uint64_t waits = weft__waits(WEFT_WAITS_PLACE, 0);
    if (group->max == 0 || place_try(group, &place))
        return 0;
    while (!(weft__task_suspend(self, mask, waits) & WEFT__WAKE_NOTIFY)) {
        if (!weft__task_cancelled(self) && !is_closed(group))
            continue;
        if (place_leave(group, &place))
            return -WEFT_ECANCELED;
        mask = WEFT__WAKE_NOTIFY; /* it is on its way */
    }
    if (!weft__task_cancelled(self) && !is_closed(group))
        return 0;
    place_free(group);
    return -WEFT_ECANCELED;
}

static void wake_waiting(struct weft__group *group)
{
    if (group->max == 0)
        return;
    weft__lock(&group->lock);
    for (struct weft__place *place = group->waiting; place; place = place->next)
        weft__sched_wake(place->coro, WEFT__WAKE_INTERRUPT);
    weft__unlock(&group->lock);
}

/* Children of others' making */

static void push(struct weft__group *group, weft_future *child)
{
    weft_future *seen = weft__load_relaxed(&group->pushed);
    do
        child->next = seen;
    /* Pairs with the exchange in take_pushed(). */
    while (!weft__cas(&group->pushed, &seen, child));
    weft__fence(); /* pairs with weft__group_tell() */
    if (is_closed(group))
        weft__task_cancel(child, WEFT_REASON_SIBLING);
}

static void take_pushed(struct weft__group *group)
{
    if (weft__likely(weft__load_relaxed(&group->pushed) == NULL))
        return;
    weft_future *child = weft__xchg_sc(&group->pushed, NULL); /* pairs with
                                                                 push() */
    while (child != NULL) {
        weft_future *next = child->next;
        weft__account_link(&group->children, child);
        child = next;
    }
}

/* Cancelling */

void weft__group_tell(struct weft__group *group, enum weft_reason reason)
{
    weft__store_fenced(&group->closed, true);
    weft__fence(); /* pairs with push(): one of the two cancels it */
    take_pushed(group);
    weft__account_cancel(&group->children, reason);
    wake_waiting(group);
}

int weft_group_cancel(weft_group *public)
{
    struct weft__group *group = inside(public);
    if (group->scope.kind != WEFT__SCOPE_GROUP || group->scope.task == NULL)
        return -WEFT_EALREADY;
    return weft__scope_fire(&group->scope, WEFT_REASON_USER);
}

static int code_of(struct weft__group *group)
{
    return -(int)(weft__load_relaxed(&group->failed) & CODES);
}

/* First the groups of the task's own, then the one that it is a child of. */
int weft__group_failure(weft_future *self)
{
    for (struct weft__scope *scope = self->scope; scope; scope = scope->outer)
        if (scope->kind == WEFT__SCOPE_GROUP &&
            weft__load_relaxed(&scope->fired) == WEFT_REASON_SIBLING)
            return code_of((struct weft__group *)scope);
    uint64_t state = weft__load_relaxed(&self->state);
    if (self->group == NULL || !(state & WEFT__OWNED))
        return 0;
    return code_of(self->group);
}

/* Ending of children */

static uint64_t failure(weft_future *child)
{
    return (uint64_t)(uintptr_t)child << CODE_BITS;
}

static void fails(struct weft__group *group, uint64_t who, int code)
{
    uint64_t none = 0;
    /* Of several only the first counts; decided by this swap. */
    if (weft__cas(&group->failed, &none, who | (uint64_t)-code) &&
        !group->keep_going)
        weft__scope_fire(&group->scope, WEFT_REASON_SIBLING);
}

void weft__group_child_ends(weft_future *child, int code)
{
    /* From here on the owner does not let go; pairs with
     * weft__account_let_go(). */
    uint64_t was = weft__fetch_or(&child->state, WEFT__ENDING);
    if (!(was & WEFT__OWNED))
        return;
    struct weft__group *group = child->group;
    if (code < 0 && code != -WEFT_ECANCELED)
        fails(group, failure(child), code);
    if (was & WEFT__LIMITED)
        place_free(group);
}

void weft__group_settle(struct weft__group *group, weft_future *child)
{
    int code = weft_code(child->result);
    group->cut |= code == -WEFT_ECANCELED;
    if (code == 0 || code == -WEFT_ECANCELED)
        return;
    weft__fetch_or(&child->state, WEFT__OBSERVED);
    uint64_t failed = weft__load_relaxed(&group->failed);
    bool first = (failed & ~(uint64_t)CODES) == failure(child);
    if (first && !group->led)
        weft__error_lead(&group->first, &group->last, child);
    else
        weft__error_collect(&group->first, &group->last, child);
    group->led |= first;
}

/* Entering */

static int read_options(struct weft__group *group,
                        const weft_group_options *from)
{
    weft_group_options how = {.size = sizeof(how)};
    if (from != NULL) {
        if (from->size == 0 || from->size > sizeof(how))
            return -EINVAL;
        memcpy(&how, from, from->size);
    }
    group->max = how.max_running;
    group->keep_going = how.keep_going;
    return 0;
}

void weft_group_enter(weft_group *public, const weft_group_options *options)
{
    struct weft__group *group = inside(public);
    memset((char *)group + sizeof(group->scope), 0,
           sizeof(*group) - sizeof(group->scope));
    group->broken = read_options(group, options);
    if (!weft__scope_enter(&group->scope, WEFT__SCOPE_GROUP))
        group->broken = -WEFT_ENORUNTIME;
}

/* Spawning */

static int may_spawn(struct weft__group *group, weft_future *self)
{
    if (self == NULL)
        return weft__misuse(-WEFT_ENORUNTIME, "weft_group_spawn",
                            WEFT__OUTSIDE);
    if (group->broken < 0)
        return group->broken;
    if (group->scope.task == NULL)
        return weft__misuse(-WEFT_EALREADY, "weft_group_spawn", WEFT__ENDED);
    if (weft__task_cancelled(self))
        return -WEFT_ECANCELED;
    return is_closed(group) ? -WEFT_ECANCELED : 0;
}

int weft_group_spawn_named(weft_group *public, const char *name, weft_fn *fn,
                           void *arg)
{
    struct weft__group *group = inside(public);
    weft_future *self = weft__task_current();
    int rc = may_spawn(group, self);
    if (rc == 0)
        rc = place_take(group, self);
    if (rc < 0)
        return rc;
    struct weft__worker *worker = weft__worker_self();
    weft_future *child = weft__task_new(worker, WEFT__TASK, fn, arg);
    if (child == NULL) {
        if (group->max > 0)
            place_free(group);
        return -ENOMEM;
    }
    weft__store_relaxed(&child->name, name);
    child->group = group;
    child->owner = group->scope.task;
    uint64_t limited = group->max > 0 ? WEFT__LIMITED : 0;
    self->touched = true;
    weft__task_own(child, self, limited); /* its reference is the account's */
    if (group->scope.task == self)
        weft__account_link(&group->children, child);
    else
        push(group, child);
    weft__task_start(worker, child);
    if (group->scope.task == self)
        weft__account_sweep(self, &group->children);
    return 0;
}

int(weft_group_spawn)(weft_group *group, weft_fn *fn, void *arg)
{
    return weft_group_spawn_named(group, "weft_group_spawn", fn, arg);
}

int weft_group_defer(weft_group *public, weft_fn *fn, void *arg)
{
    struct weft__group *group = inside(public);
    if (group->scope.kind == WEFT__SCOPE_INERT || group->scope.task == NULL)
        return -WEFT_ENORUNTIME;
    if (group->scope.task != weft__task_current())
        return weft__misuse(-EINVAL, __func__, WEFT__NOT_OWNER);
    return weft__defer_push(&group->defers, fn, arg);
}

/* The exit */

/* Children may spawn siblings until the last of them has ended, and deferred
 * calls may spawn, too. */
static void join_all(struct weft__group *group, weft_future *self)
{
    do {
        take_pushed(group);
        weft__account_join(self, &group->children);
        if (weft__load_acquire(&group->pushed) == NULL && /* pairs with push()
                                                           */
            group->defers != NULL)
            weft__defer_run(self, &group->defers, NULL);
    } while (group->children.first != NULL ||
             weft__load_relaxed(&group->pushed) != NULL ||
             group->defers != NULL);
}

static int outcome(struct weft__group *group, weft_future *self, int body)
{
    int code = code_of(group);
    if (code < 0)
        return code;
    bool cancelled = weft__scope_look(self) != WEFT_REASON_NONE;
    return body >= 0 && group->cut && cancelled ? -WEFT_ECANCELED : body;
}

int weft_group_exit(weft_group *public, int body)
{
    struct weft__group *group = inside(public);
    weft_future *self = weft__task_current();
    if (group->scope.kind == WEFT__SCOPE_INERT)
        return body < 0 ? body : group->broken;
    weft__scope_require(&group->scope, self, __func__);
    if (body < 0 && body != -WEFT_ECANCELED)
        fails(group, BODY, body);
    if (body < 0)
        weft__scope_fire(&group->scope, WEFT_REASON_SIBLING);
    join_all(group, self);
    int rc = group->broken < 0 && body >= 0 ? group->broken
                                            : outcome(group, self, body);
    weft__store_relaxed(&group->closed, true);
    weft__scope_exit(&group->scope, __func__);
    weft__error_take_group(self, group->first, rc, body);
    return rc;
}
