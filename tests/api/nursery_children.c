// SPDX-License-Identifier: MIT
/*
 * The children of a group as trio's tests have them, restated: turns, names,
 * parents, contexts, spawning late, telling that one has started, and ending
 * groups in the wrong order. In virtual time, but for the last.
 */
#include <weft/group.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <weft/context.h>
#include <weft/inspect.h>

#include "tests/support/child.h"
#include "tests/support/sweep.h"

#define SEEDS 100
#define RACES 1000

#define value(n) weft_test_value(n)

/* Turns */

static char turns[8];
static size_t taken;

static void *takes_turns(void *letter)
{
    for (int i = 0; i < 3; i++) {
        turns[taken++] = *(const char *)letter;
        check(weft_yield() == 0);
    }
    return NULL;
}

static void *two_take_turns(void *unused)
{
    weft_group group;
    taken = 0;
    weft_group_enter(&group, NULL);
    check(weft_group_spawn(&group, takes_turns, "a") == 0);
    check(weft_group_spawn(&group, takes_turns, "b") == 0);
    check(weft_group_exit(&group, 0) == 0);
    check(taken == 6);
    /* Both have had a turn before one has had all of its own. */
    check(memchr(turns, 'a', 3) != NULL && memchr(turns, 'b', 3) != NULL);
    return unused;
}

Test(nursery_children, take_turns, .timeout = 60)
{
    struct weft_sim_report report;
    atomic_store(&weft_test_failures, 0);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        cr_assert_eq(weft_sim_run(seed, 1, two_take_turns, NULL, &report), 0);
        cr_assert_eq(report.code, 0);
        cr_assert_eq(atomic_load(&weft_test_failures), 0);
    }
    cr_assert_eq(weft_test_run(1, two_take_turns, NULL), 0);
}

/* Spawning late */

static int ran;

static void *runs(void *unused)
{
    ran++;
    return unused;
}

static void *spawns_sibling(void *group)
{
    check(weft_sleep(WEFT_US(weft_test_roll(50))) == 0);
    check(weft_group_spawn(group, runs, NULL) == 0);
    return NULL;
}

static void *spawn_while_it_waits(void *unused)
{
    weft_group group;
    ran = 0;
    weft_group_enter(&group, NULL);
    check(weft_group_spawn(&group, spawns_sibling, &group) == 0);
    check(weft_group_spawn(&group, spawns_sibling, &group) == 0);
    check(weft_group_exit(&group, 0) == 0);
    check(ran == 2);
    check(weft_group_spawn(&group, runs, NULL) == -WEFT_EALREADY);
    check(weft_group_cancel(&group) == -WEFT_EALREADY);
    weft_yield();
    check(ran == 2);
    return unused;
}

Test(nursery_children, may_spawn_until_the_exit_is_over, .timeout = 60)
{
    weft_test_sweep(spawn_while_it_waits, RACES);
}

static void *spawns_behind_shield(void *group)
{
    weft_scope shield;
    weft_shield_enter(&shield, WEFT_S(1));
    check(weft_suspend() == 0); /* until the group is cancelled */
    check(!weft_cancelled());
    int rc = weft_group_spawn(group, runs, NULL);
    check(weft_shield_exit(&shield, rc) == -WEFT_ECANCELED);
    return NULL;
}

static void *spawn_into_cancelled(void *unused)
{
    weft_group group;
    ran = 0;
    weft_group_enter(&group, NULL);
    weft_future *task = weft_spawn(spawns_behind_shield, &group);
    weft_test_settle();
    check(weft_group_cancel(&group) == 0);
    check(weft_ready(task) == 0);
    check(weft_group_exit(&group, 0) == 0);
    check(weft_await(task, NULL) == 0);
    check(ran == 0);
    return unused;
}

Test(nursery_children, may_not_spawn_once_it_is_cancelled, .timeout = 60)
{
    weft_test_sweep(spawn_into_cancelled, RACES);
}

/* Names and parents */

static void *has_name(void *part)
{
    check(strstr(weft_task_name(weft_current()), part) != NULL);
    return NULL;
}

static void *names(void *unused)
{
    weft_group group;
    weft_group_enter(&group, NULL);
    check(weft_group_spawn(&group, has_name, "has_name") == 0);
    check(weft_group_spawn(&group, has_name, "nursery_children.c:") == 0);
    check(weft_group_spawn_named(&group, "scribe", has_name, "scribe") == 0);
    check(weft_group_exit(&group, 0) == 0);
    check(weft_await(weft_spawn_named("reader", has_name, "reader"), NULL) ==
          0);
    return unused;
}

