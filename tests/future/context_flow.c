// SPDX-License-Identifier: MIT
/*
 * Where context variables flow: one test for each call that starts or registers
 * something, and what does not flow back. All of it at once: context_tree.c.
 */
#include <weft.h>

#include <errno.h>
#include <pthread.h>

#include "sched/base.h"
#include "tests/support/fault.h"
#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/test.h"
#include "tests/support/values.h"

#define value(n) weft_test_value(n)

static weft_var *var;
static atomic_int wrong;
static atomic_int seen;

static void open_var(void)
{
    cr_assert_eq(weft_var_new("request", NULL, weft_test_value_destroy, &var),
                 0);
    atomic_store(&wrong, 0);
    atomic_store(&seen, 0);
}

static void run_and_close(unsigned workers, weft_fn *fn)
{
    int rc = weft_test_run(workers, fn, NULL);
    cr_assert_eq(rc, 0, "%s", weft_strerror(rc));
    weft_var_free(var);
    cr_assert_eq(atomic_load(&wrong), 0);
    cr_assert_eq(weft_test_values_wrong(), 0);
}

static void must(bool condition)
{
    atomic_fetch_add(&wrong, !condition);
}

static void *set(void)
{
    void *fresh = weft_test_value_set(var);
    must(fresh != NULL);
    return fresh;
}

/* What most of the tests start: sees its argument, and sets another one. */
static void *sees(void *expected)
{
    must(weft_var_get(var) == expected);
    must(expected == NULL || weft_test_value_lives(expected));
    must(weft_yield() <= 0 && weft_var_get(var) == expected);
    set();
    atomic_fetch_add(&seen, 1);
    return NULL;
}

/* The registering calls */

static void *by_spawn(void *unused)
{
    (void)unused;
    void *first = set();
    weft_future *a = weft_spawn(sees, first);
    void *second = set();
    weft_future *b = weft_spawn(sees, second);
    must(weft_await(b, NULL) == 0 && weft_await(a, NULL) == 0);
    must(weft_var_get(var) == second && !weft_test_value_lives(first));
    weft_future *c = weft_spawn(sees, second);
    weft_detach(c);
    set();
    weft_test_yield_until(&seen, 3);
    return NULL;
}

Test(context_flow, spawn, .timeout = 30)
{
    open_var();
    run_and_close(2, by_spawn);
}

static void *by_call_soon(void *unused)
{
    (void)unused;
    weft_future *callback = weft_call_soon(sees, set());
    set();
    return weft_fail(weft_await(callback, NULL));
}

Test(context_flow, call_soon, .timeout = 30)
{
    open_var();
    run_and_close(2, by_call_soon);
}

static void *by_call_later(void *unused)
{
    (void)unused;
    weft_future *callback = weft_call_later(WEFT_US(50), sees, set());
    weft_future *dropped = weft_call_later(WEFT_S(3600), sees, set());
    set();
    must(weft_cancel(dropped) == 0);
    must(weft_await(dropped, NULL) == -WEFT_ECANCELED);
    return weft_fail(weft_await(callback, NULL));
}

Test(context_flow, call_later, .timeout = 30)
{
    open_var();
    run_and_close(2, by_call_later);
}

static void *by_call_at(void *unused)
{
    (void)unused;
    void *mine = set();
    weft_future *callback = weft_call_at(weft_after(WEFT_US(50)), sees, mine);
    set();
    return weft_fail(weft_await(callback, NULL));
}

Test(context_flow, call_at, .timeout = 30)
{
    open_var();
    run_and_close(2, by_call_at);
}

static void *by_call_soon_threadsafe(void *unused)
{
    (void)unused;
    weft_runtime *rt = weft_running_loop();
    weft_future *callback = weft_call_soon_threadsafe(rt, sees, set());
    set();
    return weft_fail(weft_await(callback, NULL));
}

Test(context_flow, call_soon_threadsafe, .timeout = 30)
{
    open_var();
    run_and_close(2, by_call_soon_threadsafe);
}

