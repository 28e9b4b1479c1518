// SPDX-License-Identifier: MIT
/*
 * Every call of future/ that suspends, cancelled at each step of the workers
 * (strike.h): it has done its work or has not begun, joins have waited, and
 * nothing is lost: items, permits, references. Groups are in
 * cancel_everywhere_groups.c.
 */
#include <weft/mutex.h>
#include <weft/queue.h>
#include <weft/wait.h>

#include "tests/stress/strike.h"

/* Time */

static int sleeps(struct stage *stage)
{
    weft_time due = weft_after(WEFT_US(20));
    int rc = weft_sleep(WEFT_US(20));
    check(rc < 0 || weft_now() >= due);
    return rc < 0 || stage->k % 2 ? rc : weft_sleep(0);
}

static int sleeps_until(struct stage *stage)
{
    weft_time due = weft_after(WEFT_US(20));
    (void)stage;
    int rc = weft_sleep_until(due);
    check(rc < 0 || weft_now() >= due);
    return rc;
}

static int yields(struct stage *stage)
{
    int rc = 0;
    for (int i = 0; i < 5 && rc == 0; i++) {
        rc = weft_yield();
        stage->taken += rc == 0;
    }
    check_eq(rc == 0, stage->taken == 5);
    return rc;
}

/* Permits: the peer gives three items, each with a permit; none is lost. */

static void *gives(void *arg)
{
    struct stage *stage = arg;
    for (int i = 0; i < 3; i++) {
        weft_yield();
        stage->given++;
        weft_ready(stage->extra);
    }
    return NULL;
}

static int takes(struct stage *stage)
{
    int rc = 0;
    while (stage->taken < stage->given && ++stage->taken)
        ;
    while (stage->taken < 3 && rc == 0) {
        rc = weft_suspend();
        stage->taken = rc == 0 ? stage->given : stage->taken;
    }
    return rc;
}

static int suspends(struct stage *stage)
{
    weft_scope shield;
    stage->extra = weft_current();
    stage->future[0] = weft_spawn(gives, stage);
    int rc = takes(stage);
    weft_shield_enter(&shield, WEFT_S(1000));
    check_eq(takes(stage), 0); /* else it waits for ever */
    check_eq(weft_await(stage->future[0], NULL), 0);
    return weft_shield_exit(&shield, rc);
}

/* Awaiting */

static int awaits_own(struct stage *stage)
{
    void *result = stage;
    struct kid *kid = &stage->kid[3];
    prepare(stage);
    int rc = weft_await(weft_spawn(run_kid, kid), &result);
    check_eq(kid->begun, 1);
    check_eq(kid->ended, 1);
    check_eq(rc, kid->code);
    check(result == (rc < 0 ? NULL : kid));
    return rc;
}

static void share(struct stage *stage)
{
    spawn_kids(stage);
    weft_future_ref(stage->future[3]);
}

static int awaits_shared(struct stage *stage)
{
    int rc = weft_await(stage->future[3], NULL);
    check(rc < 0 || stage->kid[3].ended == 1);
    return rc;
}

static void *completes(void *arg)
{
    struct stage *stage = arg;
    check_eq(weft_yield(), 0);
    check_eq(weft_sleep(WEFT_US(10)), 0);
    int rc = weft_future_set_result(stage->made, stage);
    return weft_fail(rc);
}

static void make(struct stage *stage)
{
    stage->made = weft_future_new();
    weft_future_ref(stage->made);
    stage->future[0] = weft_spawn(completes, stage);
}

static int awaits_made(struct stage *stage)
{
    void *result = NULL;
    int rc = weft_await(stage->made, &result);
    check(result == (rc < 0 ? NULL : stage));
    return rc;
}

/* Who stopped waiting did not cancel it. */
static void unmake(struct stage *stage)
{
    check_eq(weft_await(stage->future[0], NULL), 0);
    check_eq(weft_future_state(stage->made), WEFT_FUTURE_DONE);
    weft_future_unref(stage->made);
}

