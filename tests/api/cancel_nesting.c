// SPDX-License-Identifier: MIT
/*
 * Scopes within scopes as trio's tests have them, restated: who wins, shields,
 * reasons, and what becomes of who ends them in the wrong order. In virtual
 * time, but for the last.
 */
#include <weft/scope.h>

#include <errno.h>
#include <stdlib.h>

#include "tests/support/child.h"
#include "tests/support/sweep.h"

#define SEEDS 100
#define RACES 1000
#define DEEP 5000

/* Nesting */

static void *two_of_three(void *unused)
{
    weft_scope one, two, three;
    weft_timeout_enter(&one, WEFT_FOREVER);
    weft_timeout_enter(&two, WEFT_FOREVER);
    weft_timeout_enter(&three, WEFT_FOREVER);
    weft_scope_cancel(&three);
    weft_scope_cancel(&two);
    int rc = weft_sleep(WEFT_FOREVER);
    check(rc == -WEFT_ECANCELED);
    rc = weft_timeout_exit(&three, rc);
    check(weft_cancelled() && weft_yield() == -WEFT_ECANCELED);
    rc = weft_timeout_exit(&two, rc);
    check(!weft_cancelled() && weft_yield() == 0);
    check(weft_timeout_exit(&one, rc) == -WEFT_ECANCELED);
    return unused;
}

Test(cancel_nesting, the_outermost_that_is_cancelled_wins, .timeout = 60)
{
    weft_test_sweep(two_of_three, SEEDS);
}

/* Both pass while nobody looks: the outer one is the one that timed out. */
static void *both_pass(void *unused)
{
    weft_scope outer, inner, shield;
    weft_timeout_enter(&outer, WEFT_S(1));
    weft_timeout_enter(&inner, WEFT_S(1));
    weft_shield_enter(&shield, WEFT_S(10));
    int rc = weft_sleep(WEFT_S(2));
    check(weft_shield_exit(&shield, rc) == 0);
    rc = weft_yield();
    check(rc == -WEFT_ECANCELED);
    rc = weft_timeout_exit(&inner, rc);
    check(rc == -WEFT_ECANCELED);
    check(weft_timeout_exit(&outer, rc) == -WEFT_ETIMEOUT);
    return unused;
}

static void *one_passes(void *unused)
{
    weft_scope outer, inner;
    bool inner_first = weft_test_roll(2) == 0;
    weft_timeout_enter(&outer, inner_first ? WEFT_S(9) : WEFT_S(1));
    weft_timeout_enter(&inner, inner_first ? WEFT_S(1) : WEFT_S(9));
    int rc = weft_timeout_exit(&inner, weft_sleep(WEFT_FOREVER));
    check(rc == (inner_first ? -WEFT_ETIMEOUT : -WEFT_ECANCELED));
    check(weft_cancelled() == !inner_first);
    rc = weft_timeout_exit(&outer, rc);
    check(rc == -WEFT_ETIMEOUT); /* passed on, or its own */
    check(weft_yield() == 0);
    return unused;
}

Test(cancel_nesting, each_answers_for_its_own_deadline, .timeout = 60)
{
    weft_test_sweep(both_pass, SEEDS);
    weft_test_sweep(one_passes, SEEDS);
}

static void *very_deep(void *unused)
{
    weft_scope outer;
    weft_scope *scope = malloc(DEEP * sizeof(*scope));
    cr_assert_not_null(scope);
    weft_timeout_enter(&outer, WEFT_FOREVER);
    for (int i = 0; i < DEEP; i++)
        weft_timeout_enter(&scope[i], i % 2 ? WEFT_S(1000) : WEFT_FOREVER);
    check(weft_yield() == 0);
    check(weft_scope_cancel(&outer) == 0);
    int rc = weft_yield();
    check(rc == -WEFT_ECANCELED);
    for (int i = DEEP; i-- > 0;)
        rc = weft_timeout_exit(&scope[i], rc);
    check(weft_timeout_exit(&outer, rc) == -WEFT_ECANCELED);
    check(weft_yield() == 0);
    free(scope);
    return unused;
}

Test(cancel_nesting, thousands_deep, .timeout = 60)
{
    weft_test_sweep(very_deep, 20);
}

/* Shields */

