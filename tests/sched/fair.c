// SPDX-License-Identifier: MIT
/*
 * One worker, and always work of every kind: tasks that wake each other, fresh
 * ones, submissions from outside. Each kind gets its turns. In virtual time,
 * where a step takes about a microsecond.
 */
#include <weft/task.h>

#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/sim.h"
#include "tests/support/test.h"

#define STEPS 20000

enum { WOKEN, SPAWNED, SUBMITTED, KINDS };

static weft_runtime *rt;
static atomic_long steps[KINDS];
static atomic_int over;

/* False: enough. */
static bool take_step(int kind)
{
    atomic_fetch_add(&steps[kind], 1);
    long sum = 0;
    for (int i = 0; i < KINDS; i++)
        sum += atomic_load(&steps[i]);
    if (sum >= STEPS)
        atomic_store(&over, 1);
    return !atomic_load(&over);
}

/* Two tasks: one is always asleep, and is woken by the other. */

static weft_future *pair[2];

static void *wake_the_other(void *arg)
{
    intptr_t self = (intptr_t)arg;
    int rc = self == 0 ? 0 : weft_suspend();
    while (rc == 0 && take_step(WOKEN)) {
        weft_ready(pair[!self]);
        rc = weft_suspend();
    }
    weft_ready(pair[!self]);
    return weft_fail(rc);
}

/* Each spawns the next: as many as there were in the beginning. */
static void *spawn_the_next(void *unused)
{
    if (take_step(SPAWNED))
        weft_detach(weft_spawn(spawn_the_next, unused));
    return NULL;
}

/* Through the door for foreign threads, which ends in the same inbox. */
static void *submit_the_next(void *unused)
{
    if (take_step(SUBMITTED))
        weft_detach(weft_run_coroutine_threadsafe(rt, submit_the_next, unused));
    return NULL;
}

static void *all_kinds(void *backlog)
{
    rt = weft_running_loop();
    atomic_store(&over, 0);
    for (int i = 0; i < KINDS; i++)
        atomic_store(&steps[i], 0);
    for (intptr_t i = 0; i < 2; i++)
        pair[i] = weft_spawn(wake_the_other, (void *)i);
    for (intptr_t i = 0; i < *(intptr_t *)backlog; i++) {
        weft_detach(weft_spawn(spawn_the_next, NULL));
        weft_detach(weft_run_coroutine_threadsafe(rt, submit_the_next, NULL));
    }
    for (int i = 0; i < 2; i++) /* each may still wake the other */
        cr_expect_eq(weft_await(weft_future_ref(pair[i]), NULL), 0);
    for (int i = 0; i < 2; i++)
        weft_future_unref(pair[i]);
    return NULL;
}

static void expect_shares(size_t seed, intptr_t backlog)
{
    static const char *const name[] = {"woken", "spawned", "submitted"};
    long sum = 0;
    for (int i = 0; i < KINDS; i++)
        sum += atomic_load(&steps[i]);
    cr_expect_geq(sum, STEPS);
    for (int i = 0; i < KINDS; i++)
        cr_expect_geq(atomic_load(&steps[i]) * 10, sum,
                      "seed %zu, %ld of each: %ld of %ld steps were %s", seed,
                      (long)backlog, atomic_load(&steps[i]), sum, name[i]);
}

static const intptr_t backlogs[] = {1, 2, 8, 100};

Test(fair, each_kind_gets_its_turns, .timeout = 120)
{
    size_t seeds = weft_test_scaled(40);
    for (size_t seed = 0; seed < seeds; seed++) {
        struct weft_sim_report report;
        intptr_t backlog = backlogs[seed % 4];
        cr_assert_eq(weft_sim_run(seed, 1, all_kinds, &backlog, &report), 0);
        cr_assert_eq(report.code, 0);
        expect_shares(seed, backlog);
    }
}
