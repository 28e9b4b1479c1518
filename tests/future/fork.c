// SPDX-License-Identifier: MIT
/*
 * weft_fork(), weft_join(), weft_parallel_for(): a branch does the same whether
 * it is called at the join or stolen; nobody may be able to tell.
 */
#include <weft/fork.h>

#include <errno.h>
#include <weft.h>

#include "tests/support/fault.h"
#include "tests/support/run.h"
#include "tests/support/seeds.h"
#include "tests/support/test.h"

#define SEEDS 600

/* Results */

static void *give(void *value)
{
    return value;
}

/* Sometimes it suspends, so that what it has forked is found by others. */
static void maybe_yield(void)
{
    if (weft_test_draw(3) == 0)
        (void)weft_yield();
}

struct sum {
    int n;
    long value;
};

static long fib(int n);

static void *fib_branch(void *arg)
{
    struct sum *sum = arg;
    sum->value = fib(sum->n);
    return sum;
}

static long fib(int n)
{
    if (n < 2)
        return n;
    weft_branch branch;
    struct sum first = {n - 1, 0};
    void *result = NULL;
    weft_fork(&branch, fib_branch, &first);
    maybe_yield();
    long second = fib(n - 2);
    maybe_yield();
    check_eq(weft_join(&branch, &result), 0);
    check(result == &first);
    return first.value + second;
}

static void *computes_fib(void *unused)
{
    check_eq(fib(9), 34);
    return unused;
}

Test(fork, sums_up, .timeout = 60)
{
    weft_test_everywhere(SEEDS, computes_fib);
}

static void *three(void *unused)
{
    weft_branch branch[3];
    void *result;
    for (intptr_t i = 0; i < 3; i++)
        weft_fork(&branch[i], give, (void *)(i + 1));
    maybe_yield();
    for (intptr_t i = 3; i-- > 0;) {
        check_eq(weft_join(&branch[i], &result), 0);
        check_eq(result, i + 1);
    }
    return unused;
}

Test(fork, joins_in_reverse_order, .timeout = 60)
{
    weft_test_everywhere(SEEDS, three);
}

Test(fork, outside_a_task_the_join_calls, .timeout = 60)
{
    weft_branch branch;
    void *result = NULL;
    weft_fork(&branch, give, &branch);
    cr_expect_eq(weft_join(&branch, &result), 0);
    cr_expect_eq(result, &branch);
}

/* Failures */

static void *fails(void *unused)
{
    (void)unused;
    maybe_yield();
    return weft_failf(-EIO, "no %s", "luck");
}

static void *fails_plainly(void *unused)
{
    (void)unused;
    maybe_yield();
    return weft_fail(-ENOENT);
}

static void *sees_failures(void *unused)
{
    weft_branch branch;
    void *result = &branch;
    weft_fork(&branch, fails, NULL);
    maybe_yield();
    check_eq(weft_join(&branch, &result), -EIO);
    check(result == NULL);
    check(strcmp(weft_last_error()->message, "no luck") == 0);
    weft_fork(&branch, fails_plainly, NULL);
    maybe_yield();
    check_eq(weft_join(&branch, NULL), -ENOENT);
    check_eq(weft_last_error()->code, -ENOENT);
    return unused;
}

Test(fork, hands_failures_up, .timeout = 60)
{
    weft_test_everywhere(SEEDS, sees_failures);
}

/* What a branch leaves behind ends with it */

static weft_var *var;

static void *sets(void *value)
{
    void *before = weft_var_get(var);
    check_eq(weft_var_set(var, value), 0);
    maybe_yield();
    check(weft_var_get(var) == value);
    return before;
}

static void *keeps_its_context(void *unused)
{
    weft_branch branch;
    void *before;
    for (intptr_t own = 0; own < 2; own++) {
        if (own)
            check_eq(weft_var_set(var, &branch), 0);
        void *mine = weft_var_get(var);
        weft_fork(&branch, sets, &before);
        maybe_yield();
        if (weft_test_draw(2)) /* after the fork: not for the branch */
            check_eq(weft_var_set(var, &own), 0);
        void *now = weft_var_get(var);
        check_eq(weft_join(&branch, &before), 0);
        check(before == mine);
        check(weft_var_get(var) == now);
    }
    return unused;
}

