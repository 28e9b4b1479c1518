// SPDX-License-Identifier: MIT
/*
 * Looking at tasks. Nobody is stopped for it: descriptors are type-stable, and
 * one that was used for another task meanwhile has another number.
 */
#include "future/inspect.h"

#include "future/debug.h"
#include "future/mutex.h"
#include "future/task.h"
#include "future/trace.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define OBJECT ((UINT64_C(1) << 56) - 1) /* of ->waits */

/* What has no atomic type: written by the owner of the coroutine. */
struct glance {
    weft_future *owner;
    uint32_t birth;
    uint8_t flags;
};

__attribute__((no_sanitize_thread)) static struct glance
glance_at(const weft_future *task)
{
    const volatile weft_future *at = task;
    return (struct glance){.owner = at->owner,
                           .birth = at->coro.alarm.timer.tag,
                           .flags = at->coro.flags};
}

static bool is_task(weft_future *task)
{
    uint8_t kind = weft__load_relaxed(&task->kind);
    return kind == WEFT__TASK || kind == WEFT__CALLBACK;
}

static weft_ns age_since(uint32_t birth)
{
    uint32_t now = (uint32_t)(weft__os->now() >> WEFT__BIRTH_SHIFT);
    return birth == 0 ? 0 : (weft_ns)(now - birth) << WEFT__BIRTH_SHIFT;
}

static enum weft_task_state state_of(const weft_future *task,
                                     const struct glance *seen)
{
    if (weft__load_relaxed(&task->coro.wake) >> 8 != 0)
        return WEFT_TASK_SUSPENDED;
    return seen->flags & WEFT__CORO_FRESH ? WEFT_TASK_NEW : WEFT_TASK_RUNNABLE;
}

/* The number of one that may not be there any more, or anywhere else. */
static uint64_t number_of(weft_runtime *rt, weft_future *task)
{
    return weft__pool_has(rt->pool, task) ? weft__task_number(task) : 0;
}

/* Its memory is there as long as the one who waits for it stays asleep. */
static void look_for_holder(weft_runtime *rt, struct weft__sight *out)
{
    weft_future *on = (weft_future *)weft__mutex_owner(out->info.object);
    if (number_of(rt, on) != 0)
        out->on = on;
}

static void look_for_whom(weft_runtime *rt, uint64_t waits, bool claimed,
                          struct weft__sight *out)
{
    uint64_t object = waits & OBJECT;
    out->info.waits = (enum weft_wait_kind)(waits >> 56);
    out->info.object = object;
    if (out->info.waits == WEFT_WAITS_MUTEX && claimed)
        look_for_holder(rt, out);
    if (out->info.waits != WEFT_WAITS_FUTURE &&
        out->info.waits != WEFT_WAITS_CHILDREN)
        return;
    weft_future *on = (weft_future *)(uintptr_t)object;
    out->info.object = number_of(rt, on);
    if (out->info.object != 0)
        out->on = on;
    else
        out->future = (uintptr_t)object;
}

bool weft__inspect(weft_runtime *rt, weft_future *task, bool claimed,
                   struct weft__sight *out)
{
    *out = (struct weft__sight){.task = task, .info.size = sizeof(out->info)};
    if (!is_task(task) || weft__future_is_done(task))
        return false;
    weft_task_info *info = &out->info;
    info->id = weft__task_number(task);
    weft__fence(); /* the number before the rest; pairs with its being zeroed */
    struct glance seen = glance_at(task);
    uint64_t state = weft__load_relaxed(&task->state);
    info->name = weft__future_name(task);
    info->state = claimed ? WEFT_TASK_SUSPENDED : state_of(task, &seen);
    if (info->state == WEFT_TASK_SUSPENDED)
        look_for_whom(rt, weft__load_relaxed(&task->waits), claimed, out);
    if (state & WEFT__OWNED)
        info->parent = number_of(rt, seen.owner);
    info->cancelled = state & WEFT__CANCEL;
    info->keep = (state & WEFT__KEPT) || (seen.flags & WEFT__CORO_KEEP);
    info->age = age_since(seen.birth);
    weft__fence(); /* the rest before the number */
    return !(state & WEFT__DONE) && info->id != 0 && is_task(task) &&
           weft__load_fenced(&task->id) == info->id;
}

struct visits {
    weft_runtime *rt;
    void (*visit)(const weft_task_info *, void *);
    void *arg;
    size_t count;
};

static void visit_one(struct weft__coro *coro, void *arg)
{
    struct visits *visits = arg;
    struct weft__sight sight;
    if (!weft__inspect(visits->rt, weft__future_of(coro), false, &sight))
        return;
    visits->count++;
    visits->visit(&sight.info, visits->arg);
}

size_t weft_all_tasks(weft_runtime *rt,
                      void (*visit)(const weft_task_info *, void *), void *arg)
{
    struct visits visits = {.rt = rt, .visit = visit, .arg = arg};
    if (!weft__runtime_look(rt))
        return 0;
    weft__pool_each(rt->pool, visit_one, &visits);
    weft__runtime_looked(rt);
    return visits.count;
}

/* Numbers and names */

uint64_t weft_task_id(const weft_future *task)
{
    return weft__task_number(weft__handle(task));
}

const char *weft_task_name(const weft_future *future)
{
    return weft__future_name(weft__handle(future));
}

int weft_task_set_name(const char *name)
{
    weft_future *self = weft__task_current();
    if (self == NULL)
        return weft__misuse(-WEFT_ENORUNTIME, __func__, WEFT__OUTSIDE);
    if (name == NULL)
        return -EINVAL;
    weft__store_relaxed(&self->name, name);
    return 0;
}

/* Who overran */

/* If it has moved on meanwhile, the next look will tell. */
void weft__inspect_overrun(struct weft__worker *worker, uint64_t step,
                           int64_t ns)
{
    struct weft_runtime *rt = worker->rt;
    struct weft__overrun *longest = &rt->monitor.longest;
    struct weft__coro *coro = weft__trace_runs(worker);
    struct weft__sight sight;
    if (coro == NULL || !weft__pool_has(rt->pool, coro) ||
        !weft__inspect(rt, weft__future_of(coro), false, &sight) ||
        weft__load_relaxed(&worker->counters.steps) != step ||
        !weft__lock_try(&longest->lock)) /* a lowered thread may have it */
        return;
    longest->ns = ns;
    longest->task = sight.info.id;
    snprintf(longest->name, sizeof(longest->name), "%s", sight.info.name);
    weft__unlock(&longest->lock);
}

int weft_longest_overrun(weft_runtime *rt, weft_overrun *out)
{
    struct weft__overrun *longest = &rt->monitor.longest;
    weft__lock(&longest->lock);
    out->time = longest->ns;
    out->task = longest->task;
    memcpy(out->name, longest->name, sizeof(out->name));
    weft__unlock(&longest->lock);
    return out->time > 0;
}
