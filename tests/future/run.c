// SPDX-License-Identifier: MIT
/*
 * Running and ending: weft_run() and what it leaves behind, weft_main()'s exit
 * statuses, runtimes as objects, shutting down from everywhere, and what the
 * end does to whom.
 */
#include <weft/runtime.h>

#include <dirent.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>

#include "tests/support/child.h"
#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/test.h"

#define value(n) weft_test_value(n)

static void *fail_with(void *code)
{
    return weft_fail((int)(intptr_t)code);
}

/* Result, error, and nothing left behind */

Test(run, hands_on_value_and_error, .timeout = 30)
{
    void *result = NULL;
    cr_assert_eq(weft_run(weft_test_echo, value(42), &result), 0);
    cr_assert_eq(result, value(42));
    cr_assert_eq(weft_run(weft_test_echo, value(42), NULL), 0);
    result = value(1);
    cr_assert_eq(weft_run(fail_with, (void *)(intptr_t)-ENOENT, &result),
                 -ENOENT);
    cr_assert_null(result);
}

static int entries_of(const char *path)
{
    int n = 0;
    DIR *dir = opendir(path);
    while (dir != NULL && readdir(dir) != NULL)
        n++;
    if (dir != NULL)
        closedir(dir);
    return n;
}

static void *do_a_little(void *unused)
{
    (void)unused;
    weft_detach(weft_call_later(WEFT_S(10), weft_test_echo, NULL));
    weft_detach(weft_spawn(weft_test_forever, NULL));
    weft_future *task = weft_spawn(weft_test_echo, value(1));
    return weft_fail(weft_await(task, NULL) | weft_sleep(1000));
}

static int run_often(size_t n)
{
    int wrong = 0;
    for (size_t i = 0; i < n; i++)
        wrong += weft_run(do_a_little, NULL, NULL) != 0;
    return wrong;
}

Test(run, a_thousand_times_leaves_nothing, .timeout = 120)
{
    size_t n = weft_test_scaled(1000);
    cr_assert_eq(run_often(10 + n / 10), 0);
    int fds = entries_of("/proc/self/fd");
    int threads = entries_of("/proc/self/task");
    size_t heap = mallinfo2().uordblks;
    size_t mapped = mallinfo2().hblkhd;
    cr_assert_eq(run_often(n), 0);
    cr_assert_eq(entries_of("/proc/self/fd"), fds);
    /* A thread that was joined may still be listed for a moment. */
    for (int i = 0; i < 1000 && entries_of("/proc/self/task") > threads; i++)
        sched_yield();
    cr_assert_leq(entries_of("/proc/self/task"), threads);
    cr_assert_leq(mallinfo2().uordblks, heap + 4096);
    cr_assert_leq(mallinfo2().hblkhd, mapped);
}

/* Nested */

static void *inner(void *rt)
{
    return weft_running_loop() == rt ? value(3) : weft_fail(-EIO);
}

static void *outer(void *unused)
{
    void *result = NULL;
    (void)unused;
    int rc = weft_run(inner, weft_running_loop(), &result);
    cr_expect_eq(weft_run(fail_with, (void *)(intptr_t)-EPROTO, NULL), -EPROTO);
    return rc < 0 ? weft_fail(rc) : result;
}

Test(run, inside_a_task_is_spawn_and_await, .timeout = 30)
{
    void *result = NULL;
    cr_assert_eq(weft_run(outer, NULL, &result), 0);
    cr_assert_eq(result, value(3));
}

/* weft_main, in children */

static int main_with(void *code)
{
    return weft_main(fail_with, code);
}

struct signalled {
    int signo;
    int code; /* what main returns when it is cancelled; 0: what it was told */
};

static void *signal_oneself(void *arg)
{
    struct signalled *how = arg;
    kill(getpid(), how->signo);
    int rc = weft_sleep(WEFT_FOREVER);
    return how->code == 0 ? weft_fail(rc) : weft_fail(how->code);
}

static int main_signalled(void *how)
{
    return weft_main(signal_oneself, how);
}

static void expect_exit(int (*fn)(void *), void *arg, int status,
                        const char *said)
{
    struct weft_test_child child;
    if (WEFT_TEST_NO_CHILDREN)
        cr_skip("no children under this sanitizer");
    cr_assert(weft_test_child_run(&child, fn, arg));
    cr_expect_eq(weft_test_child_exit(&child), status, "exit %d: %s",
                 weft_test_child_exit(&child), child.err);
    bool as_told =
        said == NULL ? child.size == 0 : weft_test_child_said(&child, said);
    cr_expect(as_told, "stderr: %s", child.err);
}

Test(run, main_exits_with_0_or_1, .timeout = 60)
{
    expect_exit(main_with, NULL, 0, NULL);
    expect_exit(main_with, (void *)(intptr_t)-ENOENT, 1,
                "main failed: No such file");
    expect_exit(main_with, (void *)(intptr_t)-WEFT_ECANCELED, 1, "cancelled");
}

Test(run, main_exits_with_130_after_sigint, .timeout = 60)
{
    struct signalled how = {.signo = SIGINT};
    expect_exit(main_signalled, &how, 130, NULL);
    how.code = -EIO; /* failed for a reason of its own */
    expect_exit(main_signalled, &how, 1, "main failed");
}

Test(run, main_exits_with_0_after_sigterm, .timeout = 60)
{
    struct signalled how = {.signo = SIGTERM};
    expect_exit(main_signalled, &how, 0, NULL);
}

static int run_leaves_signals_alone(void *how)
{
    weft_options options = {.size = sizeof(options), .no_signals = true};
    return weft_run_with(&options, signal_oneself, how, NULL) == 0 ? 0 : 1;
}

