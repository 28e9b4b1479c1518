// SPDX-License-Identifier: MIT
/*
 * What weft_wait() and weft_as_completed_*() promise, case by case: who is
 * done, in one's own indices, and nobody touched. The cases are those that
 * CPython has for its wait() and as_completed(); see conformance.md.
 */
#include <weft/wait.h>

#include <errno.h>
#include <weft/future.h>
#include <weft/scope.h>
#include <weft/task.h>
#include <weft/time.h>

#include "tests/support/seeds.h"
#include "tests/support/test.h"

#define SEEDS 1000
#define SHORT WEFT_MS(1)

#define value(n) ((void *)(uintptr_t)(n))

struct work {
    weft_ns nap;
    void *gives;
};

static void *work(void *arg)
{
    struct work *self = arg;
    int rc = weft_sleep(self->nap);
    return rc < 0 ? weft_fail(rc) : self->gives;
}

static void start(weft_future **futures, struct work *works, size_t n)
{
    for (size_t i = 0; i < n; i++)
        futures[i] = weft_spawn(work, &works[i]);
}

static void finish(weft_future **futures, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (weft_future_state(futures[i]) == WEFT_FUTURE_PENDING)
            weft_cancel(futures[i]);
    check(weft_gather_collect(futures, n, NULL) >= 0);
}

/* For all */

static void *for_all(void *unused)
{
    struct work two[] = {{2 * SHORT, value(1)}, {SHORT, value(2)}};
    weft_future *futures[2];
    weft_time begin = weft_now();
    start(futures, two, 2);
    for (int i = 0; i < 2; i++) { /* the second time at once */
        size_t done[2] = {9, 9};
        check_eq(weft_wait(futures, 2, WEFT_WAIT_ALL, done), 2);
        check(done[0] == 0 && done[1] == 1);
        check(weft_now() - begin >= 2 * SHORT);
    }
    check(weft_test_seed_now == 0 || weft_now() - begin < 3 * SHORT);
    check_eq(weft_wait(futures, 2, WEFT_WAIT_ALL, NULL), 2);
    finish(futures, 2);
    return unused;
}

Test(waiting, for_all, .timeout = 60)
{
    weft_test_everywhere(SEEDS, for_all);
}

static void *with_a_failure(void *unused)
{
    struct work two[] = {{SHORT, NULL}, {2 * SHORT, weft_fail(-EDOM)}};
    weft_future *futures[2];
    start(futures, two, 2);
    for (int i = 0; i < 2; i++) {
        size_t done[2];
        check_eq(weft_wait(futures, 2, WEFT_WAIT_ALL, done), 2);
        check_eq(weft_future_state(futures[done[0]]), WEFT_FUTURE_DONE);
        check_eq(weft_future_result(futures[done[1]], NULL), -EDOM);
    }
    finish(futures, 2);
    return unused;
}

Test(waiting, for_all_does_not_mind_failures, .timeout = 60)
{
    weft_test_everywhere(SEEDS, with_a_failure);
}

static void *twice_the_same(void *unused)
{
    struct work two[] = {{SHORT, value(1)}, {0, value(2)}};
    weft_future *both[2];
    size_t done[3];
    start(both, two, 2);
    weft_future *futures[] = {both[0], both[0], both[1]};
    check_eq(weft_wait(futures, 3, WEFT_WAIT_ALL, done), 3);
    for (size_t i = 0; i < 3; i++)
        check_eq(done[i], i);
    finish(both, 2);
    return unused;
}

Test(waiting, takes_the_same_future_twice, .timeout = 60)
{
    weft_test_everywhere(SEEDS, twice_the_same);
}

static void *for_nothing(void *unused)
{
    weft_future *self = weft_current();
    check_eq(weft_wait(NULL, 0, WEFT_WAIT_ALL, NULL), 0);
    check_eq(weft_wait(NULL, 0, WEFT_WAIT_FIRST, NULL), 0);
    check_eq(weft_wait(NULL, 0, WEFT_WAIT_FIRST_ERROR, NULL), 0);
    check_eq(weft_wait(&self, 1, -1, NULL), -EINVAL);
    check_eq(weft_wait(&self, 1, 99, NULL), -EINVAL);
    check_eq(weft_wait(&self, 1, WEFT_WAIT_ALL, NULL), -WEFT_EDEADLK);
    return unused;
}

Test(waiting, for_nothing_or_in_no_mode, .timeout = 60)
{
    weft_test_everywhere(SEEDS / 10, for_nothing);
}

