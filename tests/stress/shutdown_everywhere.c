// SPDX-License-Identifier: MIT
/*
 * The end of a runtime at every step, with tasks in every state that a call of
 * future/ can leave them in, timers, callbacks and hand-made futures: bounded
 * (in virtual time), every task and deferred call has its end, nothing is left.
 * shutdown_everywhere_io.c has what needs threads.
 */
#include <weft/group.h>
#include <weft/scope.h>
#include <weft/wait.h>

#include "sched/runtime.h"

#include "tests/support/fault.h"
#include "tests/support/run.h"
#include "tests/support/seeds.h"

enum way { BY_THREAD, BY_CALLBACK, BY_TASK, BY_MAIN, WAYS };

static struct {
    weft_runtime *rt;
    enum way way;
    unsigned tasks;      /* to be started by main */
    bool with_kept;      /* some have to finish something */
    bool with_stubborn;  /* one never ends by itself */
    unsigned long steps; /* until the end */
    bool struck;
    weft_time asked; /* when the end began */
    long begun, ended, due, deferred;
} world;

static void *actor(void *unused);

static void *echo(void *arg)
{
    world.begun++;
    world.ended++;
    return arg;
}

static weft_future *some_actor(void)
{
    return weft_spawn(actor, NULL);
}

/* States */

static int suspended(void)
{
    int rc;
    do
        rc = weft_suspend();
    while (rc == 0);
    return rc;
}

static int awaits_made(void)
{
    weft_future *never = weft_future_new();
    int rc = weft_await(weft_future_ref(never), NULL);
    weft_future_unref(never);
    return rc;
}

static int waits_for_made(void)
{
    weft_future *never = weft_future_new();
    int rc = weft_wait_for(weft_future_ref(never), WEFT_S(100), NULL);
    check_eq(rc, -WEFT_ECANCELED);
    weft_future_unref(never);
    return rc;
}

static int keeps_yielding(void)
{
    int rc;
    do
        rc = weft_yield();
    while (rc == 0);
    return rc;
}

static int keeps_spawning(void)
{
    int rc;
    do {
        weft_detach(weft_spawn(echo, NULL));
        weft_detach(weft_call_later(WEFT_S(100), echo, NULL));
        weft_future_unref(weft_call_soon(echo, NULL));
        rc = weft_sleep(WEFT_US(5));
    } while (rc == 0);
    return rc;
}

static int gathers(void)
{
    weft_future *future[3] = {some_actor(), some_actor(), some_actor()};
    return weft_test_draw(2) ? weft_gather(future, 3, NULL)
                             : weft_race(future, 3, NULL, NULL);
}

static int waits(void)
{
    weft_future *future[2] = {some_actor(), some_actor()};
    int rc = weft_wait(future, 2, (int)weft_test_draw(3), NULL);
    weft_future_unref(future[0]);
    weft_future_unref(future[1]);
    return rc < 0 ? rc : 0;
}

static int iterates(void)
{
    weft_future *future[2] = {some_actor(), some_actor()};
    weft_as_completed it;
    size_t index;
    int rc;
    check_eq(weft_as_completed_enter(&it, future, 2), 0);
    do
        rc = weft_as_completed_next(&it, &index);
    while (rc > 0);
    weft_as_completed_exit(&it);
    weft_future_unref(future[0]);
    weft_future_unref(future[1]);
    return rc;
}

static int in_group(void)
{
    weft_group group;
    weft_group_options two = {.size = sizeof(two), .max_running = 2};
    int rc = 0;
    weft_group_enter(&group, weft_test_draw(2) ? &two : NULL);
    for (int i = 0; i < 3 && rc == 0; i++)
        rc = weft_group_spawn(&group, actor, NULL);
    return weft_group_exit(&group, rc);
}

static int in_timeout(void)
{
    weft_scope scope;
    weft_timeout_enter(&scope, WEFT_S(1000));
    return weft_timeout_exit(&scope, weft_await(some_actor(), NULL));
}