Test(run, signals_can_be_left_alone, .timeout = 60)
{
    struct signalled how = {.signo = SIGTERM};
    expect_exit(run_leaves_signals_alone, &how, -1 - SIGTERM, NULL);
}

/* The end: cancelled, kept, named */

static atomic_int reached;

static void *ends_well(void *unused)
{
    (void)unused;
    for (int i = 0; i < 20; i++)
        if (weft_yield() < 0 || weft_sleep(WEFT_MS(1)) < 0)
            return NULL;
    atomic_fetch_add(&reached, 1);
    return NULL;
}

static void *spawns_kept(void *unused)
{
    weft_spawn_options keep = {.size = sizeof(keep), .keep = true};
    (void)unused;
    weft_detach(weft_spawn_with(&keep, ends_well, NULL));
    weft_detach(weft_spawn(ends_well, NULL));
    return NULL;
}

Test(run, kept_tasks_have_the_grace_period, .timeout = 30)
{
    for (unsigned workers = 1; workers <= 3; workers++) {
        atomic_store(&reached, 0);
        cr_assert_eq(weft_test_run(workers, spawns_kept, NULL), 0);
        cr_assert_eq(atomic_load(&reached), 1);
    }
}

static void *heir(void *depth)
{
    if (depth != NULL) {
        weft_detach(weft_spawn(heir, value((uintptr_t)depth - 1)));
        return NULL;
    }
    return ends_well(NULL);
}

static void *spawns_heirs(void *unused)
{
    weft_spawn_options keep = {.size = sizeof(keep), .keep = true};
    (void)unused;
    weft_detach(weft_spawn_with(&keep, heir, value(3)));
    return NULL;
}

Test(run, keep_is_inherited, .timeout = 30)
{
    atomic_store(&reached, 0);
    cr_assert_eq(weft_test_run(2, spawns_heirs, NULL), 0);
    cr_assert_eq(atomic_load(&reached), 1);
}

static void *spawns_kept_forever(void *unused)
{
    weft_spawn_options keep = {.size = sizeof(keep), .keep = true};
    (void)unused;
    weft_detach(weft_spawn_with(&keep, weft_test_forever, NULL));
    return value(8);
}

Test(run, after_the_grace_kept_tasks_are_cancelled, .timeout = 4)
{
    void *result = NULL;
    weft_options options = {.size = sizeof(options), .grace = WEFT_MS(20)};
    cr_assert_eq(weft_run_with(&options, spawns_kept_forever, NULL, &result),
                 0);
    cr_assert_eq(result, value(8));
}

static void *later_and_mark(void *unused)
{
    (void)unused;
    atomic_fetch_add(&reached, 1);
    return NULL;
}

struct kept_timer {
    weft_time armed_for;
    weft_time ran;
};

static struct kept_timer kept_timer;

static void *read_kept_clock(void *unused)
{
    (void)unused;
    kept_timer.ran = weft_now();
    return later_and_mark(NULL);
}

static void *kept_with_callback(void *unused)
{
    (void)unused;
    kept_timer.armed_for = weft_after(WEFT_MS(50));
    weft_future *callback =
        weft_call_at(kept_timer.armed_for, read_kept_clock, NULL);
    atomic_store(&reached, 1);
    return weft_fail(weft_await(callback, NULL));
}

static void *spawns_kept_with_callback(void *unused)
{
    weft_spawn_options keep = {.size = sizeof(keep), .keep = true};
    (void)unused;
    weft_detach(weft_spawn_with(&keep, kept_with_callback, NULL));
    weft_test_yield_until(&reached, 1);
    return NULL;
}

/* Dropped or at its moment, but never early. */
Test(run, the_end_makes_no_callback_early, .timeout = 30)
{
    atomic_store(&reached, 0);
    cr_assert_eq(weft_test_run(2, spawns_kept_with_callback, NULL), 0);
    if (atomic_load(&reached) == 2)
        cr_assert_geq(kept_timer.ran, kept_timer.armed_for);
}

static void *stuck(void *unused)
{
    (void)unused;
    atomic_store(&reached, 1);
    for (;;)
        pause();
    return NULL;
}

static void *spawns_culprit(void *unused)
{
    weft_spawn_options named = {.size = sizeof(named), .name = "the culprit"};
    (void)unused;
    weft_detach(weft_spawn_with(&named, stuck, NULL));
    weft_test_yield_until(&reached, 1);
    return NULL;
}

static int run_stuck(void *unused)
{
    weft_options options = {
        .size = sizeof(options), .workers = 2, .grace = WEFT_MS(50)};
    (void)unused;
    atomic_store(&reached, 0);
    int rc = weft_run_with(&options, spawns_culprit, NULL, NULL);
    return rc == -WEFT_EBUSY ? 7 : 8;
}

Test(run, what_does_not_end_is_named, .timeout = 60)
{
    expect_exit(run_stuck, NULL, 7, " the culprit: runs");
}

/* The environment */

static void *count_workers(void *unused)
{
    weft_runtime_info info;
    (void)unused;
    weft_info(weft_running_loop(), &info);
    return value(info.workers);
}

static int workers_by_environment(void *text)
{
    void *result = NULL;
    weft_options options = {.size = sizeof(options), .workers = 2};
    setenv("WEFT_WORKERS", text, 1);
    int rc = weft_run_with(&options, count_workers, NULL, &result);
    return rc == 0 ? (int)(uintptr_t)result : 100;
}

Test(run, the_environment_says_how_many_workers, .timeout = 60)
{
    expect_exit(workers_by_environment, (void *)"3", 3, NULL);
    expect_exit(workers_by_environment, (void *)"nonsense", 2, NULL);
    expect_exit(workers_by_environment, (void *)"-1", 2, NULL);
}
