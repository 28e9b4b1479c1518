// SPDX-License-Identifier: MIT
/*
 * A runtime's life in the scheduler.
 *
 * The end, in steps (who calls them: future/shutdown.c):
 *   1. CLOSING   foreign submissions are refused from here on. One that was
 *                counted before the phase was set is waited for like any task:
 *                a submitter counts first and looks at the phase then.
 *   2. interrupt every sleeping coroutine: each looks whether the phase cancels
 *                it. One that goes to sleep later looks for itself.
 *   3. callbacks whose moment has not come are fired; they end as cancelled.
 *   4. drained   each end of a task recounts; the last one says so.
 *   5. KILLING   after the grace period: 2 and 3 again, for .keep tasks.
 *   6. STOPPED   the workers' threads end. What is stuck in user code keeps its
 *                thread, and the runtime its memory, until that returns.
 */
#include "sched/cpus.h"
#include "sched/debug.h"
#include "sched/overflow.h"
#include "sched/sched.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define GRACE_NS INT64_C(5000000000)
#define SUBMIT_LIMIT (1u << 20)
#define THREADS 512
#define DOORS_NS 100000 /* between two looks at who is still at a door */

/* Options */

static unsigned workers_of(const weft_options *options)
{
    const char *text = getenv("WEFT_WORKERS");
    long asked = text != NULL ? strtol(text, NULL, 10) : 0;
    if (asked > 0)
        return asked > WEFT__MAX_WORKERS ? WEFT__MAX_WORKERS : (unsigned)asked;
    if (options->workers > 0)
        return options->workers;
    unsigned cpus = weft__cpus();
    return cpus > WEFT__MAX_WORKERS ? WEFT__MAX_WORKERS : cpus;
}

static int fill_in(weft_options *to, const weft_options *from)
{
    *to = (weft_options){.size = sizeof(*to)};
    if (from != NULL) {
        if (from->size == 0 || from->size > sizeof(*to))
            return -EINVAL;
        memcpy(to, from, from->size);
        to->size = sizeof(*to);
    }
    if (to->workers > WEFT__MAX_WORKERS || to->grace < 0 ||
        to->slow_report < 0 || to->engine > WEFT_ENGINE_URING)
        return -EINVAL;
    to->workers = workers_of(to);
    to->grace = to->grace ? to->grace : GRACE_NS;
    to->submit_limit = to->submit_limit ? to->submit_limit : SUBMIT_LIMIT;
    to->max_threads = to->max_threads ? to->max_threads : THREADS;
    return 0;
}

/* Making */

static void loop_init(struct weft_runtime *rt, unsigned index)
{
    struct weft__loop *loop = &rt->loop[index];
    loop->rt = rt;
    loop->index = index;
    weft__store_relaxed(&loop->owner, (uintptr_t)&rt->worker[index]);
    weft__wheel_init(&loop->timers.wheel, weft__os->now());
    weft__store_relaxed(&loop->timers.next, INT64_MAX);
    weft__strand_init(&loop->strand, rt);
}

/* Room for all there may ever be, of which only those that are used cost
 * memory. */
static int map_workers(struct weft_runtime *rt)
{
    void *at;
    unsigned more = rt->options.max_threads;
    unsigned most = WEFT__MAX_RESERVE - rt->workers;
    rt->capacity = rt->workers + (more < most ? more : most);
    int rc = (int)weft__os->map(rt->capacity * sizeof(*rt->worker),
                                2 * WEFT__LINE, &at);
    if (rc == 0)
        rt->worker = at;
    return rc;
}

static int open_parts(struct weft_runtime *rt)
{
    size_t line = 2 * WEFT__LINE;
    rt->loop = weft__mem_alloc_at(line, rt->workers * sizeof(*rt->loop));
    rt->pool = weft__pool_new(rt, rt->workers);
    if (rt->loop == NULL || rt->pool == NULL)
        return -ENOMEM;
    int rc = map_workers(rt);
    if (rc < 0)
        return rc;
    for (unsigned i = 0; i < rt->workers; i++)
        loop_init(rt, i);
    for (unsigned i = 0; i < rt->workers; i++) {
        rc = rt->driver->open(&rt->loop[i], &rt->options);
        if (rc == 0)
            rc = weft__worker_open(&rt->worker[i], rt, i, &rt->loop[i]);
        if (rc < 0)
            return rc;
        weft__store_release(&rt->known, i + 1); /* runtime_known() */
    }
    return 0;
}

