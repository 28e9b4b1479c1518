// SPDX-License-Identifier: MIT
/*
 * What people complain of in asyncio, one test for each complaint and named
 * after it: that it cannot happen here, or that there is an answer.
 */
#include <weft/task.h>

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <weft/context.h>
#include <weft/error.h>
#include <weft/exec.h>
#include <weft/group.h>
#include <weft/inspect.h>
#include <weft/scope.h>
#include <weft/wait.h>

#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/test.h"

#define value(n) weft_test_value(n)

/* Two kinds of futures, one for loops and one for threads: here is one, waited
 * for by both, whatever it comes from. */

#define KINDS 7

static weft_future *future[KINDS];

static int make_all_kinds(void)
{
    weft_runtime *rt = weft_running_loop();
    int n = 0;
    future[n++] = weft_future_new();
    future[n++] = weft_spawn(weft_test_echo, value(2));
    future[n++] = weft_call_soon(weft_test_echo, value(3));
    future[n++] = weft_call_later(WEFT_US(100), weft_test_echo, value(4));
    future[n++] = weft_run_in_executor(NULL, weft_test_echo, value(5));
    future[n++] = weft_run_coroutine_threadsafe(rt, weft_test_echo, value(6));
    future[n++] = weft_call_soon_threadsafe(rt, weft_test_echo, value(7));
    return n;
}

static void *wait_for_all_kinds(void *wrong)
{
    for (size_t i = 0; i < KINDS; i++) {
        void *result = NULL;
        int rc = weft_wait_blocking(future[i], WEFT_FOREVER, &result);
        *(int *)wrong += rc != 0 || result != value(i + 1);
    }
    return NULL;
}

static void *all_kinds(void *unused)
{
    pthread_t thread;
    void *results[KINDS] = {NULL};
    int wrong = 0;
    (void)unused;
    cr_expect_eq(make_all_kinds(), KINDS);
    for (size_t i = 0; i < KINDS; i++)
        weft_future_ref(future[i]);
    pthread_create(&thread, NULL, wait_for_all_kinds, &wrong);
    cr_expect_eq(weft_future_set_result(future[0], value(1)), 0);
    int rc = weft_gather(future, KINDS, results);
    cr_expect_eq(rc, 0, "%d", rc);
    for (size_t i = 0; i < KINDS; i++)
        cr_expect_eq(results[i], value(i + 1), "kind %zu", i);
    pthread_join(thread, NULL);
    cr_expect_eq(wrong, 0);
    return NULL;
}

Test(complaints, two_futures, .timeout = 30)
{
    for (unsigned workers = 1; workers <= 3; workers++)
        cr_assert_eq(weft_test_run(workers, all_kinds, NULL), 0);
}

/* "Which loop am I on?" gives a loop of the thread's, not the one that runs. */

static void *is_loop(void *rt)
{
    return weft_running_loop() == rt ? NULL : weft_fail(-EIO);
}

static void *no_loop_here(void *unused)
{
    (void)unused;
    return weft_running_loop() == NULL && weft_current() == NULL ? value(1)
                                                                 : NULL;
}

static atomic_int identified;

static void *is_loop_when_done(void *rt)
{
    cr_expect_eq(weft_running_loop(), rt);
    atomic_store(&identified, 1);
    return NULL;
}

static void *identity(void *rt)
{
    weft_runtime *here = weft_running_loop();
    pthread_t thread;
    void *answer = NULL;
    cr_expect(here != NULL && (rt == NULL || here == rt));
    cr_expect_eq(weft_code(is_loop(here)), 0);
    weft_future *each[] = {weft_spawn(is_loop, here),
                           weft_call_soon(is_loop, here),
                           weft_call_later(0, is_loop, here),
                           weft_run_coroutine_threadsafe(here, is_loop, here)};
    cr_expect_eq(weft_gather(each, sizeof(each) / sizeof(each[0]), NULL), 0);
    pthread_create(&thread, NULL, no_loop_here, NULL);
    pthread_join(thread, &answer);
    cr_expect_eq(answer, value(1),
                 "there is a runtime, but not on that thread");
    atomic_store(&identified, 0);
    weft_future *made = weft_future_new();
    cr_expect_eq(weft_future_add_done_callback(made, is_loop_when_done, here),
                 0);
    weft_future_set_result(made, NULL);
    weft_test_yield_until(&identified, 1);
    weft_future_unref(made);
    return here;
}