Test(nursery_children, have_names, .timeout = 60)
{
    weft_test_sweep(names, SEEDS);
}

struct search {
    uint64_t id;
    uint64_t parent;
    int found;
};

static void look_for(const weft_task_info *info, void *arg)
{
    struct search *search = arg;
    if (info->id != search->id)
        return;
    search->parent = info->parent;
    search->found++;
}

static uint64_t parent_of(uint64_t id)
{
    struct search search = {.id = id};
    weft_all_tasks(weft_running_loop(), look_for, &search);
    check(search.found == 1);
    return search.parent;
}

static void *grandchild(void *parent)
{
    uint64_t self = weft_task_id(weft_current());
    uint64_t id = *(uint64_t *)parent;
    check(self != id && parent_of(self) == id);
    return NULL;
}

static void *child_with_child(void *parent)
{
    weft_group group;
    uint64_t self = weft_task_id(weft_current());
    check(parent_of(self) == *(uint64_t *)parent);
    weft_group_enter(&group, NULL);
    int rc = weft_group_spawn(&group, grandchild, &self);
    check(weft_group_exit(&group, rc) == 0);
    check(parent_of(self) == *(uint64_t *)parent);
    return NULL;
}

static void *tree(void *unused)
{
    weft_group outer, inner;
    uint64_t self = weft_task_id(weft_current());
    check(self != 0);
    weft_group_enter(&outer, NULL);
    weft_group_enter(&inner, NULL);
    check(weft_group_exit(&inner, 0) == 0);
    int rc = weft_group_spawn(&outer, child_with_child, &self);
    check(weft_group_exit(&outer, rc) == 0);
    check(weft_task_id(weft_current()) == self);
    return unused;
}

Test(nursery_children, know_their_parents, .timeout = 60)
{
    weft_test_sweep(tree, SEEDS);
}

/* Context */

static weft_var *var;

static void *sets_its_own(void *unused)
{
    check(weft_var_get(var) == value(1));
    check(weft_var_set(var, value(2)) == 0);
    check(weft_yield() == 0);
    check(weft_var_get(var) == value(2));
    return unused;
}

static void *sees_what_was_set(void *unused)
{
    check(weft_var_get(var) == value(3));
    return unused;
}

static void *contexts(void *unused)
{
    weft_group group;
    weft_group_enter(&group, NULL);
    check(weft_var_get(var) == value(1));
    check(weft_group_spawn(&group, sets_its_own, NULL) == 0);
    weft_test_settle();
    check(weft_var_get(var) == value(1));
    check(weft_var_set(var, value(3)) == 0);
    check(weft_group_spawn(&group, sees_what_was_set, NULL) == 0);
    check(weft_group_exit(&group, 0) == 0);
    check(weft_var_get(var) == value(3));
    return unused;
}

Test(nursery_children, have_contexts_of_their_own, .timeout = 60)
{
    cr_assert_eq(weft_var_new("var", value(1), NULL, &var), 0);
    weft_test_sweep(contexts, SEEDS);
    weft_var_free(var);
}

/* Telling that one has started: by a future made by hand */

static weft_time started;

static void *starts_slowly(void *ready)
{
    check(weft_sleep(WEFT_S(1)) == 0);
    check(weft_future_set_result(ready, value(7)) == 0);
    check(weft_future_set_result(ready, value(8)) == -WEFT_EALREADY);
    weft_future_unref(ready);
    return weft_fail(weft_sleep(WEFT_S(1)));
}

static void *wait_for_start(void *unused)
{
    weft_group group;
    void *answer = NULL;
    started = weft_now();
    weft_group_enter(&group, NULL);
    weft_future *ready = weft_future_new();
    int rc = weft_group_spawn(&group, starts_slowly, weft_future_ref(ready));
    check(rc == 0 && weft_await(ready, &answer) == 0);
    check(weft_test_took(started, WEFT_S(1)) && answer == value(7));
    check(weft_group_exit(&group, rc) == 0);
    check(weft_test_took(started, WEFT_S(2)));
    return unused;
}

static void *fails_to_start(void *ready)
{
    weft_future_set_error(ready, -EIO);
    weft_future_unref(ready);
    return NULL;
}