static void *shields(void *unused)
{
    weft_scope outer, shield, inside;
    weft_timeout_enter(&outer, WEFT_FOREVER);
    check(weft_yield() == 0);
    weft_scope_cancel(&outer);
    check(weft_yield() == -WEFT_ECANCELED);
    weft_shield_enter(&shield, WEFT_S(10));
    check(weft_yield() == 0 && !weft_cancelled());

    weft_timeout_enter(&inside, WEFT_FOREVER);
    weft_scope_cancel(&inside);
    int rc = weft_yield();
    check(rc == -WEFT_ECANCELED);
    check(weft_timeout_exit(&inside, rc) == -WEFT_ECANCELED);
    check(weft_yield() == 0);

    check(weft_scope_cancel(&shield) == -EINVAL);
    check(weft_yield() == 0);
    check(weft_shield_exit(&shield, 0) == 0);
    check(weft_yield() == -WEFT_ECANCELED);
    weft_shield_enter(&shield, WEFT_S(10));
    check(weft_shield_exit(&shield, weft_yield()) == 0);
    check(weft_timeout_exit(&outer, -WEFT_ECANCELED) == -WEFT_ECANCELED);
    return unused;
}

Test(cancel_nesting, a_shield_keeps_off_what_is_outside, .timeout = 60)
{
    weft_test_sweep(shields, SEEDS);
}

static void *cancelled_outside(void *unused)
{
    weft_scope shield;
    weft_shield_enter(&shield, WEFT_S(100));
    check(weft_sleep(WEFT_S(1)) == 0 && !weft_cancelled());
    check(weft_shield_exit(&shield, 3) == 3);
    check(weft_sleep(WEFT_S(1)) == -WEFT_ECANCELED);
    return unused;
}

static void *cancel_shielded_task(void *unused)
{
    weft_future *task = weft_spawn(cancelled_outside, NULL);
    for (uint64_t turns = weft_test_roll(4); turns > 0; turns--)
        weft_yield();
    weft_cancel(task);
    check(weft_await(task, NULL) == 0);
    return unused;
}

Test(cancel_nesting, a_shield_keeps_off_the_cancelling_of_a_task, .timeout = 60)
{
    weft_test_sweep(cancel_shielded_task, RACES);
}

static void *late_shield(void *unused)
{
    weft_scope outer, shield;
    weft_timeout_enter(&outer, WEFT_FOREVER);
    weft_scope_cancel(&outer);
    int rc = weft_yield();
    weft_shield_enter(&shield, WEFT_S(1));
    rc = weft_shield_exit(&shield, rc);
    check(rc == -WEFT_ECANCELED);
    check(weft_timeout_exit(&outer, rc) == -WEFT_ECANCELED);
    check(weft_yield() == 0);
    return unused;
}

Test(cancel_nesting, a_shield_raised_late_passes_the_code_on, .timeout = 60)
{
    weft_test_sweep(late_shield, SEEDS);
}

static void *shield_ends(void *unused)
{
    weft_scope outer, shield;
    weft_timeout_enter(&outer, WEFT_FOREVER);
    weft_scope_cancel(&outer);
    weft_time start = weft_now();
    weft_shield_enter(&shield, WEFT_S(2));
    int rc = weft_sleep(WEFT_FOREVER);
    check(rc == -WEFT_ECANCELED);
    check(weft_test_took(start, WEFT_S(2)));
    check(weft_yield() == -WEFT_ECANCELED);
    check(weft_shield_exit(&shield, rc) == -WEFT_ECANCELED);
    check(weft_timeout_exit(&outer, rc) == -WEFT_ECANCELED);
    return unused;
}

Test(cancel_nesting, a_shield_has_an_end, .timeout = 60)
{
    weft_test_sweep(shield_ends, SEEDS);
}

static void *timeout_in_shield(void *unused)
{
    weft_scope outer, shield, inside;
    weft_timeout_enter(&outer, WEFT_FOREVER);
    weft_scope_cancel(&outer);
    weft_shield_enter(&shield, WEFT_S(100));
    weft_time start = weft_now();
    weft_timeout_enter(&inside, WEFT_S(1));
    int rc = weft_sleep(WEFT_FOREVER);
    check(weft_test_took(start, WEFT_S(1)));
    check(weft_timeout_exit(&inside, rc) == -WEFT_ETIMEOUT);
    check(weft_shield_exit(&shield, weft_yield()) == 0);
    check(weft_timeout_exit(&outer, -WEFT_ECANCELED) == -WEFT_ECANCELED);
    return unused;
}

