// SPDX-License-Identifier: MIT
/*
 * A stage for one scene: a task, the victim, makes a call, and is cancelled
 * when the workers are at their k-th step: for k = 0, 1, 2 … until it has ended
 * before that. Whatever happens, the call must say what it did, and nothing of
 * the scene may be left behind.
 */
#ifndef WEFT_TESTS_STRESS_STRIKE_H
#define WEFT_TESTS_STRESS_STRIKE_H

#include <weft/group.h>
#include <weft/runtime.h>
#include <weft/scope.h>
#include <weft/task.h>

#include "future/task.h"
#include "sched/driver.h"
#include "sched/runtime.h"

#include "tests/support/fault.h"
#include "tests/support/run.h"
#include "tests/support/seeds.h"

enum { KIDS = 4, MOST_STRIKES = 3000 };

/* How it is cancelled. */
enum strike_mode {
    STRIKE_TASK,   /* weft_cancel() */
    STRIKE_SCOPE,  /* weft_scope_cancel() of a scope around the call */
    STRIKE_GROUP,  /* weft_group_cancel() of the group it is a child of */
    STRIKE_TIME,   /* by a deadline, k moments from its start */
    STRIKE_SHIELD, /* weft_cancel(), but the call is shielded */
    STRIKE_NEVER,
};

/* What else takes part: a task that does something for a while. */
struct kid {
    atomic_int begun, ended;
    int turns;
    weft_ns sleeps;
    int code; /* what it came to */
};

struct stage {
    const struct scene *scene;
    enum strike_mode mode;
    unsigned long k, steps;
    weft_future *victim;
    weft_scope *scope;
    weft_group *group;
    bool armed;  /* steps are counted */
    bool struck; /* it was cancelled */
    bool before; /* and before it began to call */
    int rc;      /* what the call came to, 0 or a code */
    bool returned;
    struct kid kid[KIDS];
    weft_future *future[KIDS];
    weft_future *made;
    void *extra;             /* the scene's */
    atomic_int given, taken; /* items, permits, bytes */
    struct weft_test_balance balance;
};

struct scene {
    const char *name;
    /** In main, before; may be NULL. */
    void (*set)(struct stage *);
    /** In the victim: 0 as if nobody had cancelled it, or -WEFT_ECANCELED. */
    int (*call)(struct stage *);
    /** In main, when the victim has ended: take everything down, and check; may
     * be NULL. */
    void (*after)(struct stage *);
    bool ordinary; /* in a cancelled task the call does not begin */
};

static struct stage *stage_now; /* of the hook */

static inline void stage_strike(struct stage *stage)
{
    int rc = 0;
    if (stage->mode == STRIKE_TASK || stage->mode == STRIKE_SHIELD)
        rc = weft_cancel(stage->victim);
    else if (stage->mode == STRIKE_SCOPE)
        rc = weft_scope_cancel(stage->scope);
    else
        rc = weft_group_cancel(stage->group);
    check(rc == 0 || stage->returned);
    stage->struck = true;
}

/* Before each step of the one worker, or of any simulated one. */
static inline void stage_tick(void)
{
    struct stage *stage = stage_now;
    if (stage == NULL || !stage->armed || stage->struck ||
        stage->mode == STRIKE_TIME || stage->mode == STRIKE_NEVER)
        return;
    if (stage->mode == STRIKE_SCOPE && stage->scope == NULL)
        return;
    if (stage->steps++ == stage->k)
        stage_strike(stage);
}

static inline void stage_turn(struct weft__worker *unused)
{
    (void)unused;
    stage_tick();
}

/* The victim */

/* Cancelled is cancelled, until the scope ends. */
static inline void check_cut(struct stage *stage, int rc)
{
    check(rc == 0 || rc == -WEFT_ECANCELED);
    check(rc == 0 || stage->struck || stage->mode == STRIKE_TIME);
    check(rc == 0 || stage->mode != STRIKE_SHIELD);
    check(rc == 0 || weft_cancelled());
    if (weft_cancelled())
        check_eq(weft_yield(), -WEFT_ECANCELED);
    if (stage->before && stage->scene->ordinary && stage->mode != STRIKE_SHIELD)
        check_eq(rc, -WEFT_ECANCELED);
}