Test(waiting, needs_a_coroutine)
{
    weft_future *made = weft_future_new();
    weft_as_completed iteration;
    cr_expect_eq(weft_wait(&made, 1, WEFT_WAIT_ALL, NULL), -WEFT_ENORUNTIME);
    cr_expect_eq(weft_as_completed_enter(&iteration, &made, 1),
                 -WEFT_ENORUNTIME);
    weft_future_unref(made);
}

/* For the first */

static void *for_the_first(void *unused)
{
    struct work two[] = {{WEFT_FOREVER, NULL}, {SHORT, value(2)}};
    weft_future *futures[2];
    size_t done[2];
    start(futures, two, 2);
    check_eq(weft_wait(futures, 2, WEFT_WAIT_FIRST, done), 1);
    check_eq(done[0], 1);
    check_eq(weft_future_state(futures[0]), WEFT_FUTURE_PENDING);
    check_eq(weft_future_state(futures[1]), WEFT_FUTURE_DONE);
    finish(futures, 2);
    return unused;
}

Test(waiting, for_the_first, .timeout = 60)
{
    weft_test_everywhere(SEEDS, for_the_first);
}

/* Whoever is done when it answers is in the answer. */
static void *all_that_are_done(void *unused)
{
    weft_future *made[] = {weft_future_new(), weft_future_new()};
    size_t done[2];
    for (int i = 0; i < 2; i++)
        check_eq(weft_future_set_result(made[i], NULL), 0);
    check_eq(weft_wait(made, 2, WEFT_WAIT_FIRST, done), 2);
    check(done[0] == 0 && done[1] == 1);
    check_eq(weft_wait(made, 2, WEFT_WAIT_FIRST_ERROR, done), 2);
    weft_future_unref(made[0]);
    weft_future_unref(made[1]);
    return unused;
}

Test(waiting, tells_all_that_are_done, .timeout = 60)
{
    weft_test_everywhere(SEEDS / 10, all_that_are_done);
}

static void *for_the_first_error(void *unused)
{
    struct work three[] = {{WEFT_FOREVER, NULL},
                           {weft_test_draw(2) * SHORT, weft_fail(-EDOM)},
                           {WEFT_FOREVER, NULL}};
    weft_future *futures[3];
    size_t done[3];
    start(futures, three, 3);
    while (weft_test_draw(3) && three[1].nap == 0)
        check_eq(weft_yield(), 0); /* it may have failed already */
    check_eq(weft_wait(futures, 3, WEFT_WAIT_FIRST_ERROR, done), 1);
    check_eq(done[0], 1);
    check_eq(weft_future_result(futures[1], NULL), -EDOM);
    check_eq(weft_future_state(futures[0]), WEFT_FUTURE_PENDING);
    check_eq(weft_cancel(futures[2]), 0);
    check_eq(weft_wait(&futures[2], 1, WEFT_WAIT_FIRST_ERROR, done), 1);
    finish(futures, 3);
    return unused;
}

Test(waiting, for_the_first_error, .timeout = 60)
{
    weft_test_everywhere(SEEDS, for_the_first_error);
}

static void *in_vain_for_an_error(void *unused)
{
    struct work two[] = {{2 * SHORT, value(1)}, {SHORT, value(2)}};
    weft_future *futures[2];
    size_t done[2];
    start(futures, two, 2);
    check_eq(weft_wait(futures, 2, WEFT_WAIT_FIRST_ERROR, done), 2);
    check(done[0] == 0 && done[1] == 1);
    finish(futures, 2);
    return unused;
}

Test(waiting, for_an_error_that_does_not_come_is_for_all, .timeout = 60)
{
    weft_test_everywhere(SEEDS, in_vain_for_an_error);
}

/* Within a deadline: the exit tells, and nobody was cancelled. */

static void *until_a_deadline(void *unused)
{
    struct work two[] = {{SHORT, value(1)}, {WEFT_FOREVER, NULL}};
    weft_future *futures[2];
    weft_scope scope;
    start(futures, two, 2);
    weft_timeout_enter(&scope, 2 * SHORT);
    int rc = weft_wait(futures, 2, WEFT_WAIT_ALL, NULL);
    check_eq(rc, -WEFT_ECANCELED);
    check_eq(weft_timeout_exit(&scope, rc), -WEFT_ETIMEOUT);
    check(weft_test_seed_now == 0 ||
          weft_future_state(futures[0]) == WEFT_FUTURE_DONE);
    check_eq(weft_future_state(futures[1]), WEFT_FUTURE_PENDING);
    check_eq(weft_cancel(futures[1]), 0);
    finish(futures, 2);
    return unused;
}

