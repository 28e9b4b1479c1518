// SPDX-License-Identifier: MIT
/*
 * The shared-write budget: how many lines an operation takes from other cores
 * (writes.h says what is counted). A change that puts a word where two workers
 * write it shows here, on two cores as on a hundred.
 */
#include <weft/task.h>

#include <stdio.h>
#include <time.h>
#include <weft/stats.h>

#include "sched/runtime.h"
#include "tests/budget/writes.h"
#include "tests/support/run.h"
#include "tests/support/test.h"

#define TURNS 1000
#define BATCH 200

static atomic_int stop;
static atomic_int ready;

/* Common to all is the runtime itself, and its pool but for the shards. */
/* `held`: tasks will hold their workers on purpose, so that one side is still
 * while the other one moves; nobody is to take their place. */
static weft_runtime *open_with(unsigned workers, bool held)
{
    weft_options options = {
        .size = sizeof(options), .workers = workers, .no_monitor = held};
    weft_runtime *rt = NULL;
    atomic_store(&stop, 0);
    atomic_store(&ready, 0);
    cr_assert_eq(weft_runtime_new(&options, &rt), 0);
    weft_writes_common(rt, sizeof(*rt));
    weft_writes_common(rt->pool, sizeof(*rt->pool));
    return rt;
}

static void finish(weft_runtime *rt)
{
    cr_expect_eq(weft_runtime_shutdown(rt), 0);
    weft_runtime_unref(rt);
}

static void run_to_end(weft_runtime *rt, weft_fn *fn, void *arg)
{
    weft_future *task = weft_run_coroutine_threadsafe(rt, fn, arg);
    cr_expect_eq(weft_wait_blocking(task, WEFT_FOREVER, NULL), 0);
}

static struct weft_writes now(void)
{
    return weft_writes_of(weft_writes_self());
}

/* And where they came from; thread 0: nowhere. */
static void tell(const char *what, const struct weft_writes *writes,
                 unsigned ops, unsigned thread)
{
    const uint64_t *shared = writes->shared;
    printf("%-24s %6.3f shared (%.3f rmw, %.3f atomic, %.3f plain) of %.1f\n",
           what, (double)weft_writes_shared(writes) / ops,
           (double)shared[WEFT_WRITE_RMW] / ops,
           (double)shared[WEFT_WRITE_ATOMIC] / ops,
           (double)shared[WEFT_WRITE_PLAIN] / ops, (double)writes->all / ops);
    weft_writes_sites(thread, ops / 10, stdout);
}

/* Local: two workers do the same, each with its own tasks, in turns. So what
 * both of them write is last written by the other one each time. */

typedef int operation(void);

struct side {
    operation *op;
    unsigned number, turns, thread;
    int rc;
    struct weft_writes writes;
};

static atomic_uint turn;

static int await_all(weft_future **all, unsigned n)
{
    int rc = 0;
    for (unsigned i = 0; i < n; i++)
        rc |= weft_await(all[i], NULL);
    return rc;
}

static int spawn_and_await(void)
{
    return weft_await(weft_spawn(weft_test_echo, NULL), NULL);
}

static int spawn_then_await(void)
{
    weft_future *all[BATCH];
    for (unsigned i = 0; i < BATCH; i++)
        all[i] = weft_spawn(weft_test_echo, NULL);
    return await_all(all, BATCH);
}

static void take_turns(struct side *side, unsigned turns)
{
    for (unsigned i = 0; i < turns; i++) {
        while (atomic_load(&turn) % 2 != side->number)
            sched_yield();
        struct weft_writes then = now();
        side->rc |= side->op();
        weft_writes_add(&side->writes, &then);
        atomic_fetch_add(&turn, 1);
    }
}

/* Each holds its worker from the beginning to the end. */
static void *one_side(void *arg)
{
    struct side *side = arg;
    atomic_fetch_add(&ready, 1);
    weft_test_spin_until(&ready, 2);
    take_turns(side, side->turns / 10);
    side->thread = weft_writes_self();
    side->writes = (struct weft_writes){0};
    if (side->number == 0) /* the other one is behind, with its last to warm */
        weft_writes_clear();
    take_turns(side, side->turns);
    atomic_fetch_add(&ready, 1);
    weft_test_spin_until(&ready, 4);
    return NULL;
}

/* This worker does not move until the other one has taken the other side. */
static void *both_sides(void *arg)
{
    struct side *sides = arg;
    weft_future *other = weft_spawn(one_side, &sides[1]);
    one_side(&sides[0]);
    return weft_fail(weft_await(other, NULL));
}

static void stays_local(const char *what, operation *op, unsigned turns,
                        unsigned ops)
{
    struct side sides[] = {{.op = op, .number = 0, .turns = turns},
                           {.op = op, .number = 1, .turns = turns}};
    weft_runtime *rt = open_with(2, true);
    run_to_end(rt, both_sides, sides);
    for (unsigned i = 0; i < 2; i++) {
        tell(what, &sides[i].writes, ops, sides[i].thread);
        cr_expect_eq(sides[i].rc, 0);
        cr_expect_gt(sides[i].writes.all, ops); /* they are counted at all */
        cr_expect_eq(weft_writes_shared(&sides[i].writes), 0);
    }
    cr_expect_neq(sides[0].thread, sides[1].thread);
    finish(rt);
}

Test(shared_writes, local_spawn_run_await, .timeout = 60)
{
    stays_local("spawn, await", spawn_and_await, TURNS, TURNS);
}

