// SPDX-License-Identifier: MIT
/*
 * Shielding work from a cancellation, both ways: a reference of one's own (who
 * waits for what is shared merely stops waiting), and a shield around the code
 * that must not be disturbed. What each test stands for says conformance.md.
 */
#include <weft.h>

#include <errno.h>

#include "tests/support/run.h"
#include "tests/support/seeds.h"
#include "tests/support/test.h"

#define value(n) weft_test_value(n)
#define SEEDS 1000

/* Long enough, in virtual time, for everybody who can run to have run. */
static void settle(void)
{
    check_eq(weft_sleep(WEFT_MS(1)), 0);
}

/* Await in a shield: the outcome of the inner one is that of the block. */
static void *await_shielded(void *future)
{
    weft_scope shield;
    void *result = NULL;
    weft_shield_enter(&shield, WEFT_S(100));
    int rc = weft_await(future, &result);
    rc = weft_shield_exit(&shield, rc);
    return rc < 0 ? weft_fail(rc) : result;
}

static void *await_plainly(void *future)
{
    void *result = NULL;
    int rc = weft_await(future, &result);
    return rc < 0 ? weft_fail(rc) : result;
}

/* Outcomes come through, whichever way. */

static void *outcomes(void *unused)
{
    weft_fn *const ways[] = {await_shielded, await_plainly};
    weft_fn *way = ways[weft_test_draw(2)];
    void *result = NULL;
    (void)unused;
    for (int kind = 0; kind < 3; kind++) {
        weft_future *inner = weft_future_new();
        weft_future *outer = weft_spawn(way, weft_future_ref(inner));
        if (weft_test_draw(2))
            settle();
        check_eq(kind == 0   ? weft_future_set_result(inner, value(42))
                 : kind == 1 ? weft_future_set_error(inner, -EPIPE)
                             : weft_cancel(inner),
                 0);
        check_eq(weft_await(outer, &result), kind == 0   ? 0
                                             : kind == 1 ? -EPIPE
                                                         : -WEFT_ECANCELED);
        check_eq(result, kind == 0 ? value(42) : NULL);
        (void)weft_await(inner, NULL);
    }
    return NULL;
}

Test(shielding, hands_on_value_error_and_cancellation, .timeout = 120)
{
    weft_test_seeds(SEEDS, outcomes);
}

/* What is done already costs no turn: with one worker, nobody else runs. */

static int noted;

static void *note(void *n)
{
    noted += (int)(uintptr_t)n;
    return NULL;
}

static void *shield_what_is_done(void *unused)
{
    noted = 0;
    weft_future *inner = weft_future_new();
    (void)unused;
    check_eq(weft_future_set_result(inner, value(42)), 0);
    weft_future *soon = weft_call_soon(note, value(1));
    check_eq(await_shielded(inner), value(42));
    check_eq(noted, 0);
    check_eq(weft_await(soon, NULL), 0);
    check_eq(noted, 1);
    return NULL;
}

Test(shielding, what_is_done_does_not_suspend, .timeout = 60)
{
    struct weft_sim_report report;
    cr_assert_eq(weft_sim_run(1, 1, shield_what_is_done, NULL, &report), 0);
    cr_assert_eq(report.code, 0);
    cr_assert_eq(atomic_load(&weft_test_wrong), 0);
}

/* The one who waits is cancelled, what it waits for is not. */

static void *cancel_outer(void *unused)
{
    weft_future *inner = weft_future_new();
    weft_future *outer = weft_spawn(await_plainly, weft_future_ref(inner));
    (void)unused;
    settle();
    check_eq(weft_cancel(outer), 0);
    settle();
    check_eq(weft_future_state(outer), WEFT_FUTURE_CANCELLED);
    check_eq(weft_await(outer, NULL), -WEFT_ECANCELED);
    check_eq(weft_future_state(inner), WEFT_FUTURE_PENDING);
    /* Nobody is registered any more. */
    check_eq(weft_future_set_result(inner, value(1)), 0);
    settle();
    weft_future_unref(inner);
    return NULL;
}

Test(shielding, a_cancelled_waiter_lets_go, .timeout = 120)
{
    weft_test_seeds(SEEDS, cancel_outer);
}

static int proof;

static void *inner_work(void *made)
{
    int rc = weft_await(made, NULL);
    proof += rc == 0;
    return weft_fail(rc);
}

static void *outer_work(void *inner)
{
    int rc = weft_await(inner, NULL);
    proof += rc == 0 ? 100 : 0;
    return weft_fail(rc);
}

static void *shared_work_goes_on(void *unused)
{
    proof = 0;
    weft_future *made = weft_future_new();
    weft_future *inner = weft_spawn(inner_work, weft_future_ref(made));
    weft_future *outer = weft_spawn(outer_work, weft_future_ref(inner));
    (void)unused;
    settle();
    check_eq(weft_cancel(outer), 0);
    check_eq(weft_await(outer, NULL), -WEFT_ECANCELED);
    check_eq(weft_future_state(inner), WEFT_FUTURE_PENDING);
    check_eq(weft_future_set_result(made, NULL), 0);
    check_eq(weft_await(inner, NULL), 0);
    check_eq(proof, 1);
    weft_future_unref(made);
    return NULL;
}