static void wait_for_identity(weft_runtime *rt)
{
    void *seen = NULL;
    weft_future *task = weft_run_coroutine_threadsafe(rt, identity, rt);
    cr_assert_eq(weft_wait_blocking(task, WEFT_FOREVER, &seen), 0);
    cr_expect_eq(seen, rt);
}

Test(complaints, loop_identity, .timeout = 30)
{
    weft_runtime *one = NULL, *two = NULL;
    cr_assert_eq(no_loop_here(NULL), value(1));
    cr_assert_eq(weft_test_runtime(2, &one), 0);
    cr_assert_eq(weft_test_runtime(1, &two), 0);
    cr_assert_neq(one, two);
    cr_assert_eq(no_loop_here(NULL), value(1), "none is made current by that");
    wait_for_identity(one);
    wait_for_identity(two);
    weft_runtime_unref(one);
    weft_runtime_unref(two);
    cr_assert_eq(weft_test_run(1, identity, NULL), 0);
    cr_assert_eq(no_loop_here(NULL), value(1));
}

/* A request's data are lost in helpers, callbacks and threads, or are those of
 * another request. */

static weft_var *request;
static atomic_int mixed_up;

static void *same_request(void *id)
{
    if (weft_var_get(request) != id)
        atomic_fetch_add(&mixed_up, 1);
    return NULL;
}

static void *deeper(void *id)
{
    same_request(id);
    weft_yield();
    same_request(id);
    weft_future *task = weft_spawn(same_request, id);
    return weft_fail(weft_await(task, NULL));
}

static void *completes_later(void *made)
{
    weft_future_set_result(made, NULL); /* here it is another's context */
    weft_future_unref(made);
    return NULL;
}

static void *one_request(void *id)
{
    int rc = weft_var_set(request, id);
    weft_future *made = weft_future_new();
    rc |= weft_future_add_done_callback(made, same_request, id);
    weft_future *each[] = {
        weft_spawn(deeper, id),
        weft_call_soon(same_request, id),
        weft_call_later(WEFT_US(50), same_request, id),
        weft_run_in_executor(NULL, same_request, id),
        weft_run_coroutine_threadsafe(weft_running_loop(), deeper, id),
        weft_spawn_with(NULL, completes_later, weft_future_ref(made)),
    };
    rc |= weft_code(deeper(id));
    rc |= weft_gather(each, sizeof(each) / sizeof(each[0]), NULL);
    rc |= weft_to_thread(same_request, id, NULL);
    same_request(id);
    weft_future_unref(made);
    return weft_fail(rc < 0 ? -EIO : 0);
}

static void *from_another_thread(void *rt)
{
    int rc = weft_var_set(request, value(77));
    weft_future *task = weft_run_coroutine_threadsafe(rt, deeper, value(77));
    rc |= weft_wait_blocking(task, WEFT_FOREVER, NULL);
    return value(rc == 0);
}

static void *join(void *thread)
{
    void *ok = NULL;
    pthread_join(*(pthread_t *)thread, &ok);
    return ok;
}

static void *many_requests(void *unused)
{
    weft_group group;
    pthread_t thread;
    void *ok = NULL;
    int rc = 0;
    (void)unused;
    weft_group_enter(&group, NULL);
    pthread_create(&thread, NULL, from_another_thread, weft_running_loop());
    for (size_t i = 100; rc == 0 && i < 100 + weft_test_scaled(500); i++)
        rc = weft_group_spawn(&group, one_request, value(i));
    cr_expect_eq(weft_group_exit(&group, rc), 0);
    /* On a thread: its task may still need the only worker. */
    cr_expect_eq(weft_to_thread(join, &thread, &ok), 0);
    cr_expect_eq(ok, value(1));
    same_request(NULL); /* nothing has come up here */
    return NULL;
}

Test(complaints, lost_context, .timeout = 60)
{
    cr_assert_eq(weft_var_new("request", NULL, NULL, &request), 0);
    atomic_store(&mixed_up, 0);
    for (unsigned workers = 1; workers <= 4; workers++)
        cr_assert_eq(weft_test_run(workers, many_requests, NULL), 0);
    cr_assert_eq(atomic_load(&mixed_up), 0);
    weft_var_free(request);
}

