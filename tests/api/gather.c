// SPDX-License-Identifier: MIT
/*
 * What weft_gather() and weft_gather_collect() promise, case by case: whose
 * result is where, what a failure does to the others, what a cancelled caller
 * does to all. The cases are those that CPython has for its gather(); see
 * conformance.md.
 */
#include <weft/wait.h>

#include <errno.h>
#include <weft/future.h>
#include <weft/runtime.h>
#include <weft/scope.h>
#include <weft/task.h>
#include <weft/time.h>

#include "tests/support/seeds.h"
#include "tests/support/test.h"

#define SEEDS 1000
#define SHORT WEFT_MS(1)
#define MOST 6

#define value(n) ((void *)(uintptr_t)(n))

struct work {
    weft_ns nap;
    void *gives, *dying; /* in the end, or when it was cancelled */
    int woke;
    enum weft_reason reason;
    bool ended;
};

static void *work(void *arg)
{
    struct work *self = arg;
    self->woke = weft_sleep(self->nap);
    self->reason = weft_cancel_reason(NULL);
    self->ended = true;
    return self->woke < 0 ? self->dying : self->gives;
}

/* A task that gathers. */
struct gathering {
    weft_future *futures[MOST];
    void *results[MOST];
    size_t n;
    bool collect;
    int said, after; /* the call, and an ordinary one after it */
};

static void *gather(void *arg)
{
    struct gathering *self = arg;
    self->said =
        self->collect
            ? weft_gather_collect(self->futures, self->n, self->results)
            : weft_gather(self->futures, self->n, self->results);
    self->after = weft_yield();
    return NULL;
}

/* Futures by hand: `made` has one reference of each, the gathering another. */
static void make(struct gathering *self, weft_future **made, size_t n)
{
    self->n = n;
    for (size_t i = 0; i < n; i++) {
        made[i] = weft_future_new();
        self->futures[i] = weft_future_ref(made[i]);
    }
}

static void unmake(weft_future **made, size_t n)
{
    for (size_t i = 0; i < n; i++)
        weft_future_unref(made[i]);
}

/* Let the others come on, or not. */
static void turns(void)
{
    for (unsigned n = weft_test_draw(12); n > 0; n--)
        check_eq(weft_yield(), 0);
}

/* Results lie where their futures do */

static void in_order(bool collect)
{
    struct gathering self = {.collect = collect};
    weft_future *made[3];
    make(&self, made, 3);
    weft_future *task = weft_spawn(gather, &self);
    turns();
    check_eq(weft_future_set_result(made[1], value(1)), 0);
    check_eq(weft_future_set_result(made[0], value(2)), 0);
    turns();
    check_eq(weft_future_state(task), WEFT_FUTURE_PENDING);
    check_eq(weft_future_set_result(made[2], value(3)), 0);
    check_eq(weft_await(task, NULL), 0);
    check_eq(self.said, 0);
    for (int i = 0; i < 3; i++)
        check_eq(self.results[i], i == 2 ? 3 : 2 - i);
    unmake(made, 3);
}

static void *both_in_order(void *unused)
{
    in_order(false);
    in_order(true);
    return unused;
}

Test(gather, results_lie_where_their_futures_do, .timeout = 60)
{
    weft_test_everywhere(SEEDS, both_in_order);
}

static void *of_tasks(void *unused)
{
    struct work two[] = {{.nap = 2 * SHORT, .gives = value(5)},
                         {.nap = SHORT, .gives = value(6)}};
    for (int i = 0; i < 2; i++) {
        struct gathering self = {.n = 2, .collect = i == 1};
        self.futures[0] = weft_spawn(work, &two[0]);
        self.futures[1] = weft_spawn(work, &two[1]);
        gather(&self);
        check_eq(self.said, 0);
        check_eq(self.results[0], 5);
        check_eq(self.results[1], 6);
    }
    weft_future *alone = weft_spawn(work, &two[1]);
    check_eq(weft_gather(&alone, 1, NULL), 0);
    return unused;
}

Test(gather, of_tasks_is_done_when_they_are, .timeout = 60)
{
    weft_test_everywhere(SEEDS, of_tasks);
}