static void *with_a_context(void *unused)
{
    (void)unused;
    check_eq(weft_var_set(var, &var), 0);
    return weft_fail(weft_await(weft_spawn(keeps_its_context, NULL), NULL));
}

Test(fork, context_stays_with_the_branch, .timeout = 60)
{
    cr_assert_eq(weft_var_new("var", NULL, NULL, &var), 0);
    weft_test_everywhere(SEEDS, keeps_its_context);
    weft_test_everywhere(SEEDS, with_a_context);
    weft_var_free(var);
}

struct trace {
    atomic_int ended;
    int at_defer, at_join;
};

static void *child(void *arg)
{
    struct trace *trace = arg;
    (void)weft_yield();
    check(weft_sleep(WEFT_US(1)) != 1);
    atomic_fetch_add(&trace->ended, 1);
    return NULL;
}

static void *deferred(void *arg)
{
    struct trace *trace = arg;
    trace->at_defer = atomic_load(&trace->ended);
    return NULL;
}

static void *leaves_behind(void *arg)
{
    check_eq(weft_defer(deferred, arg), 0);
    weft_future_unref(weft_spawn(child, arg));
    weft_future_unref(weft_spawn(child, arg));
    maybe_yield();
    return NULL;
}

static void fork_and_look(struct trace *trace)
{
    weft_branch branch;
    *trace = (struct trace){0};
    trace->at_defer = -1;
    weft_fork(&branch, leaves_behind, trace);
    maybe_yield();
    check_eq(weft_join(&branch, NULL), 0);
    check_eq(atomic_load(&trace->ended), 2);
    check_eq(trace->at_defer, 2);
}

static void *bounds_what_it_spawns(void *unused)
{
    struct trace trace, own = {0};
    weft_group group;
    fork_and_look(&trace);
    weft_future *mine = weft_spawn(child, &own);
    fork_and_look(&trace);
    check_eq(weft_await(mine, NULL), 0);
    weft_group_enter(&group, NULL);
    fork_and_look(&trace);
    check_eq(weft_group_exit(&group, 0), 0);
    return unused;
}

Test(fork, children_and_clean_up_end_with_the_branch, .timeout = 60)
{
    weft_test_everywhere(SEEDS, bounds_what_it_spawns);
}

/* Deadlines and cancelling */

static void *deadline(void *out)
{
    *(weft_time *)out = weft_deadline();
    return NULL;
}

static void *inherits_deadlines(void *unused)
{
    weft_branch branch;
    weft_scope scope;
    weft_time theirs = 0;
    weft_timeout_enter(&scope, WEFT_S(100));
    weft_time mine = weft_deadline();
    weft_fork(&branch, deadline, &theirs);
    maybe_yield();
    check_eq(weft_join(&branch, NULL), 0);
    check_eq(theirs, mine);
    check_eq(weft_timeout_exit(&scope, 0), 0);
    return unused;
}

Test(fork, deadlines_reach_the_branch, .timeout = 60)
{
    weft_test_everywhere(SEEDS, inherits_deadlines);
}

static void *sleeps_long(void *slept)
{
    int rc = weft_sleep(WEFT_S(1000));
    *(int *)slept = rc;
    return weft_fail(rc);
}

static void *joins_a_sleeper(void *said)
{
    weft_branch branch;
    int slept = 0;
    weft_fork(&branch, sleeps_long, &slept);
    maybe_yield();
    *(int *)said = weft_join(&branch, NULL);
    check_eq(slept, -WEFT_ECANCELED);
    return weft_fail(*(int *)said);
}

static void *cancels_a_join(void *unused)
{
    int said = 0;
    weft_future *task = weft_spawn(joins_a_sleeper, &said);
    for (unsigned turns = weft_test_draw(6); turns > 0; turns--)
        (void)weft_yield();
    check_eq(weft_cancel(task), 0);
    check_eq(weft_await(task, NULL), -WEFT_ECANCELED);
    check_eq(said, -WEFT_ECANCELED);
    weft_scope scope;
    weft_timeout_enter(&scope, WEFT_MS(1));
    weft_branch branch;
    int slept = 0;
    weft_fork(&branch, sleeps_long, &slept);
    int rc = weft_join(&branch, NULL);
    check_eq(rc, -WEFT_ECANCELED);
    check_eq(weft_timeout_exit(&scope, rc), -WEFT_ETIMEOUT);
    return unused;
}

