// SPDX-License-Identifier: MIT
/*
 * Spawning into a group: from children, after a failure, before and after the
 * group's life; what the children are called and what they inherit. With
 * group.c: the cases that CPython has for its TaskGroup; see conformance.md.
 */
#include <weft/group.h>

#include <errno.h>
#include <string.h>
#include <weft/context.h>
#include <weft/future.h>
#include <weft/inspect.h>
#include <weft/scope.h>
#include <weft/task.h>
#include <weft/time.h>

#include "tests/support/seeds.h"
#include "tests/support/test.h"

#define SEEDS 1000
#define SHORT WEFT_MS(1)

struct child {
    weft_ns nap;
    int code;
    int woke;
    atomic_int started;
    bool ended;
};

static void *child(void *arg)
{
    struct child *self = arg;
    atomic_store(&self->started, 1);
    self->woke = weft_sleep(self->nap);
    self->ended = true;
    return weft_fail(self->woke < 0 ? self->woke : self->code);
}

static void start(weft_group *group, struct child *children, size_t n)
{
    for (size_t i = 0; i < n; i++)
        check_eq(weft_group_spawn(group, child, &children[i]), 0);
}

/* Children that spawn siblings */

struct branch {
    weft_group *group;
    struct child leaves[2];
};

static void *branches(void *arg)
{
    struct branch *self = arg;
    int rc = weft_sleep(SHORT);
    if (rc == 0)
        start(self->group, self->leaves, 2);
    return weft_fail(rc);
}

static void *grows(void *unused)
{
    weft_group group;
    struct branch branch = {&group, {{.nap = SHORT}, {.nap = 2 * SHORT}}};
    weft_group_enter(&group, NULL);
    check_eq(weft_group_spawn(&group, branches, &branch), 0);
    check_eq(weft_group_exit(&group, 0), 0);
    check(branch.leaves[0].ended && branch.leaves[0].woke == 0);
    check(branch.leaves[1].ended && branch.leaves[1].woke == 0);
    return unused;
}

Test(group_spawn, children_may_spawn_siblings, .timeout = 60)
{
    weft_test_everywhere(SEEDS, grows);
}

struct hydra {
    weft_group *group;
    atomic_int heads, ends, refused;
};

/* Two more for each that ends. */
static void *head(void *arg)
{
    struct hydra *hydra = arg;
    atomic_fetch_add(&hydra->heads, 1);
    int rc = weft_sleep(SHORT);
    for (int i = 0; i < 2; i++) {
        int refused = weft_group_spawn(hydra->group, head, hydra);
        check(refused == 0 || refused == -WEFT_ECANCELED);
        atomic_fetch_add(&hydra->refused, refused != 0);
    }
    atomic_fetch_add(&hydra->ends, 1);
    return weft_fail(rc);
}

static void *hero(void *arg)
{
    struct hydra *hydra = arg;
    while (atomic_load(&hydra->heads) < 10)
        check_eq(weft_sleep(SHORT), 0);
    return weft_fail(-EDOM);
}

static void *fight(void *unused)
{
    weft_group group;
    struct hydra hydra = {.group = &group};
    weft_group_enter(&group, NULL);
    check_eq(weft_group_spawn(&group, head, &hydra), 0);
    check_eq(weft_group_spawn(&group, hero, &hydra), 0);
    check_eq(weft_group_exit(&group, 0), -EDOM);
    check(atomic_load(&hydra.heads) >= 10);
    check_eq(atomic_load(&hydra.ends), atomic_load(&hydra.heads));
    check(atomic_load(&hydra.refused) > 0);
    return unused;
}

Test(group_spawn, a_failure_ends_a_family_that_only_grows, .timeout = 120)
{
    weft_test_seeds(SEEDS, fight);
}

static void *spawns_in_vain(void *arg)
{
    struct branch *self = arg;
    int rc = weft_sleep(WEFT_FOREVER);
    check_eq(rc, -WEFT_ECANCELED);
    check_eq(weft_group_spawn(self->group, child, &self->leaves[0]),
             -WEFT_ECANCELED);
    return weft_fail(rc);
}

/* Not even behind a shield, where the task itself is not cancelled. */
static void spawn_shielded(weft_group *group, struct child *late)
{
    weft_scope shield;
    check_eq(weft_sleep(WEFT_FOREVER), -WEFT_ECANCELED);
    weft_shield_enter(&shield, WEFT_S(100));
    check_eq(weft_yield(), 0);
    check_eq(weft_group_spawn(group, child, late), -WEFT_ECANCELED);
    weft_shield_exit(&shield, 0);
}