Test(waiting, until_a_deadline_leaves_the_rest_alone, .timeout = 60)
{
    weft_test_everywhere(SEEDS, until_a_deadline);
}

/* One is done as the time passes: it answers or is cancelled, not both. */
static void *at_one_moment(void *unused)
{
    struct work two[] = {{SHORT, value(1)}, {2 * SHORT, value(2)}};
    weft_future *futures[2];
    size_t done[2] = {9, 9};
    weft_scope scope;
    start(futures, two, 2);
    weft_timeout_enter(&scope, SHORT);
    int rc = weft_wait(futures, 2, WEFT_WAIT_FIRST, done);
    check((rc == 1 && done[0] == 0) || (rc == -WEFT_ECANCELED && done[0] == 9));
    rc = weft_timeout_exit(&scope, rc);
    check(rc == 1 || rc == -WEFT_ETIMEOUT);
    check_eq(weft_future_state(futures[1]), WEFT_FUTURE_PENDING);
    check_eq(weft_wait(futures, 2, WEFT_WAIT_ALL, done), 2);
    finish(futures, 2);
    return unused;
}

Test(waiting, at_one_moment_gives_one_of_two_answers, .timeout = 60)
{
    weft_test_seeds(SEEDS, at_one_moment);
}

struct waiter {
    weft_future *future;
    int said;
    bool went_on;
};

static void *waiter(void *arg)
{
    struct waiter *self = arg;
    self->said = weft_wait(&self->future, 1, WEFT_WAIT_ALL, NULL);
    if (self->said < 0)
        return weft_fail(self->said);
    self->went_on = true;
    return NULL;
}

static void *cancelled(void *unused)
{
    struct work one = {SHORT, value(1)};
    struct waiter self = {.future = weft_spawn(work, &one)};
    weft_future *task = weft_spawn(waiter, &self);
    check_eq(weft_cancel(task), 0);
    int rc = weft_await(task, NULL);
    check(rc == (self.went_on ? 0 : -WEFT_ECANCELED));
    check(weft_test_seed_now == 0 || rc == -WEFT_ECANCELED);
    void *result = NULL;
    check_eq(weft_await(self.future, &result), 0);
    check_eq(result, 1);
    return unused;
}

Test(waiting, cancelled_leaves_the_others_alone, .timeout = 60)
{
    weft_test_everywhere(SEEDS, cancelled);
}

/* As they complete */

static void *in_order(void *unused)
{
    struct work three[] = {
        {SHORT, value(1)}, {4 * SHORT, value(3)}, {2 * SHORT, value(2)}};
    weft_future *futures[3];
    weft_as_completed iteration;
    size_t index;
    start(futures, three, 3);
    check_eq(weft_as_completed_enter(&iteration, futures, 3), 0);
    for (uintptr_t i = 1; i <= 3; i++) {
        void *result = NULL;
        check_eq(weft_as_completed_next(&iteration, &index), 1);
        check_eq(weft_await(futures[index], &result), 0);
        check_eq(result, i);
        check_eq(three[index].gives, i);
    }
    check_eq(weft_as_completed_next(&iteration, &index), 0);
    weft_as_completed_exit(&iteration);
    return unused;
}

Test(as_completed, in_the_order_of_completion, .timeout = 60)
{
    weft_test_seeds(SEEDS, in_order);
}

static void *within_a_deadline(void *unused)
{
    struct work two[] = {{SHORT, value(1)}, {WEFT_FOREVER, NULL}};
    weft_future *futures[2];
    weft_as_completed iteration;
    weft_scope scope;
    size_t index = 9;
    start(futures, two, 2);
    weft_timeout_enter(&scope, 4 * SHORT);
    check_eq(weft_as_completed_enter(&iteration, futures, 2), 0);
    check_eq(weft_as_completed_next(&iteration, &index), 1);
    check_eq(index, 0);
    int rc = weft_as_completed_next(&iteration, &index);
    check_eq(rc, -WEFT_ECANCELED);
    weft_as_completed_exit(&iteration);
    check_eq(weft_timeout_exit(&scope, rc), -WEFT_ETIMEOUT);
    check_eq(weft_future_state(futures[1]), WEFT_FUTURE_PENDING);
    finish(futures, 2);
    return unused;
}

Test(as_completed, until_a_deadline, .timeout = 60)
{
    weft_test_seeds(SEEDS, within_a_deadline);
}

