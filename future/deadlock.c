// SPDX-License-Identifier: MIT
/*
 * Deadlocks: see deadlock.h. A worker that parks as the last one, with nothing
 * armed, tells us (idle.c); we wait a moment, and if nobody has moved by then
 * we make sure. In a program that is stalled for a good reason (a job runs,
 * somebody sleeps until he is cancelled) nothing happens until it moves again;
 * in one with threads of its own, which may submit, we stop watching.
 */
#include "future/deadlock.h"

#include "future/dump.h"

#include <fcntl.h>
#include <linux/stat.h>

#define PAUSE_NS INT64_C(300000000)
#define STRANGERS 3 /* one may be a thread of ours that is just ending */

enum verdict { ALIVE, AWAKE, STRANGERS_THERE, UNKNOWN, DEAD };

static uint64_t steps_of(weft_runtime *rt)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < weft__runtime_known(rt); i++)
        sum += weft__load_relaxed(&rt->worker[i].counters.steps);
    return sum;
}

/* Threads of the process, or a negative code. */
static long count_threads(void)
{
    struct statx tasks;
    long rc =
        weft__os->statx(AT_FDCWD, "/proc/self/task", 0, STATX_NLINK, &tasks);
    if (rc < 0)
        return rc;
    return tasks.stx_nlink > 2 ? (long)tasks.stx_nlink - 2 : -WEFT_ENOTSUP;
}

static bool crew_is_busy(struct weft__crew *crew)
{
    weft__lock(&crew->lock);
    bool busy = weft__load_relaxed(&crew->queued) > 0 || crew->running > 0;
    weft__unlock(&crew->lock);
    return busy;
}

static bool crews_are_busy(weft_runtime *rt)
{
    bool busy = crew_is_busy(&rt->crew);
    weft__lock(&rt->crews_lock);
    for (struct weft__crew *crew = rt->crews; crew != NULL; crew = crew->next)
        busy = busy || crew_is_busy(crew);
    weft__unlock(&rt->crews_lock);
    return busy;
}

struct search {
    weft_runtime *rt;
    bool outside; /* somebody waits for what no task has to do */
};

static void search_one(struct weft__coro *coro, void *arg)
{
    struct search *search = arg;
    struct weft__sight sight;
    if (!weft__inspect(search->rt, weft__future_of(coro), false, &sight))
        return;
    enum weft_wait_kind waits = sight.info.waits;
    /* Until it is cancelled: by a signal, perhaps. */
    search->outside |= waits == WEFT_WAITS_TIME ||
                       waits == WEFT_WAITS_READABLE ||
                       waits == WEFT_WAITS_WRITABLE || waits == WEFT_WAITS_FILE;
}

static enum verdict judge(struct weft__deadlock *watch)
{
    weft_runtime *rt = watch->rt;
    struct search search = {.rt = rt};
    if (!weft__idle_stalled(rt))
        return AWAKE;
    if (weft__load_relaxed(&rt->phase) != WEFT__OPEN)
        return ALIVE;
    if (crews_are_busy(rt) || weft__load_relaxed(&rt->users) > 1)
        return ALIVE;
    long threads = count_threads();
    if (threads < 0)
        return UNKNOWN;
    if (threads != (long)weft__load_relaxed(&rt->census.count) + 1)
        return STRANGERS_THERE;
    weft__pool_each(rt->pool, search_one, &search);
    if (search.outside || steps_of(rt) != watch->moved)
        return ALIVE;
    return DEAD;
}

struct words {
    weft_runtime *rt;
    struct weft__text text;
};

static void put_in_words(struct weft__coro *coro, void *arg)
{
    struct words *words = arg;
    struct weft__sight sight;
    if (!weft__dump_look(words->rt, weft__future_of(coro), &sight) ||
        sight.info.state != WEFT_TASK_SUSPENDED)
        return;
    if (words->text.used > 0)
        weft__text_add(&words->text, "; ");
    weft__dump_chain(words->rt, &sight, &words->text);
}