static void *by_done_callback(void *unused)
{
    (void)unused;
    weft_future *future = weft_future_new();
    must(weft_future_add_done_callback(future, sees, set()) == 0);
    must(weft_future_add_done_callback(future, sees, set()) == 0);
    /* One that is taken back, and those of a future that is dropped. */
    must(weft_future_add_done_callback(future, weft_test_echo, set()) == 0);
    must(weft_future_remove_done_callback(future, weft_test_echo,
                                          weft_var_get(var)) == 1);
    weft_future *dropped = weft_future_new();
    must(weft_future_add_done_callback(dropped, sees, set()) == 0);
    weft_future_unref(dropped);
    set();
    weft_future_set_result(future, NULL);
    weft_future_unref(future);
    weft_test_yield_until(&seen, 2);
    return NULL;
}

Test(context_flow, add_done_callback, .timeout = 30)
{
    open_var();
    run_and_close(2, by_done_callback);
}

static void *defers(void *unused)
{
    (void)unused;
    void *mine = set();
    must(weft_defer(sees, mine) == 0);
    return NULL;
}

static void *by_defer(void *unused)
{
    (void)unused;
    void *mine = set();
    must(weft_await(weft_spawn(defers, NULL), NULL) == 0);
    must(weft_var_get(var) == mine && atomic_load(&seen) == 1);
    return NULL;
}

Test(context_flow, defer, .timeout = 30)
{
    open_var();
    run_and_close(2, by_defer);
}

struct visit {
    weft_group *group;
    void *value;
};

static void *spawns_sibling(void *arg)
{
    struct visit *visit = arg;
    must(weft_var_get(var) == visit->value);
    void *mine = set();
    must(weft_group_spawn(visit->group, sees, mine) == 0);
    set(); /* what the sibling has must outlive this, and this task */
    return NULL;
}

static void *by_group_spawn(void *unused)
{
    (void)unused;
    weft_group group;
    weft_group_enter(&group, NULL);
    must(weft_group_spawn(&group, sees, set()) == 0);
    struct visit visit = {&group, set()};
    must(weft_group_spawn(&group, spawns_sibling, &visit) == 0);
    weft_future *inside = weft_spawn(sees, visit.value);
    set();
    int rc = weft_group_exit(&group, 0);
    weft_future_unref(inside);
    must(atomic_load(&seen) == 3);
    return weft_fail(rc);
}

Test(context_flow, group_spawn_by_the_owner_and_by_others, .timeout = 30)
{
    open_var();
    run_and_close(2, by_group_spawn);
}

/* A task of no context in the group of one that inherited some. */

static void *sets_one(void *detached)
{
    must(weft_var_get(var) == NULL);
    set();
    if (detached != NULL)
        weft_detach(weft_future_ref(weft_current()));
    (void)weft_yield();
    atomic_fetch_add(&seen, 1);
    return NULL;
}

static void *visits(void *arg)
{
    struct visit *visit = arg;
    weft_test_yield_until(&seen, 1);
    must(weft_var_get(var) == NULL);
    must(weft_group_spawn(visit->group, sets_one, NULL) == 0);
    must(weft_group_spawn(visit->group, sets_one, value(1)) == 0);
    atomic_fetch_add(&seen, 1);
    return NULL;
}

static void *owns(void *arg)
{
    struct visit *visit = arg;
    weft_group group;
    weft_group_enter(&group, NULL);
    visit->group = &group;
    atomic_fetch_add(&seen, 1);
    weft_test_yield_until(&seen, 4);
    must(weft_var_get(var) == visit->value);
    return weft_fail(weft_group_exit(&group, 0));
}

static void *by_a_visitor(void *unused)
{
    struct visit visit = {NULL, NULL};
    (void)unused;
    weft_future *visitor = weft_spawn(visits, &visit);
    visit.value = set();
    must(weft_await(weft_spawn(owns, &visit), NULL) == 0);
    return weft_fail(weft_await(visitor, NULL));
}

