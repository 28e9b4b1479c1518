// SPDX-License-Identifier: MIT
/*
 * Random trees of branches on threads. Between its forks and joins a node does
 * whatever a task may do; the same tree walked plainly says what comes out: the
 * code and value of each join, the sum, how often everything ran.
 */
#include <weft.h>

#include <errno.h>

#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/test.h"

#define MOST 5 /* branches of a node */
#define TOPS 20
#define DEPTH 6

static atomic_long visited, due;  /* nodes */
static atomic_long extra, wanted; /* children, clean-up */
static atomic_int wrong;
static weft_var *var;
static bool cancels;

struct node {
    uint64_t seed;
    int depth;
    uint64_t sum;
};

static void expect_that(bool good, int line)
{
    if (good)
        return;
    atomic_fetch_add(&wrong, 1);
    cr_expect(false, "line %d", line);
}

#define check(cond) expect_that((cond), __LINE__)

static uint64_t mix(uint64_t seed, uint64_t n)
{
    struct weft_test_random random = {seed ^ n * UINT64_C(0x9e3779b97f4a7c15)};
    return weft_test_next(&random);
}

static int code_of(const struct node *node)
{
    return node->seed % 7 == 3 ? -(int)(node->seed % 90 + 1) : 0;
}

static unsigned branches_of(const struct node *node)
{
    return node->depth == 0 ? 0 : (unsigned)(node->seed >> 20) % MOST;
}

static struct node below(const struct node *node, unsigned i)
{
    return (struct node){mix(node->seed, i + 1), node->depth - 1, 0};
}

static uint64_t walk(const struct node *node)
{
    uint64_t sum = node->seed;
    atomic_fetch_add(&due, 1);
    for (unsigned i = 0; i < branches_of(node); i++) {
        struct node next = below(node, i);
        sum += walk(&next);
    }
    return sum;
}

/* What a node does between its branches */

static void *visit(void *node);

static void *counts(void *unused)
{
    (void)weft_yield();
    atomic_fetch_add(&extra, 1);
    return unused;
}

static int adds(size_t from, size_t to, void *sum)
{
    atomic_fetch_add((atomic_long *)sum, (long)(to - from));
    return 0;
}

static void awaits_one(void)
{
    struct node leaf = {42, 0, 0};
    atomic_fetch_add(&due, 1);
    check(weft_await(weft_spawn(visit, &leaf), NULL) == code_of(&leaf));
}

static void has_a_group(void)
{
    weft_group group;
    weft_branch branch;
    struct node leaf = {42, 0, 0};
    atomic_fetch_add(&due, 1);
    weft_group_enter(&group, NULL);
    if (weft_group_spawn(&group, counts, NULL) == 0)
        atomic_fetch_add(&wanted, 1);
    weft_fork(&branch, visit, &leaf);
    (void)weft_yield();
    check(weft_join(&branch, NULL) == code_of(&leaf));
    (void)weft_group_exit(&group, 0);
}

static void covers_a_range(void)
{
    atomic_long sum = 0;
    int rc = weft_parallel_for(0, 100, 0, adds, &sum);
    check(rc == -WEFT_ECANCELED || (rc == 0 && atomic_load(&sum) == 100));
}

static void something(const struct node *node, unsigned n)
{
    switch (mix(node->seed, 1000 + n) % 24) {
    case 0:
    case 1:
    case 2:
        (void)weft_yield();
        break;
    case 3:
        check(weft_sleep(WEFT_US(20)) != 1);
        break;
    case 4:
        awaits_one();
        break;
    case 5:
        atomic_fetch_add(&wanted, 1);
        weft_future_unref(weft_spawn(counts, NULL));
        break;
    case 6:
        atomic_fetch_add(&wanted, 1);
        check(weft_defer(counts, NULL) == 0);
        break;
    case 7:
        has_a_group();
        break;
    case 8:
        covers_a_range();
        break;
    default:
        break;
    }
}

static void join_one(struct node *node, weft_branch *branch, struct node *next,
                     void *value)
{
    void *result = &result;
    int rc = weft_join(branch, &result);
    check(rc == code_of(next));
    check(result == (rc < 0 ? NULL : next));
    check(weft_var_get(var) == value);
    node->sum += next->sum;
}

static void divide(struct node *node)
{
    weft_branch branch[MOST];
    struct node next[MOST];
    unsigned n = branches_of(node);
    if (node->seed % 5 == 1)
        check(weft_var_set(var, (void *)(uintptr_t)node->seed) == 0);
    void *value = weft_var_get(var);
    node->sum = node->seed;
    for (unsigned i = 0; i < n; i++) {
        next[i] = below(node, i);
        weft_fork(&branch[i], visit, &next[i]);
        something(node, i);
    }
    something(node, MOST);
    while (n-- > 0) {
        join_one(node, &branch[n], &next[n], value);
        something(node, 2 * MOST + n);
    }
}

static void *visit(void *arg)
{
    struct node *node = arg;
    weft_scope scope;
    atomic_fetch_add(&visited, 1);
    bool limited = cancels && node->seed % 11 == 5;
    if (limited)
        weft_timeout_enter(&scope, WEFT_US(50));
    divide(node);
    if (limited)
        (void)weft_timeout_exit(&scope, 0);
    int code = code_of(node);
    return code < 0 ? weft_fail(code) : node;
}

static void *top(void *node)
{
    visit(node);
    return NULL;
}

static void *grow(void *seed)
{
    static struct node tops[TOPS];
    uint64_t sums[TOPS];
    weft_future *task[TOPS];
    for (unsigned i = 0; i < TOPS; i++) {
        tops[i] = (struct node){mix((uintptr_t)seed, i), DEPTH, 0};
        sums[i] = walk(&tops[i]);
        task[i] = weft_spawn(top, &tops[i]);
    }
    for (unsigned i = 0; cancels && i < TOPS; i += 2) {
        weft_cancel(task[i]);
        (void)weft_yield();
    }
    for (unsigned i = 0; i < TOPS; i++) {
        int rc = weft_await(task[i], NULL);
        check(rc == 0 || rc == -WEFT_ECANCELED);
        check(tops[i].sum == sums[i]);
    }
    return NULL;
}

static void run(size_t seed, unsigned workers)
{
    atomic_store(&visited, 0);
    atomic_store(&due, 0);
    atomic_store(&extra, 0);
    atomic_store(&wanted, 0);
    cr_assert_eq(weft_test_run(workers, grow, (void *)(uintptr_t)seed), 0);
    cr_assert_eq(atomic_load(&visited), atomic_load(&due), "seed %zu", seed);
    cr_assert_eq(atomic_load(&extra), atomic_load(&wanted), "seed %zu", seed);
    cr_assert_eq(atomic_load(&wrong), 0, "seed %zu", seed);
}

static void run_all(bool with_cancels)
{
    size_t first = (size_t)weft_test_number("WEFT_TEST_SEED", 1);
    size_t seeds =
        (size_t)weft_test_number("WEFT_TEST_SEEDS", weft_test_scaled(300));
    cancels = with_cancels;
    cr_assert_eq(weft_var_new("var", NULL, NULL, &var), 0);
    for (size_t seed = first; seed < first + seeds; seed++)
        run(seed, 1 + (unsigned)(seed % 9));
    weft_var_free(var);
}

Test(stress_fork, trees_come_out_right, .timeout = 600)
{
    run_all(false);
}

Test(stress_fork, also_when_cancelled, .timeout = 600)
{
    run_all(true);
}
