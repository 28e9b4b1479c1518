// SPDX-License-Identifier: MIT
/*
 * As cancel_everywhere.c, for groups and the end of a task: every child that
 * was started has ended, deferred calls have run, and the places are there.
 */
#include "tests/stress/strike.h"

/* Groups */

/* The place that a call waited for in vain is there for the next one. */
static int spawns_limited(struct stage *stage)
{
    weft_group group;
    weft_group_options one = {.size = sizeof(one), .max_running = 1};
    int rc = 0;
    prepare(stage);
    weft_group_enter(&group, &one);
    for (int i = 0; i < KIDS && rc == 0; i++) {
        rc = weft_group_spawn(&group, run_kid, &stage->kid[i]);
        stage->given += rc == 0;
    }
    int out = weft_group_exit(&group, rc);
    for (int i = 0; i < KIDS; i++) {
        check_eq(stage->kid[i].begun, i < stage->given);
        check_eq(stage->kid[i].ended, i < stage->given);
    }
    check(out == rc || (rc == 0 && out == -WEFT_ECANCELED));
    return out;
}

/* Several wait for the one place, and the victim is one of them. */
static void *spawns_one(void *arg)
{
    struct kid *kid = arg;
    check_eq(weft_group_spawn(stage_now->extra, run_kid, kid), 0);
    return NULL;
}

static void *queues_for_places(void *arg)
{
    struct stage *stage = arg;
    weft_group group;
    weft_group_options one = {.size = sizeof(one), .max_running = 1};
    weft_future *others[2];
    prepare(stage);
    weft_group_enter(&group, &one);
    stage->extra = &group;
    check_eq(weft_group_spawn(&group, run_kid, &stage->kid[3]), 0);
    others[0] = weft_spawn(spawns_one, &stage->kid[0]);
    weft_future_set_result(stage->made, NULL);
    weft_yield();
    others[1] = weft_spawn(spawns_one, &stage->kid[1]);
    check_eq(weft_await(others[0], NULL), 0);
    check_eq(weft_await(others[1], NULL), 0);
    while (!stage->returned)
        check_eq(weft_sleep(WEFT_US(5)), 0);
    check_eq(weft_group_exit(&group, 0), 0);
    return NULL;
}

static void open_group(struct stage *stage)
{
    stage->made = weft_future_new();
    stage->future[0] = weft_spawn(queues_for_places, stage);
    check_eq(weft_await(weft_future_ref(stage->made), NULL), 0);
    weft_future_unref(stage->made);
}

static int queues(struct stage *stage)
{
    int rc = weft_group_spawn(stage->extra, run_kid, &stage->kid[2]);
    stage->given = rc == 0;
    return rc;
}

static void close_group(struct stage *stage)
{
    check_eq(weft_await(stage->future[0], NULL), 0);
    for (int i = 0; i < KIDS; i++)
        check_eq(stage->kid[i].ended, i == 2 ? stage->given : 1);
}

static int exits_group(struct stage *stage)
{
    weft_group group;
    bool cut = false;
    prepare(stage);
    weft_group_enter(&group, NULL);
    for (int i = 0; i < KIDS; i++)
        if (weft_group_spawn(&group, run_kid, &stage->kid[i]) == 0)
            stage->given++;
    int rc = weft_group_exit(&group, 0);
    for (int i = 0; i < KIDS; i++) {
        check_eq(stage->kid[i].ended, i < stage->given);
        cut |= stage->kid[i].code < 0;
    }
    check_eq(rc, cut ? -WEFT_ECANCELED : 0);
    return stage->given < KIDS ? -WEFT_ECANCELED : rc;
}

/* The end of a task */

static void *leaves_kids(void *arg)
{
    spawn_kids(arg);
    for (int i = 0; i < KIDS; i++)
        weft_future_unref(((struct stage *)arg)->future[i]);
    return NULL;
}

static int ends(struct stage *stage)
{
    int rc = weft_await(weft_spawn(leaves_kids, stage), NULL);
    check_eq(rc, 0);
    check_ended(stage);
    return weft_yield();
}

static void *deferred(void *arg)
{
    struct stage *stage = arg;
    check_eq(weft_yield(), 0);
    check_eq(weft_sleep(WEFT_US(5)), 0);
    check_eq(stage->kid[3].ended, 1); /* children first */
    stage->taken++;
    return NULL;
}

