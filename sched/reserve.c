// SPDX-License-Identifier: MIT
/* Workers without a loop: see reserve.h. */
#include "sched/reserve.h"

#include "sched/branch.h"
#include "sched/class.h"

#include <errno.h>

#define IDLE_NS INT64_C(5000000000)
#define SPARES 2 /* kept ready for a loop that has changed hands */
#define EXTRA 2  /* background workers kept beyond the number of CPUs */

/* Giving away */

static void give(struct weft__worker *worker, struct weft__coro *coro)
{
    if (coro->home == WEFT__IN_BACKGROUND || weft__class_suspects(coro))
        weft__background_push(worker->rt, coro);
    else
        weft__queue_inject(worker->loop, coro);
}

static void give_away_deque(struct weft__worker *worker)
{
    void *item;
    while ((item = weft__deque_oldest(&worker->deque)) != NULL) {
        struct weft__coro *coro = weft__branch_coro(worker, item);
        if (coro != NULL)
            give(worker, coro);
    }
}

/* All but the pinned ones. */
static void give_away(struct weft__worker *worker)
{
    struct weft__coro *coro = weft__queue_take_next(worker);
    if (coro != NULL)
        give(worker, coro);
    while ((coro = weft__ring_oldest(&worker->ring)) != NULL)
        give(worker, coro);
    give_away_deque(worker);
}

/* Who is not active asks here before each step. */
static void be_called(struct weft__worker *worker)
{
    worker->heeded = weft__load_relaxed(&worker->slow) ^ UINT32_C(1) << 31;
    worker->allowance = 0;
    worker->wakes_to = WEFT__TO_INBOX;
    worker->forks = weft__load_relaxed(&worker->lowered) ? WEFT__FORKS_LOW : 0;
}

/* It has found out that its loop is another one's. */
static void resign(struct weft__worker *worker)
{
    bool lowered = weft__load_relaxed(&worker->lowered);
    if (worker->searching || worker->sentinel)
        weft__idle_found(worker);
    be_called(worker);
    weft__store_relaxed(&worker->role,
                        lowered ? WEFT__BACKGROUND : WEFT__SPARE);
    give_away(worker);
}

/* It owns its loop again. */
static void take_over(struct weft__worker *worker)
{
    worker->heeded = weft__load_relaxed(&worker->slow) - 1; /* look, soon */
    worker->allowance = WEFT__BUDGET;
    worker->wakes_to = WEFT__TO_NEXT;
    worker->forks = 0;
    worker->polled = 0;
    weft__store_relaxed(&worker->role, WEFT__UP);
    weft__fetch_sub(&worker->rt->reserve.awake, 1); /* as an active one */
    weft__count(worker, handoffs);
}

/* Sleeping */

bool weft__reserve_is_asleep(struct weft__worker *worker)
{
    return weft__load_relaxed(&worker->asleep);
}

static _Atomic(uint64_t) *word_of(struct weft__worker *worker)
{
    return &worker->rt->reserve.asleep[worker->index / 64];
}

static uint64_t bit_of(struct weft__worker *worker)
{
    return UINT64_C(1) << worker->index % 64;
}

static bool is_background(struct weft__worker *worker)
{
    return weft__load_relaxed(&worker->role) == WEFT__BACKGROUND;
}

/* What is there to do? */
static bool is_wanted(struct weft__worker *worker)
{
    struct weft_runtime *rt = worker->rt;
    return weft__load_relaxed(&rt->phase) == WEFT__STOPPED ||
           worker->pinned_head != NULL ||
           !weft__inbox_is_empty(&worker->pinned_inbox) ||
           (is_background(worker) ? weft__background_waits(rt)
                                  : weft__worker_is_active(worker));
}

static unsigned count_asleep(struct weft_runtime *rt)
{
    int count = 0;
    for (unsigned i = 0; i < weft__count_of(rt->reserve.asleep); i++)
        count +=
            __builtin_popcountll(weft__load_relaxed(&rt->reserve.asleep[i]));
    return (unsigned)count;
}