/* What it has begun behind the shield it also finishes. */
static int in_shield(void)
{
    weft_scope scope;
    weft_shield_enter(&scope, WEFT_S(1));
    for (unsigned i = weft_test_draw(4); i > 0; i--)
        check_eq(weft_sleep(WEFT_MS(1)), 0);
    weft_shield_exit(&scope, 0);
    return weft_sleep(WEFT_FOREVER);
}

static void *cleans_up(void *unused)
{
    check_eq(weft_sleep(WEFT_MS(1)), 0);
    world.deferred++;
    return unused;
}

static int defers(void)
{
    for (unsigned i = weft_test_draw(3); i > 0; i--) {
        check_eq(weft_defer(cleans_up, NULL), 0);
        world.due++;
    }
    weft_future_unref(some_actor());
    return weft_sleep(WEFT_FOREVER);
}

static int calls_back(void)
{
    weft_future *made = weft_future_new();
    check_eq(weft_future_add_done_callback(made, actor, NULL), 0);
    check_eq(weft_future_add_done_callback(made, echo, NULL), 0);
    int rc = weft_test_draw(2) ? weft_yield() : weft_sleep(WEFT_MS(50));
    if (weft_test_draw(2))
        weft_future_set_result(made, NULL);
    weft_future_unref(made);
    return rc < 0 ? rc : weft_sleep(WEFT_FOREVER);
}

static int sleeps(void)
{
    return weft_sleep(weft_test_draw(2) ? WEFT_FOREVER : WEFT_US(20));
}

static int awaits(void)
{
    return weft_await(some_actor(), NULL);
}

static void *actor(void *unused)
{
    static int (*const states[])(void) = {
        sleeps,    suspended, awaits_made, waits_for_made, keeps_yielding,
        gathers,   waits,     iterates,    in_group,       in_timeout,
        in_shield, defers,    calls_back,  keeps_spawning, awaits,
        sleeps,    sleeps,    suspended,   awaits_made,    sleeps,
        sleeps,    suspended, sleeps,      suspended,      sleeps};
    world.begun++;
    int rc = states[weft_test_draw(sizeof(states) / sizeof(*states))]();
    check(rc == 0 || rc == -WEFT_ECANCELED);
    check(rc == 0 || weft_cancelled());
    world.ended++;
    return rc < 0 ? weft_fail(rc) : unused;
}

/* With .keep */

static void *finishes(void *unused)
{
    world.begun++;
    for (int i = 0; i < 3; i++)
        check_eq(weft_sleep(WEFT_MS(100)), 0);
    world.ended++;
    return unused;
}

static void *stubborn(void *unused)
{
    world.begun++;
    check_eq(weft_sleep(WEFT_FOREVER), -WEFT_ECANCELED);
    world.ended++;
    return unused;
}

/* Its own end does not reach the other one. */
static void *awaits_kept(void *unused)
{
    weft_spawn_options keep = {.size = sizeof(keep), .keep = true};
    world.begun++;
    check_eq(weft_await(weft_spawn_with(&keep, finishes, NULL), NULL), 0);
    world.ended++;
    return unused;
}

static void start_kept(void)
{
    weft_spawn_options keep = {.size = sizeof(keep), .keep = true};
    for (int i = 0; i < 3 && world.with_kept; i++)
        weft_detach(weft_spawn_with(&keep, finishes, NULL));
    if (world.with_kept)
        weft_future_unref(weft_spawn(awaits_kept, NULL));
    if (world.with_stubborn)
        weft_detach(weft_spawn_with(&keep, stubborn, NULL));
}

/* The end */

static void *end_it(void *unused)
{
    check_eq(weft_runtime_shutdown(world.rt), 0);
    return unused;
}