static int awaits_callback(struct stage *stage)
{
    struct kid *kid = &stage->kid[0];
    int rc = weft_await(weft_call_later(WEFT_US(10), run_kid, kid), NULL);
    check_eq(kid->begun, kid->ended);
    check_eq(kid->begun, rc == 0); /* it was dropped, or has run */
    return rc;
}

static int awaits_soon(struct stage *stage)
{
    struct kid *kid = &stage->kid[3];
    prepare(stage);
    int rc = weft_await(weft_call_soon(run_kid, kid), NULL);
    check_eq(kid->begun, kid->ended);
    check(rc < 0 ? kid->begun == 0 || kid->code == rc : kid->ended == 1);
    return rc;
}

static int runs(struct stage *stage)
{
    prepare(stage);
    int rc = weft_run(run_kid, &stage->kid[3], NULL);
    check_eq(stage->kid[3].begun, 1);
    check_eq(stage->kid[3].ended, 1);
    check_eq(rc, stage->kid[3].code);
    return rc;
}

static int waits_for(struct stage *stage)
{
    struct kid *kid = &stage->kid[3];
    prepare(stage);
    int rc = weft_wait_for(weft_spawn(run_kid, kid), WEFT_US(12), NULL);
    check_eq(kid->begun, 1);
    check_eq(kid->ended, 1);
    check_eq(rc == 0, kid->code == 0);
    return rc == -WEFT_ETIMEOUT ? weft_cancelled() ? -WEFT_ECANCELED : 0 : rc;
}

/* Several */

static int gathers(struct stage *stage)
{
    void *results[KIDS];
    int rc = 0;
    spawn_kids(stage);
    int said = weft_gather(stage->future, KIDS, results);
    check_ended(stage);
    for (int i = 0; i < KIDS; i++) {
        check_eq(weft_code(results[i]), stage->kid[i].code);
        rc = rc < 0 ? rc : stage->kid[i].code;
    }
    check_eq(said, rc);
    return said;
}

static int collects(struct stage *stage)
{
    int failed = 0;
    spawn_kids(stage);
    int said = weft_gather_collect(stage->future, KIDS, NULL);
    check_ended(stage);
    for (int i = 0; i < KIDS; i++)
        failed += stage->kid[i].code < 0;
    check_eq(said, failed);
    return failed > 0 ? -WEFT_ECANCELED : 0;
}

/* One of the entries is main's as well: it is let alone. */
static int gathers_shared(struct stage *stage)
{
    weft_future *mine[2] = {stage->future[3], NULL};
    stage->kid[0] = (struct kid){.turns = 2};
    mine[1] = weft_spawn(run_kid, &stage->kid[0]);
    int rc = weft_gather(mine, 2, NULL);
    check_eq(stage->kid[0].ended, 1);
    check(rc < 0 || stage->kid[3].ended == 1);
    return rc;
}

static void share_last(struct stage *stage)
{
    stage->kid[3] = (struct kid){.turns = 4, .sleeps = WEFT_US(15)};
    stage->future[3] = weft_future_ref(weft_spawn(run_kid, &stage->kid[3]));
}

static void await_last(struct stage *stage)
{
    check_eq(weft_await(stage->future[3], NULL), 0);
    check_eq(stage->kid[3].ended, 1);
}

static int races(struct stage *stage)
{
    size_t winner = KIDS;
    void *result = NULL;
    spawn_kids(stage);
    int rc = weft_race(stage->future, KIDS, &winner, &result);
    check_ended(stage);
    if (rc == 0)
        check(winner < KIDS && result == &stage->kid[winner]);
    for (int i = 0; i < KIDS; i++)
        check(rc == 0 || stage->kid[i].code == rc);
    return rc;
}

static int waits(struct stage *stage, int mode)
{
    size_t done[KIDS];
    int rc = weft_wait(stage->future, KIDS, mode, done);
    for (int i = 0; i < rc; i++)
        check_eq(stage->kid[done[i]].ended, 1);
    check(rc < 0 || rc == KIDS || mode == WEFT_WAIT_FIRST);
    check(rc != 0);
    return rc < 0 ? rc : 0;
}

