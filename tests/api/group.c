// SPDX-License-Identifier: MIT
/*
 * What a group promises, case by case: who is waited for, who is cancelled by
 * whose failure, and what the exit says. The cases are those that CPython has
 * for its TaskGroup; see conformance.md. Who may spawn, and what: group_spawn.c.
 */
#include <weft/group.h>

#include <errno.h>
#include <weft/error.h>
#include <weft/future.h>
#include <weft/scope.h>
#include <weft/task.h>
#include <weft/time.h>

#include "tests/support/seeds.h"
#include "tests/support/test.h"

#define SEEDS 1000
#define SHORT WEFT_MS(1)

/* Sleeps, notes what came of it, and ends as it was told. */
struct child {
    weft_ns nap;
    int code;  /* what it ends with, */
    int dying; /* and what when it was cancelled; 0: as it is */
    int woke;  /* what its sleep said */
    int of;    /* the code behind the reason */
    enum weft_reason reason;
    atomic_int started;
    bool ended;
};

static void *child(void *arg)
{
    struct child *self = arg;
    atomic_store(&self->started, 1);
    self->woke = weft_sleep(self->nap);
    self->reason = weft_cancel_reason(&self->of);
    self->ended = true;
    if (self->woke < 0)
        return weft_fail(self->dying < 0 ? self->dying : self->woke);
    return weft_fail(self->code);
}

static const struct child sleeper = {.nap = WEFT_FOREVER};
static const struct child grim = {.nap = WEFT_FOREVER, .dying = -EDOM};
static const struct child failing = {.nap = SHORT, .code = -EDOM};

static void start(weft_group *group, struct child *children, size_t n)
{
    for (size_t i = 0; i < n; i++)
        check_eq(weft_group_spawn(group, child, &children[i]), 0);
}

/* Whether all were cancelled, and have ended. */
static bool cancelled(const struct child *children, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += children[i].ended && children[i].woke == -WEFT_ECANCELED;
    return count == n;
}

/* Whether the present task is free to go on after a group. */
static bool unharmed(void)
{
    return !weft_cancelled() && weft_yield() == 0;
}

static size_t errors_with(int code)
{
    size_t count = 0;
    for (const weft_error *e = weft_last_error(); e != NULL; e = e->other)
        count += e->code == code;
    return count;
}

/* The children end first */

static void *waits_for_all(void *unused)
{
    struct child two[] = {{.nap = WEFT_MS(1)}, {.nap = WEFT_MS(2)}};
    weft_group group;
    weft_time begin = weft_now();
    weft_group_enter(&group, NULL);
    start(&group, two, 2);
    check_eq(weft_group_exit(&group, 7), 7);
    check(two[0].ended && two[0].woke == 0);
    check(two[1].ended && two[1].woke == 0);
    check(weft_now() - begin >= WEFT_MS(2));
    return unused;
}

Test(group, ends_after_its_children, .timeout = 60)
{
    weft_test_everywhere(SEEDS, waits_for_all);
}

static void *spawns_late(void *unused)
{
    struct child two[] = {{.nap = WEFT_MS(1)}, {.nap = WEFT_MS(2)}};
    weft_group group;
    weft_group_enter(&group, NULL);
    start(&group, &two[0], 1);
    check_eq(weft_sleep(weft_test_draw(3) * SHORT), 0);
    start(&group, &two[1], 1);
    check_eq(weft_group_exit(&group, 0), 0);
    check(two[0].ended && two[0].woke == 0);
    check(two[1].ended && two[1].woke == 0);
    return unused;
}

Test(group, takes_children_at_any_time, .timeout = 60)
{
    weft_test_everywhere(SEEDS, spawns_late);
}

static void *cancels_one(void *unused)
{
    struct child one = sleeper, other = {.nap = WEFT_MS(2)};
    weft_group group;
    weft_group_enter(&group, NULL);
    weft_future *task = weft_spawn(child, &one);
    check_eq(weft_sleep(SHORT), 0);
    check_eq(weft_cancel(task), 0);
    start(&group, &other, 1);
    check_eq(weft_group_exit(&group, 0), 0);
    check(cancelled(&one, 1));
    check(other.ended && other.woke == 0);
    check_eq(weft_future_state(task), WEFT_FUTURE_CANCELLED);
    check_eq(weft_await(task, NULL), -WEFT_ECANCELED);
    return unused;
}

Test(group, a_child_cancelled_alone_is_no_failure, .timeout = 60)
{
    weft_test_everywhere(SEEDS, cancels_one);
}

/* A child fails */

static void *one_fails(void *unused)
{
    struct child bad = failing, good = sleeper;
    weft_group group;
    weft_group_enter(&group, NULL);
    start(&group, &bad, 1);
    start(&group, &good, 1);
    check_eq(weft_group_exit(&group, 0), -EDOM);
    check(cancelled(&good, 1));
    check_eq(good.reason, WEFT_REASON_SIBLING);
    check_eq(good.of, -EDOM);
    check_eq(errors_with(-EDOM), 1);
    check(unharmed());
    return unused;
}