static inline int stage_call(struct stage *stage)
{
    /* Of a group its owner must hear before the children do. */
    stage->before = (stage->struck && stage->mode != STRIKE_GROUP) ||
                    (stage->mode == STRIKE_TIME && stage->k == 0);
    int rc = stage->scene->call(stage);
    stage->returned = true;
    check_cut(stage, rc);
    return rc;
}

static inline int stage_in_scope(struct stage *stage, weft_ns after)
{
    weft_scope scope;
    weft_time end = weft_after(after);
    weft_timeout_enter(&scope, after);
    stage->scope = &scope;
    int rc = stage_call(stage);
    stage->scope = NULL;
    int out = weft_timeout_exit(&scope, rc);
    if (stage->mode == STRIKE_TIME) {
        bool over = weft_now() >= end;
        stage->struck = rc < 0 || over;
        check_eq(out, rc < 0 ? -WEFT_ETIMEOUT : 0);
        /* Exact in virtual time. */
        check(rc == 0 || over || weft_test_seed_now == 0);
    } else {
        check_eq(out, rc);
    }
    check_eq(weft_yield(), 0); /* outside nothing is cancelled */
    return rc;
}

static inline int stage_in_shield(struct stage *stage)
{
    weft_scope shield;
    weft_shield_enter(&shield, WEFT_S(1000));
    return weft_shield_exit(&shield, stage_call(stage));
}

static inline void *stage_victim(void *arg)
{
    struct stage *stage = arg;
    if (stage->mode == STRIKE_SCOPE)
        stage->rc = stage_in_scope(stage, WEFT_FOREVER);
    else if (stage->mode == STRIKE_TIME)
        stage->rc = stage_in_scope(stage, (weft_ns)stage->k * 1700);
    else if (stage->mode == STRIKE_SHIELD)
        stage->rc = stage_in_shield(stage);
    else
        stage->rc = stage_call(stage);
    return weft_fail(stage->rc);
}

/* Main */

static inline void stage_count(struct weft__coro *coro, void *count)
{
    *(int *)count +=
        weft__load_relaxed(&weft__future_of(coro)->kind) != WEFT__FREE;
}

/* Tasks and callbacks, that is their descriptors. */
static inline int stage_alive(void)
{
    int count = 0;
    weft__pool_each(weft_running_loop()->pool, stage_count, &count);
    return count;
}

static inline void stage_in_group(struct stage *stage)
{
    weft_group group;
    weft_group_enter(&group, NULL);
    stage->group = &group;
    check_eq(weft_group_spawn(&group, stage_victim, stage), 0);
    stage->armed = true;
    int rc = weft_group_exit(&group, 0);
    stage->armed = false;
    check_eq(rc, stage->rc);
}

static inline void stage_alone(struct stage *stage)
{
    stage->victim = weft_spawn(stage_victim, stage);
    stage->armed = true;
    int rc = weft_await(weft_future_ref(stage->victim), NULL);
    stage->armed = false;
    check_eq(rc, stage->rc);
    weft_future_unref(stage->victim);
}

static inline void *stage_main(void *arg)
{
    struct stage *stage = arg;
    int alive = stage_alive();
    if (stage->scene->set != NULL)
        stage->scene->set(stage);
    if (stage->mode == STRIKE_GROUP)
        stage_in_group(stage);
    else
        stage_alone(stage);
    if (stage->scene->after != NULL)
        stage->scene->after(stage);
    /* Who was let go ends soon. */
    for (int i = 0; i < 1000 && stage_alive() > alive; i++)
        check_eq(weft_sleep(WEFT_US(10)), 0);
    check_eq(stage_alive(), alive);
    return NULL;
}

/* Runs */

static inline void stage_begin(struct stage *stage, const struct scene *scene,
                               enum strike_mode mode, unsigned long k)
{
    *stage = (struct stage){.scene = scene, .mode = mode, .k = k};
    atomic_store(&weft_test_wrong, 0);
    stage->balance = weft_test_balance();
    stage_now = stage;
}

static inline void stage_end(struct stage *stage, size_t seed)
{
    stage_now = NULL;
    check(weft_test_balanced(&stage->balance));
    cr_assert_eq(atomic_load(&weft_test_wrong), 0,
                 "%s: mode %d, strike %lu, seed %zu", stage->scene->name,
                 (int)stage->mode, stage->k, seed);
}

