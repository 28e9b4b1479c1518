// SPDX-License-Identifier: MIT
/* Scopes: deadlines, shields, and who is cancelled. See scope.h. */
#include "future/group.h"
#include "future/local.h"
#include "future/task.h"
#include "sched/report.h"

#include <weft/scope.h>

/* The coarse clock is behind by less than this: by a tick, 10 ms at most, and
 * by what a virtual machine stands still (16 ms was too little). */
#define COARSE_NS 100000000

_Static_assert(sizeof(struct weft__scope) <= sizeof(weft_scope), "it fits");

static struct weft__scope *inside(weft_scope *scope)
{
    return (struct weft__scope *)(void *)scope;
}

static _Noreturn void is_wrong(struct weft__scope *scope, weft_future *self,
                               const char *who)
{
    if (scope->task == NULL)
        weft__debug_misuse(who, WEFT__ENDED);
    weft__debug_misuse(who, scope->task != self
                                ? WEFT__NOT_OWNER
                                : "a scope or group inside has not ended");
}

void weft__scope_require(struct weft__scope *scope, weft_future *self,
                         const char *who)
{
    if (weft__unlikely(self == NULL || self->scope != scope))
        is_wrong(scope, self, who);
}

/* Time */

static int64_t plus(int64_t moment, int64_t duration)
{
    return duration > INT64_MAX - moment ? INT64_MAX : moment + duration;
}

/* Never earlier than the entry plus the duration; later by the time since the
 * entry, or by what the coarse clock may be wrong, whichever is less. */
static void resolve(struct weft__scope *scope)
{
    if (scope->resolved)
        return;
    int64_t now = weft__os->now();
    int64_t entry = scope->entered + COARSE_NS;
    scope->deadline = plus(entry < now ? entry : now, scope->deadline);
    scope->resolved = true;
}

static bool is_timed(struct weft__scope *scope)
{
    return scope->kind == WEFT__SCOPE_TIMEOUT ||
           scope->kind == WEFT__SCOPE_SHIELD;
}

/* Firing */

/* The scope's memory first: the LOOK bit tells the task to read it, and the
 * task's descriptor outlives the scope. */
static int fire(struct weft__scope *scope, enum weft_reason reason,
                bool by_alarm)
{
    weft_future *task = scope->task;
    uint32_t before = WEFT_REASON_NONE;
    /* Pairs with the look that follows the LOOK bit. */
    weft__cas(&scope->fired, &before, (uint32_t)reason);
    if (by_alarm)
        weft__store_release(&scope->rung, true); /* pairs with disarm() */
    if (before != WEFT_REASON_NONE)
        return 1;
    weft__fetch_or(&task->state, WEFT__LOOK); /* pairs with clear_look() */
    weft__sched_wake(&task->coro, WEFT__WAKE_INTERRUPT);
    return 0;
}

int weft__scope_fire(struct weft__scope *scope, enum weft_reason reason)
{
    return fire(scope, reason, false);
}

static void rings(struct weft__alarm *alarm, struct weft__worker *worker)
{
    (void)worker;
    fire(weft__container_of(alarm, struct weft__scope, alarm),
         WEFT_REASON_TIMEOUT, true);
}

/* Returns true if it could be armed: its moment has not come. */
static bool arm(struct weft__scope *scope)
{
    scope->armed = true;
    resolve(scope);
    if (scope->deadline == INT64_MAX)
        return true;
    if (scope->deadline <= weft__os->now()) {
        weft__store_relaxed(&scope->rung, true);
        weft__scope_fire(scope, WEFT_REASON_TIMEOUT);
        return false;
    }
    scope->alarm.timer.armed = 0;
    scope->alarm.fire = rings;
    weft__store_relaxed(&scope->rung, false);
    weft__alarm_arm(&scope->alarm, weft__worker_self()->loop, scope->deadline);
    return true;
}