Test(group, a_failure_cancels_the_siblings, .timeout = 60)
{
    weft_test_everywhere(SEEDS, one_fails);
}

static void *several_fail(void *unused)
{
    struct child bad[] = {failing, failing, failing}, good = sleeper;
    weft_group group;
    weft_group_enter(&group, NULL);
    start(&group, bad, 3);
    start(&group, &good, 1);
    int rc = weft_sleep(WEFT_FOREVER);
    check_eq(rc, -WEFT_ECANCELED);
    check_eq(weft_cancel_reason(NULL), WEFT_REASON_SIBLING);
    check_eq(weft_group_exit(&group, rc), -EDOM);
    check(cancelled(&good, 1));
    size_t failed = 0;
    for (int i = 0; i < 3; i++)
        failed += bad[i].woke == 0; /* the others came too late to fail */
    check_eq(errors_with(-EDOM), failed);
    check(failed >= 1);
    check(unharmed());
    return unused;
}

Test(group, a_failure_cancels_the_body, .timeout = 60)
{
    weft_test_everywhere(SEEDS, several_fail);
}

/* Cancelled from outside */

struct owner {
    struct child *children;
    size_t n;
    atomic_int ready;
    bool in_body; /* sleeps in the body, or goes to the exit at once */
    int woke;
};

static void *owner(void *arg)
{
    struct owner *self = arg;
    weft_group group;
    weft_group_enter(&group, NULL);
    start(&group, self->children, self->n);
    atomic_store(&self->ready, 1);
    if (self->in_body)
        self->woke = weft_sleep(WEFT_FOREVER);
    return weft_fail(weft_group_exit(&group, self->woke));
}

/* Start it, let it come as far as it does, cancel it. */
static int cancel_owner(struct owner *self)
{
    weft_future *task = weft_spawn(owner, self);
    for (unsigned turns = weft_test_draw(30); turns > 0; turns--)
        check_eq(weft_yield(), 0);
    while (!atomic_load(&self->ready))
        check_eq(weft_yield(), 0);
    check_eq(weft_future_state(task), WEFT_FUTURE_PENDING);
    check_eq(weft_cancel(task), 0);
    return weft_await(task, NULL);
}

static void *cancel_at_the_exit(void *unused)
{
    struct child five[] = {sleeper, sleeper, sleeper, sleeper, sleeper};
    struct owner self = {.children = five, .n = 5};
    check_eq(cancel_owner(&self), -WEFT_ECANCELED);
    check(cancelled(five, 5));
    return unused;
}

Test(group, a_cancelled_exit_cancels_the_children, .timeout = 60)
{
    weft_test_everywhere(SEEDS, cancel_at_the_exit);
}

static void *cancel_in_the_body(void *unused)
{
    struct child five[] = {sleeper, sleeper, sleeper, sleeper, sleeper};
    struct owner self = {.children = five, .n = 5, .in_body = true};
    check_eq(cancel_owner(&self), -WEFT_ECANCELED);
    check_eq(self.woke, -WEFT_ECANCELED);
    check(cancelled(five, 5));
    return unused;
}

Test(group, a_cancelled_body_cancels_the_children, .timeout = 60)
{
    weft_test_everywhere(SEEDS, cancel_in_the_body);
}

static void *cancel_grim_ones(void *unused)
{
    struct child five[] = {grim, grim, grim, grim, grim};
    struct owner self = {.children = five, .n = 5, .in_body = true};
    check_eq(cancel_owner(&self), -EDOM);
    check(cancelled(five, 5));
    return unused;
}

Test(group, a_failure_in_dying_outweighs_the_cancellation, .timeout = 60)
{
    weft_test_everywhere(SEEDS, cancel_grim_ones);
}

static void *cancel_an_empty_one(void *unused)
{
    struct owner self = {.in_body = true};
    check_eq(cancel_owner(&self), -WEFT_ECANCELED);
    check_eq(self.woke, -WEFT_ECANCELED);
    return unused;
}

Test(group, an_empty_group_passes_the_cancellation_on, .timeout = 60)
{
    weft_test_everywhere(SEEDS, cancel_an_empty_one);
}

/* What an owner may do with its cancellation: fail otherwise. */
static void *turns_it_into_a_failure(void *ready)
{
    weft_group group;
    weft_group_enter(&group, NULL);
    atomic_store((atomic_int *)ready, 1);
    check_eq(weft_sleep(WEFT_FOREVER), -WEFT_ECANCELED);
    return weft_fail(weft_group_exit(&group, -EPROTO));
}

