// SPDX-License-Identifier: MIT
/*
 * A running task takes a reference of itself and hands it on, while whoever
 * started it lets go, or while it lies in a group's list of newcomers: the
 * reference is as good as any other.
 */
#include <weft/group.h>
#include <weft/task.h>

#include "tests/support/run.h"
#include "tests/support/seeds.h"

static _Atomic(weft_future *) handle; /* a reference, for who takes it */

static void *hands_itself_on(void *arg)
{
    atomic_store(&handle, weft_future_ref(weft_current()));
    return arg;
}

/* Until it has been handed on, or so many turns: how many it were. */
static unsigned spin(unsigned turns)
{
    unsigned i = 0;
    while (i < turns && atomic_load(&handle) == NULL)
        i++;
    return i;
}

static weft_future *handle_taken(void)
{
    weft_future *future;
    while ((future = atomic_exchange(&handle, NULL)) == NULL)
        sched_yield();
    while (weft_future_state(future) == WEFT_FUTURE_PENDING)
        sched_yield();
    return future;
}

/* If its descriptor were free, one of these would get it. */
static void start_others(weft_runtime *rt)
{
    enum { OTHERS = 8 };
    weft_future *other[OTHERS];
    for (int i = 0; i < OTHERS; i++)
        other[i] = weft_run_coroutine_threadsafe(rt, weft_test_echo, NULL);
    for (int i = 0; i < OTHERS; i++)
        cr_assert_eq(
            weft_wait_blocking(weft_future_ref(other[i]), WEFT_FOREVER, NULL),
            0);
    for (int i = 0; i < OTHERS; i++)
        weft_future_unref(other[i]);
}

/* Every other round finds out how long it takes, so that the next one lets go
 * at about that moment. */
Test(self_reference, while_the_last_holder_lets_go, .timeout = 250)
{
    weft_runtime *rt;
    int token;
    unsigned usual = 0;
    cr_assert_eq(weft_test_runtime(1, &rt), 0);
    for (size_t i = 0; i < weft_test_scaled(60000); i++) {
        void *result = NULL;
        weft_future *task =
            weft_run_coroutine_threadsafe(rt, hands_itself_on, &token);
        unsigned turns =
            spin(i % 2 ? usual - usual * (unsigned)(i / 2 % 32) / 64 : 100000);
        usual = i % 2 ? usual : turns;
        weft_future_unref(task);
        task = handle_taken();
        start_others(rt);
        cr_assert_eq(weft_wait_blocking(task, WEFT_FOREVER, &result), 0);
        cr_assert_eq(result, &token, "round %zu", i);
    }
    cr_assert_eq(weft_runtime_shutdown(rt), 0);
    weft_runtime_unref(rt);
}

/* Newcomers: spawned into a group by another than its owner */

static void *spawns_two(void *group)
{
    weft_fn *first = weft_test_draw(2) ? weft_test_echo : weft_test_forever;
    check_eq(weft_group_spawn(group, first, NULL), 0);
    check_eq(weft_group_spawn(group, hands_itself_on, group), 0);
    if (weft_test_draw(2))
        check_eq(weft_group_spawn(group, weft_test_echo, NULL), 0);
    return group;
}

static void *owns_newcomers(void *unused)
{
    weft_group group;
    void *result = NULL;
    weft_future *future;
    weft_group_enter(&group, NULL);
    check_eq(weft_group_spawn(&group, spawns_two, &group), 0);
    while ((future = atomic_exchange(&handle, NULL)) == NULL)
        check_eq(weft_yield(), 0);
    if (weft_test_draw(3) == 0) {
        weft_detach(future);
    } else {
        check_eq(weft_await(future, &result), 0);
        check(result == &group);
    }
    check_eq(weft_group_cancel(&group), 0);
    int rc = weft_group_exit(&group, 0);
    check(rc == 0 || rc == -WEFT_ECANCELED);
    return unused;
}

Test(self_reference, of_a_newcomer_in_a_group, .timeout = 250)
{
    weft_test_everywhere(1000, owns_newcomers);
}