/* Their threads may be taking them off the list at the same time. */
static void close_crews(struct weft_runtime *rt)
{
    for (;;) {
        weft__lock(&rt->crews_lock);
        struct weft__crew *crew = rt->crews;
        if (crew != NULL) {
            rt->crews = crew->next;
            crew->listed = false;
        }
        rt->crews_over = crew == NULL;
        weft__unlock(&rt->crews_lock);
        if (crew == NULL)
            return;
        weft__crew_join(crew);
        crew->hooks->abandoned(crew);
    }
}

/* Also half-made ones: everything here takes what was never opened. */
static void close_parts(struct weft_runtime *rt)
{
    weft__crew_join(&rt->crew);
    close_crews(rt);
    for (unsigned i = 0; rt->loop != NULL && i < rt->workers; i++)
        if (rt->loop[i].engine != NULL)
            rt->driver->close(&rt->loop[i]);
    for (unsigned i = 0; rt->worker != NULL && i < rt->capacity; i++)
        if (rt->worker[i].rt == NULL)
            break;
        else
            weft__worker_close(&rt->worker[i]);
    if (!rt->options.no_overflow_report)
        weft__overflow_close();
    weft__depot_fini(&rt->stacks);
    if (rt->pool != NULL)
        weft__pool_close(rt->pool);
}

static int start_thread(struct weft_runtime *rt, uintptr_t *thread,
                        const char *name, int number, weft__thread_fn *fn,
                        void *arg)
{
    weft__fetch_add(&rt->refs, 1);
    int rc = weft__thread_open(&rt->census, thread, name, number, 0, fn, arg);
    if (rc < 0)
        weft__fetch_sub(&rt->refs, 1);
    return rc;
}

static int start_monitor(struct weft_runtime *rt)
{
    if (rt->options.no_monitor)
        return 0;
    rt->census.limit++; /* it is not one of those that are bounded */
    rt->background.open = rt->driver->turn == NULL; /* one thread a loop */
    return start_thread(rt, &rt->monitor.thread, "weft-mon", -1,
                        weft__monitor_main, rt);
}

int weft__runtime_start_worker(struct weft__worker *worker)
{
    return start_thread(worker->rt, &worker->thread, "weft-w",
                        (int)worker->index, weft__worker_main, worker);
}

static int start_threads(struct weft_runtime *rt)
{
    int rc = 0;
    rt->threads = true;
    for (unsigned i = 0; rc == 0 && i < rt->workers; i++)
        rc = weft__runtime_start_worker(&rt->worker[i]);
    return rc < 0 ? rc : start_monitor(rt);
}

int weft__runtime_open(const weft_options *options,
                       const struct weft__hooks *hooks,
                       const struct weft__driver *driver, bool threads,
                       weft_runtime **out)
{
    weft_options filled;
    int rc = fill_in(&filled, options);
    if (rc < 0)
        return rc;
    weft__debug_read();
    struct weft_runtime *rt = weft__mem_alloc_at(2 * WEFT__LINE, sizeof(*rt));
    if (rt == NULL)
        return -ENOMEM;
    rt->options = filled;
    rt->workers = filled.workers;
    rt->hooks = hooks;
    rt->driver = driver != NULL ? driver : &weft__loop_driver;
    rt->census.limit = filled.max_threads;
    weft__store_relaxed(&rt->refs, 1);
    weft__report_open(rt);
    weft__depot_init(&rt->stacks);
    weft__crew_init(&rt->crew, &rt->census, "weft-f", filled.max_threads);
    rt->crew.rt = rt;
    if (!filled.no_overflow_report)
        weft__overflow_open();
    rc = open_parts(rt);
    if (rc == 0)
        rt->engine = rt->driver->engine(&rt->loop[0]);
    if (rc == 0 && threads)
        rc = start_threads(rt);
    if (rc < 0) {
        weft__runtime_stop(rt, true);
        weft__runtime_drop(rt);
        return rc;
    }
    *out = rt;
    return 0;
}

void weft__runtime_drop(struct weft_runtime *rt)
{
    /* Orders what every holder did before the end. */
    if (weft__fetch_sub(&rt->refs, 1) != 1)
        return;
    weft__mem_free(rt->loop);
    if (rt->worker != NULL)
        weft__os->unmap(rt->worker, rt->capacity * sizeof(*rt->worker));
    weft__mem_free(rt);
}