/* Wait on the own bed. Returns whether that was in vain, and for long. */
static bool sleep_in_bed(struct weft__worker *worker, uint32_t heard)
{
    struct weft_runtime *rt = worker->rt;
    bool many = is_background(worker) && worker->homed == 0 &&
                count_asleep(rt) > rt->workers + EXTRA;
    if (is_wanted(worker))
        return false;
    if (weft__unlikely(weft__load_relaxed(&rt->phase) != WEFT__OPEN))
        weft__runtime_check_drained(rt);
    if (many)
        return true;
    weft__idle_tell_if_stalled(rt);
    int64_t until = worker->homed ? INT64_MAX : weft__os->now() + IDLE_NS;
    return weft__os->futex_wait(&worker->bed, heard, until) == -ETIMEDOUT;
}

/* A spare may have been called meanwhile, a background worker claimed. */
static bool may_go(struct weft__worker *worker, bool claimed)
{
    uint32_t spare = WEFT__SPARE;
    if (is_background(worker)) {
        if (!claimed)
            weft__store_relaxed(&worker->role, WEFT__VACANT);
        return !claimed;
    }
    return weft__cas_relaxed(&worker->role, &spare, WEFT__VACANT);
}

/* Here it is. */
static void arrive(struct weft__worker *worker)
{
    worker->expected = false;
    weft__fetch_sub(&worker->rt->reserve.coming, 1); /* lacks() reads it */
}

/* Its thread ends. */
static void leave(struct weft__worker *worker)
{
    struct weft_runtime *rt = worker->rt;
    weft__fetch_sub(&rt->reserve.awake, 1);
    weft__fence(); /* that before the looks; pairs with those who park */
    weft__idle_tell_if_stalled(rt);
    weft__worker_rest(worker);
}

/* Returns whether it is to go on. */
static bool sleep_for_now(struct weft__worker *worker)
{
    struct weft_runtime *rt = worker->rt;
    bool background = is_background(worker);
    bool claimed = false;
    uint32_t heard = weft__load_acquire(&worker->bed); /* pairs with wake */
    weft__store_relaxed(&worker->asleep, true);
    if (background)
        weft__fetch_or_fenced(word_of(worker), bit_of(worker)); /* call() */
    weft__fetch_sub(&rt->reserve.awake, 1);
    weft__fence(); /* both before the looks; pairs with who queues */
    bool vain = sleep_in_bed(worker, heard);
    weft__fetch_add_sc(&rt->reserve.awake, 1);
    weft__monitor_wake(&rt->monitor);
    if (background) /* pairs with call() */
        claimed = !(weft__fetch_and_sc(word_of(worker), ~bit_of(worker)) &
                    bit_of(worker));
    if (claimed)
        arrive(worker);
    weft__store_relaxed(&worker->asleep, false);
    return !(vain && may_go(worker, claimed));
}

/* A pinned task of a worker without a loop. Others may call it as a spare at
 * any moment: then it waits for the outcome, and runs this as an active one. */
static void run_pinned(struct weft__worker *worker)
{
    uint32_t spare = WEFT__SPARE;
    if (is_background(worker)) {
        weft__background_release(worker);
        return;
    }
    while (!weft__cas_relaxed(&worker->role, &spare, WEFT__BUSY)) {
        if (weft__worker_is_active(worker)) {
            take_over(worker);
            return;
        }
        spare = WEFT__SPARE;
        weft__pause();
    }
}

/* False: nothing for now. */
static bool take(struct weft__worker *worker, struct weft__coro **out)
{
    give_away_deque(worker); /* what its tasks have forked meanwhile */
    *out = weft__queue_take_pinned(worker);
    if (*out != NULL)
        run_pinned(worker);
    else if (weft__worker_is_active(worker))
        take_over(worker);
    else if (is_background(worker))
        *out = weft__background_take(worker);
    return *out != NULL || weft__worker_has_loop(worker);
}

