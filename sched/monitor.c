// SPDX-License-Identifier: MIT
/* The monitor: see monitor.h. */
#include "sched/monitor.h"

#include "sched/handoff.h"
#include "sched/runtime.h"

#define TICK_NS 1000000
#define STORM_NS 4000000 /* shorter ticks, after each hand-off */
#define HOG_NS 400000    /* of CPU time in one step: less is no hog */
#define FEW 64 /* steps in a tick: who makes more looks often enough */
#define STANDS_NS 100000000 /* nobody in the line had a turn */
#define QUIET 8             /* ticks with nobody at work before it sleeps */

/* Looking */

static bool is_up(struct weft__worker *worker)
{
    if (weft__worker_is_active(worker))
        return !weft__idle_is_parked(worker->loop);
    return weft__load_relaxed(&worker->role) != WEFT__VACANT &&
           !weft__reserve_is_asleep(worker);
}

/* Also those in the background: one that computes is to share with them; and
 * those behind others, if this one would come to them. */
static bool anything_waits(struct weft__worker *worker, int64_t now)
{
    struct weft__loop *loop = worker->loop;
    return weft__steal_waits(worker) ||
           (weft__worker_is_active(worker) &&
            (loop->rt->monitor.behind || weft__background_lines_up(loop->rt) ||
             weft__load_relaxed(&loop->timers.next) <= now ||
             loop->rt->driver->ready(loop)));
}

/* What its thread did since the last look, if that was in the same step. */
static enum weft__verdict judge(struct weft__worker *worker, uint64_t step,
                                int64_t now)
{
    int64_t cpu;
    int32_t tid = weft__load_relaxed(&worker->tid);
    if (tid == 0 || weft__os->thread_cpu(tid, &cpu) < 0)
        return WEFT__NO_VERDICT;
    bool again = worker->sampled == step + 1;
    int64_t used = cpu - worker->sampled_cpu;
    int64_t passed = now - worker->sampled_at;
    worker->sampled = step + 1;
    worker->sampled_cpu = cpu;
    worker->sampled_at = now;
    bool said_so = weft__load_relaxed(&worker->blocking) == step + 1;
    if (said_so || !again) { /* what it does after a section counts anew */
        weft__store_relaxed(&worker->first_cpu, cpu);
        weft__store_relaxed(&worker->first_at, now);
        return said_so ? WEFT__SAID_SO : WEFT__NO_VERDICT;
    }
    long state = used * 10 >= passed * 4 ? 'R' : weft__os->thread_state(tid);
    if (state == 'S' || state == 'D')
        return WEFT__BLOCKS;
    /* Also if it has used up its share, and waits for others just now. */
    return state == 'R' &&
                   cpu - weft__load_relaxed(&worker->first_cpu) >= HOG_NS
               ? WEFT__COMPUTES
               : WEFT__NO_VERDICT;
}

/* Or does it fire timers, say? A hint: the worker writes it as it likes. */
__attribute__((no_sanitize_thread)) static bool
is_in_step(const struct weft__worker *worker)
{
    return *(struct weft__coro *const volatile *)&worker->current != NULL;
}

/* One in the background that sleeps in the kernel leaves its slot to another
 * one. */
static void look_at_slot(struct weft__worker *worker, uint64_t step,
                         int64_t now)
{
    if (weft__load_relaxed(&worker->slot) &&
        judge(worker, step, now) == WEFT__BLOCKS)
        weft__background_release(worker);
}

static void look_how_long(struct weft__worker *worker, uint64_t step,
                          int64_t now)
{
    struct weft_runtime *rt = worker->rt;
    if (step != worker->watched)
        worker->since = now;
    else if (rt->options.slow_report > 0 && worker->reported != step + 1 &&
             now - worker->since >= rt->options.slow_report) {
        worker->reported = step + 1;
        rt->hooks->slow(worker, now - worker->since);
    }
}