void weft__runtime_leave(struct weft_runtime *rt)
{
    /* Pairs with the swap of who made it. */
    struct weft__crew *own = weft__load_acquire(&rt->own_crew);
    if (own != NULL)
        own->hooks->released(own);
    weft__runtime_drop(rt);
}

bool weft__runtime_add_crew(struct weft_runtime *rt, struct weft__crew *crew)
{
    weft__lock(&rt->crews_lock);
    bool taken = !rt->crews_over;
    if (taken) {
        crew->next = rt->crews;
        crew->listed = true;
        rt->crews = crew;
    }
    weft__unlock(&rt->crews_lock);
    return taken;
}

bool weft__runtime_remove_crew(struct weft_runtime *rt, struct weft__crew *crew)
{
    weft__lock(&rt->crews_lock);
    bool listed = crew->listed;
    if (listed) {
        struct weft__crew **link = &rt->crews;
        while (*link != crew)
            link = &(*link)->next;
        *link = crew->next;
        crew->listed = false;
    }
    weft__unlock(&rt->crews_lock);
    return listed;
}

void weft__runtime_crew_wants(struct weft_runtime *rt)
{
    weft__store_release(&rt->crew_wants, true); /* reinforce_crews() */
    weft__monitor_call(&rt->monitor);
}

/* Without a lock when it starts: if that fails, a job may be dropped. */
static bool reinforce_one(struct weft_runtime *rt)
{
    weft__lock(&rt->crews_lock);
    struct weft__crew *crew = &rt->crew;
    struct weft__crew *next = rt->crews;
    unsigned number = weft__crew_wanted(crew);
    for (; number == 0 && next != NULL; next = next->next) {
        crew = next;
        number = weft__crew_wanted(crew);
    }
    weft__unlock(&rt->crews_lock);
    if (number != 0)
        weft__crew_start(crew, number);
    return number != 0;
}

void weft__runtime_reinforce_crews(struct weft_runtime *rt)
{
    if (weft__likely(!weft__load_relaxed(&rt->crew_wants)))
        return;
    /* Pairs with who wants it: what he wrote before is seen. */
    weft__xchg(&rt->crew_wants, false);
    while (reinforce_one(rt))
        ;
}

struct weft__loop *weft__runtime_loop(struct weft_runtime *rt)
{
    uint64_t thread = (uint64_t)pthread_self() >> 12;
    thread *= UINT64_C(0x9e3779b97f4a7c15);
    return &rt->loop[(thread >> 32) % rt->workers];
}

/* Ending */

static void interrupt(struct weft__coro *coro, void *unused)
{
    (void)unused;
    weft__sched_wake(coro, WEFT__WAKE_INTERRUPT);
}

void weft__runtime_watch(struct weft_runtime *rt, _Atomic(uint32_t) *word,
                         uint32_t step)
{
    weft__lock(&rt->watcher.lock);
    rt->watcher.word = word;
    rt->watcher.step = step;
    weft__unlock(&rt->watcher.lock);
}

static void tell_watcher(struct weft_runtime *rt)
{
    struct weft__watcher *watcher = &rt->watcher;
    weft__lock(&watcher->lock);
    if (watcher->word != NULL) {
        weft__fetch_add(watcher->word, watcher->step); /* pairs with its wait */
        weft__os->futex_wake(watcher->word, 1);
    }
    weft__unlock(&watcher->lock);
}

void weft__runtime_enter(struct weft_runtime *rt, enum weft__phase phase)
{
    uint32_t seen = weft__load_relaxed(&rt->phase);
    do
        if (seen >= phase)
            return;
    /* Before the interrupts: pairs with after_park() and with submitters. */
    while (!weft__cas_sc(&rt->phase, &seen, phase));
    weft__fence();
    weft__pool_each(rt->pool, interrupt, NULL);
    for (unsigned i = 0; i < rt->workers; i++)
        weft__timers_flush(&rt->loop[i], rt->hooks->fire);
    tell_watcher(rt);
}

void weft__runtime_submit_last(struct weft_runtime *rt, struct weft__coro *coro)
{
    weft__fetch_add_sc(&rt->loop[0].submitted, 1);
    weft__fetch_add_relaxed(&rt->loop[0].started, 1);
    weft__queue_inject(&rt->loop[0], coro);
    weft__runtime_left(&rt->loop[0]);
}

