// SPDX-License-Identifier: MIT
/*
 * The runtime in simulation: ten thousand seeded schedules, each run twice. The
 * same seed gives the same trace; nothing is lost in any of them.
 */
#include "tests/support/sim.h"

#include <errno.h>

#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/test.h"

#define value(n) weft_test_value(n)

struct world {
    struct weft_test_random random;
    int wrong; /* what must not happen */
    long done; /* what must, as often as ->due says */
    long due;
    weft_future *made;
    weft_future *task[8];
    long turn;
    int64_t deadline;
    int last;
};

static uint64_t below(struct world *world, uint64_t n)
{
    return weft_test_below(&world->random, n);
}

/* Every seed twice; the second run must be the first one again. */
static void sweep(weft_fn *scenario, size_t count)
{
    size_t seeds = weft_test_scaled(count);
    for (size_t seed = 1; seed <= seeds; seed++) {
        struct weft_sim_report report[2];
        for (int run = 0; run < 2; run++) {
            struct world world = {.random = {seed}};
            unsigned workers = 1 + (unsigned)(seed % 5);
            cr_assert_eq(
                weft_sim_run(seed, workers, scenario, &world, &report[run]), 0);
            cr_assert_eq(report[run].code, 0, "seed %zu: %d", seed,
                         report[run].code);
            cr_assert_eq(report[run].end, 0, "seed %zu", seed);
            cr_assert_eq(world.wrong, 0, "seed %zu: %d wrong", seed,
                         world.wrong);
            cr_assert_eq(world.done, world.due, "seed %zu: %ld of %ld", seed,
                         world.done, world.due);
            cr_assert_eq(report[run].counters.tasks_spawned,
                         report[run].counters.tasks_ended, "seed %zu", seed);
        }
        cr_assert_eq(report[0].hash, report[1].hash, "seed %zu", seed);
        cr_assert_eq(report[0].steps, report[1].steps, "seed %zu", seed);
        cr_assert_eq(report[0].virtual_ns, report[1].virtual_ns);
    }
}

#define SEEDS 1500 /* of each scenario: more than 10 000 in all */

/* Trees of spawns and awaits */

struct node {
    struct world *world;
    int depth;
};

static void *grow(void *arg)
{
    struct node *node = arg;
    struct node child[3];
    weft_future *task[3];
    uint64_t children = node->depth > 0 ? 1 + below(node->world, 3) : 0;
    for (uint64_t i = 0; i < children; i++) {
        child[i] = (struct node){node->world, node->depth - 1};
        task[i] = weft_spawn(grow, &child[i]);
        node->world->due++;
        if (below(node->world, 3) == 0)
            weft_yield();
    }
    for (uint64_t i = 0; i < children; i++) {
        void *result = NULL;
        node->world->wrong += weft_await(task[i], &result) != 0;
        node->world->wrong += result != &child[i];
        node->world->done++;
    }
    return node;
}

static void *trees(void *world)
{
    struct node root = {world, 4};
    return grow(&root) == &root ? NULL : weft_fail(-EIO);
}

Test(sim, trees, .timeout = 250)
{
    sweep(trees, SEEDS);
}

/* Sleeps with equal deadlines */

static void *sleeper(void *arg)
{
    struct world *world = arg;
    weft_time until = world->deadline + (int64_t)below(world, 3) * WEFT_MS(1);
    world->wrong += weft_sleep_until(until) != 0;
    world->wrong += weft_now() < until;
    weft_sim_note((uint64_t)weft_now());
    world->done++;
    return NULL;
}

static void *sleeps(void *arg)
{
    struct world *world = arg;
    weft_future *task[20];
    world->deadline = weft_after(WEFT_MS(5));
    for (int i = 0; i < 20; i++)
        task[i] = weft_spawn(sleeper, world);
    world->due = 20;
    for (int i = 0; i < 20; i++)
        world->wrong += weft_await(task[i], NULL) != 0;
    /* Virtual time: nothing else took any. */
    world->wrong += weft_now() > world->deadline + WEFT_MS(4);
    return NULL;
}

Test(sim, sleeps, .timeout = 250)
{
    sweep(sleeps, SEEDS);
}

