// SPDX-License-Identifier: MIT
/*
 * weft_dump(): all there is, in words. It needs no memory and no worker: it
 * looks, writes, and goes on. A task is held only while its line and its frames
 * are copied, never while they are written: whoever reads them may be a task.
 */
#include "future/dump.h"

#include "future/task.h"
#include "future/trace.h"
#include "sched/unwind.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define TRACED 1000 /* tasks, with their frames */
#define FRAMES 48   /* of each */
#define HOPS 16     /* of a chain */
#define NAME "%.200s"
#define WORKERS 1024              /* of which something is said */
#define LOOK_NS INT64_C(10000000) /* who moves meanwhile, moves */

/* Text */

void weft__text_add(struct weft__text *text, const char *format, ...)
{
    va_list args;
    size_t room = text->size - text->used;
    va_start(args, format);
    int n = vsnprintf(text->at + text->used, room, format, args);
    va_end(args);
    if (n > 0)
        text->used += (size_t)n < room ? (size_t)n : room - 1;
}

/* Who waits for whom */

static void add_end(const struct weft__sight *sight, struct weft__text *text)
{
    static const char *const words[] = {
        [WEFT_WAITS_NOTHING] = "nothing known",
        [WEFT_WAITS_CHILDREN] = "a child",
        [WEFT_WAITS_PLACE] = "a place in its group",
        [WEFT_WAITS_TIME] = "a moment",
        [WEFT_WAITS_FILE] = "a file",
        [WEFT_WAITS_READY] = "weft_ready()",
        [WEFT_WAITS_BRANCH] = "a branch",
        [WEFT_WAITS_POOL] = "a place in the queue of a pool",
    };
    unsigned long long object = sight->info.object;
    unsigned waits = sight->info.waits;
    if (waits == WEFT_WAITS_FUTURE)
        weft__text_add(text, " -> future %#llx",
                       (unsigned long long)sight->future);
    else if (waits == WEFT_WAITS_FUTURES)
        weft__text_add(text, " -> %llu futures", object);
    else if (waits == WEFT_WAITS_QUEUE || waits == WEFT_WAITS_MUTEX)
        weft__text_add(text, " -> %s %#llx",
                       waits == WEFT_WAITS_QUEUE ? "queue" : "mutex", object);
    else if (waits == WEFT_WAITS_READABLE || waits == WEFT_WAITS_WRITABLE)
        weft__text_add(text, " -> descriptor %llu %s", object,
                       waits == WEFT_WAITS_READABLE ? "readable" : "writable");
    else if (waits < weft__count_of(words) && words[waits] != NULL)
        weft__text_add(text, " -> %s", words[waits]);
}

/* Whom it waits for. */
static void add_on(const struct weft__sight *sight, struct weft__text *text)
{
    if (sight->info.waits == WEFT_WAITS_MUTEX)
        weft__text_add(text, " -> mutex %#llx, held by #%llu",
                       (unsigned long long)sight->info.object,
                       (unsigned long long)weft__task_number(sight->on));
    else
        weft__text_add(text, " -> #%llu",
                       (unsigned long long)sight->info.object);
}

bool weft__dump_look(weft_runtime *rt, weft_future *task,
                     struct weft__sight *out)
{
    uint32_t claim = weft__trace_claim(task);
    bool there = weft__inspect(rt, task, claim != 0, out);
    if (claim != 0)
        weft__trace_release(task, claim);
    return there;
}

void weft__dump_chain(weft_runtime *rt, const struct weft__sight *sight,
                      struct weft__text *text)
{
    struct weft__sight at = *sight;
    weft__text_add(text, "#%llu " NAME, (unsigned long long)at.info.id,
                   at.info.name);
    for (unsigned hop = 0; at.info.state == WEFT_TASK_SUSPENDED; hop++) {
        weft_future *on = at.on;
        if (on == NULL) {
            add_end(&at, text);
            return;
        }
        add_on(&at, text);
        if (on == sight->task) {
            weft__text_add(text, ": a circle");
            return;
        }
        if (hop == HOPS)
            weft__text_add(text, " -> ...");
        if (hop == HOPS || !weft__dump_look(rt, on, &at))
            return;
    }
    weft__text_add(text, at.info.state == WEFT_TASK_NEW ? " (has not started)"
                                                        : " (can run)");
}