/* Afterwards the alarm touches the scope no more. */
static void disarm(struct weft__scope *scope)
{
    if (!scope->armed || scope->deadline == INT64_MAX)
        return;
    scope->armed = false;
    if (weft__load_acquire(&scope->rung)) /* pairs with fire() */
        return;
    if (weft__alarm_disarm(&scope->alarm))
        return;
    while (!weft__load_acquire(&scope->rung)) { /* it is about to */
        weft__pause();
        weft__sched_yield();
    }
}

/* All outwards from one that is armed are. */
bool weft__scope_arm(weft_future *self)
{
    bool ahead = true;
    for (struct weft__scope *scope = self->scope; scope; scope = scope->outer) {
        if (scope->kind == WEFT__SCOPE_SHIELD)
            continue;
        if (scope->armed)
            break;
        if (scope->kind == WEFT__SCOPE_TIMEOUT)
            ahead &= arm(scope);
        scope->armed = true;
    }
    return ahead;
}

/* Looking */

static enum weft_reason root_reason(weft_future *self)
{
    uint64_t state = weft__load_acquire(&self->state);
    if (state & WEFT__CANCEL)
        return (enum weft_reason)(state / WEFT__REASON % 8);
    return weft__runtime_cancels(&self->coro) ? WEFT_REASON_SHUTDOWN
                                              : WEFT_REASON_NONE;
}

static enum weft_reason reason_of(struct weft__scope *scope)
{
    if (scope->kind == WEFT__SCOPE_SHIELD)
        return WEFT_REASON_NONE;
    /* Pairs with fire(). */
    return (enum weft_reason)weft__load_acquire(&scope->fired);
}

static bool is_shielding(struct weft__scope *scope)
{
    return scope->kind == WEFT__SCOPE_SHIELD &&
           !weft__load_acquire(&scope->fired) && /* pairs with fire() */
           (weft__load_relaxed(&scope->task->coro.rt->phase) < WEFT__KILLING ||
            weft__runtime_spares(&scope->task->coro));
}

/* Something outside of them is cancelled: shields last only so long from now
 * on. Returns true if one has ended already. */
static bool arm_shields(struct weft__scope *from, struct weft__scope *until)
{
    bool ended = false;
    for (; from != until; from = from->outer)
        if (is_shielding(from) && !from->armed)
            ended |= !arm(from);
    return ended;
}

/* The groups between two scopes, and the outer one, are cancelled. */
static void tell(struct weft__scope *from, struct weft__scope *until,
                 enum weft_reason reason)
{
    for (; from != NULL; from = from->outer) {
        if (from->kind == WEFT__SCOPE_GROUP && !from->told) {
            from->told = true;
            weft__group_tell((struct weft__group *)from, reason);
        }
        if (from == until)
            return;
    }
}

/* Outwards, in stretches that end at a shield. What fires cancels what lies
 * further in, as far as the next shield. */
enum weft_reason weft__scope_look(weft_future *self)
{
    struct weft__scope *stretch = self->scope;
    enum weft_reason found = WEFT_REASON_NONE;
    struct weft__scope *scope = self->scope;
    for (;;) {
        enum weft_reason here = scope ? reason_of(scope) : root_reason(self);
        if (here != WEFT_REASON_NONE) {
            tell(stretch, scope, here);
            if (stretch == self->scope)
                found = found ? found : here;
            else if (arm_shields(self->scope, scope))
                return weft__scope_look(self);
        }
        if (scope == NULL)
            return found;
        if (is_shielding(scope))
            stretch = scope->outer;
        scope = scope->outer;
    }
}

/* The LOOK bit goes before the look, so a fire in between is not lost; it
 * stays while anything around has fired. */
static void clear_look(weft_future *self)
{
    if (!(weft__load_relaxed(&self->state) & WEFT__LOOK))
        return;
    weft__fetch_and(&self->state, ~(uint64_t)WEFT__LOOK); /* pairs with fire()
                                                           */
    for (struct weft__scope *scope = self->scope; scope; scope = scope->outer) {
        if (weft__load_acquire(&scope->fired)) { /* pairs with fire() */
            weft__fetch_or(&self->state, WEFT__LOOK);
            return;
        }
    }
}