static void *of_nothing(void *unused)
{
    check_eq(weft_gather(NULL, 0, NULL), 0);
    check_eq(weft_gather_collect(NULL, 0, NULL), 0);
    return unused;
}

Test(gather, of_nothing_is_done_at_once, .timeout = 60)
{
    weft_test_everywhere(SEEDS / 10, of_nothing);
}

Test(gather, needs_a_coroutine)
{
    weft_future *futures[] = {weft_future_new(), weft_future_new()};
    cr_expect_eq(weft_gather(futures, 2, NULL), -WEFT_ENORUNTIME);
    futures[0] = weft_future_new();
    cr_expect_eq(weft_gather_collect(futures, 1, NULL), -WEFT_ENORUNTIME);
    cr_expect_eq(weft_gather(NULL, 0, NULL), -WEFT_ENORUNTIME);
}

/* One entry for each, with a reference of each or with one for all. */
static void *twice_the_same(void *unused)
{
    struct work two[] = {{.gives = value(1)}, {.gives = value(2)}};
    for (int i = 0; i < 4; i++) {
        weft_future *a = weft_spawn(work, &two[0]);
        weft_future *b = weft_spawn(work, &two[1]);
        weft_future *futures[] = {a, a, b, a};
        void *results[4];
        if (i & 1) {
            weft_future_ref(a);
            weft_future_ref(a);
        }
        if (i & 2)
            turns();
        check_eq(weft_gather(futures, 4, results), 0);
        for (int j = 0; j < 4; j++)
            check_eq(results[j], j == 2 ? 2 : 1);
    }
    return unused;
}

Test(gather, takes_the_same_future_twice, .timeout = 60)
{
    weft_test_everywhere(SEEDS, twice_the_same);
}

static void *two_gatherings(void *unused)
{
    struct gathering one = {0}, other = {0};
    weft_future *made[3];
    make(&one, made, 3);
    other = one;
    for (int i = 0; i < 3; i++)
        weft_future_ref(made[i]);
    weft_future *tasks[] = {weft_spawn(gather, &one),
                            weft_spawn(gather, &other)};
    for (uintptr_t i = 0; i < 3; i++) {
        turns();
        check_eq(weft_future_state(tasks[0]), WEFT_FUTURE_PENDING);
        check_eq(weft_future_state(tasks[1]), WEFT_FUTURE_PENDING);
        check_eq(weft_future_set_result(made[i], value(i)), 0);
    }
    check_eq(weft_gather(tasks, 2, NULL), 0);
    for (int i = 0; i < 3; i++) {
        check_eq(one.results[i], i);
        check_eq(other.results[i], i);
    }
    unmake(made, 3);
    return unused;
}

Test(gather, the_same_futures_may_be_gathered_by_two, .timeout = 60)
{
    weft_test_everywhere(SEEDS, two_gatherings);
}

/* A future belongs to no runtime: those of two can be gathered. */

static void *echo(void *arg)
{
    return weft_yield() == 0 ? arg : NULL;
}

static void *from_two_runtimes(void *other)
{
    weft_future *futures[] = {
        weft_spawn(echo, value(1)),
        weft_run_coroutine_threadsafe(other, echo, value(2)),
        weft_future_new(),
    };
    void *results[3];
    check_eq(weft_future_set_result(futures[2], value(3)), 0);
    check_eq(weft_gather(futures, 3, results), 0);
    for (uintptr_t i = 0; i < 3; i++)
        check_eq(results[i], i + 1);
    return NULL;
}

Test(gather, of_two_runtimes, .timeout = 60)
{
    weft_options options = {.size = sizeof(options), .workers = 2};
    weft_runtime *other;
    cr_assert_eq(weft_runtime_new(&options, &other), 0);
    for (int i = 0; i < 50; i++)
        cr_assert_eq(weft_run_with(&options, from_two_runtimes, other, NULL),
                     0);
    cr_assert_eq(weft_runtime_shutdown(other), 0);
    weft_runtime_unref(other);
    cr_assert_eq(atomic_load(&weft_test_wrong), 0);
}

/* Failures */