/* Writing */

struct dump {
    weft_runtime *rt;
    int fd;
    int rc; /* what the first failed write said */
    unsigned tasks;
    size_t used;
    char buffer[4096];
};

static void flush(struct dump *dump)
{
    size_t done = 0;
    while (done < dump->used && dump->rc == 0) {
        long n =
            weft__os->write(dump->fd, dump->buffer + done, dump->used - done);
        if (n > 0)
            done += (size_t)n;
        else if (n != -EINTR)
            dump->rc = n < 0 ? (int)n : -EIO;
    }
    dump->used = 0;
}

__attribute__((format(printf, 2, 3))) static void say(struct dump *dump,
                                                      const char *format, ...)
{
    for (bool again = false;; again = true) {
        va_list args;
        size_t room = sizeof(dump->buffer) - dump->used;
        va_start(args, format);
        int n = vsnprintf(dump->buffer + dump->used, room, format, args);
        va_end(args);
        if (n < 0 || dump->rc < 0)
            return;
        if ((size_t)n < room || again) {
            dump->used += (size_t)n < room ? (size_t)n : room - 1;
            return;
        }
        flush(dump);
    }
}

static void say_frames(struct dump *dump, void *const *frames, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char words[512];
        weft__trace_describe(frames[i], words, sizeof(words));
        say(dump, "      at %s\n", words);
    }
}

/* Workers */

static uint64_t steps_of(struct weft__worker *worker)
{
    return weft__load_relaxed(&worker->counters.steps);
}

static bool is_asleep(struct weft__worker *worker)
{
    return weft__worker_is_active(worker) ? weft__idle_is_parked(worker->loop)
                                          : weft__reserve_is_asleep(worker);
}

static const char *const role_in_words[] = {
    [WEFT__UP] = "",
    [WEFT__SPARE] = "spare, ",
    [WEFT__BUSY] = "spare, ",
    [WEFT__CALLED] = "spare, ",
    [WEFT__BACKGROUND] = "background, ",
};

static void say_what_runs(struct dump *dump, struct weft__worker *worker,
                          bool stays)
{
    struct weft__coro *coro = weft__trace_runs(worker);
    struct weft__sight sight;
    const char *moved = stays ? ", has not moved for 10 ms" : "";
    if (coro == NULL)
        say(dump, is_asleep(worker) ? "asleep" : "looks for work");
    else if (!weft__pool_has(dump->rt->pool, coro) ||
             !weft__inspect(dump->rt, weft__future_of(coro), false, &sight))
        say(dump, "between two tasks%s", moved);
    else
        say(dump, "runs #%llu " NAME "%s", (unsigned long long)sight.info.id,
            sight.info.name, moved);
}

/* Who has not moved for a moment, if that is known: a worker does not wait for
 * the others. */
static void say_workers(struct dump *dump)
{
    static const _Atomic(uint32_t) nothing;
    struct weft_runtime *rt = dump->rt;
    uint64_t steps[WORKERS];
    bool wait = weft__worker_self() == NULL;
    unsigned workers = weft__runtime_known(rt);
    workers = workers < WORKERS ? workers : WORKERS;
    for (unsigned i = 0; i < workers; i++)
        steps[i] = steps_of(&rt->worker[i]);
    if (wait) {
        int64_t until = weft__os->now() + LOOK_NS;
        while (weft__os->futex_wait(&nothing, 0, until) == -EINTR)
            ;
    }
    say(dump, "workers\n");
    for (unsigned i = 0; i < workers; i++) {
        struct weft__worker *worker = &rt->worker[i];
        uint32_t role = weft__load_relaxed(&worker->role);
        if (role == WEFT__VACANT)
            continue;
        say(dump, "  %u: %s", i, role_in_words[role]);
        say_what_runs(dump, worker, wait && steps[i] == steps_of(worker));
        say(dump, "; %llu steps, %llu of them stolen, %llu sleeps\n",
            (unsigned long long)steps_of(worker),
            (unsigned long long)weft__load_relaxed(
                &worker->counters.steps_stolen),
            (unsigned long long)weft__load_relaxed(&worker->counters.parks));
    }
}