static void *defers(void *arg)
{
    struct stage *stage = arg;
    check_eq(weft_defer(deferred, stage), 0);
    check_eq(weft_defer(deferred, stage), 0);
    weft_future_unref(weft_spawn(run_kid, &stage->kid[3]));
    return NULL;
}

static int cleans_up(struct stage *stage)
{
    prepare(stage);
    check_eq(weft_await(weft_spawn(defers, stage), NULL), 0);
    check_eq(stage->taken, 2);
    return weft_yield();
}

static int cleans_up_group(struct stage *stage)
{
    weft_group group;
    prepare(stage);
    weft_group_enter(&group, NULL);
    check_eq(weft_group_defer(&group, deferred, stage), 0);
    weft_future_unref(weft_spawn(run_kid, &stage->kid[3]));
    int rc = weft_group_exit(&group, 0);
    check_eq(stage->taken, 1);
    check_eq(rc, stage->kid[3].code);
    return rc;
}

static const struct scene scenes[] = {
    {"group_spawn limited", NULL, spawns_limited, NULL, true},
    {"group_spawn queue", open_group, queues, close_group, true},
    {"group_exit", NULL, exits_group, NULL, true},
    {"end of a task", NULL, ends, NULL, true},
    {"defer", NULL, cleans_up, NULL, true},
    {"group_defer", NULL, cleans_up_group, NULL, false},
};

enum { SCENES = sizeof(scenes) / sizeof(*scenes) };

static void all_scenes(enum strike_mode mode)
{
    for (int i = 0; i < SCENES; i++)
        stage_everywhere(&scenes[i], mode, 20);
}

#define WITH_ACCOUNT                                                           \
    .timeout = 500, .init = weft_test_faults_open,                             \
    .fini = weft_test_faults_close

Test(cancel_everywhere_groups, nobody_cancels, WITH_ACCOUNT)
{
    for (int i = 0; i < SCENES; i++)
        for (size_t seed = 1; seed <= 30; seed++)
            stage_simulated(&scenes[i], STRIKE_NEVER, 0, seed);
}

Test(cancel_everywhere_groups, the_task, WITH_ACCOUNT)
{
    all_scenes(STRIKE_TASK);
}

Test(cancel_everywhere_groups, a_scope, WITH_ACCOUNT)
{
    all_scenes(STRIKE_SCOPE);
}

Test(cancel_everywhere_groups, a_group, WITH_ACCOUNT)
{
    all_scenes(STRIKE_GROUP);
}

Test(cancel_everywhere_groups, by_time, WITH_ACCOUNT)
{
    all_scenes(STRIKE_TIME);
}

Test(cancel_everywhere_groups, behind_a_shield, WITH_ACCOUNT)
{
    all_scenes(STRIKE_SHIELD);
}

/* The same on a real worker. */
Test(cancel_everywhere_groups, on_a_thread, WITH_ACCOUNT)
{
    static const enum strike_mode modes[] = {STRIKE_TASK, STRIKE_SCOPE,
                                             STRIKE_GROUP, STRIKE_SHIELD};
    for (int i = 0; i < SCENES; i++)
        for (int mode = 0; mode < 4; mode++)
            for (unsigned long k = 0; k < MOST_STRIKES; k++)
                if (!stage_threaded(&scenes[i], modes[mode], k))
                    break;
}

/* Also when the first one takes its time. */

static weft_time heard;

static void *takes_its_time(void *unused)
{
    weft_scope shield;
    weft_shield_enter(&shield, WEFT_S(10));
    check_eq(weft_shield_exit(&shield, weft_sleep(WEFT_S(1))), 0);
    return unused;
}

static void *hears(void *unused)
{
    check_eq(weft_sleep(WEFT_FOREVER), -WEFT_ECANCELED);
    heard = weft_now();
    return unused;
}

static void *leaves_two(void *unused)
{
    weft_future_unref(weft_spawn(takes_its_time, NULL));
    weft_future_unref(weft_spawn(hears, NULL));
    return unused;
}

static void *cancels_at_the_end(void *unused)
{
    weft_future *task = weft_spawn(leaves_two, NULL);
    check_eq(weft_sleep(WEFT_MS(1)), 0);
    weft_time start = weft_now();
    check_eq(weft_cancel(task), 0);
    check_eq(weft_await(task, NULL), 0);
    check(heard - start < WEFT_MS(1)); /* of virtual time */
    return unused;
}

Test(cancel_everywhere_groups, all_children_hear_at_once, .timeout = 100)
{
    weft_test_seeds(100, cancels_at_the_end);
}