/* Look again in a moment. */
static void begin(struct weft__deadlock *watch)
{
    watch->moved = steps_of(watch->rt);
    watch->until = weft__os->now() + PAUSE_NS;
}

/* Not while the worker that has told us is still at it, however long it was
 * preempted: TOLD is the last it says. */
static void set_state(struct weft__deadlock *watch, uint32_t to)
{
    _Atomic(uint32_t) *state = &watch->rt->idle.stall.state;
    uint32_t seen = weft__load_acquire(state); /* pairs with the worker's */
    while (seen == WEFT__STALL_RINGING || !weft__cas_sc(state, &seen, to)) {
        weft__pause();
        seen = weft__load_acquire(state); /* the same */
    }
}

/* Until somebody tells us again; unless the last one parked when we had been
 * told already, and told nobody. */
static void rest(struct weft__deadlock *watch)
{
    weft_runtime *rt = watch->rt;
    _Atomic(uint32_t) *state = &rt->idle.stall.state;
    uint32_t watched = WEFT__STALL_WATCHED;
    watch->until = INT64_MAX;
    set_state(watch, WEFT__STALL_WATCHED);
    weft__fence(); /* pairs with that in park, before tell_if_stalled() */
    if (steps_of(rt) != watch->moved && weft__idle_stalled(rt) &&
        weft__cas_sc(state, &watched, WEFT__STALL_TOLD))
        begin(watch);
}

/* Returns whether it is one, and new; then *words says what it is. */
static bool look(struct weft__deadlock *watch, struct words *words)
{
    _Atomic(uint32_t) *state = &watch->rt->idle.stall.state;
    if (watch->until == INT64_MAX) {
        if (weft__load_acquire(state) > WEFT__STALL_WATCHED) /* pairs with
                                                        tell_if_stalled() */
            begin(watch);
        return false;
    }
    if (weft__os->now() < watch->until)
        return false;
    enum verdict verdict = judge(watch);
    watch->strangers = verdict == STRANGERS_THERE ? watch->strangers + 1 : 0;
    if (verdict == UNKNOWN || watch->strangers == STRANGERS) {
        weft__deadlock_close(watch);
        return false;
    }
    if (verdict == STRANGERS_THERE) {
        begin(watch);
        return false;
    }
    if (verdict == AWAKE) /* a sentinel, say, that has made no step */
        watch->moved = UINT64_MAX;
    bool news = verdict == DEAD && watch->reported != watch->moved;
    if (news) {
        watch->reported = watch->moved;
        weft__pool_each(watch->rt->pool, put_in_words, words);
    }
    rest(watch);
    return news;
}

/* Another thread may end the runtime meanwhile; but it may do so in the hook
 * that gets the report, too, so that comes when we have looked. */
void weft__deadlock_look(struct weft__deadlock *watch)
{
    char buffer[1600] = "";
    struct words words = {watch->rt, {buffer, sizeof(buffer), 0}};
    if (!weft__runtime_look(watch->rt))
        return;
    bool dead = look(watch, &words);
    weft__runtime_looked(watch->rt);
    if (dead)
        weft__report_to(watch->rt, WEFT_REPORT_DEADLOCK, -WEFT_EDEADLK, NULL, 0,
                        NULL, "deadlock, nothing can run any more: %s", buffer);
}

void weft__deadlock_open(struct weft__deadlock *watch, weft_runtime *rt,
                         _Atomic(uint32_t) *word, uint32_t step)
{
    struct weft__stall *stall = &rt->idle.stall;
    *watch = (struct weft__deadlock){
        .rt = rt, .moved = UINT64_MAX, .reported = UINT64_MAX};
    stall->word = word;
    stall->step = step;
    if (weft__runtime_look(rt)) {
        rest(watch); /* everybody may be asleep already */
        weft__runtime_looked(rt);
    }
}

void weft__deadlock_close(struct weft__deadlock *watch)
{
    watch->until = INT64_MAX;
    set_state(watch, WEFT__STALL_OFF);
}