/* Tasks */

static bool is_running(weft_runtime *rt, const weft_future *task)
{
    for (unsigned i = 0; i < weft__runtime_known(rt); i++)
        if (weft__trace_runs(&rt->worker[i]) == &task->coro)
            return true;
    return false;
}

static const char *state_in_words(weft_runtime *rt,
                                  const struct weft__sight *sight)
{
    if (sight->info.state == WEFT_TASK_SUSPENDED)
        return "waits";
    if (sight->info.state == WEFT_TASK_NEW)
        return "has not started";
    return is_running(rt, sight->task) ? "runs" : "can run";
}

static void describe(weft_runtime *rt, const struct weft__sight *sight,
                     struct weft__text *text)
{
    const weft_task_info *info = &sight->info;
    int64_t ms = info->age / 1000000;
    weft__text_add(text, "#%llu " NAME ": %s", (unsigned long long)info->id,
                   info->name, state_in_words(rt, sight));
    if (info->state == WEFT_TASK_SUSPENDED && sight->on != NULL)
        add_on(sight, text);
    else if (info->state == WEFT_TASK_SUSPENDED)
        add_end(sight, text);
    if (ms > 0)
        weft__text_add(text, ", %lld.%03lld s old", (long long)ms / 1000,
                       (long long)ms % 1000);
    if (info->parent != 0)
        weft__text_add(text, ", child of #%llu",
                       (unsigned long long)info->parent);
    if (info->cancelled)
        weft__text_add(text, ", cancelled");
    if (info->keep)
        weft__text_add(text, ", keep");
}

struct portrait {
    struct weft__sight sight;
    struct weft__text text;
    size_t count;
    void *frames[FRAMES];
    char words[768];
};

/* Words and frames at one moment, if it sleeps. False: there is no task. */
static bool take_portrait(weft_runtime *rt, weft_future *task, bool trace,
                          struct portrait *out)
{
    uint32_t claim = weft__trace_claim(task);
    out->text = (struct weft__text){out->words, sizeof(out->words), 0};
    out->count = 0;
    out->words[0] = '\0';
    bool there = weft__inspect(rt, task, claim != 0, &out->sight);
    if (there) {
        describe(rt, &out->sight, &out->text);
        if (claim != 0 && trace)
            out->count = weft__trace_claimed(task, out->frames, FRAMES);
    }
    if (claim != 0)
        weft__trace_release(task, claim);
    else if (there && trace && out->sight.info.state == WEFT_TASK_RUNNABLE)
        out->count = weft__trace_anywhere(task, out->frames, FRAMES);
    return there;
}

static void say_task(struct weft__coro *coro, void *arg)
{
    struct dump *dump = arg;
    struct portrait it;
    bool trace = dump->tasks < TRACED;
    if (!take_portrait(dump->rt, weft__future_of(coro), trace, &it))
        return;
    dump->tasks++;
    say(dump, "  %s\n", it.words);
    say_frames(dump, it.frames, it.count);
}

/* The wait graph: a line for each that waits. */
static void say_waits(struct weft__coro *coro, void *arg)
{
    struct dump *dump = arg;
    struct weft__sight sight;
    char words[768];
    struct weft__text text = {words, sizeof(words), 0};
    if (!weft__dump_look(dump->rt, weft__future_of(coro), &sight) ||
        sight.info.state != WEFT_TASK_SUSPENDED)
        return;
    weft__dump_chain(dump->rt, &sight, &text);
    if (sight.info.parent != 0)
        say(dump, "  %s; its owner: #%llu\n", words,
            (unsigned long long)sight.info.parent);
    else
        say(dump, "  %s\n", words);
}