Test(cancel_nesting, a_deadline_passes_within_a_shield, .timeout = 60)
{
    weft_test_sweep(timeout_in_shield, SEEDS);
}

static int seen_by_sleeper;

static void *sleeps_in_shield(void *unused)
{
    seen_by_sleeper = 1;
    check(weft_sleep(WEFT_FOREVER) == -WEFT_ECANCELED);
    seen_by_sleeper = 2;
    return unused;
}

static void *shielded_join(void *unused)
{
    weft_scope outer, shield;
    seen_by_sleeper = 0;
    weft_timeout_enter(&outer, WEFT_FOREVER);
    weft_scope_cancel(&outer);
    weft_shield_enter(&shield, WEFT_S(3));
    weft_future *task = weft_spawn(sleeps_in_shield, NULL);
    weft_test_settle();
    check(seen_by_sleeper == 1);
    weft_time start = weft_now();
    check(weft_await(task, NULL) == 0); /* woken when the shield ends */
    check(seen_by_sleeper == 2);
    check(weft_now() - start > WEFT_S(2));
    check(weft_now() - start < WEFT_S(4));
    weft_shield_exit(&shield, 0);
    weft_timeout_exit(&outer, 0);
    return unused;
}

Test(cancel_nesting, the_end_of_a_shield_reaches_who_sleeps_in_it,
     .timeout = 60)
{
    weft_test_sweep(shielded_join, SEEDS);
}

/* Reasons */

static enum weft_reason reason(void)
{
    return weft_cancel_reason(NULL);
}

static void *reasons(void *unused)
{
    weft_scope scope;
    int code = 1;
    check(weft_cancel_reason(&code) == WEFT_REASON_NONE);
    weft_timeout_enter(&scope, WEFT_FOREVER);
    weft_scope_cancel(&scope);
    check(weft_yield() == -WEFT_ECANCELED);
    check(weft_cancel_reason(&code) == WEFT_REASON_USER && code == 0);
    weft_timeout_exit(&scope, 0);
    check(reason() == WEFT_REASON_NONE);

    weft_timeout_enter(&scope, 0);
    check(weft_yield() == -WEFT_ECANCELED);
    check(weft_cancel_reason(&code) == WEFT_REASON_TIMEOUT && code == 0);
    weft_timeout_exit(&scope, 0);

    weft_timeout_enter(&scope, WEFT_FOREVER);
    weft_timeout_reschedule(&scope, 0);
    check(weft_yield() == -WEFT_ECANCELED);
    check(reason() == WEFT_REASON_TIMEOUT);
    weft_timeout_exit(&scope, 0);
    check(reason() == WEFT_REASON_NONE);
    return unused;
}

static void *first_reason(void *unused)
{
    weft_scope scope, shield;
    weft_timeout_enter(&scope, WEFT_MS(50));
    weft_scope_cancel(&scope);
    weft_shield_enter(&shield, WEFT_S(1));
    check(weft_shield_exit(&shield, weft_sleep(WEFT_MS(100))) == 0);
    check(weft_yield() == -WEFT_ECANCELED);
    check(reason() == WEFT_REASON_USER); /* although the deadline has passed */
    check(weft_timeout_reschedule(&scope, 0) == -WEFT_EALREADY);
    check(reason() == WEFT_REASON_USER);
    weft_timeout_exit(&scope, 0);

    weft_timeout_enter(&scope, 0);
    check(weft_yield() == -WEFT_ECANCELED);
    check(weft_scope_cancel(&scope) == 1);
    check(reason() == WEFT_REASON_TIMEOUT);
    check(weft_timeout_exit(&scope, -WEFT_ECANCELED) == -WEFT_ETIMEOUT);
    return unused;
}

