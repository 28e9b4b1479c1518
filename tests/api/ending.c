// SPDX-License-Identifier: MIT
/*
 * The end of a runtime as its users see it: what main leaves behind, clean-up
 * that libraries register independently, bounds.
 */
#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/test.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <weft.h>

/* What happened, in order. */
static atomic_int order[16];
static atomic_int happened;

static void note(int what)
{
    int at = atomic_fetch_add(&happened, 1);
    if (at < 16)
        atomic_store(&order[at], what);
}

static void expect_order(const int *wanted, int n)
{
    cr_expect_eq(atomic_load(&happened), n);
    for (int i = 0; i < n; i++)
        cr_expect_eq(atomic_load(&order[i]), wanted[i], "at %d: %d", i,
                     atomic_load(&order[i]));
    atomic_store(&happened, 0);
}

/* Clean-up that suspends, spawns and awaits. */
static void *yields(void *unused)
{
    for (int i = 0; i < 3; i++)
        if (weft_yield() < 0)
            return weft_fail(-WEFT_ECANCELED);
    return unused;
}

static void *cleans_up(void *what)
{
    int rc = weft_await(weft_spawn(yields, NULL), NULL);
    note(rc == 0 ? (int)(intptr_t)what : rc);
    return NULL;
}

static void *number(int n)
{
    return (void *)(intptr_t)n;
}

/* Deferred calls of the runtime */

static void *child_of_main(void *unused)
{
    while (weft_sleep(WEFT_S(1000)) == 0)
        ;
    note(1);
    return unused;
}

static void *two_libraries(void *unused)
{
    weft_runtime *rt = weft_running_loop();
    cr_assert_eq(weft_runtime_defer(rt, cleans_up, number(4)), 0);
    cr_assert_eq(weft_runtime_defer(rt, cleans_up, number(3)), 0);
    cr_assert_eq(weft_defer(cleans_up, number(2)), 0);
    weft_future_unref(weft_spawn(child_of_main, NULL));
    return unused;
}

Test(ending, goes_from_the_inside_out, .timeout = 60)
{
    const int wanted[] = {1, 2, 3, 4};
    for (unsigned workers = 1; workers <= 3; workers++) {
        cr_assert_eq(weft_test_run(workers, two_libraries, NULL), 0);
        expect_order(wanted, 4);
    }
}

static void *registers_another(void *unused)
{
    note(1);
    cr_expect_eq(weft_runtime_defer(weft_running_loop(), cleans_up, number(2)),
                 0);
    return unused;
}

static void *defers_that_defer(void *unused)
{
    weft_runtime *rt = weft_running_loop();
    cr_assert_eq(weft_runtime_defer(rt, cleans_up, number(3)), 0);
    cr_assert_eq(weft_runtime_defer(rt, registers_another, NULL), 0);
    return unused;
}

Test(ending, takes_clean_up_until_the_last_has_run, .timeout = 60)
{
    const int wanted[] = {1, 2, 3};
    cr_assert_eq(weft_test_run(2, defers_that_defer, NULL), 0);
    expect_order(wanted, 3);
}

/* Children end on all workers as the clean-up begins: that they have all ended
 * is then said late, and must not be taken for the end of the clean-up. */
static void *leaves_sleepers(void *unused)
{
    weft_runtime *rt = weft_running_loop();
    cr_assert_eq(weft_runtime_defer(rt, cleans_up, number(1)), 0);
    for (int i = 0; i < 8; i++)
        weft_future_unref(weft_spawn(weft_test_forever, NULL));
    return unused;
}

Test(ending, is_not_over_while_clean_up_runs, .timeout = 120)
{
    const int wanted[] = {1};
    for (unsigned i = 0; i < weft_test_scaled(3000); i++) {
        cr_assert_eq(weft_test_run(2 + i % 3, leaves_sleepers, NULL), 0);
        expect_order(wanted, 1);
    }
}

Test(ending, takes_no_clean_up_afterwards, .timeout = 60)
{
    weft_runtime *rt;
    weft_options options = {.size = sizeof(options), .workers = 1};
    cr_assert_eq(weft_runtime_new(&options, &rt), 0);
    cr_expect_eq(weft_runtime_defer(rt, cleans_up, number(1)), 0);
    cr_expect_eq(weft_runtime_shutdown(rt), 0);
    cr_expect_eq(weft_runtime_defer(rt, cleans_up, number(2)), -WEFT_ESHUTDOWN);
    weft_runtime_unref(rt);
    const int wanted[] = {1};
    expect_order(wanted, 1);
}

static atomic_int reports;

static void on_report(const weft_report *report, void *unused)
{
    (void)unused;
    if (report->kind == WEFT_REPORT_CLEANUP && report->code == -EIO)
        atomic_fetch_add(&reports, 1);
}

static void *fails(void *unused)
{
    (void)unused;
    return weft_fail(-EIO);
}

static void *failing_clean_up(void *unused)
{
    cr_assert_eq(weft_defer(fails, NULL), 0);
    cr_assert_eq(weft_runtime_defer(weft_running_loop(), fails, NULL), 0);
    return unused;
}

Test(ending, tells_of_clean_up_that_failed, .timeout = 60)
{
    weft_options options = {
        .size = sizeof(options), .workers = 2, .on_report = on_report};
    cr_assert_eq(weft_run_with(&options, failing_clean_up, NULL, NULL), 0);
    cr_expect_eq(atomic_load(&reports), 2);
}

/* Each of many, once, in one call */

static atomic_int cleaned;