static void *one_fails(void *unused)
{
    struct gathering self = {0};
    weft_future *made[5];
    make(&self, made, 5);
    weft_future *task = weft_spawn(gather, &self);
    check_eq(weft_future_set_result(made[0], value(1)), 0);
    turns();
    check_eq(weft_future_set_error(made[1], -EDOM), 0);
    check_eq(weft_await(task, NULL), 0);
    check_eq(self.said, -EDOM);
    check_eq(weft_code(self.results[1]), -EDOM);
    check_eq(self.after, 0);
    /* The others are those of their makers, and nobody looks any more. */
    check_eq(weft_future_set_result(made[2], value(3)), 0);
    check_eq(weft_cancel(made[3]), 0);
    check_eq(weft_future_set_error(made[4], -ERANGE), 0);
    check_eq(weft_future_result(made[4], NULL), -ERANGE);
    unmake(made, 5);
    return unused;
}

Test(gather, a_failure_ends_it, .timeout = 60)
{
    weft_test_everywhere(SEEDS, one_fails);
}

static void *tasks_with_one_that_fails(void *unused)
{
    struct work all[] = {
        {.nap = SHORT, .gives = weft_fail(-EDOM)},
        {.nap = WEFT_FOREVER, .dying = weft_fail(-WEFT_ECANCELED)},
        {.nap = WEFT_FOREVER, .dying = value(9)},
    };
    struct gathering self = {.n = 3};
    for (int i = 0; i < 3; i++)
        self.futures[i] = weft_spawn(work, &all[i]);
    check_eq(weft_gather(self.futures, 3, self.results), -EDOM);
    for (int i = 1; i < 3; i++) {
        check(all[i].ended && all[i].woke == -WEFT_ECANCELED);
        check_eq(all[i].reason, WEFT_REASON_SIBLING);
    }
    check_eq(weft_code(self.results[0]), -EDOM);
    check_eq(weft_code(self.results[1]), -WEFT_ECANCELED);
    check_eq(self.results[2], 9);
    check_eq(weft_yield(), 0);
    return unused;
}

Test(gather, a_failure_cancels_tasks_and_waits_for_them, .timeout = 60)
{
    weft_test_everywhere(SEEDS, tasks_with_one_that_fails);
}

static void *failures_collected(void *unused)
{
    struct gathering self = {.collect = true};
    weft_future *made[4];
    make(&self, made, 4);
    weft_future *task = weft_spawn(gather, &self);
    check_eq(weft_future_set_result(made[1], value(1)), 0);
    turns();
    check_eq(weft_future_set_error(made[2], -EDOM), 0);
    check_eq(weft_future_set_result(made[0], value(3)), 0);
    turns();
    check_eq(weft_future_state(task), WEFT_FUTURE_PENDING);
    check_eq(weft_future_set_error(made[3], -ERANGE), 0);
    check_eq(weft_await(task, NULL), 0);
    check_eq(self.said, 2);
    check_eq(self.results[0], 3);
    check_eq(self.results[1], 1);
    check_eq(weft_code(self.results[2]), -EDOM);
    check_eq(weft_code(self.results[3]), -ERANGE);
    unmake(made, 4);
    return unused;
}

static void *failed_tasks_collected(void *unused)
{
    struct work all[] = {{.nap = 2 * SHORT, .gives = value(3)},
                         {.gives = weft_fail(-EDOM)},
                         {.nap = SHORT, .gives = weft_fail(-ERANGE)}};
    weft_future *futures[3];
    void *results[3];
    for (int i = 0; i < 3; i++)
        futures[i] = weft_spawn(work, &all[i]);
    check_eq(weft_gather_collect(futures, 3, results), 2);
    check_eq(results[0], 3);
    check_eq(weft_code(results[1]), -EDOM);
    check_eq(weft_code(results[2]), -ERANGE);
    for (int i = 0; i < 3; i++)
        check_eq(all[i].woke, 0);
    return unused;
}

Test(gather, failures_can_be_collected, .timeout = 60)
{
    weft_test_everywhere(SEEDS, failures_collected);
    weft_test_everywhere(SEEDS, failed_tasks_collected);
}