static void *innermost_reason(void *unused)
{
    weft_scope outer, inner, shield;
    weft_timeout_enter(&outer, WEFT_FOREVER);
    weft_timeout_enter(&inner, 0);
    weft_scope_cancel(&outer);
    check(reason() == WEFT_REASON_TIMEOUT);
    weft_shield_enter(&shield, WEFT_S(1));
    check(reason() == WEFT_REASON_NONE);
    weft_shield_exit(&shield, 0);
    weft_timeout_exit(&inner, 0);
    check(reason() == WEFT_REASON_USER);
    weft_timeout_exit(&outer, 0);
    check(reason() == WEFT_REASON_NONE);
    return unused;
}

Test(cancel_nesting, says_why, .timeout = 60)
{
    weft_test_sweep(reasons, SEEDS);
}

Test(cancel_nesting, the_first_reason_stays, .timeout = 60)
{
    weft_test_sweep(first_reason, SEEDS);
}

Test(cancel_nesting, the_innermost_reason_is_told, .timeout = 60)
{
    weft_test_sweep(innermost_reason, SEEDS);
}

/* Races: whatever comes first, the answers fit together */

static weft_scope raced;
static bool is_open;

static void *races_with_deadline(void *unused)
{
    weft_time start = weft_now();
    weft_timeout_enter(&raced, WEFT_US(100));
    is_open = true;
    int body = weft_sleep(WEFT_US(80 + (weft_ns)weft_test_roll(40)));
    bool late = weft_now() >= start + WEFT_US(100);
    bool was = weft_cancelled();
    enum weft_reason why = reason();
    is_open = false;
    int rc = weft_timeout_exit(&raced, body);
    check(body == 0 || body == -WEFT_ECANCELED);
    check(body == 0 || was);
    check(was == (why != WEFT_REASON_NONE));
    if (why == WEFT_REASON_TIMEOUT)
        check(late && rc == (body == 0 ? 0 : -WEFT_ETIMEOUT));
    else
        check(rc == body);
    check(weft_yield() == 0);
    return unused;
}

static void *race(void *unused)
{
    is_open = false;
    weft_future *task = weft_spawn(races_with_deadline, NULL);
    check(weft_sleep(WEFT_US(70 + (weft_ns)weft_test_roll(20))) == 0);
    if (weft_test_roll(2) && is_open)
        weft_scope_cancel(&raced);
    check(weft_await(task, NULL) == 0);
    return unused;
}

Test(cancel_nesting, end_deadline_and_cancelling_at_once, .timeout = 120)
{
    weft_test_sweep(race, 4 * RACES);
}

/* In the wrong order, or place: it says so and aborts */

static void *outer_first(void *unused)
{
    weft_scope outer, inner;
    weft_timeout_enter(&outer, WEFT_FOREVER);
    weft_timeout_enter(&inner, WEFT_FOREVER);
    weft_timeout_exit(&outer, 0);
    return unused;
}

static void *end_foreign_scope(void *scope)
{
    weft_timeout_exit(scope, 0);
    return NULL;
}

static void *in_another_task(void *unused)
{
    weft_scope scope;
    weft_timeout_enter(&scope, WEFT_FOREVER);
    weft_await(weft_spawn(end_foreign_scope, &scope), NULL);
    weft_timeout_exit(&scope, 0);
    return unused;
}

static void *never(void *unused)
{
    weft_scope *scope = malloc(sizeof(*scope));
    weft_timeout_enter(scope, WEFT_FOREVER);
    return unused;
}

static void *never_in_child(void *unused)
{
    weft_await(weft_spawn(never, NULL), NULL);
    return unused;
}

static int run_mistake(void *fn)
{
    return weft_test_run(2, *(weft_fn **)fn, NULL) == 0 ? 0 : 1;
}

Test(cancel_nesting, mistakes_abort_with_a_sentence, .timeout = 120)
{
    weft_fn *mistakes[] = {outer_first, in_another_task, never, never_in_child};
    const char *said[] = {"has not ended", "the task that entered",
                          "inside a scope", "inside a scope"};
    static struct weft_test_child child;
    if (WEFT_TEST_NO_CHILDREN)
        cr_skip("no children under ThreadSanitizer");
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        cr_assert(weft_test_child_run(&child, run_mistake, &mistakes[i]));
        cr_expect_eq(weft_test_child_exit(&child), -1 - SIGABRT, "mistake %zu",
                     i);
        cr_expect(weft_test_child_said(&child, said[i]), "mistake %zu: %s", i,
                  child.err);
    }
}