static void strike(void)
{
    world.struck = true;
    world.asked = weft_now();
    switch (world.way) {
    case BY_THREAD: /* the first thing that it would do */
        weft__runtime_enter(world.rt, WEFT__CLOSING);
        break;
    case BY_CALLBACK:
        weft_future_unref(weft_call_soon_threadsafe(world.rt, end_it, NULL));
        break;
    case BY_TASK:
        weft_future_unref(
            weft_run_coroutine_threadsafe(world.rt, end_it, NULL));
        break;
    default:
        break;
    }
}

static void hook(void)
{
    if (world.rt != NULL && !world.struck && world.steps-- == 0)
        strike();
}

static void *all(void *unused)
{
    int rc = 0;
    world.rt = weft_running_loop();
    start_kept();
    for (unsigned i = 0; i < world.tasks && rc == 0; i++) {
        weft_future *future = weft_test_draw(8) ? weft_spawn(actor, NULL)
                                                : weft_call_soon(actor, NULL);
        if (weft_test_draw(2))
            weft_detach(future);
        else
            weft_future_unref(future);
        if (weft_test_draw(4) == 0)
            rc = weft_yield();
        if (world.struck && world.way == BY_MAIN)
            break;
    }
    while (rc == 0 && !(world.struck && world.way == BY_MAIN))
        rc = weft_yield();
    if (rc == 0) /* main leaves nobody waiting for it: it ends the others */
        end_it(NULL);
    return unused;
}

static weft_ns bound(void)
{
    return world.with_stubborn ? WEFT_S(5) + WEFT_MS(500)
           : world.with_kept   ? WEFT_MS(600)
                               : WEFT_MS(300);
}

static void run_once(size_t seed, unsigned tasks, unsigned long steps)
{
    static const unsigned workers[] = {1, 2, 8};
    struct weft_test_balance before = weft_test_balance();
    struct weft_sim_report report;
    memset(&world, 0, sizeof(world));
    world.way = (enum way)(seed / 3 % WAYS);
    world.tasks = tasks;
    world.steps = steps;
    world.with_kept = seed % 5 == 0;
    world.with_stubborn = seed % 7 == 0;
    weft_test_seed_now = seed;
    weft_test_dice.state = ~seed;
    weft_sim_hook = hook;
    int rc = weft_sim_run(seed, workers[seed % 3], all, NULL, &report);
    weft_sim_hook = NULL;
    cr_assert_eq(rc, 0);
    check_eq(report.code, 0);
    check_eq(report.end, 0);
    check_eq(report.counters.tasks_spawned, report.counters.tasks_ended);
    check_eq(world.begun, world.ended);
    check_eq(world.due, world.deferred);
    check(report.virtual_ns + 1000000 - world.asked < bound());
    check(weft_test_balanced(&before));
    cr_assert_eq(atomic_load(&weft_test_wrong), 0, "seed %zu, step %lu", seed,
                 steps);
}

static size_t first_seed(void)
{
    return (size_t)weft_test_number("WEFT_TEST_SEED", 1);
}

static size_t seeds(size_t count)
{
    return (size_t)weft_test_number("WEFT_TEST_SEEDS", weft_test_scaled(count));
}

#define WITH_ACCOUNT                                                           \
    .timeout = 3000, .init = weft_test_faults_open,                            \
    .fini = weft_test_faults_close

/* A few tasks, at each of the first steps. */
Test(shutdown_everywhere, at_every_step, WITH_ACCOUNT)
{
    size_t first = first_seed();
    for (size_t seed = first; seed < first + seeds(30); seed++)
        for (unsigned long step = 0; step < 150; step++)
            run_once(seed, 12, step);
}

/* A thousand tasks, at one of the first steps. */
Test(shutdown_everywhere, with_a_thousand_tasks, WITH_ACCOUNT)
{
    size_t first = first_seed();
    for (size_t seed = first; seed < first + seeds(300); seed++) {
        struct weft_test_random random = {seed};
        run_once(seed, 1000, weft_test_below(&random, 6000));
    }
}