/* Cancelling at random */

static void *victim(void *arg)
{
    struct world *world = arg;
    int rc = 0;
    for (int i = 0; i < 5 && rc == 0; i++)
        rc = below(world, 2) ? weft_yield() : weft_sleep(WEFT_US(7));
    if (rc < 0) {
        world->wrong += weft_yield() != -WEFT_ECANCELED;
        world->wrong += weft_suspend() != -WEFT_ECANCELED;
    }
    world->done++;
    return weft_fail(rc);
}

static void *cancels(void *arg)
{
    struct world *world = arg;
    for (int round = 0; round < 10; round++) {
        weft_future *task[4];
        int asked[4];
        for (int i = 0; i < 4; i++)
            task[i] = weft_spawn(victim, world);
        world->due += 4;
        for (int i = 0; i < 4; i++) {
            for (uint64_t turns = below(world, 6); turns > 0; turns--)
                weft_yield();
            asked[i] = below(world, 2) ? weft_cancel(task[i]) : 1;
        }
        for (int i = 0; i < 4; i++) {
            int rc = weft_await(task[i], NULL);
            world->wrong += rc != 0 && (rc != -WEFT_ECANCELED || asked[i] != 0);
        }
    }
    return NULL;
}

Test(sim, cancels, .timeout = 250)
{
    sweep(cancels, SEEDS);
}

/* Suspend and ready: a ring of tasks that hand on a turn */

struct seat {
    struct world *world;
    int number;
};

enum { SEATS = 5, ROUNDS = 6 };

static void *sit(void *arg)
{
    struct seat *seat = arg;
    struct world *world = seat->world;
    for (int round = 0; round < ROUNDS; round++) {
        while (world->turn % SEATS != seat->number)
            if (weft_suspend() < 0)
                return weft_fail(-EIO);
        if (below(world, 4) == 0)
            weft_yield();
        world->done++;
        world->turn++;
        weft_ready(world->task[world->turn % SEATS]);
    }
    return NULL;
}

static void *ring(void *arg)
{
    struct world *world = arg;
    struct seat seat[SEATS];
    for (int i = 0; i < SEATS; i++) {
        seat[i] = (struct seat){world, i};
        world->task[i] = weft_spawn(sit, &seat[i]);
    }
    world->due = SEATS * ROUNDS;
    for (int i = 0; i < SEATS; i++)
        world->wrong += weft_await(weft_future_ref(world->task[i]), NULL) != 0;
    for (int i = 0; i < SEATS; i++)
        weft_future_unref(world->task[i]);
    return NULL;
}

Test(sim, suspend_and_ready, .timeout = 250)
{
    sweep(ring, SEEDS);
}

/* Callbacks in order */

static void *in_order(void *arg)
{
    struct seat *call = arg;
    call->world->wrong += call->number != call->world->last + 1;
    call->world->last = call->number;
    call->world->done++;
    if (below(call->world, 3) == 0)
        weft_yield();
    return NULL;
}

static void *callbacks(void *arg)
{
    struct world *world = arg;
    struct seat call[30];
    weft_future *future[30];
    weft_pin(); /* the order is that of one loop */
    for (int i = 0; i < 30; i++) {
        call[i] = (struct seat){world, i + 1};
        future[i] = weft_call_soon(in_order, &call[i]);
        if (below(world, 5) == 0)
            weft_yield();
    }
    world->due = 30;
    for (int i = 0; i < 30; i++)
        world->wrong += weft_await(future[i], NULL) != 0;
    weft_unpin();
    return NULL;
}

Test(sim, callbacks, .timeout = 250)
{
    sweep(callbacks, SEEDS);
}

/* Futures by hand, with callbacks, awaits and cancelled awaits on one */

static void *done_callback(void *arg)
{
    struct world *world = arg;
    world->wrong += weft_future_state(world->made) == WEFT_FUTURE_PENDING;
    world->done++;
    return NULL;
}

static void *wait_for_made(void *arg)
{
    struct world *world = arg;
    void *result = NULL;
    int rc = weft_await(world->made, &result);
    world->wrong += rc == 0 ? result != value(9) : rc != -WEFT_ECANCELED;
    world->done++;
    return weft_fail(rc);
}