static void *cancel_a_stubborn_body(void *unused)
{
    atomic_int ready = 0;
    weft_future *task = weft_spawn(turns_it_into_a_failure, &ready);
    while (!atomic_load(&ready))
        check_eq(weft_yield(), 0);
    check_eq(weft_cancel(task), 0);
    check_eq(weft_await(task, NULL), -EPROTO);
    return unused;
}

Test(group, the_body_may_fail_instead, .timeout = 60)
{
    weft_test_everywhere(SEEDS, cancel_a_stubborn_body);
}

/* The body fails */

static void *body_fails(void *unused)
{
    struct child two[] = {sleeper, sleeper};
    weft_group group;
    weft_group_enter(&group, NULL);
    start(&group, two, 2);
    if (weft_test_draw(2))
        check_eq(weft_sleep(SHORT), 0);
    check_eq(weft_group_exit(&group, -EDOM), -EDOM);
    check(cancelled(two, 2));
    check(unharmed());
    return unused;
}

Test(group, a_failure_of_the_body_cancels_the_children, .timeout = 60)
{
    weft_test_everywhere(SEEDS, body_fails);
}

/* It awaited somebody who was cancelled, and leaves with that. */
static void *body_says_cancelled(void *unused)
{
    struct child two[] = {sleeper, sleeper};
    weft_future *made = weft_future_new();
    weft_group group;
    weft_group_enter(&group, NULL);
    start(&group, two, 2);
    check_eq(weft_cancel(made), 0);
    check_eq(weft_group_exit(&group, weft_await(made, NULL)), -WEFT_ECANCELED);
    check(cancelled(two, 2));
    check(unharmed());
    return unused;
}

Test(group, a_body_that_gives_up_cancels_the_children, .timeout = 60)
{
    weft_test_everywhere(SEEDS, body_says_cancelled);
}

static void *body_fails_in_cleaning_up(void *unused)
{
    struct child bad = {.nap = SHORT, .code = -ERANGE};
    weft_group group;
    weft_group_enter(&group, NULL);
    start(&group, &bad, 1);
    check_eq(weft_sleep(WEFT_FOREVER), -WEFT_ECANCELED);
    check_eq(weft_group_exit(&group, -EPROTO), -ERANGE);
    check_eq(errors_with(-ERANGE), 1);
    check_eq(errors_with(-EPROTO), 1);
    check(unharmed());
    return unused;
}

Test(group, two_failures_are_both_told, .timeout = 60)
{
    weft_test_everywhere(SEEDS, body_fails_in_cleaning_up);
}

/* Groups in groups */

struct nest {
    struct child *outer, *inner;
    size_t n_outer, n_inner;
    atomic_int ready;
    int woke, first, second; /* the body, the inner and the outer exit */
};

static void *nest(void *arg)
{
    struct nest *self = arg;
    weft_group outer, inner;
    weft_group_enter(&outer, NULL);
    start(&outer, self->outer, self->n_outer);
    weft_group_enter(&inner, NULL);
    start(&inner, self->inner, self->n_inner);
    atomic_store(&self->ready, 1);
    self->woke = weft_sleep(WEFT_FOREVER);
    self->first = weft_group_exit(&inner, self->woke);
    self->second = weft_group_exit(&outer, self->first);
    return weft_fail(self->second);
}

static void *cancel_a_nest(void *unused)
{
    struct child five[] = {grim, grim, grim, grim, grim}, one = sleeper;
    size_t outer = weft_test_draw(2);
    struct nest self = {
        .outer = &one, .n_outer = outer, .inner = five, .n_inner = 5};
    weft_future *task = weft_spawn(nest, &self);
    while (!atomic_load(&self.ready) || weft_test_draw(3) == 0)
        check_eq(weft_yield(), 0);
    check_eq(weft_cancel(task), 0);
    check_eq(weft_await(task, NULL), -EDOM);
    check_eq(self.woke, -WEFT_ECANCELED);
    check_eq(self.first, -EDOM);
    check(cancelled(five, 5));
    check(cancelled(&one, outer));
    return unused;
}

Test(group, failures_in_dying_come_out_of_nested_groups, .timeout = 60)
{
    weft_test_everywhere(SEEDS, cancel_a_nest);
}

static void *outer_child_fails(void *unused)
{
    struct child bad = failing, good = sleeper;
    struct nest self = {
        .outer = &bad, .n_outer = 1, .inner = &good, .n_inner = 1};
    check_eq(weft_await(weft_spawn(nest, &self), NULL), -EDOM);
    check_eq(self.woke, -WEFT_ECANCELED);
    check_eq(self.first, -WEFT_ECANCELED);
    check(cancelled(&good, 1));
    return unused;
}

Test(group, a_failure_reaches_the_groups_inside, .timeout = 60)
{
    weft_test_everywhere(SEEDS, outer_child_fails);
}