Test(fork, cancelling_is_handed_down, .timeout = 60)
{
    weft_test_everywhere(SEEDS, cancels_a_join);
}

/* Resources */

static int depth(int n);

static void *deeper(void *n)
{
    return (void *)(intptr_t)depth((int)(intptr_t)n);
}

/* Each level takes half a KiB of stack: all of them would need 5 MiB. */
static int depth(int n)
{
    char room[512];
    __asm__ volatile("" : : "r"(room) : "memory");
    if (n == 0)
        return 0;
    weft_branch branch;
    void *below = NULL;
    weft_fork(&branch, deeper, (void *)(intptr_t)(n - 1));
    check_eq(weft_join(&branch, &below), 0);
    return 1 + (int)(intptr_t)below;
}

static void *goes_deep(void *unused)
{
    check_eq(depth(10000), 10000);
    return unused;
}

Test(fork, depth_is_no_matter, .timeout = 60)
{
    weft_test_everywhere(3, goes_deep);
}

/* No memory for tasks: whoever takes the branch refuses, and it runs all the
 * same. */
static void *runs_without_memory(void *unused)
{
    weft_branch branch[64];
    void *result;
    weft_test_fault_arm(WEFT_TEST_CALL_map, 1, -ENOMEM, true);
    weft_test_fault_arm(WEFT_TEST_CALL_alloc, 1, -ENOMEM, true);
    for (intptr_t i = 0; i < 64; i++)
        weft_fork(&branch[i], give, (void *)(i + 1));
    for (int i = 0; i < 5; i++)
        (void)weft_yield();
    for (intptr_t i = 64; i-- > 0;) {
        cr_expect_eq(weft_join(&branch[i], &result), 0);
        cr_expect_eq((intptr_t)result, i + 1);
    }
    weft_test_fault_disarm();
    return unused;
}

Test(fork, runs_without_memory, .timeout = 60)
{
    weft_test_faults_open();
    for (unsigned workers = 1; workers <= 3; workers++)
        cr_assert_eq(weft_test_run(workers, runs_without_memory, NULL), 0);
    weft_test_faults_close();
}

/* Others get their turn while branches are called and called. */

static atomic_int turns;

static void *takes_turns(void *unused)
{
    while (weft_yield() == 0)
        atomic_fetch_add(&turns, 1);
    return unused;
}

static void *gives_way(void *unused)
{
    weft_future *other = weft_spawn(takes_turns, NULL);
    int before = atomic_load(&turns);
    while (atomic_load(&turns) < before + 10)
        cr_assert_eq(fib(12), 144);
    weft_cancel(other);
    (void)weft_await(other, NULL);
    return unused;
}

Test(fork, gives_way_to_others, .timeout = 60)
{
    cr_assert_eq(weft_test_run(1, gives_way, NULL), 0);
}

static int burns(size_t from, size_t to, void *sum)
{
    (void)from;
    atomic_fetch_add((atomic_long *)sum, (long)to);
    return 0;
}

static void *sets_turns(void *unused)
{
    atomic_store(&turns, 1);
    return unused;
}

static void *computes_until_set(void *unused)
{
    int rounds = 0;
    atomic_long sum = 0;
    while (atomic_load(&turns) == 0 && rounds++ < 2000)
        cr_expect_eq(weft_parallel_for(0, 1000, 1, burns, &sum), 0);
    cr_expect_lt(rounds, 2000, "it has not started in %d rounds", rounds);
    return unused;
}

/* A fresh task lies in the deque, below all branches. */
static void *lets_fresh_ones_start(void *unused)
{
    atomic_store(&turns, 0);
    weft_future *other = weft_spawn(sets_turns, NULL);
    cr_expect_eq(weft_await(weft_spawn(computes_until_set, NULL), NULL), 0);
    (void)weft_await(other, NULL);
    return unused;
}