Test(shielding, shared_work_goes_on_without_its_waiter, .timeout = 120)
{
    weft_test_seeds(SEEDS, shared_work_goes_on);
}

/* In a shield nothing is felt; after it, the next call fails. */
static void *shielded_block(void *made)
{
    weft_scope shield;
    weft_shield_enter(&shield, WEFT_S(100));
    int rc = weft_await(weft_spawn(inner_work, made), NULL);
    check(!weft_cancelled());
    check_eq(weft_yield(), 0);
    proof += 10;
    check_eq(weft_shield_exit(&shield, rc), 0);
    check(weft_cancelled());
    return weft_fail(weft_yield());
}

static void *cancel_a_shielded_block(void *unused)
{
    proof = 0;
    weft_future *made = weft_future_new();
    weft_future *outer = weft_spawn(shielded_block, weft_future_ref(made));
    (void)unused;
    settle();
    check_eq(weft_cancel(outer), 0);
    settle();
    check_eq(weft_future_state(outer), WEFT_FUTURE_PENDING);
    check_eq(proof, 0);
    check_eq(weft_future_set_result(made, NULL), 0);
    check_eq(weft_await(outer, NULL), -WEFT_ECANCELED);
    check_eq(proof, 11);
    weft_future_unref(made);
    return NULL;
}

Test(shielding, a_block_feels_it_only_afterwards, .timeout = 120)
{
    weft_test_seeds(SEEDS, cancel_a_shielded_block);
}

/* Together with gather */

struct pair {
    weft_future *child[2];
    void *result[2];
};

static void *gather_pair(void *arg)
{
    struct pair *pair = arg;
    weft_future *both[] = {weft_future_ref(pair->child[0]),
                           weft_future_ref(pair->child[1])};
    return weft_fail(weft_gather(both, 2, pair->result));
}

static void *gather_goes_on(void *unused)
{
    struct pair pair = {{weft_future_new(), weft_future_new()}, {0}};
    weft_future *parent = weft_spawn(gather_pair, &pair);
    weft_future *outer = weft_spawn(outer_work, weft_future_ref(parent));
    (void)unused;
    settle();
    check_eq(weft_cancel(outer), 0);
    check_eq(weft_await(outer, NULL), -WEFT_ECANCELED);
    check_eq(weft_future_state(parent), WEFT_FUTURE_PENDING);
    for (int i = 0; i < 2; i++)
        check_eq(weft_future_set_result(pair.child[i], value(i + 1)), 0);
    check_eq(weft_await(parent, NULL), 0);
    for (int i = 0; i < 2; i++) {
        check_eq(pair.result[i], value(i + 1));
        weft_future_unref(pair.child[i]);
    }
    return NULL;
}

Test(shielding, a_shared_gather_goes_on, .timeout = 120)
{
    weft_test_seeds(SEEDS, gather_goes_on);
}

static void *gather_is_cancelled(void *unused)
{
    struct pair pair;
    weft_future *made = weft_future_new();
    proof = 0;
    (void)unused;
    for (int i = 0; i < 2; i++)
        pair.child[i] = weft_spawn(inner_work, weft_future_ref(made));
    weft_future *parent = weft_spawn(gather_pair, &pair);
    settle();
    check_eq(weft_cancel(parent), 0);
    check_eq(weft_await(parent, NULL), -WEFT_ECANCELED);
    for (int i = 0; i < 2; i++)
        check_eq(weft_future_state(pair.child[i]), WEFT_FUTURE_PENDING);
    check_eq(weft_future_set_result(made, NULL), 0);
    for (int i = 0; i < 2; i++)
        check_eq(weft_await(pair.child[i], NULL), 0);
    check_eq(proof, 2);
    weft_future_unref(made);
    return NULL;
}

Test(shielding, a_cancelled_gather_leaves_the_shared_alone, .timeout = 120)
{
    weft_test_seeds(SEEDS, gather_is_cancelled);
}

/* Where there is no coroutine */

static void *shield_a_spawn(void *n)
{
    return await_shielded(weft_spawn(weft_test_echo, n));
}

static void *shield_in_a_task(void *unused)
{
    void *result = NULL;
    (void)unused;
    check_eq(weft_await(weft_spawn(shield_a_spawn, value(42)), &result), 0);
    check_eq(result, value(42));
    return NULL;
}

Test(shielding, is_for_coroutines, .timeout = 60)
{
    weft_scope shield;
    weft_shield_enter(&shield, WEFT_S(1));
    int rc = weft_await(weft_spawn(weft_test_echo, NULL), NULL);
    cr_assert_eq(weft_shield_exit(&shield, rc), -WEFT_ENORUNTIME);
    weft_test_seeds(SEEDS, shield_in_a_task);
}