static int waits_all(struct stage *stage)
{
    return waits(stage, WEFT_WAIT_ALL);
}

static int waits_first(struct stage *stage)
{
    return waits(stage, WEFT_WAIT_FIRST);
}

static int waits_error(struct stage *stage)
{
    return waits(stage, WEFT_WAIT_FIRST_ERROR);
}

static int as_completed(struct stage *stage)
{
    weft_as_completed it;
    size_t index;
    int rc;
    check_eq(weft_as_completed_enter(&it, stage->future, KIDS), 0);
    while ((rc = weft_as_completed_next(&it, &index)) > 0) {
        check_eq(stage->kid[index].ended, 1);
        stage->taken++;
    }
    weft_as_completed_exit(&it);
    check(rc < 0 || stage->taken == KIDS);
    return rc;
}

/* Scopes */

static int in_scopes(struct stage *stage)
{
    weft_scope outer;
    weft_scope inner;
    (void)stage;
    weft_timeout_enter(&outer, WEFT_S(100));
    weft_timeout_enter(&inner, WEFT_US(4));
    int rc = weft_sleep(WEFT_S(50));
    check_eq(rc, -WEFT_ECANCELED);
    rc = weft_timeout_exit(&inner, rc);
    check(rc == -WEFT_ETIMEOUT || rc == -WEFT_ECANCELED);
    if (rc == -WEFT_ETIMEOUT)
        rc = weft_sleep(WEFT_US(10));
    return weft_timeout_exit(&outer, rc);
}

/* A mutex that the peer holds, for a while. */

static weft_mutex contested;

static void *holds(void *arg)
{
    struct stage *stage = arg;
    check_eq(weft_mutex_lock(&contested), 0);
    stage->given++;
    for (int i = 0; i < 4; i++)
        check_eq(weft_yield(), 0);
    check_eq(weft_mutex_unlock(&contested), 0);
    return NULL;
}

static void set_mutex(struct stage *stage)
{
    contested = (weft_mutex)WEFT_MUTEX_INIT;
    stage->future[0] = weft_spawn(holds, stage);
    while (stage->given == 0)
        check_eq(weft_yield(), 0);
}

static int locks(struct stage *stage)
{
    int rc = weft_mutex_lock(&contested);
    (void)stage;
    return rc < 0 ? rc : weft_mutex_unlock(&contested);
}

static void is_free(struct stage *stage)
{
    check_eq(weft_await(stage->future[0], NULL), 0);
    check_eq(weft_mutex_trylock(&contested), 0);
    check_eq(weft_mutex_unlock(&contested), 0);
}

/* Queues: the peer takes the other end, after a while. */

static weft_queue *queue;

static void *puts_late(void *arg)
{
    for (int i = 0; i < 4; i++)
        check_eq(weft_yield(), 0);
    return weft_fail(weft_queue_put(queue, arg));
}

static void *gets_late(void *arg)
{
    for (int i = 0; i < 4; i++)
        check_eq(weft_yield(), 0);
    return weft_fail(weft_queue_get(queue, &arg));
}

static void set_empty(struct stage *stage)
{
    check_eq(weft_queue_new(stage->k % 2, &queue), 0);
    stage->future[0] = weft_spawn(puts_late, stage);
}

static void set_full(struct stage *stage)
{
    check_eq(weft_queue_new(1, &queue), 0);
    check_eq(weft_queue_put(queue, stage), 0);
    stage->future[0] = weft_spawn(gets_late, stage);
}

static int gets(struct stage *stage)
{
    void *item = NULL;
    int rc = weft_queue_get(queue, &item);
    check(item == (rc < 0 ? NULL : stage));
    stage->taken = rc == 0;
    return rc;
}

static int puts_one(struct stage *stage)
{
    int rc = weft_queue_put(queue, stage);
    stage->given = rc == 0;
    return rc;
}