Test(fork, lets_fresh_ones_start, .timeout = 60)
{
    cr_assert_eq(weft_test_run(1, lets_fresh_ones_start, NULL), 0);
}

/* Two that compute without end, in turns: the branches of one lie below those
 * of the other one, which do not end. */

static atomic_long rows[2];

static int counts_rows(size_t from, size_t to, void *count)
{
    atomic_fetch_add((atomic_long *)count, (long)(to - from));
    return 0;
}

static void *computes_endlessly(void *count)
{
    return weft_fail(
        weft_parallel_for(0, (size_t)1 << 40, 1, counts_rows, count));
}

static void *cancels_the_lower_one(void *unused)
{
    weft_future *task[2];
    for (int i = 0; i < 2; i++) {
        task[i] = weft_spawn(computes_endlessly, &rows[i]);
        for (long seen = atomic_load(&rows[i]); seen == atomic_load(&rows[i]);)
            check_eq(weft_yield(), 0);
    }
    for (int i = 0; i < 2; i++) {
        check_eq(weft_cancel(task[i]), 0);
        check_eq(weft_await(task[i], NULL), -WEFT_ECANCELED);
    }
    return unused;
}

Test(fork, cancelling_ends_what_lies_below, .timeout = 60)
{
    for (unsigned workers = 1; workers <= 2; workers++)
        cr_assert_eq(weft_test_run(workers, cancels_the_lower_one, NULL), 0);
    cr_assert_eq(atomic_load(&weft_test_wrong), 0);
}

/* Ranges */

#define MOST 300

static atomic_int covered[MOST];
static atomic_int pieces;
static size_t broken; /* the piece with this index fails; MOST: none */

static int cover(size_t from, size_t to, void *grain)
{
    atomic_fetch_add(&pieces, 1);
    check(from < to);
    check(to - from <= *(size_t *)grain);
    maybe_yield();
    for (size_t i = from; i < to; i++)
        atomic_fetch_add(&covered[i], 1);
    return from <= broken && broken < to ? -EIO : 1;
}

static void *covers(void *unused)
{
    size_t begin = weft_test_draw(100);
    size_t end = begin + weft_test_draw(200);
    size_t grain = 1 + weft_test_draw(20);
    broken = weft_test_draw(2) ? begin + weft_test_draw(200) : MOST;
    for (size_t i = 0; i < MOST; i++)
        atomic_store(&covered[i], 0);
    int due = broken < end ? -EIO : 0;
    check_eq(weft_parallel_for(begin, end, grain, cover, &grain), due);
    for (size_t i = 0; i < MOST; i++)
        check_eq(atomic_load(&covered[i]), i >= begin && i < end);
    return unused;
}

Test(parallel_for, covers_each_once, .timeout = 60)
{
    weft_test_everywhere(SEEDS, covers);
}

static void *has_a_grain_of_its_own(void *unused)
{
    size_t any = MOST;
    broken = MOST;
    atomic_store(&pieces, 0);
    check_eq(weft_parallel_for(0, MOST, 0, cover, &any), 0);
    check(atomic_load(&pieces) >= 8);
    check_eq(weft_parallel_for(7, 7, 0, cover, &any), 0);
    check_eq(weft_parallel_for(7, 3, 0, cover, &any), 0);
    return unused;
}

Test(parallel_for, chooses_a_grain, .timeout = 60)
{
    weft_test_everywhere(20, has_a_grain_of_its_own);
    size_t any = MOST;
    cr_expect_eq(weft_parallel_for(0, MOST, 0, cover, &any), 0, "no task");
}

static void *is_cancelled(void *unused)
{
    size_t any = MOST;
    (void)unused;
    atomic_store(&pieces, 0);
    weft_cancel(weft_current());
    check_eq(weft_parallel_for(0, MOST, 1, cover, &any), -WEFT_ECANCELED);
    check_eq(atomic_load(&pieces), 0);
    return NULL;
}

static void *spawns_cancelled(void *unused)
{
    check_eq(weft_await(weft_spawn(is_cancelled, NULL), NULL), 0);
    return unused;
}

Test(parallel_for, leaves_out_what_is_cancelled, .timeout = 60)
{
    weft_test_everywhere(20, spawns_cancelled);
}