static void *long_before_a_deadline(void *unused)
{
    struct work one = {SHORT, value(1)};
    weft_future *future = weft_spawn(work, &one);
    weft_as_completed iteration;
    weft_scope scope;
    size_t index = 9;
    weft_timeout_enter(&scope, WEFT_S(1000));
    check_eq(weft_as_completed_enter(&iteration, &future, 1), 0);
    check_eq(weft_as_completed_next(&iteration, &index), 1);
    check_eq(index, 0);
    check_eq(weft_as_completed_next(&iteration, &index), 0);
    weft_as_completed_exit(&iteration);
    check_eq(weft_timeout_exit(&scope, weft_await(future, NULL)), 0);
    return unused;
}

Test(as_completed, before_a_deadline, .timeout = 60)
{
    weft_test_everywhere(SEEDS, long_before_a_deadline);
}

/* Go on until so many have been seen, each once. */
static size_t see(weft_as_completed *iteration, size_t most, unsigned *seen)
{
    size_t index, count = 0;
    while (count < most && weft_as_completed_next(iteration, &index) == 1) {
        check(!(*seen & 1u << index));
        *seen |= 1u << index;
        count++;
    }
    return count;
}

static void *in_two_goes(void *unused)
{
    struct work four[] = {{0, value(0)},
                          {SHORT, value(1)},
                          {0, value(2)},
                          {SHORT, weft_fail(-EDOM)}};
    weft_future *futures[4];
    weft_as_completed iteration;
    unsigned seen = 0;
    start(futures, four, 4);
    check_eq(weft_as_completed_enter(&iteration, futures, 4), 0);
    check_eq(see(&iteration, 2, &seen), 2);
    check_eq(weft_sleep(weft_test_draw(2) * SHORT), 0);
    check_eq(see(&iteration, 4, &seen), 2);
    check_eq(seen, 15);
    weft_as_completed_exit(&iteration);
    check_eq(weft_wait(futures, 4, WEFT_WAIT_ALL, NULL), 4);
    finish(futures, 4);
    return unused;
}

Test(as_completed, may_pause_and_go_on, .timeout = 60)
{
    weft_test_everywhere(SEEDS, in_two_goes);
}

static void *twice_in_one(void *unused)
{
    struct work two[] = {{SHORT, value(1)}, {0, value(2)}};
    weft_future *both[2];
    weft_as_completed iteration;
    unsigned seen = 0;
    start(both, two, 2);
    weft_future *futures[] = {both[0], both[0], both[1]};
    check_eq(weft_as_completed_enter(&iteration, futures, 3), 0);
    check_eq(see(&iteration, 9, &seen), 3);
    check_eq(seen, 7);
    weft_as_completed_exit(&iteration);
    finish(both, 2);
    return unused;
}

Test(as_completed, gives_each_entry_once, .timeout = 60)
{
    weft_test_everywhere(SEEDS, twice_in_one);
}

/* Left in the middle, also when some complete at that very moment. */
static void *left_early(void *unused)
{
    struct work four[] = {{0, NULL}, {0, NULL}, {0, NULL}, {SHORT, NULL}};
    weft_future *futures[4];
    weft_as_completed iteration;
    unsigned seen = 0;
    start(futures, four, 4);
    check_eq(weft_as_completed_enter(&iteration, futures, 4), 0);
    see(&iteration, weft_test_draw(4), &seen);
    weft_as_completed_exit(&iteration);
    check_eq(weft_gather(futures, 4, NULL), 0);
    return unused;
}

Test(as_completed, may_be_left_early, .timeout = 60)
{
    weft_test_everywhere(SEEDS, left_early);
}

static void *none(void *unused)
{
    weft_as_completed iteration;
    weft_future *made[] = {weft_future_new(), weft_future_new()};
    size_t index = 9;
    check_eq(weft_as_completed_enter(&iteration, NULL, 0), 0);
    check_eq(weft_as_completed_next(&iteration, &index), 0);
    weft_as_completed_exit(&iteration);
    check_eq(weft_future_set_result(made[1], NULL), 0);
    check_eq(weft_future_set_result(made[0], NULL), 0);
    check_eq(weft_as_completed_enter(&iteration, made, 2), 0);
    for (size_t i = 0; i < 2; i++) { /* those done before: by index */
        check_eq(weft_as_completed_next(&iteration, &index), 1);
        check_eq(index, i);
    }
    weft_as_completed_exit(&iteration);
    weft_future_unref(made[0]);
    weft_future_unref(made[1]);
    return unused;
}

Test(as_completed, of_none_and_of_those_that_are_done, .timeout = 60)
{
    weft_test_everywhere(SEEDS / 10, none);
}