Test(context_flow, group_spawn_by_a_task_without_any, .timeout = 30)
{
    open_var();
    run_and_close(2, by_a_visitor);
}

/* Jobs */

static void *job(void *expected)
{
    must(weft_var_get(var) == expected);
    must(weft_test_value_lives(expected));
    set();
    void *mine = set();
    must(weft_context_run(weft_context_empty(), sees, NULL, NULL) == 0);
    must(weft_var_get(var) == mine);
    return NULL;
}

static void *by_executor(void *unused)
{
    (void)unused;
    void *mine = set();
    must(weft_to_thread(job, mine, NULL) == 0);
    must(weft_var_get(var) == mine);
    weft_executor *pool = NULL;
    must(weft_thread_pool_new(1, &pool) == 0);
    weft_future *first = weft_run_in_executor(pool, job, mine);
    weft_future *second = weft_run_in_executor(pool, job, set());
    set();
    must(weft_await(first, NULL) == 0 && weft_await(second, NULL) == 0);
    return weft_fail(weft_executor_shutdown(pool));
}

Test(context_flow, jobs_see_it_and_change_only_their_own, .timeout = 30)
{
    open_var();
    run_and_close(2, by_executor);
}

/* Foreign threads */

static void *submits(void *rt)
{
    must(weft_var_get(var) == NULL); /* of whoever started this thread */
    void *mine = set();
    weft_future *task = weft_run_coroutine_threadsafe(rt, sees, mine);
    weft_future *callback = weft_call_soon_threadsafe(rt, sees, mine);
    set();
    must(weft_wait_blocking(task, WEFT_FOREVER, NULL) == 0);
    must(weft_wait_blocking(callback, WEFT_FOREVER, NULL) == 0);
    must(!weft_test_value_lives(mine));
    return NULL;
}

static void *thread_and_task(void *unused)
{
    pthread_t thread;
    (void)unused;
    set();
    must(pthread_create(&thread, NULL, submits, weft_running_loop()) == 0);
    weft_test_yield_until(&seen, 2);
    pthread_join(thread, NULL);
    return NULL;
}

Test(context_flow, submissions_have_the_context_of_their_thread, .timeout = 30)
{
    open_var();
    run_and_close(2, thread_and_task);
}

static void *runs_with(void *unused)
{
    void *mine = set();
    (void)unused;
    must(weft_run(sees, mine, NULL) == 0);
    must(weft_var_get(var) == mine);
    return NULL;
}

Test(context_flow, the_main_task_has_the_context_of_weft_run, .timeout = 30)
{
    pthread_t thread;
    open_var();
    cr_assert_eq(pthread_create(&thread, NULL, runs_with, NULL), 0);
    pthread_join(thread, NULL);
    cr_assert_eq(atomic_load(&seen), 1);
    run_and_close(1, weft_test_echo);
}

/* Chosen contexts */

static void *chooses(void *unused)
{
    (void)unused;
    weft_spawn_options options = {.size = sizeof(options)};
    void *first = set();
    weft_context *then = weft_context_copy();
    set();
    options.context = weft_context_empty();
    weft_future *nothing = weft_spawn_with(&options, sees, NULL);
    weft_detach(weft_spawn_with(&options, sees, NULL));
    options.context = then;
    weft_future *earlier = weft_spawn_with(&options, sees, first);
    weft_context_unref(then);
    must(weft_await(nothing, NULL) == 0);
    must(weft_await(earlier, NULL) == 0);
    must(!weft_test_value_lives(first));
    weft_test_yield_until(&seen, 3);
    return NULL;
}

Test(context_flow, an_explicit_context_replaces_the_spawners, .timeout = 30)
{
    open_var();
    run_and_close(2, chooses);
}

/* A run that suspends, moves, is cancelled */