/* Entering and ending */

bool weft__scope_enter(struct weft__scope *scope, enum weft__scope_kind kind)
{
    weft_future *self = weft__task_current();
    scope->task = self;
    scope->kind = (uint8_t)(self ? kind : WEFT__SCOPE_INERT);
    scope->resolved = false;
    scope->armed = false;
    scope->told = false;
    weft__store_relaxed(&scope->fired, WEFT_REASON_NONE);
    if (weft__unlikely(self == NULL))
        return false;
    scope->outer = self->scope;
    self->scope = scope;
    self->touched = true;
    return true;
}

void weft__scope_exit(struct weft__scope *scope, const char *who)
{
    weft_future *self = weft__task_current();
    weft__scope_require(scope, self, who);
    if (weft__unlikely(scope->armed && is_timed(scope)))
        disarm(scope);
    self->scope = scope->outer;
    scope->task = NULL;
    clear_look(self);
}

static void enter_timed(weft_scope *public, enum weft__scope_kind kind,
                        int64_t deadline, bool resolved)
{
    struct weft__scope *scope = inside(public);
    weft__scope_enter(scope, kind);
    scope->deadline = deadline;
    scope->resolved = resolved;
    if (!resolved)
        scope->entered = weft__os->coarse();
}

/* Public: deadlines */

void weft_timeout_enter(weft_scope *scope, weft_ns after)
{
    bool known = after <= 0 || after == WEFT_FOREVER;
    enter_timed(scope, WEFT__SCOPE_TIMEOUT, after > 0 ? after : 0, known);
    if (weft__unlikely(after <= 0))
        weft_timeout_reschedule(scope, after);
}

void weft_timeout_enter_at(weft_scope *scope, weft_time moment)
{
    enter_timed(scope, WEFT__SCOPE_TIMEOUT, moment, true);
    if (moment <= weft_now())
        weft_timeout_reschedule(scope, 0);
}

int weft_timeout_reschedule(weft_scope *public, weft_ns after)
{
    struct weft__scope *scope = inside(public);
    if (scope->kind == WEFT__SCOPE_INERT)
        return -WEFT_ENORUNTIME;
    if (scope->task != weft__task_current())
        return weft__misuse(-EINVAL, __func__, WEFT__NOT_OWNER);
    if (scope->kind != WEFT__SCOPE_TIMEOUT)
        return -EINVAL;
    disarm(scope);
    if (weft__load_acquire(&scope->fired)) /* pairs with fire() */
        return -WEFT_EALREADY;
    scope->armed = false;
    scope->resolved = true;
    scope->deadline = weft_after(after);
    for (; scope != NULL; scope = scope->outer)
        if (scope->kind == WEFT__SCOPE_TIMEOUT && !scope->armed)
            arm(scope); /* the outer ones too: scope_arm() relies on it */
    return 0;
}

/* Has its moment come? Its alarm may be a little late. */
static bool has_expired(struct weft__scope *scope)
{
    uint32_t fired = weft__load_acquire(&scope->fired); /* pairs with fire() */
    if (fired != WEFT_REASON_NONE || scope->kind != WEFT__SCOPE_TIMEOUT)
        return fired == WEFT_REASON_TIMEOUT;
    resolve(scope);
    return scope->deadline <= weft__os->now();
}

/* A deadline outside that has passed by the same clock counts as expired even
 * if its alarm comes second: of two at one instant the outer one wins. */
static bool is_cancelled_outside(weft_future *self, struct weft__scope *inner)
{
    for (struct weft__scope *scope = inner->outer; scope;
         scope = scope->outer) {
        if (is_shielding(scope))
            return false;
        if (reason_of(scope) != WEFT_REASON_NONE ||
            (scope->kind == WEFT__SCOPE_TIMEOUT && has_expired(scope)))
            return true;
    }
    return root_reason(self) != WEFT_REASON_NONE;
}