bool weft__reserve_find(struct weft__worker *worker, struct weft__coro **out)
{
    struct weft_runtime *rt = worker->rt;
    uint32_t role = weft__load_relaxed(&worker->role);
    if (role == WEFT__UP)
        resign(worker);
    else if (role == WEFT__BUSY)
        weft__store_relaxed(&worker->role, WEFT__SPARE);
    if (worker->expected)
        arrive(worker);
    for (;;) {
        if (weft__load_acquire(&rt->phase) == WEFT__STOPPED)
            return false; /* pairs with weft__runtime_stop() */
        if (take(worker, out)) {
            weft__class_begin(worker);
            return true;
        }
        if (!sleep_for_now(worker)) {
            leave(worker);
            return false;
        }
    }
}

/* A surplus one has computed for long. */
bool weft__reserve_gives_way(struct weft__worker *worker)
{
    uint32_t role = weft__load_relaxed(&worker->role);
    return role == WEFT__UP || weft__class_spent(worker);
}

/* Waking */

void weft__reserve_wake(struct weft__worker *worker)
{
    weft__fetch_add(&worker->bed, 1); /* pairs with sleep_for_now() */
    weft__os->futex_wake(&worker->bed, 1);
}

void weft__reserve_wake_all(struct weft_runtime *rt)
{
    for (unsigned i = 0; i < weft__runtime_known(rt); i++)
        weft__reserve_wake(&rt->worker[i]);
}

static bool claim(struct weft_runtime *rt, unsigned word, unsigned nth)
{
    uint64_t bit = UINT64_C(1) << nth;
    weft__fetch_add(&rt->reserve.coming, 1); /* lacks() reads it */
    /* Pairs with the setting and clearing in sleep_for_now(). */
    if (!(weft__fetch_and_sc(&rt->reserve.asleep[word], ~bit) & bit)) {
        weft__fetch_sub(&rt->reserve.coming, 1); /* the same */
        return false;
    }
    weft__reserve_wake(&rt->worker[word * 64 + nth]);
    return true;
}

/* Those that come find something without being called again. */
static bool lacks(struct weft_runtime *rt)
{
    int32_t coming = weft__load_relaxed(&rt->reserve.coming);
    return (int32_t)weft__background_wants(rt) > coming;
}

static bool wake_one(struct weft_runtime *rt)
{
    for (unsigned i = 0; i < weft__count_of(rt->reserve.asleep); i++) {
        /* Pairs with the setting in sleep_for_now(). */
        uint64_t bits = weft__load_sc(&rt->reserve.asleep[i]);
        for (; bits != 0; bits &= bits - 1)
            if (claim(rt, i, (unsigned)__builtin_ctzll(bits)))
                return true;
    }
    return false;
}

void weft__reserve_call(struct weft_runtime *rt)
{
    if (lacks(rt) && !wake_one(rt))
        weft__monitor_call(&rt->monitor);
}

/* Starting */

static struct weft__worker *open_next(struct weft_runtime *rt,
                                      struct weft__loop *loop)
{
    unsigned known = weft__runtime_known(rt);
    if (known == rt->capacity)
        return NULL;
    struct weft__worker *worker = &rt->worker[known];
    weft__store_relaxed(&worker->role, WEFT__VACANT);
    if (worker->rt == NULL && weft__worker_open(worker, rt, known, loop) < 0) {
        weft__worker_close(worker);
        worker->rt = NULL;
        return NULL;
    }
    weft__store_release(&rt->known, known + 1); /* runtime_known() */
    return worker;
}