static void *moves(void *unused)
{
    void *mine = set();
    (void)unused;
    for (int i = 0; i < 200; i++) {
        must(weft_yield() == 0);
        must(weft_var_get(var) == mine);
    }
    return NULL;
}

static void *runs_and_moves(void *unused)
{
    void *mine = set();
    (void)unused;
    for (int i = 0; i < 10; i++) {
        weft_context *context = weft_context_empty();
        must(weft_context_run(context, moves, NULL, NULL) == 0);
        must(weft_var_get(var) == mine);
    }
    return NULL;
}

static void *waits(void *unused)
{
    (void)unused;
    weft_detach(weft_spawn(sees, set()));
    atomic_fetch_add(&seen, 1);
    return weft_test_forever(NULL);
}

static void *is_cancelled(void *unused)
{
    void *mine = set();
    (void)unused;
    int rc = weft_context_run(weft_context_empty(), waits, NULL, NULL);
    must(rc == -WEFT_ECANCELED);
    must(weft_var_get(var) == mine);
    return NULL;
}

static void *runs(void *unused)
{
    weft_future *tasks[20];
    (void)unused;
    for (size_t i = 0; i < weft__count_of(tasks); i++)
        tasks[i] = weft_spawn(runs_and_moves, NULL);
    for (size_t i = 0; i < weft__count_of(tasks); i++)
        must(weft_await(tasks[i], NULL) == 0);
    weft_future *task = weft_spawn(is_cancelled, NULL);
    weft_test_yield_until(&seen, 1);
    must(weft_cancel(task) == 0);
    must(weft_await(task, NULL) == 0);
    weft_test_yield_until(&seen, 2);
    return NULL;
}

Test(context_flow, a_run_ends_where_it_began_wherever_that_is_by_now,
     .timeout = 60)
{
    open_var();
    run_and_close(4, runs);
}

/* Nobody has another one's value, with many tasks that are stolen */

static void *many(void *unused)
{
    size_t count = weft_test_scaled(100000);
    weft_future *tasks[500];
    (void)unused;
    for (size_t i = 0; i < count;) {
        size_t n = 0;
        for (; n < weft__count_of(tasks) && i < count; i++)
            tasks[n++] = weft_spawn(sees, set());
        while (n > 0)
            must(weft_await(tasks[--n], NULL) == 0);
    }
    must((size_t)atomic_load(&seen) == count);
    return NULL;
}

Test(context_flow, a_hundred_thousand_tasks_have_their_own, .timeout = 120)
{
    open_var();
    run_and_close(4, many);
}

/* For a year: as much memory as what runs needs */

static void *spawns_one(void *unused)
{
    (void)unused;
    weft_future_unref(weft_spawn(sees, set()));
    return NULL;
}

static void *for_a_year(void *style)
{
    size_t count = weft_test_scaled(100000);
    int64_t most = 0;
    int64_t before = weft_test_balance().allocations;
    for (size_t i = 0; i < count; i++) {
        weft_context *context = weft_context_copy();
        if (style == value(2))
            must(weft_context_run(context, spawns_one, NULL, NULL) == 0);
        else
            spawns_one(NULL);
        if (style == value(1))
            must(weft_context_restore(context) == 0);
        weft_context_unref(context);
        weft_test_yield_until(&seen, (int)i); /* all but the last one */
        if (i % 1000 != 0)
            continue;
        int64_t now = weft_test_balance().allocations - before;
        most = now > most ? now : most;
    }
    must(most < 50);
    return NULL;
}

static void *for_years(void *unused)
{
    (void)unused;
    for (unsigned style = 0; style < 3; style++) {
        atomic_store(&seen, 0);
        must(weft_await(weft_spawn(for_a_year, value(style)), NULL) == 0);
    }
    return NULL;
}

Test(context_flow, a_loop_that_sets_and_spawns_does_not_grow, .timeout = 300)
{
    weft_test_faults_open();
    open_var();
    run_and_close(2, for_years);
    weft_test_faults_close();
}