static void say_overrun(struct dump *dump)
{
    weft_overrun longest;
    if (weft_longest_overrun(dump->rt, &longest))
        say(dump, "longest overrun: #%llu %s, %lld ms\n",
            (unsigned long long)longest.task, longest.name,
            (long long)longest.time / 1000000);
}

int weft_dump(weft_runtime *rt, int fd)
{
    struct dump dump = {.rt = rt, .fd = fd};
    if (!weft__runtime_look(rt))
        return -WEFT_ESHUTDOWN;
    weft__unwind_open();
    say(&dump, "weft: dump of a runtime with %u workers, %u threads\n",
        rt->workers, weft__load_relaxed(&rt->census.count));
    say_workers(&dump);
    say_overrun(&dump);
    say(&dump, "tasks\n");
    weft__pool_each(rt->pool, say_task, &dump);
    say(&dump, "who waits for whom\n");
    weft__pool_each(rt->pool, say_waits, &dump);
    say(&dump, "weft: end of the dump, %u tasks\n", dump.tasks);
    flush(&dump);
    weft__runtime_looked(rt);
    return dump.rc;
}

/* What should have ended */

static void put_frames(struct weft__text *text, const struct portrait *it)
{
    for (size_t i = 0; i < it->count; i++) {
        char frame[300];
        weft__trace_describe(it->frames[i], frame, sizeof(frame));
        weft__text_add(text, "%s%s", i == 0 ? "; at " : " < ", frame);
    }
}

bool weft__dump_stuck(weft_runtime *rt, weft_future *task)
{
    struct portrait it;
    char words[1500] = "";
    struct weft__text text = {words, sizeof(words), 0};
    weft__unwind_open();
    if (!take_portrait(rt, task, true, &it))
        return false;
    put_frames(&text, &it);
    weft__report_to(rt, WEFT_REPORT_STUCK, 0, it.sight.info.name,
                    it.sight.info.id, NULL, "still running: %s%s", it.words,
                    words);
    return true;
}

#define AGAIN_NS INT64_C(1000000000)

/* A place is told of once a second, whoever is slow there. Where to note it;
 * NULL: not now. */
static struct weft__told *find_note(struct weft__monitor *monitor,
                                    const void *site, int64_t now)
{
    struct weft__told *oldest = monitor->told;
    for (size_t i = 0; i < weft__count_of(monitor->told); i++) {
        struct weft__told *it = &monitor->told[i];
        if (it->site == site)
            return now - it->at < AGAIN_NS ? NULL : it;
        oldest = it->at < oldest->at ? it : oldest;
    }
    return oldest;
}

/* Its stack first: if it has moved on meanwhile, that is no news. */
void weft__dump_slow(struct weft__worker *worker, int64_t ns)
{
    struct portrait it;
    char words[1500] = "";
    struct weft__text text = {words, sizeof(words), 0};
    struct weft_runtime *rt = worker->rt;
    struct weft__coro *coro = weft__trace_runs(worker);
    int64_t now = weft__os->now();
    weft__unwind_open();
    if (coro == NULL || !weft__pool_has(rt->pool, coro))
        return;
    const void *site = weft__load_relaxed(&weft__future_of(coro)->name);
    struct weft__told *note = find_note(&rt->monitor, site, now);
    if (note == NULL || !take_portrait(rt, weft__future_of(coro), true, &it) ||
        weft__trace_runs(worker) != coro)
        return;
    *note = (struct weft__told){site, now};
    put_frames(&text, &it);
    weft__report_to(rt, WEFT_REPORT_SLOW, 0, it.sight.info.name,
                    it.sight.info.id, NULL,
                    "for %lld ms without a suspension: %s%s",
                    (long long)ns / 1000000, it.words, words);
}