static void note(struct weft__worker *worker, uint64_t step, bool stuck,
                 int64_t now)
{
    struct weft_runtime *rt = worker->rt;
    int64_t ns = now - worker->since;
    bool overran = weft__load_relaxed(&worker->overran) == step + 1 &&
                   weft__load_relaxed(&worker->verdict) != WEFT__SAID_SO;
    if (step == worker->watched && (stuck || overran) &&
        weft__load_relaxed(&worker->blocking) != step + 1 &&
        ns > rt->monitor.longest.ns)
        rt->hooks->overran(worker, step, ns);
}

/* Where one was stuck others may be behind it, of whom nothing is known yet: a
 * light one at the end of such a line waits for them all. Who sleeps tells it
 * at once. */
static void expect_more(struct weft__monitor *monitor,
                        enum weft__verdict verdict, int64_t now)
{
    monitor->storm = now + STORM_NS;
    if (verdict == WEFT__BLOCKS)
        monitor->sleepers = now + STORM_NS;
}

/* Returns whether something waits that somebody else should take. */
static bool look_at(struct weft__worker *worker, int64_t now)
{
    uint64_t step = weft__load_relaxed(&worker->counters.steps);
    bool few = step - worker->watched < FEW;
    bool stuck = step == worker->watched && anything_waits(worker, now);
    look_how_long(worker, step, now);
    note(worker, step, stuck, now);
    worker->watched = step;
    weft__store_relaxed(&worker->stuck, stuck ? step + 1 : 0);
    if (!few)
        return false;
    weft__fetch_add_relaxed(&worker->slow, 1);
    if (!weft__worker_is_active(worker)) {
        look_at_slot(worker, step, now);
        return stuck;
    }
    /* One that is to get its loop just now cannot lose it. */
    if (!worker->rt->background.open || !is_in_step(worker) ||
        weft__load_relaxed(&worker->role) != WEFT__UP)
        return stuck;
    enum weft__verdict verdict = judge(worker, step, now);
    if (!stuck || verdict == WEFT__NO_VERDICT ||
        !weft__handoff(worker, step, verdict))
        return stuck;
    expect_more(&worker->rt->monitor, verdict, now);
    weft__reserve_refill(worker->loop);
    return false;
}

/* Nobody is sent to a line that does not move, or left in it. */
static void look_at_crowd(struct weft_runtime *rt, unsigned overrun,
                          int64_t now)
{
    struct weft__monitor *monitor = &rt->monitor;
    uint32_t taken = weft__load_relaxed(&rt->background.taken);
    if (taken != monitor->taken || !weft__background_lines_up(rt)) {
        monitor->taken = taken;
        monitor->moved = now;
        monitor->lifted = false;
    }
    bool stands = now - monitor->moved > STANDS_NS;
    weft__store_relaxed(&monitor->crowd,
                        !stands && overrun >= WEFT__CROWD * rt->workers);
    if (!stands || monitor->lifted || !weft__background_acquit(rt))
        return;
    monitor->lifted = true;
    weft__fetch_add_relaxed(&monitor->lifts, 1);
}

bool weft__monitor_look(struct weft_runtime *rt, int64_t now)
{
    unsigned known = weft__runtime_known(rt);
    bool stuck = false;
    bool waits = false;
    bool behind = false;
    bool anybody = false;
    unsigned overrun = 0;
    for (unsigned i = 0; i < known; i++) {
        struct weft__worker *worker = &rt->worker[i];
        if (!is_up(worker)) {
            /* What it does next is another step. */
            worker->watched = weft__load_relaxed(&worker->counters.steps) - 1;
            continue;
        }
        anybody = true;
        overrun += weft__load_relaxed(&worker->lowered) &&
                   weft__load_relaxed(&worker->role) == WEFT__UP;
        waits |= look_at(worker, now);
        behind |= weft__load_relaxed(&worker->stuck) != 0 &&
                  !weft__worker_is_active(worker);
        stuck |= weft__load_relaxed(&worker->stuck) != 0;
    }
    look_at_crowd(rt, overrun, now);
    rt->monitor.behind = behind;
    weft__store_relaxed(&rt->monitor.stuck, stuck);
    if (waits)
        weft__idle_announce(rt);
    if (rt->background.open)
        weft__reserve_reinforce(rt);
    weft__runtime_reinforce_crews(rt);
    return anybody;
}