/* After gather and the like, some still run, and nobody holds them. */

static atomic_int alive;

static void *lives(void *code)
{
    weft_scope shield;
    atomic_fetch_add(&alive, 1);
    int rc = code ? weft_yield() : weft_sleep(WEFT_FOREVER);
    weft_shield_enter(&shield, WEFT_S(5));
    rc = weft_shield_exit(&shield, weft_yield()) < 0 ? -EIO : rc;
    atomic_fetch_sub(&alive, 1);
    return weft_fail(code ? -(int)(uintptr_t)code : rc);
}

static void none_is_left(int rc, int wanted)
{
    cr_expect_eq(rc, wanted);
    cr_expect_eq(atomic_load(&alive), 0);
}

static weft_future *kept_handle;

static void *leaves_a_child(void *unused)
{
    kept_handle = weft_spawn(lives, value(ENOENT));
    return unused;
}

static void *nothing_dangles(void *unused)
{
    weft_group group;
    weft_future *set[3];
    (void)unused;
    for (int i = 0; i < 3; i++)
        set[i] = weft_spawn(lives, i == 1 ? value(EPIPE) : NULL);
    none_is_left(weft_gather(set, 3, NULL), -EPIPE);

    set[0] = weft_spawn(lives, NULL);
    set[1] = weft_spawn(weft_test_echo, NULL);
    none_is_left(weft_race(set, 2, NULL, NULL), 0);

    set[0] = weft_spawn(lives, NULL);
    none_is_left(weft_wait_for(set[0], WEFT_US(100), NULL), -WEFT_ETIMEOUT);

    weft_group_enter(&group, NULL);
    int rc = weft_group_spawn(&group, lives, NULL);
    if (rc == 0)
        rc = weft_group_spawn(&group, lives, value(EPIPE));
    none_is_left(weft_group_exit(&group, rc), -EPIPE);

    rc = weft_await(weft_spawn(leaves_a_child, NULL), NULL);
    none_is_left(rc, 0);
    cr_expect_eq(weft_future_state(kept_handle), WEFT_FUTURE_FAILED);
    cr_expect_eq(weft_await(kept_handle, NULL), -ENOENT);
    return NULL;
}

Test(complaints, dangling_awaitables, .timeout = 60)
{
    atomic_store(&alive, 0);
    for (unsigned workers = 1; workers <= 3; workers++)
        for (size_t i = weft_test_scaled(50); i > 0; i--)
            cr_assert_eq(weft_test_run(workers, nothing_dangles, NULL), 0);
}

/* To clean up, a stopped loop must be started again; two libraries that do so
 * get into each other's way. */

static atomic_int ready, cleaned;

static void *library_cleans_up(void *unused)
{
    weft_scope shield;
    atomic_fetch_add(&ready, 1);
    int rc = weft_sleep(WEFT_FOREVER);
    cr_expect_eq(rc, -WEFT_ECANCELED);
    weft_shield_enter(&shield, WEFT_S(5));
    rc = weft_sleep(WEFT_US(100)); /* say good-bye to a peer */
    cr_expect_eq(weft_shield_exit(&shield, rc), 0);
    atomic_fetch_add(&cleaned, 1);
    return unused;
}

static void *deferred(void *unused)
{
    cr_expect_eq(weft_sleep(WEFT_US(100)), 0);
    cr_expect_eq(weft_await(weft_spawn(weft_test_echo, NULL), NULL), 0);
    atomic_fetch_add(&cleaned, 1);
    return unused;
}

static void *library_defers(void *unused)
{
    (void)unused;
    cr_expect_eq(weft_defer(deferred, NULL), 0);
    atomic_fetch_add(&ready, 1);
    return weft_fail(weft_sleep(WEFT_FOREVER));
}

static void *library_keeps_on(void *unused)
{
    atomic_fetch_add(&ready, 1);
    for (int i = 0; i < 20; i++)
        cr_expect_eq(weft_sleep(WEFT_US(50)), 0);
    atomic_fetch_add(&cleaned, 1);
    return unused;
}