static void *complete_made(void *arg)
{
    struct world *world = arg;
    for (uint64_t turns = below(world, 8); turns > 0; turns--)
        weft_yield();
    world->wrong += weft_future_set_result(world->made, value(9)) != 0;
    world->done++;
    return NULL;
}

static void *made(void *arg)
{
    struct world *world = arg;
    weft_future *waiter[4];
    world->made = weft_future_new();
    for (int i = 0; i < 4; i++) {
        weft_future_ref(world->made);
        waiter[i] = weft_spawn(wait_for_made, world);
        world->wrong +=
            weft_future_add_done_callback(world->made, done_callback, world);
    }
    weft_future *setter = weft_spawn(complete_made, world);
    for (uint64_t turns = below(world, 8); turns > 0; turns--)
        weft_yield();
    weft_cancel(waiter[0]);
    if (weft_future_remove_done_callback(world->made, done_callback, world))
        world->done++;
    world->due = 9;
    weft_await(setter, NULL);
    for (int i = 0; i < 4; i++)
        world->wrong += weft_await(waiter[i], NULL) != 0 && i > 0;
    while (world->done < world->due)
        weft_yield();
    weft_future_unref(world->made);
    return NULL;
}

Test(sim, made_futures, .timeout = 250)
{
    sweep(made, SEEDS);
}

/* Kept tasks and the end */

static void *kept(void *arg)
{
    struct world *world = arg;
    for (int i = 0; i < 3; i++)
        world->wrong += weft_sleep(WEFT_MS(300)) != 0;
    world->done++;
    return NULL;
}

static void *not_kept(void *arg)
{
    struct world *world = arg;
    world->wrong += weft_sleep(WEFT_FOREVER) != -WEFT_ECANCELED;
    world->done++;
    return NULL;
}

static void *not_due(void *arg)
{
    ((struct world *)arg)->wrong++;
    return NULL;
}

static void *ends(void *arg)
{
    struct world *world = arg;
    weft_spawn_options keep = {.size = sizeof(keep), .keep = true};
    for (int i = 0; i < 3; i++) {
        weft_detach(weft_spawn_with(&keep, kept, world));
        weft_detach(weft_spawn(not_kept, world));
        weft_detach(weft_call_later(WEFT_S(1), not_due, world));
    }
    world->due = 6;
    for (uint64_t turns = below(world, 8); turns > 0; turns--)
        weft_yield();
    if (below(world, 2))
        world->wrong += weft_runtime_shutdown(weft_running_loop()) != 0;
    return NULL;
}

Test(sim, kept_tasks_and_the_end, .timeout = 250)
{
    sweep(ends, SEEDS);
}

/* The simulation itself */

static void *nobody_wakes(void *unused)
{
    (void)unused;
    return weft_fail(weft_suspend());
}

Test(sim, a_deadlock_is_reported)
{
    struct weft_sim_report report;
    cr_assert_eq(weft_sim_run(1, 3, nobody_wakes, NULL, &report), 0);
    cr_assert_eq(report.code, -WEFT_EDEADLK);
    cr_assert_eq(report.end, 0, "the end cancels it");
}

static void *sleep_a_year(void *unused)
{
    (void)unused;
    return weft_fail(weft_sleep(WEFT_S(86400) * 365));
}

Test(sim, a_year_passes_at_once)
{
    struct weft_sim_report report;
    cr_assert_eq(weft_sim_run(1, 3, sleep_a_year, NULL, &report), 0);
    cr_assert_eq(report.code, 0);
    cr_assert_geq(report.virtual_ns, WEFT_S(86400) * 365);
    cr_assert_lt(report.steps, 1000);
}

Test(sim, other_seeds_give_other_runs)
{
    struct weft_sim_report report[20];
    int equal = 0;
    for (uint64_t i = 0; i < 20; i++) {
        struct world world = {.random = {7}};
        cr_assert_eq(weft_sim_run(i, 3, trees, &world, &report[i]), 0);
        for (uint64_t j = 0; j < i; j++)
            equal += report[i].hash == report[j].hash;
    }
    cr_assert_eq(equal, 0);
}