/* One that has no thread. */
static struct weft__worker *find_gone(struct weft_runtime *rt,
                                      struct weft__loop *loop)
{
    for (unsigned i = 0; i < weft__runtime_known(rt); i++) {
        struct weft__worker *worker = &rt->worker[i];
        if (worker->loop == loop &&
            weft__load_relaxed(&worker->role) == WEFT__VACANT &&
            weft__load_relaxed(&worker->tid) == 0) /* else it takes a while */
            return worker;
    }
    return open_next(rt, loop);
}

static struct weft__worker *start_one(struct weft__loop *loop,
                                      enum weft__role role)
{
    struct weft_runtime *rt = loop->rt;
    struct weft__worker *worker = find_gone(rt, loop);
    if (worker == NULL)
        return NULL;
    if (worker->thread != 0)
        weft__os->thread_join(worker->thread);
    worker->thread = 0;
    bool background = role == WEFT__BACKGROUND;
    weft__store_relaxed(&worker->lowered, background);
    be_called(worker);
    worker->expected = background;
    weft__store_relaxed(&worker->role, role);
    weft__fetch_add(&rt->reserve.awake, 1); /* until it sleeps, or is active */
    weft__fetch_add(&rt->reserve.coming, background); /* arrive() */
    if (weft__runtime_start_worker(worker) == 0)
        return worker;
    weft__fetch_sub(&rt->reserve.coming, background);
    weft__fetch_sub(&rt->reserve.awake, 1);
    weft__store_relaxed(&worker->role, WEFT__VACANT);
    return NULL;
}

static struct weft__worker *start(struct weft__loop *loop, enum weft__role role)
{
    struct weft__lock *lock = &loop->rt->reserve.starting;
    weft__lock(lock);
    struct weft__worker *worker = NULL;
    if (weft__load_relaxed(&loop->rt->phase) != WEFT__STOPPED)
        worker = start_one(loop, role);
    weft__unlock(lock);
    return worker;
}

static struct weft__worker *call_spare(struct weft__loop *loop)
{
    struct weft_runtime *rt = loop->rt;
    for (unsigned i = 0; i < weft__runtime_known(rt); i++) {
        struct weft__worker *worker = &rt->worker[i];
        uint32_t spare = WEFT__SPARE;
        if (worker->loop == loop &&
            weft__load_relaxed(&worker->role) == WEFT__SPARE &&
            weft__cas_relaxed(&worker->role, &spare, WEFT__CALLED))
            return worker;
    }
    return NULL;
}

struct weft__worker *weft__reserve_spare(struct weft__loop *loop)
{
    struct weft__worker *worker = call_spare(loop);
    return worker ? worker : start(loop, WEFT__CALLED);
}

void weft__reserve_refill(struct weft__loop *loop)
{
    struct weft_runtime *rt = loop->rt;
    unsigned spares = 0;
    for (unsigned i = 0; i < weft__runtime_known(rt); i++)
        spares += rt->worker[i].loop == loop &&
                  weft__load_relaxed(&rt->worker[i].role) == WEFT__SPARE;
    while (spares < SPARES && start(loop, WEFT__SPARE) != NULL)
        spares++;
}

/* One that computes there comes back to look; one that sleeps in the kernel, and
 * has left its slot, may wait for those who wait for it. */
static bool anybody_in_background(struct weft_runtime *rt)
{
    for (unsigned i = 0; i < weft__runtime_known(rt); i++)
        if (is_background(&rt->worker[i]) &&
            (weft__load_relaxed(&rt->worker[i].slot) ||
             weft__reserve_is_asleep(&rt->worker[i])))
            return true;
    return weft__load_relaxed(&rt->reserve.coming) > 0;
}

void weft__reserve_reinforce(struct weft_runtime *rt)
{
    for (unsigned i = 0; lacks(rt); i++)
        if (!wake_one(rt) &&
            start(&rt->loop[i % rt->workers], WEFT__BACKGROUND) == NULL) {
            if (!anybody_in_background(rt))
                weft__background_flush(rt);
            return;
        }
}
