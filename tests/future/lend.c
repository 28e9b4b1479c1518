// SPDX-License-Identifier: MIT
/*
 * Awaiting the newest child runs it at once, on the worker that the awaiting
 * task lends it: nobody may be able to tell, but by the time it takes.
 */
#include <weft.h>

#include "tests/support/run.h"
#include "tests/support/seeds.h"
#include "tests/support/test.h"

#define SEEDS 600

/* A tree of tasks, each awaited at once; some suspend, at some point. */

static void *node(void *depth);

static long children(intptr_t depth)
{
    long sum = 0;
    for (int i = 0; i < 2; i++) {
        void *below;
        weft_future *child = weft_spawn(node, (void *)(depth - 1));
        if (weft_test_draw(8) == 0)
            check_eq(weft_yield(), 0);
        check_eq(weft_await(child, &below), 0);
        sum += (intptr_t)below;
    }
    return sum;
}

static void *node(void *depth)
{
    unsigned way = weft_test_draw(6);
    if (way == 0)
        check_eq(weft_yield(), 0);
    if (way == 1)
        check_eq(weft_sleep(WEFT_US(3)), 0);
    intptr_t sum = 1 + (depth ? children((intptr_t)depth) : 0);
    if (way == 2)
        check_eq(weft_sleep(WEFT_US(2)), 0);
    return (void *)sum;
}

static void *tree(void *unused)
{
    void *sum;
    check_eq(weft_await(weft_spawn(node, (void *)4), &sum), 0);
    check_eq((intptr_t)sum, 31);
    return unused;
}

Test(lend, trees_whose_nodes_suspend, .timeout = 60)
{
    weft_test_everywhere(SEEDS, tree);
}

/* Cancelling the lender reaches a child that suspends … */

static void *sleeps(void *said)
{
    for (unsigned i = weft_test_draw(3); i > 0; i--)
        (void)weft_yield();
    *(int *)said = weft_sleep(WEFT_S(1000));
    return weft_fail(*(int *)said);
}

static void *awaits_sleeper(void *said)
{
    return weft_fail(weft_await(weft_spawn(sleeps, said), NULL));
}

static void *cancels(void *unused)
{
    int said = 0;
    weft_future *task = weft_spawn(awaits_sleeper, &said);
    for (unsigned turns = weft_test_draw(6); turns > 0; turns--)
        (void)weft_yield();
    check_eq(weft_cancel(task), 0);
    check_eq(weft_await(task, NULL), -WEFT_ECANCELED);
    check_eq(said, -WEFT_ECANCELED);
    return unused;
}

Test(lend, cancelling_reaches_the_child, .timeout = 60)
{
    weft_test_everywhere(SEEDS, cancels);
}

/* … and one that only computes, as long as it asks. */

static atomic_int computing, asked;

/* It asks late: the others have gone to sleep for good by then. */
static void *computes(void *unused)
{
    (void)unused;
    atomic_store(&computing, 1);
    weft_test_spin_until(&asked, 1);
    for (weft_time end = weft_now() + WEFT_MS(30); weft_now() < end;)
        ;
    while (!weft_cancelled())
        ;
    return weft_fail(-WEFT_ECANCELED);
}

static void *awaits_computing(void *levels)
{
    weft_future *child = levels
                             ? weft_spawn(awaits_computing, (char *)levels - 1)
                             : weft_spawn(computes, NULL);
    return weft_fail(weft_await(child, NULL));
}

static void *cancels_computing(void *levels)
{
    weft_future *task = weft_spawn(awaits_computing, levels);
    weft_test_spin_until(&computing, 1); /* another worker has taken it */
    cr_expect_eq(weft_cancel(task), 0);
    atomic_store(&asked, 1);
    cr_expect_eq(weft_await(task, NULL), -WEFT_ECANCELED);
    atomic_store(&computing, 0);
    atomic_store(&asked, 0);
    return NULL;
}

Test(lend, cancelling_reaches_a_child_that_computes, .timeout = 60)
{
    for (intptr_t levels = 0; levels < 3; levels++)
        for (unsigned workers = 2; workers <= 4; workers++)
            cr_assert_eq(
                weft_test_run(workers, cancels_computing, (void *)levels), 0);
}

/* A second await of the same reference, while the first lends. */

static weft_future *contested;
static int second;

static void *awaits_again(void *unused)
{
    second = weft_await(contested, NULL);
    return unused;
}

static void *waits_for_rival(void *rival)
{
    (void)weft_yield();
    (void)weft_yield();
    return rival;
}

static void *double_await(void *unused)
{
    second = 1;
    weft_future *gate = weft_future_new();
    contested = weft_spawn(waits_for_rival, NULL);
    weft_future *rival = weft_spawn(awaits_again, NULL);
    if (weft_test_draw(2))
        (void)weft_yield();
    int first =
        weft_future_state(contested) == WEFT_FUTURE_PENDING && second > 0
            ? weft_await(contested, NULL)
            : 1;
    check_eq(weft_await(rival, NULL), 0);
    if (first <= 0)
        check(first + second == -WEFT_EBUSY);
    weft_future_unref(gate);
    return unused;
}

Test(lend, one_of_two_awaits_is_told, .timeout = 60)
{
    weft_test_seeds(SEEDS, double_await);
}

/* Others get their turn, and events come through, while a task does nothing but
 * spawn and await. */

static atomic_int turns, fired;

static void *takes_turns(void *unused)
{
    while (weft_yield() == 0)
        atomic_fetch_add(&turns, 1);
    return unused;
}

static void *fires(void *unused)
{
    atomic_store(&fired, 1);
    return unused;
}

static void *nothing(void *unused)
{
    return unused;
}

static void *spawns_and_awaits(void *unused)
{
    weft_future *other = weft_spawn(takes_turns, NULL);
    weft_future *timer = weft_call_later(WEFT_MS(1), fires, NULL);
    while (atomic_load(&turns) < 100 || !atomic_load(&fired))
        cr_assert_eq(weft_await(weft_spawn(nothing, NULL), NULL), 0);
    weft_cancel(other);
    (void)weft_await(other, NULL);
    cr_expect_eq(weft_await(timer, NULL), 0);
    return unused;
}

Test(lend, others_get_their_turn, .timeout = 60)
{
    cr_assert_eq(weft_test_run(1, spawns_and_awaits, NULL), 0);
}

/* Callbacks that await: the next one does not wait for them. */

static weft_future *first_gate;

static void *opens(void *unused)
{
    (void)weft_future_set_result(first_gate, NULL);
    return unused;
}

static void *waits_for_gate(void *unused)
{
    (void)unused;
    return weft_fail(weft_await(weft_future_ref(first_gate), NULL));
}

static void *awaits_in_callback(void *unused)
{
    (void)unused;
    return weft_fail(weft_await(weft_spawn(waits_for_gate, NULL), NULL));
}

static void *two_callbacks(void *unused)
{
    first_gate = weft_future_new();
    weft_future *slow = weft_call_soon(awaits_in_callback, NULL);
    weft_future *quick = weft_call_soon(opens, NULL);
    check_eq(weft_await(slow, NULL), 0);
    check_eq(weft_await(quick, NULL), 0);
    weft_future_unref(first_gate);
    return unused;
}

Test(lend, a_callback_that_awaits_holds_up_nobody, .timeout = 60)
{
    weft_test_everywhere(SEEDS, two_callbacks);
}