static void *one_is_cancelled(void *unused)
{
    struct gathering self = {0};
    weft_future *made[3];
    make(&self, made, 3);
    weft_future *task = weft_spawn(gather, &self);
    check_eq(weft_future_set_result(made[0], value(1)), 0);
    turns();
    check_eq(weft_cancel(made[1]), 0);
    check_eq(weft_await(task, NULL), 0);
    check_eq(self.said, -WEFT_ECANCELED);
    check_eq(self.after, 0);
    check_eq(weft_future_set_result(made[2], value(3)), 0);
    unmake(made, 3);
    return unused;
}

Test(gather, a_cancelled_one_is_a_failure_not_a_cancellation, .timeout = 60)
{
    weft_test_everywhere(SEEDS, one_is_cancelled);
}

static void *cancelled_collected(void *unused)
{
    struct gathering self = {.collect = true};
    weft_future *made[6];
    make(&self, made, 6);
    weft_future *task = weft_spawn(gather, &self);
    check_eq(weft_future_set_result(made[0], value(1)), 0);
    check_eq(weft_future_set_error(made[1], -EDOM), 0);
    check_eq(weft_cancel(made[2]), 0);
    turns();
    check_eq(weft_future_state(task), WEFT_FUTURE_PENDING);
    check_eq(weft_future_set_result(made[3], value(3)), 0);
    check_eq(weft_cancel(made[4]), 0);
    check_eq(weft_future_set_error(made[5], -ERANGE), 0);
    check_eq(weft_await(task, NULL), 0);
    check_eq(self.said, 4);
    const int codes[] = {0, -EDOM,           -WEFT_ECANCELED,
                         0, -WEFT_ECANCELED, -ERANGE};
    for (int i = 0; i < 6; i++)
        check_eq(weft_code(self.results[i]), codes[i]);
    check_eq(self.results[0], 1);
    check_eq(self.results[3], 3);
    unmake(made, 6);
    return unused;
}

Test(gather, cancelled_ones_can_be_collected, .timeout = 60)
{
    weft_test_everywhere(SEEDS, cancelled_collected);
}

/* A second failure has been gathered as well: nobody reports it as lost. */

static atomic_int reports;

static void count_report(const weft_report *report, void *unused)
{
    (void)report;
    (void)unused;
    atomic_fetch_add(&reports, 1);
}

static void *fails_twice(void *unused)
{
    struct work two[] = {
        {.nap = SHORT, .gives = weft_fail(-EDOM)},
        {.nap = WEFT_FOREVER, .dying = weft_fail(-ERANGE)},
    };
    weft_future *futures[2];
    for (int i = 0; i < 2; i++)
        futures[i] = weft_spawn(work, &two[i]);
    check_eq(weft_gather(futures, 2, NULL), -EDOM);
    check_eq(two[1].woke, -WEFT_ECANCELED);
    return unused;
}

Test(gather, reports_no_failure_as_lost, .timeout = 60)
{
    weft_options options = {
        .size = sizeof(options), .workers = 2, .on_report = count_report};
    cr_assert_eq(weft_run_with(&options, fails_twice, NULL, NULL), 0);
    cr_assert_eq(atomic_load(&weft_test_wrong), 0);
    cr_assert_eq(atomic_load(&reports), 0);
}

/* A cancelled caller */

static void *awaits(void *future)
{
    return weft_fail(weft_await(weft_future_ref(future), NULL));
}

static void *cancelled_with_tasks(void *unused)
{
    weft_future *made = weft_future_new();
    struct gathering self = {
        .futures = {weft_spawn(awaits, made), weft_spawn(awaits, made)},
        .n = 2};
    weft_future *task = weft_spawn(gather, &self);
    turns();
    check_eq(weft_cancel(task), 0);
    check_eq(weft_await(task, NULL), 0);
    check_eq(self.said, -WEFT_ECANCELED);
    check_eq(weft_code(self.results[0]), -WEFT_ECANCELED);
    check_eq(weft_code(self.results[1]), -WEFT_ECANCELED);
    check_eq(self.after, -WEFT_ECANCELED);
    check_eq(weft_future_state(made), WEFT_FUTURE_PENDING);
    weft_future_unref(made);
    return unused;
}

Test(gather, cancelled_cancels_all_tasks, .timeout = 60)
{
    weft_test_everywhere(SEEDS, cancelled_with_tasks);
}