int weft_timeout_exit(weft_scope *public, int body)
{
    struct weft__scope *scope = inside(public);
    if (weft__unlikely(scope->kind == WEFT__SCOPE_INERT))
        return body;
    if (weft__unlikely(body == -WEFT_ECANCELED) && scope->task != NULL &&
        has_expired(scope) && !is_cancelled_outside(scope->task, scope))
        body = -WEFT_ETIMEOUT;
    weft__scope_exit(scope, __func__);
    return body;
}

int weft_scope_cancel(weft_scope *public)
{
    struct weft__scope *scope = inside(public);
    if (scope->kind != WEFT__SCOPE_TIMEOUT)
        return -EINVAL;
    if (weft__debug_on() && scope->task == NULL)
        weft__debug_misuse(__func__, WEFT__ENDED);
    return weft__scope_fire(scope, WEFT_REASON_USER);
}

/* Public: shields */

void weft_shield_enter(weft_scope *scope, weft_ns max)
{
    bool known = max <= 0 || max == WEFT_FOREVER;
    enter_timed(scope, WEFT__SCOPE_SHIELD, max > 0 ? max : 0, known);
    if (max <= 0) /* protects from nothing */
        weft__store_relaxed(&inside(scope)->fired, WEFT_REASON_TIMEOUT);
}

int weft_shield_exit(weft_scope *scope, int body)
{
    if (inside(scope)->kind != WEFT__SCOPE_INERT)
        weft__scope_exit(inside(scope), __func__);
    return body;
}

/* Public: questions */

int64_t weft__scope_deadline(weft_future *self)
{
    int64_t least = INT64_MAX;
    for (struct weft__scope *scope = self->scope; scope; scope = scope->outer) {
        if (is_shielding(scope))
            return least;
        if (scope->kind != WEFT__SCOPE_TIMEOUT)
            continue;
        resolve(scope);
        least = scope->deadline < least ? scope->deadline : least;
    }
    return self->deadline && self->deadline < least ? self->deadline : least;
}

bool weft__scope_shields(weft_future *self)
{
    for (struct weft__scope *scope = self->scope; scope; scope = scope->outer)
        if (is_shielding(scope))
            return true;
    return false;
}

void weft__scope_inherit(weft_future *future, weft_future *self)
{
    int64_t deadline = weft__scope_deadline(self);
    if (weft__scope_shields(self)) /* from the end of the runtime, too */
        future->coro.flags |= WEFT__CORO_KEEP;
    if (deadline == INT64_MAX)
        return;
    future->deadline = deadline;
    future->touched = true;
}

weft_time weft_deadline(void)
{
    weft_future *self = weft__task_current();
    if (self != NULL)
        return weft__scope_deadline(self);
    weft_future *job = weft__local_peek()->job;
    return job && job->deadline ? job->deadline : WEFT_FOREVER;
}

enum weft_reason weft_cancel_reason(int *code)
{
    weft_future *self = weft__task_current();
    enum weft_reason why = self ? weft__scope_look(self) : WEFT_REASON_NONE;
    if (code != NULL)
        *code = why == WEFT_REASON_SIBLING ? weft__group_failure(self) : 0;
    return why;
}

/* Computes instead of suspending: then nobody has armed anything. */
bool weft_cancelled(void)
{
    weft_future *self = weft__task_current();
    if (self == NULL)
        return false;
    if (weft__unlikely(self->scope != NULL))
        weft__scope_arm(self);
    for (struct weft__scope *scope = self->scope; scope; scope = scope->outer)
        if (scope->kind == WEFT__SCOPE_TIMEOUT && has_expired(scope))
            weft__scope_fire(scope, WEFT_REASON_TIMEOUT);
    return weft__task_cancelled(self);
}
