// SPDX-License-Identifier: MIT
/*
 * What weft_wait_for() promises, case by case: awaiting for so long and no
 * longer, and then not before the work has ended. The cases are those that
 * CPython has for its wait_for(); see conformance.md.
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

/* Work that is shielded for so long first, then sleeps; what it gives when all
 * goes well, and what when it is cancelled. */
struct work {
    weft_ns deaf, nap;
    void *gives, *dying;
    int woke;
    atomic_int started;
    bool ended;
};

static void *work(void *arg)
{
    struct work *self = arg;
    weft_scope shield;
    atomic_store(&self->started, 1);
    if (self->deaf > 0) {
        weft_shield_enter(&shield, WEFT_S(1000));
        check_eq(weft_sleep(self->deaf), 0);
        weft_shield_exit(&shield, 0);
    }
    self->woke = self->nap > 0 ? weft_sleep(self->nap) : 0;
    self->ended = true;
    return self->woke < 0 ? self->dying : self->gives;
}

#define CANCELLED weft_fail(-WEFT_ECANCELED)
#define VALUE ((void *)42)

/* Sleeps until it is cancelled, and says so. */
#define ENDLESS                                                                \
    {                                                                          \
        .nap = WEFT_FOREVER, .dying = CANCELLED                                \
    }

/* Cancelled while it waits */

struct call {
    weft_future *future;
    weft_ns timeout;
    void *result;
    int said, after; /* this call, and an ordinary one after it */
    atomic_int ready;
};

static void *call(void *arg)
{
    struct call *self = arg;
    atomic_store(&self->ready, 1);
    self->said = weft_wait_for(self->future, self->timeout, &self->result);
    self->after = weft_sleep(WEFT_FOREVER);
    return weft_fail(self->said);
}

/* Start the call, let it come to its wait or nearly, cancel it. */
static int cancel_call(struct call *self)
{
    weft_future *task = weft_spawn(call, self);
    while (!atomic_load(&self->ready))
        check_eq(weft_yield(), 0);
    for (unsigned turns = weft_test_draw(10); turns > 0; turns--)
        check_eq(weft_yield(), 0);
    check_eq(weft_cancel(task), 0);
    return weft_await(task, NULL);
}

static void *cancel_with_slow_work(void *unused)
{
    struct work slow = {.deaf = WEFT_MS(5), .gives = VALUE};
    struct call self = {.future = weft_spawn(work, &slow),
                        .timeout = WEFT_S(1000)};
    check_eq(cancel_call(&self), 0);
    check(slow.ended);
    check_eq(self.result, VALUE);
    check_eq(self.after, -WEFT_ECANCELED);
    return unused;
}

Test(wait_for, cancelled_returns_when_the_work_has_ended, .timeout = 60)
{
    weft_test_everywhere(SEEDS, cancel_with_slow_work);
}

static void *cancel_with_endless_work(void *unused)
{
    static const weft_ns timeouts[] = {WEFT_FOREVER, WEFT_S(1000)};
    for (int i = 0; i < 2; i++) {
        struct work one = ENDLESS;
        struct call self = {.future = weft_spawn(work, &one),
                            .timeout = timeouts[i]};
        check_eq(cancel_call(&self), -WEFT_ECANCELED);
        check(one.ended && one.woke == -WEFT_ECANCELED);
        check_eq(self.after, -WEFT_ECANCELED);
    }
    return unused;
}

Test(wait_for, cancelled_cancels_the_work, .timeout = 60)
{
    weft_test_everywhere(SEEDS, cancel_with_endless_work);
}

static void *cancel_twice_over(void *unused)
{
    struct work slow = {.deaf = WEFT_MS(30), .gives = VALUE};
    struct call self = {.future = weft_spawn(work, &slow),
                        .timeout = WEFT_MS(10)};
    weft_future *task = weft_spawn(call, &self);
    check_eq(weft_sleep(WEFT_MS(20)), 0); /* its time has passed, it waits */
    check_eq(weft_future_state(task), WEFT_FUTURE_PENDING);
    check_eq(weft_cancel(task), 0);
    check_eq(weft_await(task, NULL), 0);
    check_eq(self.result, VALUE);
    check_eq(self.after, -WEFT_ECANCELED);
    return unused;
}