static void *wait_for_failed_start(void *unused)
{
    weft_group group;
    weft_group_enter(&group, NULL);
    weft_future *ready = weft_future_new();
    int rc = weft_group_spawn(&group, fails_to_start, weft_future_ref(ready));
    check(rc == 0 && weft_await(ready, NULL) == -EIO);
    check(weft_group_exit(&group, rc) == 0);
    return unused;
}

static void *cancelled_while_starting(void *unused)
{
    weft_scope scope;
    weft_group group;
    weft_group_enter(&group, NULL);
    weft_future *ready = weft_future_new();
    check(weft_group_spawn(&group, starts_slowly, weft_future_ref(ready)) == 0);
    weft_timeout_enter(&scope, WEFT_MS(500));
    int rc = weft_timeout_exit(&scope, weft_await(ready, NULL));
    check(rc == -WEFT_ETIMEOUT);
    check(weft_group_exit(&group, 0) == 0); /* the child goes on */
    return unused;
}

Test(nursery_children, tell_that_they_have_started, .timeout = 60)
{
    weft_test_sweep(wait_for_start, SEEDS);
    weft_test_sweep(wait_for_failed_start, SEEDS);
    weft_test_sweep(cancelled_while_starting, SEEDS);
}

/* At random: whatever fails, nothing outlives its group */

static int alive;

static void *random_child(void *depth)
{
    uintptr_t rest = (uintptr_t)depth;
    weft_group group;
    alive++;
    int rc = weft_test_roll(2) ? weft_sleep(WEFT_US(weft_test_roll(30))) : 0;
    weft_group_enter(&group, NULL);
    for (uint64_t n = rest ? weft_test_roll(4) : 0; n > 0 && rc == 0; n--)
        rc = weft_group_spawn(&group, random_child, value(rest - 1));
    if (weft_test_roll(8) == 0)
        weft_group_cancel(&group);
    rc = weft_group_exit(&group, rc);
    alive--;
    return weft_fail(rc == 0 && weft_test_roll(8) == 0 ? -EPIPE : rc);
}

static void *random_tree(void *unused)
{
    weft_group group;
    alive = 0;
    weft_group_enter(&group, NULL);
    for (int i = 0; i < 4; i++)
        if (weft_group_spawn(&group, random_child, value(3)) < 0)
            break;
    int rc = weft_group_exit(&group, 0);
    check(alive == 0);
    check(rc == 0 || rc == -EPIPE || rc == -WEFT_ECANCELED);
    check(!weft_cancelled());
    return unused;
}

Test(nursery_children, never_outlive_it, .timeout = 120)
{
    weft_test_sweep(random_tree, 2 * RACES);
}

/* In the wrong order, or never: it says so and aborts */

static void *never_ended(void *unused)
{
    weft_group *group = malloc(sizeof(*group));
    weft_group_enter(group, NULL);
    return unused;
}

static void *never_ended_in_child(void *unused)
{
    weft_group group;
    weft_group_enter(&group, NULL);
    int rc = weft_group_spawn(&group, never_ended, NULL);
    weft_group_exit(&group, rc);
    return unused;
}

static void *outer_first(void *unused)
{
    weft_group outer, inner;
    weft_group_enter(&outer, NULL);
    weft_group_enter(&inner, NULL);
    weft_group_exit(&outer, 0);
    return unused;
}

static void *end_foreign_group(void *group)
{
    weft_group_exit(group, 0);
    return NULL;
}

static void *ended_by_a_child(void *unused)
{
    weft_group group;
    weft_group_enter(&group, NULL);
    int rc = weft_group_spawn(&group, end_foreign_group, &group);
    weft_group_exit(&group, rc);
    return unused;
}

static int run_mistake(void *fn)
{
    return weft_test_run(2, *(weft_fn **)fn, NULL) == 0 ? 0 : 1;
}

Test(nursery_children, mistakes_abort_with_a_sentence, .timeout = 120)
{
    weft_fn *mistakes[] = {never_ended, never_ended_in_child, outer_first,
                           ended_by_a_child};
    static struct weft_test_child child;
    if (WEFT_TEST_NO_CHILDREN)
        cr_skip("no children under ThreadSanitizer");
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        cr_assert(weft_test_child_run(&child, run_mistake, &mistakes[i]));
        cr_expect_eq(weft_test_child_exit(&child), -1 - SIGABRT, "mistake %zu",
                     i);
        cr_expect(weft_test_child_said(&child, "group") ||
                      weft_test_child_said(&child, "scope"),
                  "mistake %zu: %s", i, child.err);
    }
}
