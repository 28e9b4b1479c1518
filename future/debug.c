// SPDX-License-Identifier: MIT
/* Handles in debug mode, and what is left over: see debug.h. */
#include "future/debug.h"

#include "future/account.h"
#include "future/task.h"
#include "future/trace.h"
#include "sched/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <weft/time.h>

#define TAG_SHIFT 48
#define KEPT 4096           /* futures whose memory is not used again yet */
#define NAMED 100           /* leaks of a kind, at most */
#define LOOKS 20            /* at what may be dropped just now */
#define PAUSE_NS WEFT_MS(1) /* between them */

/* Handles */

static uintptr_t tag_of(const weft_future *future)
{
    return 1u + future->generation;
}

static bool is_task(const weft_future *future)
{
    uint8_t kind = weft__load_relaxed(&future->kind);
    return kind == WEFT__TASK || kind == WEFT__CALLBACK;
}

weft_future *weft__debug_tag(weft_future *future)
{
    if (!is_task(future))
        return future; /* its memory has no generations */
    return (weft_future *)((uintptr_t)future | tag_of(future) << TAG_SHIFT);
}

/* How many references users hold. Of what is done, and not in the caller's
 * account, it may be one too many: the account's. */
static uint32_t users_of(weft_future *future)
{
    weft_future *self = weft__task_current();
    for (;;) {
        uint64_t before = weft__load_relaxed(&future->state);
        /* Pairs with the drops: what went before them is seen. */
        uint32_t refs = weft__load_acquire(&future->refs);
        uint64_t state = weft__load_relaxed(&future->state);
        if ((before ^ state) & (WEFT__DONE | WEFT__OWNED))
            continue;
        bool accounts = (state & WEFT__DONE)
                            ? self != NULL && weft__account_has(self, future)
                            : (state & WEFT__OWNED) != 0;
        return refs > 0 && accounts ? refs - 1 : refs;
    }
}

/* A task may be borrowed by way of itself (weft_current()), a callback since it
 * has started, a job never. */
static bool is_borrowed_from_nobody(weft_future *future)
{
    uint8_t kind = weft__load_relaxed(&future->kind);
    uint64_t state = weft__load_relaxed(&future->state);
    if (kind == WEFT__CALLBACK && (state & (WEFT__STARTED | WEFT__DONE)))
        return false;
    return (kind == WEFT__CALLBACK || kind == WEFT__JOB) &&
           weft__load_relaxed(&future->refs) == 0;
}

static _Noreturn void is_gone(const char *who)
{
    weft__debug_misuse(who, "no reference stands behind this handle: it was "
                            "awaited, detached or dropped before, or only "
                            "borrowed");
}

weft_future *weft__debug_check(const weft_future *handle, const char *who)
{
    uintptr_t tag = (uintptr_t)handle >> TAG_SHIFT;
    uintptr_t bits = (uintptr_t)handle & (((uintptr_t)1 << TAG_SHIFT) - 1);
    weft_future *future = (weft_future *)bits;
    if (future == NULL)
        weft__debug_misuse(who, "NULL is not a future");
    if (weft__load_relaxed(&future->kind) == WEFT__FREE ||
        (tag != 0 && tag != tag_of(future)) || is_borrowed_from_nobody(future))
        is_gone(who);
    return future;
}

weft_future *weft__debug_check_own(const weft_future *handle, const char *who)
{
    weft_future *future = weft__debug_check(handle, who);
    if (users_of(future) == 0)
        is_gone(who);
    return future;
}

bool weft__debug_open(weft_future *const *handles, size_t n, const char *who,
                      weft_future *const **opened)
{
    *opened = handles;
    if (!weft__debug_on() || n == 0)
        return true;
    weft_future **futures = weft__mem_alloc(n, sizeof(*futures));
    if (futures == NULL)
        return false;
    for (size_t i = 0; i < n; i++)
        futures[i] = weft__debug_check(handles[i], who);
    *opened = futures;
    return true;
}

void weft__debug_close(weft_future *const *opened, weft_future *const *handles)
{
    if (opened != handles)
        weft__mem_free((void *)(uintptr_t)opened);
}

/* What is no task */

void weft__debug_made(weft_future *future, struct weft_runtime *rt)
{
    struct weft__debug_thing thing = {
        .object = future,
        .rt = rt,
        .what = weft__load_relaxed(&future->kind) == WEFT__JOB ? "handle of job"
                                                               : "future",
        .number = -1,
        .name = weft__future_name(future),
    };
    if (weft__debug_on())
        weft__debug_enter(&thing);
}