static void *uses_libraries(void *unused)
{
    weft_spawn_options keep = {.size = sizeof(keep), .keep = true};
    (void)unused;
    cr_expect_eq(weft_defer(deferred, NULL), 0);
    weft_detach(weft_spawn(library_cleans_up, NULL));
    weft_detach(weft_spawn(library_cleans_up, NULL));
    weft_detach(weft_spawn(library_defers, NULL));
    weft_detach(weft_spawn_with(&keep, library_keeps_on, NULL));
    weft_test_yield_until(&ready, 4);
    return value(1);
}

Test(complaints, restart_to_clean_up, .timeout = 60)
{
    for (unsigned workers = 1; workers <= 3; workers++) {
        atomic_store(&ready, 0);
        atomic_store(&cleaned, 0);
        cr_assert_eq(weft_test_run(workers, uses_libraries, NULL), 0);
        cr_assert_eq(atomic_load(&cleaned), 5);
    }
}

/* Called, but nothing happens, for want of an await. */

static atomic_int calls;

static void *counts(void *unused)
{
    atomic_fetch_add(&calls, 1);
    return unused;
}

static void *awaits_nothing(void *unused)
{
    weft_spawn_options options = {.size = sizeof(options), .pinned = true};
    counts(NULL);                                /* a plain call is a call */
    weft_future_unref(weft_spawn(counts, NULL)); /* so is a spawn */
    weft_detach(weft_spawn(counts, NULL));
    weft_detach(weft_spawn_with(&options, counts, NULL));
    weft_detach(
        weft_run_coroutine_threadsafe(weft_running_loop(), counts, NULL));
    weft_future *cancelled = weft_spawn(counts, NULL);
    weft_cancel(cancelled);
    weft_future_unref(cancelled);
    /* The end of main drops callbacks, so let this one start before. */
    weft_future *call = weft_call_soon(counts, NULL);
    while (weft_future_state(call) == WEFT_FUTURE_PENDING)
        weft_yield();
    weft_future_unref(call);
    return unused;
}

Test(complaints, never_awaited, .timeout = 60)
{
    for (unsigned workers = 1; workers <= 3; workers++) {
        atomic_store(&calls, 0);
        cr_assert_eq(weft_test_run(workers, awaits_nothing, NULL), 0);
        cr_assert_eq(atomic_load(&calls), 7);
    }
}

/* wait() gives back other objects than it was given. */

static void *identity_kept(void *unused)
{
    weft_as_completed iteration;
    weft_future *mine[4], *copy[4];
    size_t done[4] = {9, 9, 9, 9}, index = 9;
    (void)unused;
    for (int i = 0; i < 4; i++)
        mine[i] = weft_future_new();
    memcpy(copy, mine, sizeof(mine));
    weft_future_set_result(mine[2], value(2));
    cr_expect_eq(weft_wait(mine, 4, WEFT_WAIT_FIRST, done), 1);
    cr_expect_eq(done[0], 2);
    weft_future_set_error(mine[0], -EIO);
    cr_expect_eq(weft_wait(mine, 4, WEFT_WAIT_FIRST_ERROR, done), 2);
    cr_expect(done[0] == 0 && done[1] == 2);
    cr_expect_eq(weft_as_completed_enter(&iteration, mine, 4), 0);
    size_t order[] = {0, 2, 3, 1};
    for (int i = 0; i < 4; i++) {
        if (i >= 2)
            weft_future_set_result(mine[order[i]], NULL);
        cr_expect_eq(weft_as_completed_next(&iteration, &index), 1);
        cr_expect_eq(index, order[i]);
    }
    cr_expect_eq(weft_as_completed_next(&iteration, &index), 0);
    weft_as_completed_exit(&iteration);
    cr_expect_eq(memcmp(copy, mine, sizeof(mine)), 0);
    for (int i = 0; i < 4; i++)
        cr_expect_eq(weft_await(mine[i], NULL), i == 0 ? -EIO : 0);
    return NULL;
}

Test(complaints, wait_losing_identity, .timeout = 30)
{
    cr_assert_eq(weft_test_run(1, identity_kept, NULL), 0);
    cr_assert_eq(weft_test_run(2, identity_kept, NULL), 0);
}

/* A failure that nobody asks for is never heard of. */

static atomic_int reports, wrong_reports;

static void *fails(void *unused)
{
    (void)unused;
    return weft_failf(-EPIPE, "the pipe is gone");
}

