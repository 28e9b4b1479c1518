// SPDX-License-Identifier: MIT
/* The monitor: see monitor.h. */
#include "sched/monitor.h"

#include "sched/runtime.h"

#define TICK_NS 1000000
#define FEW 64  /* steps in a tick: who makes more looks often enough */
#define QUIET 8 /* ticks with nobody at work before it sleeps */

/* Looking */

static bool anything_waits(struct weft__worker *worker, int64_t now)
{
    struct weft__loop *loop = worker->loop;
    return weft__steal_waits(worker) ||
           weft__load_relaxed(&loop->timers.next) <= now ||
           loop->rt->driver->ready(loop);
}

/* Returns whether it is stuck. */
static bool look_at(struct weft__worker *worker, int64_t now)
{
    uint64_t steps = weft__load_relaxed(&worker->counters.steps);
    bool up = !weft__idle_is_parked(worker);
    bool stuck = up && steps == worker->watched && anything_waits(worker, now);
    if (up && steps - worker->watched < FEW)
        weft__store_relaxed(&worker->slow,
                            weft__load_relaxed(&worker->slow) + 1);
    worker->watched = steps;
    weft__store_relaxed(&worker->stuck, stuck ? steps + 1 : 0);
    return stuck;
}

bool weft__monitor_look(struct weft_runtime *rt, int64_t now)
{
    bool stuck = false;
    bool anybody = false;
    for (unsigned i = 0; i < rt->workers; i++) {
        anybody |= !weft__idle_is_parked(&rt->worker[i]);
        stuck |= look_at(&rt->worker[i], now);
    }
    weft__store_relaxed(&rt->monitor.stuck, stuck);
    if (stuck)
        weft__idle_announce(rt);
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
        if (!weft__idle_is_parked(&rt->worker[i]))
            return true;
    return false;
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

/* Life */

void weft__monitor_main(void *arg)
{
    struct weft_runtime *rt = arg;
    struct weft__monitor *monitor = &rt->monitor;
    unsigned quiet = 0;
    while (weft__load_relaxed(&monitor->state) != WEFT__MONITOR_ENDS) {
        int64_t now = weft__os->now();
        quiet = weft__monitor_look(rt, now) ? 0 : quiet + 1;
        if (quiet >= QUIET)
            rest(rt);
        else
            sleep_until(monitor, WEFT__MONITOR_TICKS, now + TICK_NS);
    }
    weft__thread_closed(&rt->census);
    weft__runtime_drop(rt);
}

void weft__monitor_end(struct weft__monitor *monitor)
{
    weft__store_relaxed(&monitor->state, WEFT__MONITOR_ENDS);
    weft__os->futex_wake(&monitor->state, 1);
}