Test(wait_for, cancelled_after_its_time_gives_what_the_work_gave, .timeout = 60)
{
    weft_test_seeds(SEEDS, cancel_twice_over);
}

/* The work ends just now, the caller is cancelled just now: the outcome is the
 * work's, and the cancellation is there for the next call. */
static void *cancel_when_done(void *unused)
{
    struct work quick = {.gives = VALUE};
    struct call self = {.future = weft_spawn(work, &quick),
                        .timeout = WEFT_S(1000)};
    check_eq(cancel_call(&self), 0);
    check_eq(self.result, VALUE);
    check_eq(self.after, -WEFT_ECANCELED);
    return unused;
}

Test(wait_for, cancelled_as_the_work_ends_loses_neither, .timeout = 60)
{
    weft_test_everywhere(SEEDS, cancel_when_done);
}

/* The time passes */

static void *times_out(void *unused)
{
    struct work one = ENDLESS;
    weft_time begin = weft_now();
    weft_future *task = weft_spawn(work, &one);
    check_eq(weft_wait_for(task, WEFT_MS(2), NULL), -WEFT_ETIMEOUT);
    check(weft_now() - begin >= WEFT_MS(2));
    check(one.ended && one.woke == -WEFT_ECANCELED);
    check_eq(weft_yield(), 0);
    return unused;
}

Test(wait_for, cancels_the_work_when_the_time_has_passed, .timeout = 60)
{
    weft_test_everywhere(SEEDS, times_out);
}

/* Where the work already runs, and where it has not begun: then it does. */
static void *no_time(void *unused)
{
    static const weft_ns timeouts[] = {0, -1, WEFT_S(-5)};
    for (int i = 0; i < 6; i++) {
        struct work one = ENDLESS;
        weft_future *task = weft_spawn(work, &one);
        while (i % 2 && !atomic_load(&one.started))
            check_eq(weft_yield(), 0);
        check_eq(weft_wait_for(task, timeouts[i / 2], NULL), -WEFT_ETIMEOUT);
        check(atomic_load(&one.started));
        check(one.ended && one.woke == -WEFT_ECANCELED);
    }
    return unused;
}

Test(wait_for, no_time_cancels_the_work_at_once, .timeout = 60)
{
    weft_test_everywhere(SEEDS, no_time);
}

static void *done_before(void *unused)
{
    void *result = NULL;
    weft_future *made = weft_future_new();
    check_eq(weft_future_set_result(made, VALUE), 0);
    check_eq(weft_wait_for(weft_future_ref(made), 0, &result), 0);
    check_eq(result, VALUE);
    check_eq(weft_wait_for(made, -1, &result), 0);
    check_eq(result, VALUE);
    return unused;
}

Test(wait_for, no_time_is_enough_for_what_is_done, .timeout = 60)
{
    weft_test_everywhere(SEEDS / 10, done_before);
}

static void *slow_to_die(void *unused)
{
    struct work slow = {.deaf = WEFT_MS(4), .nap = 1, .dying = CANCELLED};
    for (int i = 0; i < 2; i++) {
        slow.ended = false;
        weft_future *task = weft_spawn(work, &slow);
        check_eq(weft_wait_for(task, i * SHORT, NULL), -WEFT_ETIMEOUT);
        check(slow.ended);
        check_eq(slow.woke, -WEFT_ECANCELED);
    }
    return unused;
}

Test(wait_for, waits_for_the_end_of_what_it_cancels, .timeout = 60)
{
    weft_test_everywhere(SEEDS, slow_to_die);
}

static void *takes_no_notice(void *unused)
{
    void *result = NULL;
    struct work deaf = {.deaf = WEFT_MS(4), .gives = VALUE};
    struct work polite = {.nap = WEFT_FOREVER, .dying = VALUE};
    check_eq(weft_wait_for(weft_spawn(work, &deaf), SHORT, &result), 0);
    check_eq(result, VALUE);
    result = NULL;
    check_eq(weft_wait_for(weft_spawn(work, &polite), SHORT, &result), 0);
    check_eq(result, VALUE);
    check_eq(polite.woke, -WEFT_ECANCELED);
    check_eq(weft_yield(), 0);
    return unused;
}