static void *inner_child_fails(void *unused)
{
    struct child bad = failing, good = sleeper;
    struct nest self = {
        .outer = &good, .n_outer = 1, .inner = &bad, .n_inner = 1};
    check_eq(weft_await(weft_spawn(nest, &self), NULL), -EDOM);
    check_eq(self.woke, -WEFT_ECANCELED);
    check_eq(self.first, -EDOM);
    check(cancelled(&good, 1));
    return unused;
}

Test(group, a_failure_goes_out_through_the_body, .timeout = 60)
{
    weft_test_everywhere(SEEDS, inner_child_fails);
}

static void *both_fail(void *unused)
{
    struct child in = failing, out = {.nap = SHORT, .code = -ERANGE};
    weft_group outer, inner;
    weft_group_enter(&outer, NULL);
    weft_group_enter(&inner, NULL);
    start(&inner, &in, 1);
    start(&outer, &out, 1);
    int rc = weft_sleep(WEFT_FOREVER);
    check_eq(rc, -WEFT_ECANCELED);
    rc = weft_group_exit(&inner, rc);
    /* The outer one may have been so early that the inner one never failed. */
    check_eq(rc, in.woke == 0 ? -EDOM : -WEFT_ECANCELED);
    check_eq(weft_sleep(WEFT_FOREVER), -WEFT_ECANCELED);
    check_eq(weft_group_exit(&outer, 0), -ERANGE);
    check(unharmed());
    return unused;
}

Test(group, each_group_tells_its_own_failure, .timeout = 60)
{
    weft_test_everywhere(SEEDS, both_fail);
}

/* Failure and cancellation at once */

static void *fails_in_its_own_time(void *ended)
{
    weft_scope shield;
    weft_shield_enter(&shield, WEFT_S(100));
    check_eq(weft_sleep(3 * SHORT), 0);
    weft_shield_exit(&shield, 0);
    atomic_store((atomic_int *)ended, 1);
    return weft_fail(-EDOM);
}

/* Cancelled, it cleans up behind a shield, while its child fails. */
static void *slow_to_go(void *arg)
{
    atomic_int *ready = arg, ended = 0;
    weft_scope shield;
    weft_group group;
    weft_group_enter(&group, NULL);
    check_eq(weft_group_spawn(&group, fails_in_its_own_time, &ended), 0);
    atomic_store(ready, 1);
    int rc = weft_sleep(WEFT_FOREVER);
    check_eq(rc, -WEFT_ECANCELED);
    weft_shield_enter(&shield, WEFT_S(100));
    while (!atomic_load(&ended))
        check_eq(weft_sleep(SHORT), 0);
    weft_shield_exit(&shield, 0);
    return weft_fail(weft_group_exit(&group, rc));
}

static void *awaits_slow_to_go(void *arg)
{
    return weft_fail(weft_await(weft_spawn(slow_to_go, arg), NULL));
}

static void *cancel_slow_ones(void *unused)
{
    weft_fn *fn = weft_test_draw(2) ? slow_to_go : awaits_slow_to_go;
    atomic_int ready = 0;
    weft_future *task = weft_spawn(fn, &ready);
    while (!atomic_load(&ready))
        check_eq(weft_yield(), 0);
    check_eq(weft_cancel(task), 0);
    check_eq(weft_await(task, NULL), -EDOM);
    return unused;
}

Test(group, a_failure_during_the_clean_up_is_not_lost, .timeout = 60)
{
    weft_test_everywhere(SEEDS, cancel_slow_ones);
}

struct pair {
    atomic_int ready;
    int after; /* what a call after the group said */
};

static void *fails_next(void *ready)
{
    atomic_store((atomic_int *)ready, 1);
    return weft_fail(weft_yield() < 0 ? -ERANGE : -EDOM);
}

static void *group_and_more(void *arg)
{
    struct pair *pair = arg;
    weft_group group;
    weft_group_enter(&group, NULL);
    check_eq(weft_group_spawn(&group, fails_next, &pair->ready), 0);
    int rc = weft_group_exit(&group, weft_sleep(WEFT_FOREVER));
    check(rc == -EDOM || rc == -ERANGE);
    pair->after = weft_sleep(WEFT_FOREVER);
    return weft_fail(pair->after);
}

static void *fail_and_cancel(void *unused)
{
    struct pair pair = {.after = 1};
    weft_future *task = weft_spawn(group_and_more, &pair);
    while (!atomic_load(&pair.ready))
        check_eq(weft_yield(), 0);
    check_eq(weft_cancel(task), 0);
    check_eq(weft_await(task, NULL), -WEFT_ECANCELED);
    check_eq(pair.after, -WEFT_ECANCELED);
    return unused;
}

Test(group, a_failure_does_not_swallow_the_cancellation, .timeout = 60)
{
    weft_test_everywhere(SEEDS, fail_and_cancel);
}