static void *fails_while_spawning(void *unused)
{
    weft_group group;
    struct child bad = {.nap = SHORT, .code = -EDOM};
    struct branch late = {.group = &group};
    weft_group_enter(&group, NULL);
    start(&group, &bad, 1);
    check_eq(weft_group_spawn(&group, spawns_in_vain, &late), 0);
    spawn_shielded(&group, &late.leaves[1]);
    check_eq(weft_group_exit(&group, 0), -EDOM);
    check(!atomic_load(&late.leaves[0].started));
    check(!atomic_load(&late.leaves[1].started));
    return unused;
}

Test(group_spawn, refuses_children_after_a_failure, .timeout = 60)
{
    weft_test_everywhere(SEEDS, fails_while_spawning);
}

/* An owner that spawns for ever keeps nothing of those that have ended. */

static void count_one(const weft_task_info *info, void *arg)
{
    *(size_t *)arg += info->state != WEFT_TASK_ENDED;
}

static size_t alive(void)
{
    size_t count = 0;
    weft_all_tasks(weft_running_loop(), count_one, &count);
    return count;
}

static void *spawns_steadily(void *unused)
{
    struct child children[10];
    weft_group group;
    size_t before = alive();
    weft_group_enter(&group, NULL);
    for (int i = 0; i < 10; i++) {
        children[i] = (struct child){.nap = WEFT_MS(300)};
        check_eq(weft_sleep(WEFT_MS(100)), 0);
        start(&group, &children[i], 1);
        check(alive() - before <= 4);
    }
    check_eq(weft_sleep(WEFT_MS(1350)), 0);
    check_eq(alive(), before);
    check_eq(weft_group_exit(&group, 0), 0);
    return unused;
}

Test(group_spawn, forgets_those_that_have_ended, .timeout = 60)
{
    weft_test_seeds(SEEDS / 4, spawns_steadily);
}

/* Names and contexts */

static void *reads_its_name(void *name)
{
    check(strcmp(weft_task_name(weft_current()), name) == 0);
    return NULL;
}

static void *names(void *unused)
{
    static const char name[] = "shuttle";
    weft_group group;
    weft_group_enter(&group, NULL);
    check_eq(weft_group_spawn_named(&group, name, reads_its_name, (void *)name),
             0);
    check_eq(weft_group_exit(&group, 0), 0);
    return unused;
}

Test(group_spawn, names_its_children, .timeout = 60)
{
    weft_test_everywhere(SEEDS / 10, names);
}

static void *reads_and_sets(void *var)
{
    void *value = weft_var_get(var);
    check_eq(weft_var_set(var, &value), 0);
    return value;
}

/* The value is what was given; what a child sets, its siblings do not see. */
static void contexts_in_a_group(weft_var *var, weft_spawn_options *options)
{
    weft_group group;
    weft_group_enter(&group, NULL);
    for (int i = 0; i < 2; i++) {
        void *value = NULL;
        weft_future *task = weft_spawn_with(options, reads_and_sets, var);
        check_eq(weft_await(task, &value), 0);
        check_eq(value, 2);
    }
    check_eq(weft_group_exit(&group, 0), 0);
}

static void *contexts(void *unused)
{
    weft_var *var;
    check_eq(weft_var_new("thread", (void *)1, NULL, &var), 0);
    check_eq(weft_var_set(var, (void *)2), 0);
    weft_spawn_options options = {.size = sizeof(options),
                                  .context = weft_context_copy()};
    check_eq(weft_var_set(var, (void *)3), 0);
    contexts_in_a_group(var, &options);
    check_eq(weft_var_get(var), 3);
    weft_context_unref(options.context);
    weft_var_free(var);
    return unused;
}

Test(group_spawn, a_context_given_stays_as_it_is, .timeout = 60)
{
    weft_test_everywhere(SEEDS / 10, contexts);
}

/* Before, after and outside */

static void *again(void *unused)
{
    struct child refused = {.nap = WEFT_FOREVER};
    weft_group group;
    for (int i = 0; i < 2; i++) {
        struct child good = {.nap = SHORT};
        weft_group_enter(&group, NULL);
        start(&group, &good, 1);
        check_eq(weft_group_exit(&group, 0), 0);
        check(good.ended);
        check_eq(weft_group_spawn(&group, child, &refused), -WEFT_EALREADY);
    }
    check(!atomic_load(&refused.started));
    return unused;
}

Test(group_spawn, takes_nobody_after_its_exit_until_entered_again,
     .timeout = 60)
{
    weft_test_everywhere(SEEDS / 10, again);
}

Test(group_spawn, needs_a_coroutine)
{
    struct child refused = {.nap = WEFT_FOREVER};
    weft_group group;
    weft_group_enter(&group, NULL);
    cr_expect_eq(weft_group_spawn(&group, child, &refused), -WEFT_ENORUNTIME);
    cr_expect_eq(weft_group_exit(&group, 0), -WEFT_ENORUNTIME);
    cr_expect_eq(atomic_load(&refused.started), 0);
}