Test(wait_for, gives_a_result_that_came_in_spite_of_it, .timeout = 60)
{
    weft_test_everywhere(SEEDS, takes_no_notice);
}

static void *dies_badly(void *unused)
{
    struct work one = {.nap = WEFT_FOREVER, .dying = weft_fail(-EDOM)};
    check_eq(weft_wait_for(weft_spawn(work, &one), SHORT, NULL), -EDOM);
    check_eq(one.woke, -WEFT_ECANCELED);
    return unused;
}

Test(wait_for, gives_the_failure_of_who_dies_badly, .timeout = 60)
{
    weft_test_everywhere(SEEDS, dies_badly);
}

/* In time */

static void *as_long_as_it_takes(void *unused)
{
    void *result = NULL;
    struct work two[] = {{.gives = VALUE}, {.nap = SHORT, .gives = VALUE}};
    for (int i = 0; i < 2; i++) {
        weft_future *task = weft_spawn(work, &two[i]);
        check_eq(weft_wait_for(task, WEFT_FOREVER, &result), 0);
        check_eq(result, VALUE);
    }
    return unused;
}

Test(wait_for, forever_is_as_long_as_it_takes, .timeout = 60)
{
    weft_test_everywhere(SEEDS, as_long_as_it_takes);
}

static void *complete(void *future)
{
    check_eq(weft_future_set_result(future, VALUE), 0);
    return NULL;
}

static void *in_time(void *unused)
{
    void *result = NULL;
    weft_future *made = weft_future_new();
    weft_future *later = weft_test_draw(2)
                             ? weft_call_soon(complete, made)
                             : weft_call_later(SHORT, complete, made);
    check_eq(weft_wait_for(weft_future_ref(made), WEFT_S(1000), &result), 0);
    check_eq(result, VALUE);
    check_eq(weft_await(later, NULL), 0);
    weft_future_unref(made);
    return unused;
}

Test(wait_for, gives_what_comes_in_time, .timeout = 60)
{
    weft_test_everywhere(SEEDS, in_time);
}

/* Completion and time at one moment: one of two answers, and a made future
 * that was not waited for to the end is still there to be completed. */
static void *just_in_time(void *unused)
{
    void *result = NULL;
    weft_future *made = weft_future_new();
    weft_future *later = weft_call_later(SHORT, complete, made);
    int rc = weft_wait_for(weft_future_ref(made), SHORT, &result);
    check(rc == 0 ? result == VALUE : rc == -WEFT_ETIMEOUT && result == NULL);
    check_eq(weft_await(later, NULL), 0);
    check_eq(weft_future_result(made, &result), 0);
    check_eq(result, VALUE);
    weft_future_unref(made);
    return unused;
}

Test(wait_for, at_one_moment_gives_one_of_two_answers, .timeout = 60)
{
    weft_test_everywhere(SEEDS, just_in_time);
}

/* Shared work goes on: a reference of one's own is the shield. */

static void *shared(void *unused)
{
    static const weft_ns timeouts[] = {0, SHORT};
    for (int i = 0; i < 2; i++) {
        void *result = NULL;
        struct work one = {.nap = WEFT_MS(4), .gives = VALUE};
        weft_future *task = weft_spawn(work, &one);
        check_eq(weft_wait_for(weft_future_ref(task), timeouts[i], NULL),
                 -WEFT_ETIMEOUT);
        check(weft_test_seed_now == 0 ||
              weft_future_state(task) == WEFT_FUTURE_PENDING);
        check_eq(weft_await(task, &result), 0);
        check_eq(result, VALUE);
        check_eq(one.woke, 0);
    }
    return unused;
}

static void *shared_without_end(void *unused)
{
    void *result = NULL;
    struct work one = {.nap = SHORT, .gives = VALUE};
    weft_future *task = weft_spawn(work, &one);
    check_eq(weft_wait_for(weft_future_ref(task), WEFT_FOREVER, &result), 0);
    check_eq(result, VALUE);
    check_eq(weft_await(task, &result), 0);
    return unused;
}

Test(wait_for, leaves_shared_work_alone, .timeout = 60)
{
    weft_test_everywhere(SEEDS, shared);
    weft_test_everywhere(SEEDS / 10, shared_without_end);
}