static inline bool stage_simulated(const struct scene *scene,
                                   enum strike_mode mode, unsigned long k,
                                   size_t seed)
{
    static const unsigned workers[] = {1, 2, 8};
    struct weft_sim_report report;
    struct stage stage;
    stage_begin(&stage, scene, mode, k);
    weft_test_seed_now = seed;
    weft_test_dice.state = ~seed;
    weft_sim_hook = stage_tick;
    int rc = weft_sim_run(seed, workers[seed % 3], stage_main, &stage, &report);
    weft_sim_hook = NULL;
    cr_assert_eq(rc, 0);
    cr_assert_eq(report.code, 0, "%s: mode %d, strike %lu, seed %zu: %d",
                 scene->name, (int)mode, k, seed, report.code);
    cr_assert_eq(report.end, 0);
    cr_assert_eq(report.counters.tasks_spawned, report.counters.tasks_ended);
    stage_end(&stage, seed);
    return stage.struck;
}

/* At every step, under so many schedules each. */
static inline void stage_everywhere(const struct scene *scene,
                                    enum strike_mode mode, size_t seeds)
{
    size_t first = (size_t)weft_test_number("WEFT_TEST_SEED", 1);
    size_t strikes = 0;
    seeds =
        (size_t)weft_test_number("WEFT_TEST_SEEDS", weft_test_scaled(seeds));
    for (size_t seed = first; seed < first + seeds; seed++) {
        unsigned long k = 0;
        while (k < MOST_STRIKES && stage_simulated(scene, mode, k, seed))
            k++;
        cr_assert_lt(k, MOST_STRIKES, "%s: it never ends", scene->name);
        strikes += k;
    }
    cr_assert(seeds < 3 || strikes > 0, "%s: never cancelled", scene->name);
}

/* On threads, with one worker: before each of its steps we are alone with it.
 */
static inline bool stage_threaded(const struct scene *scene,
                                  enum strike_mode mode, unsigned long k)
{
    struct weft__driver driver = weft__loop_driver;
    weft_options options = {.size = sizeof(options), .workers = 1};
    struct stage stage;
    weft_runtime *rt;
    stage_begin(&stage, scene, mode, k);
    driver.turn = stage_turn;
    cr_assert_eq(
        weft__runtime_open(&options, &weft__task_hooks, &driver, true, &rt), 0);
    weft__store_relaxed(&rt->users, 1);
    weft_future *main = weft_run_coroutine_threadsafe(rt, stage_main, &stage);
    cr_assert_eq(weft_wait_blocking(main, WEFT_FOREVER, NULL), 0);
    cr_assert_eq(weft_runtime_shutdown(rt), 0);
    weft_runtime_unref(rt);
    stage_end(&stage, 0);
    return stage.struck;
}

/* Kids, for scenes */

static inline void *run_kid(void *arg)
{
    struct kid *kid = arg;
    int rc = 0;
    atomic_fetch_add(&kid->begun, 1);
    for (int i = 0; i < kid->turns && rc == 0; i++)
        rc = weft_yield();
    if (rc == 0 && kid->sleeps > 0)
        rc = weft_sleep(kid->sleeps);
    kid->code = rc < 0 ? rc : kid->code;
    atomic_fetch_add(&kid->ended, 1);
    return kid->code < 0 ? weft_fail(kid->code) : kid;
}

static inline void prepare(struct stage *stage)
{
    for (int i = 0; i < KIDS; i++) {
        stage->kid[i].turns = i;
        stage->kid[i].sleeps = i % 2 ? WEFT_US(15) : 0;
    }
}

static inline void spawn_kids(struct stage *stage)
{
    prepare(stage);
    for (int i = 0; i < KIDS; i++)
        stage->future[i] = weft_spawn(run_kid, &stage->kid[i]);
}

/* Main's own: nobody but main cancels them. */
static inline void await_kids(struct stage *stage)
{
    for (int i = 0; i < KIDS; i++) {
        check_eq(weft_await(stage->future[i], NULL), 0);
        check_eq(stage->kid[i].ended, 1);
    }
}

static inline void check_ended(struct stage *stage)
{
    for (int i = 0; i < KIDS; i++) {
        check_eq(stage->kid[i].begun, 1);
        check_eq(stage->kid[i].ended, 1);
    }
}

#endif