static void *sleeps_in_clean_up(void *unused)
{
    if (weft_sleep(WEFT_MS(10)) == 0)
        atomic_fetch_add(&cleaned, 1);
    return unused;
}

static void *waits_for_ever(void *unused)
{
    (void)unused;
    int rc = weft_defer(sleeps_in_clean_up, NULL);
    return weft_fail(rc < 0 ? rc : weft_sleep(WEFT_FOREVER));
}

static void *leaves_many(void *n)
{
    for (intptr_t i = 0; i < (intptr_t)n; i++)
        weft_future_unref(weft_spawn(waits_for_ever, NULL));
    return NULL;
}

Test(ending, cleans_up_a_thousand_tasks_in_one_call, .timeout = 120)
{
    int n = (int)weft_test_scaled(1000);
    cr_assert_eq(weft_test_run(2, leaves_many, number(n)), 0);
    cr_expect_eq(atomic_load(&cleaned), n);
}

/* Bounds */

static void *never_ends(void *unused)
{
    weft_scope shield;
    weft_shield_enter(&shield, WEFT_FOREVER);
    int rc = weft_sleep(WEFT_FOREVER); /* until the last phase */
    weft_shield_exit(&shield, rc);
    note(rc == -WEFT_ECANCELED ? 1 : 9);
    return unused;
}

static void *main_with_stubborn_child(void *unused)
{
    weft_future_unref(weft_spawn(never_ends, NULL));
    cr_assert_eq(weft_runtime_defer(weft_running_loop(), cleans_up, number(2)),
                 0);
    return unused;
}

/* The shield is cut through after the grace period; clean-up still runs, and
 * may suspend, but what it spawns is cancelled. */
Test(ending, is_bounded_by_the_grace_period, .timeout = 60)
{
    weft_options options = {
        .size = sizeof(options), .workers = 2, .grace = WEFT_MS(50)};
    cr_assert_eq(weft_run_with(&options, main_with_stubborn_child, NULL, NULL),
                 0);
    const int wanted[] = {1, -WEFT_ECANCELED};
    expect_order(wanted, 2);
}

static void *kept(void *unused)
{
    note(weft_sleep(WEFT_MS(20)) == 0 ? 1 : 9);
    return unused;
}

static void *main_with_kept_child(void *unused)
{
    weft_spawn_options keep = {.size = sizeof(keep), .keep = true};
    weft_future_unref(weft_spawn_with(&keep, kept, NULL));
    return unused;
}

Test(ending, gives_a_kept_child_its_time, .timeout = 60)
{
    const int wanted[] = {1};
    cr_assert_eq(weft_test_run(2, main_with_kept_child, NULL), 0);
    expect_order(wanted, 1);
}

/* Asked for inside: main hears of it, and the call returns in time */

static void *asks_for_the_end(void *unused)
{
    cr_expect_eq(weft_runtime_shutdown(weft_running_loop()), 0);
    return unused;
}

static void *main_that_waits(void *how)
{
    weft_future *asks = how == NULL ? weft_spawn(asks_for_the_end, NULL)
                                    : weft_call_soon(asks_for_the_end, NULL);
    weft_detach(asks);
    return weft_fail(weft_sleep(WEFT_FOREVER));
}

Test(ending, may_be_asked_for_by_a_task_or_callback, .timeout = 60)
{
    static int callback;
    cr_expect_eq(weft_test_run(2, main_that_waits, NULL), -WEFT_ECANCELED);
    cr_expect_eq(weft_test_run(2, main_that_waits, &callback), -WEFT_ECANCELED);
}

static void *ends_it(void *rt)
{
    int rc = weft_runtime_shutdown(rt);
    weft_runtime_unref(rt);
    return (void *)(intptr_t)rc;
}

static pthread_t ender;

static void *main_ended_by_a_thread(void *unused)
{
    (void)unused;
    weft_runtime *rt = weft_runtime_ref(weft_running_loop());
    cr_assert_eq(pthread_create(&ender, NULL, ends_it, rt), 0);
    return weft_fail(weft_sleep(WEFT_FOREVER));
}

/* Many times: the thread in weft_run() looks for deadlocks meanwhile. */
Test(ending, may_be_asked_for_by_a_thread, .timeout = 120)
{
    for (size_t n = weft_test_scaled(2000); n > 0; n--) {
        void *rc = number(1);
        cr_expect_eq(weft_test_run(2, main_ended_by_a_thread, NULL),
                     -WEFT_ECANCELED);
        pthread_join(ender, &rc);
        cr_expect_null(rc);
    }
}

static void count_one(const weft_task_info *info, void *seen)
{
    *(size_t *)seen += info->id != 0;
}

static atomic_int ended;

static void *looks_until_the_end(void *rt)
{
    size_t seen = 0;
    while (!atomic_load(&ended))
        weft_all_tasks(rt, count_one, &seen);
    cr_expect_eq(weft_all_tasks(rt, count_one, &seen), 0);
    cr_expect_eq(weft_dump(rt, -1), -WEFT_ESHUTDOWN);
    weft_runtime_unref(rt);
    return NULL;
}

static void *main_looked_at(void *unused)
{
    weft_runtime *rt = weft_runtime_ref(weft_running_loop());
    cr_assert_eq(pthread_create(&ender, NULL, looks_until_the_end, rt), 0);
    return unused;
}

Test(ending, waits_for_who_looks_at_it, .timeout = 120)
{
    for (size_t n = weft_test_scaled(1000); n > 0; n--) {
        atomic_store(&ended, 0);
        cr_expect_eq(weft_test_run(2, main_looked_at, NULL), 0);
        atomic_store(&ended, 1);
        pthread_join(ender, NULL);
    }
}