/* What was not got is there, or its put failed. */
static void none_is_lost(struct stage *stage)
{
    void *item;
    if (stage->taken == 0 && weft_queue_capacity(queue) == 0)
        weft_queue_close(queue, NULL);
    int rc = weft_await(stage->future[0], NULL);
    check_eq(rc, weft_queue_capacity(queue) == 0 && stage->taken == 0
                     ? -WEFT_ECLOSED
                     : 0);
    int left = weft_queue_get_nowait(queue, &item) == 0;
    check_eq(left + (int)stage->taken, rc == 0);
    weft_queue_free(queue);
}

static void none_is_double(struct stage *stage)
{
    void *item;
    check_eq(weft_await(stage->future[0], NULL), 0);
    check_eq(weft_queue_get_nowait(queue, &item),
             stage->given ? 0 : -WEFT_EBUSY);
    check_eq(weft_queue_get_nowait(queue, &item), -WEFT_EBUSY);
    weft_queue_free(queue);
}

static const struct scene scenes[] = {
    {"sleep", NULL, sleeps, NULL, true},
    {"sleep_until", NULL, sleeps_until, NULL, true},
    {"yield", NULL, yields, NULL, true},
    {"suspend", NULL, suspends, NULL, true},
    {"await own", NULL, awaits_own, NULL, false},
    {"await shared", share, awaits_shared, await_kids, true},
    {"await made", make, awaits_made, unmake, true},
    {"await call_later", NULL, awaits_callback, NULL, true},
    {"await call_soon", NULL, awaits_soon, NULL, true},
    {"run", NULL, runs, NULL, false},
    {"wait_for", NULL, waits_for, NULL, false},
    {"gather", NULL, gathers, NULL, false},
    {"gather_collect", NULL, collects, NULL, false},
    {"gather shared", share_last, gathers_shared, await_last, true},
    {"race", NULL, races, NULL, false},
    {"wait all", spawn_kids, waits_all, await_kids, true},
    {"wait first", spawn_kids, waits_first, await_kids, true},
    {"wait first error", spawn_kids, waits_error, await_kids, true},
    {"as_completed", spawn_kids, as_completed, await_kids, true},
    {"scopes", NULL, in_scopes, NULL, true},
    {"mutex", set_mutex, locks, is_free, true},
    {"get", set_empty, gets, none_is_lost, true},
    {"put", set_full, puts_one, none_is_double, true},
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

Test(cancel_everywhere, nobody_cancels, WITH_ACCOUNT)
{
    for (int i = 0; i < SCENES; i++)
        for (size_t seed = 1; seed <= 30; seed++)
            stage_simulated(&scenes[i], STRIKE_NEVER, 0, seed);
}

Test(cancel_everywhere, the_task, WITH_ACCOUNT)
{
    all_scenes(STRIKE_TASK);
}

Test(cancel_everywhere, a_scope, WITH_ACCOUNT)
{
    all_scenes(STRIKE_SCOPE);
}

Test(cancel_everywhere, a_group, WITH_ACCOUNT)
{
    all_scenes(STRIKE_GROUP);
}

Test(cancel_everywhere, by_time, WITH_ACCOUNT)
{
    all_scenes(STRIKE_TIME);
}

Test(cancel_everywhere, behind_a_shield, WITH_ACCOUNT)
{
    all_scenes(STRIKE_SHIELD);
}

/* The same on a real worker. */
Test(cancel_everywhere, on_a_thread, WITH_ACCOUNT)
{
    static const enum strike_mode modes[] = {STRIKE_TASK, STRIKE_SCOPE,
                                             STRIKE_GROUP, STRIKE_SHIELD};
    for (int i = 0; i < SCENES; i++)
        for (int mode = 0; mode < 4; mode++)
            for (unsigned long k = 0; k < MOST_STRIKES; k++)
                if (!stage_threaded(&scenes[i], modes[mode], k))
                    break;
}