/* Sleeping */

static void sleep_until(struct weft__monitor *monitor, uint32_t state,
                        int64_t until)
{
    weft__os->futex_wait(&monitor->state, state, until);
}

static bool is_anybody_up(struct weft_runtime *rt)
{
    for (unsigned i = 0; i < rt->workers; i++)
        if (!weft__idle_is_parked(&rt->loop[i]))
            return true;
    return weft__load_fenced(&rt->reserve.awake) > 0 ||
           weft__background_waits(rt);
}

/* Until a worker is up: it sees that we sleep, or we see that it is up. */
static void rest(struct weft_runtime *rt)
{
    struct weft__monitor *monitor = &rt->monitor;
    uint32_t state = WEFT__MONITOR_TICKS;
    if (!weft__cas_relaxed(&monitor->state, &state, WEFT__MONITOR_SLEEPS))
        return;
    weft__fence_after_rmw(); /* pairs with weft__monitor_wake() */
    if (is_anybody_up(rt)) {
        weft__monitor_wake_up(monitor);
        return;
    }
    while (weft__load_relaxed(&monitor->state) == WEFT__MONITOR_SLEEPS)
        sleep_until(monitor, WEFT__MONITOR_SLEEPS, INT64_MAX);
}

void weft__monitor_wake_up(struct weft__monitor *monitor)
{
    uint32_t state = WEFT__MONITOR_SLEEPS;
    if (weft__cas_relaxed(&monitor->state, &state, WEFT__MONITOR_TICKS))
        weft__os->futex_wake(&monitor->state, 1);
}

void weft__monitor_call(struct weft__monitor *monitor)
{
    uint32_t state = weft__load_relaxed(&monitor->state);
    do
        if (state >= WEFT__MONITOR_CALLED)
            return;
    /* Needs no order: a look that came too early is followed by others. */
    while (!weft__cas_relaxed(&monitor->state, &state, WEFT__MONITOR_CALLED));
    weft__os->futex_wake(&monitor->state, 1);
}

/* Before the look: who calls during that calls for the next one. */
static void answer(struct weft__monitor *monitor)
{
    uint32_t called = WEFT__MONITOR_CALLED;
    weft__cas_relaxed(&monitor->state, &called, WEFT__MONITOR_TICKS);
}

static int64_t tick(const struct weft__monitor *monitor, int64_t now)
{
    if (now < monitor->sleepers)
        return TICK_NS / 16;
    return now < monitor->storm ? TICK_NS / 4 : TICK_NS;
}

/* Life */

void weft__monitor_main(void *arg)
{
    struct weft_runtime *rt = arg;
    struct weft__monitor *monitor = &rt->monitor;
    unsigned quiet = 0;
    weft__os->thread_brisk();
    while (weft__load_relaxed(&monitor->state) != WEFT__MONITOR_ENDS) {
        answer(monitor);
        int64_t now = weft__os->now();
        quiet = weft__monitor_look(rt, now) ? 0 : quiet + 1;
        if (quiet >= QUIET)
            rest(rt);
        else
            sleep_until(monitor, WEFT__MONITOR_TICKS,
                        weft__os->now() + tick(monitor, now));
    }
    weft__thread_closed(&rt->census);
    weft__runtime_drop(rt);
}

void weft__monitor_end(struct weft__monitor *monitor)
{
    weft__store_relaxed(&monitor->state, WEFT__MONITOR_ENDS);
    weft__os->futex_wake(&monitor->state, 1);
}