/* The ends are read first: whoever sees an end also sees the spawns before it,
 * so equal sums mean that nothing was alive in between. */
uint64_t weft__runtime_alive(struct weft_runtime *rt)
{
    uint64_t ended = 0;
    uint64_t spawned = 0;
    for (unsigned i = 0; i < rt->workers; i++)
        /* Pairs with the sc add in weft__runtime_ended(). */
        ended += weft__load_acquire(&rt->loop[i].dropped);
    for (unsigned i = 0; i < weft__runtime_known(rt); i++)
        /* Pairs with the release in weft__runtime_ended(). */
        ended += weft__load_acquire(&rt->worker[i].counters.tasks_ended);
    for (unsigned i = 0; i < weft__runtime_known(rt); i++)
        spawned += weft__load_relaxed(&rt->worker[i].counters.tasks_spawned);
    for (unsigned i = 0; i < rt->workers; i++)
        spawned += weft__load_relaxed(&rt->loop[i].submitted);
    return spawned - ended;
}

static void say_drained(struct weft_runtime *rt)
{
    weft__fetch_add(&rt->drained, 1); /* pairs with wait_drained() */
    weft__os->futex_wake(&rt->drained, INT32_MAX);
}

void weft__runtime_ended_late(struct weft_runtime *rt)
{
    weft__fence(); /* our end before the count; pairs with the others' */
    weft__runtime_check_drained(rt);
}

void weft__runtime_check_drained(struct weft_runtime *rt)
{
    if (weft__runtime_alive(rt) == 0)
        say_drained(rt);
}

bool weft__runtime_wait_drained(struct weft_runtime *rt, int64_t until)
{
    int64_t rc = 0;
    for (;;) {
        /* Before the count: pairs with say_drained(), which may speak of an
         * earlier phase, so it is a reason to count and no more. */
        uint32_t said = weft__load_acquire(&rt->drained);
        if (weft__runtime_alive(rt) == 0)
            return true;
        if (rc == -ETIMEDOUT)
            return false;
        rc = weft__os->futex_wait(&rt->drained, said, until);
    }
}

static void stop_thread(uintptr_t thread, bool join)
{
    if (thread != 0 && join)
        weft__os->thread_join(thread);
    else if (thread != 0)
        weft__os->thread_detach(thread);
}

static void stop_threads(struct weft_runtime *rt, bool join)
{
    weft__monitor_end(&rt->monitor);
    stop_thread(rt->monitor.thread, true);
    weft__lock(&rt->reserve.starting); /* from here on nobody starts one */
    weft__unlock(&rt->reserve.starting);
    weft__idle_wake_all(rt);
    weft__reserve_wake_all(rt);
    for (unsigned i = 0; i < weft__runtime_known(rt); i++)
        stop_thread(rt->worker[i].thread, join);
}

/* A foreign thread has submitted or woken what has ended meanwhile, and is
 * still about ringing a bell; or it looks at what is there. */
static bool is_anybody_at_a_door(struct weft_runtime *rt)
{
    /* Pairs with weft__runtime_looked(). */
    if (weft__load_acquire(&rt->onlookers) > 0)
        return true;
    /* Pairs with weft__queue_wake_from_outside(). */
    if (rt->pool != NULL && weft__load_acquire(&rt->pool->wakers) > 0)
        return true;
    for (unsigned i = 0; rt->loop != NULL && i < rt->workers; i++) {
        /* Pairs with weft__runtime_left(). */
        uint64_t left = weft__load_acquire(&rt->loop[i].left);
        if (left != weft__load_acquire(&rt->loop[i].submitted))
            return true;
    }
    return false;
}

/* For microseconds, unless one was preempted: no futex of their own. */
static void wait_for_doors(struct weft_runtime *rt)
{
    static const _Atomic(uint32_t) nobody;
    while (is_anybody_at_a_door(rt))
        weft__os->futex_wait(&nobody, 0, weft__os->now() + DOORS_NS);
}

void weft__runtime_stop(struct weft_runtime *rt, bool join)
{
    /* Pairs with search(), park, weft__runtime_look(). */
    weft__xchg_sc(&rt->phase, WEFT__STOPPED);
    weft__fence_after_rmw(); /* before the look at who looks */
    if (rt->worker != NULL && rt->threads)
        stop_threads(rt, join);
    if (join) {
        wait_for_doors(rt);
        close_parts(rt);
    }
    weft__report_close(rt, join); /* from here on nobody calls its hook */
}