static void *cancelled_when_done(void *unused)
{
    struct gathering self = {0};
    weft_future *made[1];
    make(&self, made, 1);
    check_eq(weft_future_set_result(made[0], value(42)), 0);
    weft_future *task = weft_spawn(gather, &self);
    check_eq(weft_cancel(task), 0);
    check_eq(weft_await(task, NULL), 0);
    check_eq(self.said, 0);
    check_eq(self.results[0], 42);
    check_eq(self.after, -WEFT_ECANCELED);
    unmake(made, 1);
    return unused;
}

/* With others on real threads it may have ended before it is cancelled. */
Test(gather, cancelled_when_all_are_done_loses_nothing, .timeout = 60)
{
    weft_options options = {.size = sizeof(options), .workers = 1};
    weft_test_seeds(SEEDS, cancelled_when_done);
    cr_assert_eq(weft_run_with(&options, cancelled_when_done, NULL, NULL), 0);
    cr_assert_eq(atomic_load(&weft_test_wrong), 0);
}

/* Gathers until it is cancelled: collecting does not hide it. */
static void *collects_for_ever(void *count)
{
    while (!weft_cancelled()) {
        struct work nap = {.nap = SHORT, .dying = weft_fail(-WEFT_ECANCELED)};
        weft_future *futures[] = {weft_spawn(work, &nap)};
        int rc = weft_gather_collect(futures, 1, NULL);
        check(rc == 0 || (rc == 1 && nap.woke == -WEFT_ECANCELED));
        *(int *)count += 1;
    }
    return weft_fail(weft_yield());
}

static void *cancelled_while_collecting(void *unused)
{
    int count = 0;
    weft_future *task = weft_spawn(collects_for_ever, &count);
    check_eq(weft_sleep(4 * SHORT), 0);
    turns();
    check_eq(weft_cancel(task), 0);
    check_eq(weft_await(task, NULL), -WEFT_ECANCELED);
    check(count > 0);
    return unused;
}

Test(gather, collecting_does_not_hide_the_cancellation, .timeout = 60)
{
    weft_test_seeds(SEEDS, cancelled_while_collecting);
}

/* Shared */

static void *shared_gathering(void *unused)
{
    struct gathering self = {0};
    weft_future *made[2];
    make(&self, made, 2);
    weft_future *task = weft_spawn(gather, &self);
    weft_future *waiter = weft_spawn(awaits, task);
    turns();
    check_eq(weft_cancel(waiter), 0);
    check_eq(weft_await(waiter, NULL), -WEFT_ECANCELED);
    check_eq(weft_future_set_result(made[0], value(1)), 0);
    check_eq(weft_future_set_result(made[1], value(2)), 0);
    check_eq(weft_await(task, NULL), 0);
    check_eq(self.said, 0);
    check_eq(self.results[0], 1);
    check_eq(self.results[1], 2);
    unmake(made, 2);
    return unused;
}

Test(gather, a_shared_one_outlives_who_waits_for_it, .timeout = 60)
{
    weft_test_everywhere(SEEDS, shared_gathering);
}

static void *of_shared_ones(void *unused)
{
    struct work work_of[] = {{.nap = SHORT, .gives = value(1)},
                             {.nap = SHORT, .gives = value(2)}};
    weft_future *shared[2];
    struct gathering self = {.n = 2};
    for (int i = 0; i < 2; i++) {
        shared[i] = weft_spawn(work, &work_of[i]);
        self.futures[i] = weft_future_ref(shared[i]);
    }
    weft_future *task = weft_spawn(gather, &self);
    check_eq(weft_cancel(task), 0);
    check_eq(weft_await(task, NULL), 0);
    check(self.said == -WEFT_ECANCELED || self.said == 0);
    check(weft_test_seed_now == 0 || self.said == -WEFT_ECANCELED);
    check_eq(self.after, -WEFT_ECANCELED);
    check_eq(weft_gather(shared, 2, self.results), 0);
    check_eq(self.results[0], 1);
    check_eq(self.results[1], 2);
    return unused;
}

Test(gather, cancelled_leaves_shared_ones_alone, .timeout = 60)
{
    weft_test_everywhere(SEEDS, of_shared_ones);
}