static void count_report(const weft_report *report, void *arg)
{
    bool right = report->kind == WEFT_REPORT_UNRETRIEVED &&
                 report->code == -EPIPE && report->task != NULL &&
                 strstr(report->task, "fails") != NULL &&
                 report->error != NULL &&
                 strcmp(report->error->message, "the pipe is gone") == 0;
    atomic_fetch_add(&reports, 1);
    atomic_fetch_add(&wrong_reports, !right);
    (void)arg;
}

static int run_reported(weft_fn *fn)
{
    weft_options options = {
        .size = sizeof(options), .workers = 2, .on_report = count_report};
    atomic_store(&reports, 0);
    atomic_store(&wrong_reports, 0);
    int rc = weft_run_with(&options, fn, NULL, NULL);
    cr_expect_eq(atomic_load(&wrong_reports), 0);
    return rc;
}

static void *asks_nobody(void *unused)
{
    weft_future_unref(weft_spawn_named("fails 1", fails, NULL));
    weft_detach(weft_spawn_named("fails 2", fails, NULL));
    weft_future *task = weft_spawn_named("fails 3", fails, NULL);
    while (weft_future_state(task) == WEFT_FUTURE_PENDING)
        weft_yield();
    weft_future_unref(task);
    return unused;
}

static void *asks_all(void *unused)
{
    weft_group group;
    (void)unused;
    weft_future *set[] = {weft_spawn(fails, NULL), weft_spawn(fails, NULL)};
    cr_expect_eq(weft_gather_collect(set, 2, NULL), 2);
    cr_expect_eq(weft_await(weft_spawn(fails, NULL), NULL), -EPIPE);
    weft_group_enter(&group, NULL);
    int rc = weft_group_spawn(&group, fails, NULL);
    cr_expect_eq(weft_group_exit(&group, rc), -EPIPE);
    cr_expect_str_eq(weft_last_error()->message, "the pipe is gone");
    weft_future *later = weft_call_soon(fails, NULL);
    while (weft_future_result(later, NULL) == -WEFT_EBUSY)
        weft_yield();
    weft_future_unref(later);
    return NULL;
}

Test(complaints, vanishing_exceptions, .timeout = 30)
{
    cr_assert_eq(run_reported(asks_nobody), 0);
    cr_assert_eq(atomic_load(&reports), 3);
    cr_assert_eq(run_reported(asks_all), 0);
    cr_assert_eq(atomic_load(&reports), 0);
    cr_assert_eq(run_reported(fails), -EPIPE, "main's is returned");
    cr_assert_eq(atomic_load(&reports), 0);
}

/* What call_soon() and call_later() give can only be cancelled, perhaps. */

static void *takes_handles(void *unused)
{
    void *result = NULL;
    (void)unused;
    cr_expect_eq(weft_await(weft_call_soon(weft_test_echo, value(5)), &result),
                 0);
    cr_expect_eq(result, value(5));
    weft_future *later = weft_call_later(WEFT_US(50), weft_test_echo, value(6));
    cr_expect_eq(weft_await(later, &result), 0);
    cr_expect_eq(result, value(6));
    weft_future *at = weft_call_at(weft_now(), weft_test_echo, value(7));
    cr_expect_eq(weft_await(at, &result), 0);
    cr_expect_eq(result, value(7));
    cr_expect_eq(weft_await(weft_call_soon(fails, NULL), NULL), -EPIPE);

    /* Cancelled means that it does not run: both or neither. */
    size_t dropped = 0, n = weft_test_scaled(2000);
    atomic_store(&calls, 0);
    for (size_t i = 0; i < n; i++) {
        weft_future *call =
            i % 2 ? weft_call_soon(counts, NULL)
                  : weft_call_later(WEFT_US(i % 20), counts, NULL);
        for (size_t turns = i % 3; turns > 0; turns--)
            weft_yield();
        bool was = weft_cancel(call) == 0;
        int rc = weft_await(call, NULL);
        dropped += rc == -WEFT_ECANCELED;
        cr_expect(rc == 0 || (was && rc == -WEFT_ECANCELED), "%d", rc);
    }
    cr_expect_eq((size_t)atomic_load(&calls) + dropped, n);
    return NULL;
}

Test(complaints, handles_that_cannot_be_awaited, .timeout = 60)
{
    cr_assert_eq(weft_test_run(1, takes_handles, NULL), 0);
    cr_assert_eq(weft_test_run(2, takes_handles, NULL), 0);
}