bool weft__debug_unmade(weft_future *future)
{
    static void *memory[KEPT];
    static struct weft__debug_kept kept = {memory, KEPT, 0};
    if (!weft__debug_on())
        return false;
    weft__debug_leave(future);
    weft__store_relaxed(&future->kind, WEFT__FREE);
    weft__mem_free(weft__debug_keep(&kept, future));
    return true;
}

/* Reporting */

static void report(struct weft_runtime *rt, enum weft_report_kind kind,
                   weft_future *future, const char *before, const char *after)
{
    const char *what = weft__load_relaxed(&future->kind) == WEFT__CALLBACK
                           ? "callback"
                           : "task";
    uint64_t number = weft__task_number(future);
    weft__report_to(rt, kind, 0, weft__future_name(future), number, NULL,
                    "%s %s %s #%" PRIu64 "%s", before, what,
                    weft__future_name(future), number, after);
}

/* Was it given away, or let go of by its owner? */
static bool is_detached(const weft_future *future, uint64_t state)
{
    return (state & WEFT__DETACHED) ||
           (!(state & WEFT__OWNED) && future->owner != NULL);
}

/* By the only one who holds it, while nobody waits for it, and in no group: so
 * what becomes of it is nobody's concern. */
void weft__debug_dropped(weft_future *future)
{
    if (!weft__debug_on() || weft__load_relaxed(&future->kind) != WEFT__TASK)
        return;
    uint64_t state = weft__load_relaxed(&future->state);
    uint64_t used = WEFT__DONE | WEFT__AWAITED | WEFT__CANCEL;
    if (!(state & used) && state >> WEFT__WAITERS == 0 &&
        !is_detached(future, state) && future->group == NULL &&
        future != weft__task_current() && users_of(future) == 1)
        report(future->coro.rt, WEFT_REPORT_NEVER_AWAITED, future, "the",
               " was dropped while it runs: neither awaited nor detached");
}

/* Left over */

struct leaks {
    struct weft_runtime *rt;
    unsigned count;
    bool tell;
};

/* weft_run() holds its main. */
static void look_at(struct weft__coro *coro, void *arg)
{
    weft_future *future = weft__future_of(coro);
    struct leaks *leaks = arg;
    uint32_t refs = weft__load_relaxed(&future->refs);
    if (weft__load_relaxed(&future->kind) == WEFT__FREE || refs == 0 ||
        (refs == 1 && (future->coro.flags & WEFT__CORO_MAIN)))
        return;
    if (leaks->tell && leaks->count < NAMED)
        report(leaks->rt, WEFT_REPORT_LEAK, future, "leaked: handle of",
               ": not awaited, detached or dropped");
    leaks->count++;
}

/* Threads that have waited for something and are about to drop it need a
 * moment. */
static void wait_for_droppers(struct weft_runtime *rt)
{
    static _Atomic(uint32_t) never;
    for (unsigned i = 0; i < LOOKS; i++) {
        struct leaks leaks = {.rt = rt};
        weft__pool_each(rt->pool, look_at, &leaks);
        if (leaks.count == 0 && weft__debug_left(rt, NULL, 0) == 0)
            return;
        weft__os->futex_wait(&never, 0, weft_after(PAUSE_NS));
    }
}

static void report_thing(struct weft_runtime *rt,
                         const struct weft__debug_thing *thing)
{
    char number[16] = "";
    char site[256];
    if (thing->number >= 0)
        snprintf(number, sizeof(number), " %d", thing->number);
    if (thing->name == NULL)
        weft__trace_describe(thing->site, site, sizeof(site));
    const char *name = thing->name != NULL ? thing->name : site;
    weft__report_to(rt, WEFT_REPORT_LEAK, 0, name, 0, NULL,
                    "leaked: %s%s of %s: %s", thing->what, number, name,
                    thing->name != NULL ? "neither awaited nor dropped"
                                        : "still open");
}

static void report_things(struct weft_runtime *rt)
{
    struct weft__debug_thing things[NAMED];
    size_t count = weft__debug_left(rt, things, NAMED);
    for (size_t i = 0; i < count && i < NAMED; i++)
        report_thing(rt, &things[i]);
    if (count > NAMED)
        weft__report_to(rt, WEFT_REPORT_LEAK, 0, NULL, 0, NULL,
                        "leaked: %zu more", count - NAMED);
}

void weft__debug_leaks(struct weft_runtime *rt)
{
    struct leaks leaks = {.rt = rt, .tell = true};
    if (!weft__debug_on())
        return;
    wait_for_droppers(rt);
    weft__pool_each(rt->pool, look_at, &leaks);
    if (leaks.count > NAMED)
        weft__report_to(rt, WEFT_REPORT_LEAK, 0, NULL, 0, NULL,
                        "leaked: handles of %u more tasks",
                        leaks.count - NAMED);
    report_things(rt);
}