Test(shared_writes, local_spawn_many_then_await, .timeout = 60)
{
    stays_local("spawn many, then await", spawn_then_await, TURNS / 10,
                TURNS / 10 * BATCH);
}

/* Stealing: one worker spawns and does not move; the other runs it all */

#define LOOT 400

struct theft {
    weft_runtime *rt;
    uint64_t stolen;
    unsigned thief, victim;
    struct weft_writes steal, await;
};

static atomic_uint thief;
static atomic_int ran;

/* Some microseconds: worth stealing. */
static void *work(void *unused)
{
    for (volatile unsigned i = 0; i < 5000; i = i + 1)
        ;
    atomic_store(&thief, weft_writes_self());
    atomic_fetch_add(&ran, 1);
    return unused;
}

static uint64_t stolen_of(weft_runtime *rt)
{
    weft_counters counters;
    weft_stats(rt, &counters);
    return counters.steps_stolen;
}

static void be_robbed(weft_future **all)
{
    atomic_store(&ran, 0);
    for (int i = 0; i < LOOT; i++)
        all[i] = weft_spawn(work, NULL);
    weft_test_spin_until(&ran, LOOT);
}

static void *robbed(void *arg)
{
    struct theft *theft = arg;
    weft_future *all[LOOT];
    theft->victim = weft_writes_self();
    be_robbed(all);
    cr_expect_eq(await_all(all, LOOT), 0);
    weft_writes_clear();
    theft->stolen = stolen_of(theft->rt);
    be_robbed(all);
    theft->thief = atomic_load(&thief);
    theft->stolen = stolen_of(theft->rt) - theft->stolen;
    theft->steal = weft_writes_of(theft->thief);
    struct weft_writes then = now();
    cr_expect_eq(await_all(all, LOOT), 0);
    weft_writes_add(&theft->await, &then);
    return NULL;
}

/* Two lines of the descriptor, when it is taken and when it ends. The swap on
 * the victim's deque would be the third, if another thief came in between. What
 * it costs to take them back is told, but not bounded. */
Test(shared_writes, steal, .timeout = 60)
{
    struct theft theft = {.rt = open_with(2, true)};
    run_to_end(theft.rt, robbed, &theft);
    tell("steal", &theft.steal, LOOT, theft.thief);
    tell("await what was stolen", &theft.await, LOOT, theft.victim);
    cr_expect_neq(theft.thief, theft.victim);
    cr_expect_eq(theft.stolen, LOOT);
    cr_expect_leq(weft_writes_shared(&theft.steal), 3 * LOOT);
    finish(theft.rt);
}

/* Submitting: the worker is awake, and has run the one before */

static void *stay_awake(void *unused)
{
    atomic_fetch_add(&ready, 1);
    while (atomic_load(&stop) == 0)
        if (weft_yield() < 0)
            break;
    return unused;
}

static uint64_t ended_of(weft_runtime *rt)
{
    weft_counters counters;
    weft_stats(rt, &counters);
    return counters.tasks_ended;
}

static void submit_one(weft_runtime *rt, struct weft_writes *submit,
                       struct weft_writes *drop)
{
    uint64_t ended = ended_of(rt);
    struct weft_writes then = now();
    weft_future *task = weft_run_coroutine_threadsafe(rt, weft_test_echo, NULL);
    weft_writes_add(submit, &then);
    while (ended_of(rt) == ended)
        sched_yield();
    then = now();
    weft_future_unref(task);
    weft_writes_add(drop, &then);
}

Test(shared_writes, remote_submit, .timeout = 60)
{
    struct weft_writes submit = {0}, drop = {0};
    weft_runtime *rt = open_with(1, false);
    weft_future *awake = weft_run_coroutine_threadsafe(rt, stay_awake, NULL);
    weft_test_spin_until(&ready, 1);
    for (unsigned i = 0; i < BATCH; i++)
        submit_one(rt, &submit, &drop);
    submit = drop = (struct weft_writes){0};
    weft_writes_clear();
    for (unsigned i = 0; i < TURNS; i++)
        submit_one(rt, &submit, &drop);
    tell("submit", &submit, TURNS, 0);
    tell("drop it when it is done", &drop, TURNS, weft_writes_self());
    cr_expect_leq(weft_writes_shared(&submit), 2 * TURNS);
    atomic_store(&stop, 1);
    cr_expect_eq(weft_wait_blocking(awake, WEFT_FOREVER, NULL), 0);
    finish(rt);
}

/* Idle */

static void pass(long ms)
{
    struct timespec time = {.tv_sec = ms / 1000,
                            .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

static uint64_t written_by_all(void)
{
    uint64_t sum = 0;
    for (unsigned i = 1; i < WEFT_WRITES_THREADS; i++)
        sum += weft_writes_of(i).all;
    return sum;
}

static void *put_to_sleep(void *unused)
{
    for (unsigned i = 0; i < BATCH; i++)
        weft_detach(weft_spawn(weft_test_forever, NULL));
    return unused;
}

/* The passing of time is what this is about. First until nothing has been
 * written for a while: the last worker has fallen asleep. */
Test(shared_writes, idle_workers_write_nothing, .timeout = 60)
{
    uint64_t before, after;
    weft_runtime *rt = open_with(4, false);
    run_to_end(rt, put_to_sleep, NULL);
    do {
        before = written_by_all();
        pass(300);
    } while (written_by_all() != before);
    before = written_by_all();
    pass(1000);
    after = written_by_all();
    printf("%-28s %8llu writes a second\n", "four idle workers",
           (unsigned long long)(after - before));
    cr_expect_gt(before, 0);
    cr_expect_eq(after - before, 0);
    finish(rt);
}
