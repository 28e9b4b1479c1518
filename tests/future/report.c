// SPDX-License-Identifier: MIT
/*
 * Reports: failures that nobody looked at, once each and with where they came
 * from; the hook, stderr, and how much is printed.
 */
#include <weft/runtime.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <weft/exec.h>
#include <weft/group.h>
#include <weft/scope.h>

#include "tests/support/child.h"
#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/test.h"

#define value(n) weft_test_value(n)

/* What the hook was told. */
struct seen {
    atomic_int count;
    atomic_int kinds[WEFT_REPORT_OTHER + 1];
    atomic_int wrong; /* fields that do not fit each other */
    weft_report last; /* its pointers are gone */
    pthread_t thread;
    char text[4096], task[256], message[512];
};

static struct seen seen;

static void keep(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from ? from : "");
}

static void on_report(const weft_report *report, void *arg)
{
    struct seen *to = arg;
    const weft_error *error = report->error;
    bool fits = report->size == sizeof(*report) && report->text != NULL &&
                strchr(report->text, '\n') == NULL &&
                (error == NULL || error->code == report->code);
    atomic_fetch_add(&to->wrong, fits ? 0 : 1);
    to->last = *report;
    to->thread = pthread_self();
    keep(to->text, sizeof(to->text), report->text);
    keep(to->task, sizeof(to->task), report->task);
    keep(to->message, sizeof(to->message), error ? error->message : NULL);
    atomic_fetch_add(&to->kinds[report->kind], 1);
    atomic_fetch_add(&to->count, 1);
}

static weft_options hooked(unsigned workers)
{
    memset(&seen, 0, sizeof(seen));
    return (weft_options){.size = sizeof(weft_options),
                          .workers = workers,
                          .on_report = on_report,
                          .report_arg = &seen};
}

/* One worker: so that what the hook noted is not torn. */
static void expect_reports(weft_fn *fn, int count)
{
    weft_options options = hooked(1);
    cr_assert_eq(weft_run_with(&options, fn, NULL, NULL), 0);
    cr_assert_eq(atomic_load(&seen.count), count, "%d: %s",
                 atomic_load(&seen.count), seen.text);
    cr_assert_eq(atomic_load(&seen.kinds[WEFT_REPORT_UNRETRIEVED]), count);
    cr_assert_eq(atomic_load(&seen.wrong), 0, "%s", seen.text);
}

static void *fails(void *unused)
{
    (void)unused;
    return weft_failf(-EIO, "out of paper");
}

static void *fails_mutely(void *unused)
{
    (void)unused;
    return weft_fail(-EIO);
}

static void expect_words_of(const char *site)
{
    cr_expect_eq(seen.last.code, -EIO);
    cr_expect_eq(seen.last.kind, WEFT_REPORT_UNRETRIEVED);
    cr_expect_not_null(strstr(seen.task, site), "%s", seen.task);
    cr_expect_not_null(strstr(seen.task, "report.c:"), "%s", seen.task);
    cr_expect_not_null(strstr(seen.text, seen.task), "%s", seen.text);
    cr_expect_not_null(strstr(seen.text, "Input/output error"), "%s",
                       seen.text);
}

/* Nobody looked */

static void *let_go_when_done(void *unused)
{
    (void)unused;
    weft_future *task = weft_spawn(fails, NULL);
    while (weft_future_state(task) == WEFT_FUTURE_PENDING)
        weft_yield();
    weft_future_unref(task);
    return NULL;
}

static void *let_go_before(void *unused)
{
    (void)unused;
    weft_future_unref(weft_spawn(fails, NULL));
    return NULL;
}

static void *detached(void *unused)
{
    (void)unused;
    weft_detach(weft_spawn(fails, NULL));
    return NULL;
}

Test(report, a_failure_nobody_retrieved_is_told_once, .timeout = 30)
{
    weft_fn *const ways[] = {let_go_when_done, let_go_before, detached};
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        expect_reports(ways[i], 1);
        expect_words_of("fails@");
        cr_expect_gt(seen.last.task_id, 0);
        cr_expect_str_eq(seen.message, "out of paper");
        cr_expect_not_null(strstr(seen.text, "out of paper"), "%s", seen.text);
    }
}

static void *mute_one(void *unused)
{
    (void)unused;
    weft_detach(weft_spawn(fails_mutely, NULL));
    return NULL;
}

Test(report, also_one_without_words, .timeout = 30)
{
    expect_reports(mute_one, 1);
    expect_words_of("fails_mutely@");
}

static void *parent(void *unused)
{
    (void)unused;
    weft_future_unref(weft_spawn(fails, NULL));
    return value(1);
}

static void *look_at_the_parent(void *unused)
{
    (void)unused;
    cr_expect_eq(weft_await(weft_spawn(parent, NULL), NULL), 0);
    cr_expect_eq(atomic_load(&seen.count), 1, "at the parent's end at last");
    return NULL;
}

Test(report, comes_before_the_parent_is_done, .timeout = 30)
{
    expect_reports(look_at_the_parent, 1);
}

static void *by_hand(void *unused)
{
    (void)unused;
    weft_future *future = weft_future_new();
    cr_expect_eq(weft_future_set_error(future, -EIO), 0);
    weft_future_unref(future);
    return NULL;
}

Test(report, a_future_made_by_hand_tells_where, .timeout = 30)
{
    expect_reports(by_hand, 1);
    expect_words_of("weft_future_new@");
    cr_expect_eq(seen.last.task_id, 0);
}

static void *callbacks(void *unused)
{
    (void)unused;
    weft_detach(weft_call_soon(fails, NULL));
    weft_detach(weft_call_later(0, fails, NULL));
    return weft_fail(weft_sleep(WEFT_MS(5)));
}

Test(report, callbacks_too, .timeout = 30)
{
    expect_reports(callbacks, 2);
}

static void *jobs(void *unused)
{
    (void)unused;
    weft_detach(weft_run_in_executor(NULL, fails, NULL));
    return NULL;
}

Test(report, jobs_too, .timeout = 30)
{
    expect_reports(jobs, 1);
    expect_words_of("fails@");
}

/* Somebody did, or there is nothing to tell */

static void *retrieved(void *unused)
{
    (void)unused;
    cr_expect_eq(weft_await(weft_spawn(fails, NULL), NULL), -EIO);
    weft_future *task = weft_spawn(fails, NULL);
    cr_expect_eq(weft_to_thread(fails, NULL, NULL), -EIO);
    while (weft_future_result(task, NULL) == -WEFT_EBUSY)
        weft_yield();
    weft_future_unref(task);
    task = weft_future_ref(weft_spawn(fails, NULL));
    cr_expect_eq(weft_await(task, NULL), -EIO);
    weft_future_unref(task);
    weft_future *future = weft_future_new();
    weft_future_set_error(weft_future_ref(future), -EIO);
    cr_expect_eq(weft_await(future, NULL), -EIO);
    weft_future_unref(future);
    return NULL;
}

static void *cancelled(void *unused)
{
    (void)unused;
    weft_future *task = weft_spawn(weft_test_forever, NULL);
    weft_cancel(task);
    weft_detach(task);
    weft_detach(weft_spawn(weft_test_forever, NULL));
    weft_detach(weft_call_later(WEFT_S(100), fails, NULL));
    weft_future *future = weft_future_new();
    weft_cancel(future);
    weft_future_unref(future);
    weft_future_unref(weft_future_new());
    return NULL;
}

static void *in_a_group(void *unused)
{
    weft_group group;
    (void)unused;
    weft_group_enter(&group, NULL);
    for (int i = 0; i < 3; i++)
        if (weft_group_spawn(&group, fails, NULL) < 0)
            break;
    cr_expect_eq(weft_group_exit(&group, 0), -EIO);
    return NULL;
}

Test(report, nothing_is_told_of_what_was_retrieved, .timeout = 30)
{
    expect_reports(retrieved, 0);
    expect_reports(in_a_group, 0);
}

Test(report, nothing_is_told_of_the_cancelled, .timeout = 30)
{
    expect_reports(cancelled, 0);
}

/* From where */

static void *crowd(void *n)
{
    for (size_t i = 0; i < (size_t)n; i++) {
        weft_future *task = weft_spawn(fails, NULL);
        if (i % 3 == 0)
            weft_detach(task);
        else if (i % 3 == 1)
            weft_await(task, NULL);
        else
            weft_future_unref(task);
    }
    return NULL;
}

static void only_count(const weft_report *report, void *count)
{
    atomic_fetch_add((atomic_int *)count, report->code == -EIO ? 1 : 1000000);
}

Test(report, each_once_by_all_workers, .timeout = 60)
{
    atomic_int count = 0;
    size_t n = 3 * weft_test_scaled(3000);
    weft_options options = {.size = sizeof(options),
                            .workers = 3,
                            .on_report = only_count,
                            .report_arg = &count};
    cr_assert_eq(weft_run_with(&options, crowd, value(n), NULL), 0);
    cr_assert_eq((size_t)atomic_load(&count), n / 3 * 2);
}

Test(report, on_the_thread_that_lets_go, .timeout = 30)
{
    weft_runtime *rt;
    weft_options options = hooked(2);
    cr_assert_eq(weft_runtime_new(&options, &rt), 0);
    weft_future *task = weft_run_coroutine_threadsafe(rt, fails, NULL);
    while (weft_future_state(task) == WEFT_FUTURE_PENDING)
        sched_yield();
    cr_assert_eq(atomic_load(&seen.count), 0);
    weft_future_unref(task);
    cr_assert_eq(atomic_load(&seen.count), 1);
    cr_assert(pthread_equal(seen.thread, pthread_self()));
    weft_runtime_unref(rt);
    cr_assert_eq(atomic_load(&seen.count), 1);
}

static void *makes_one(void *unused)
{
    (void)unused;
    return weft_future_new();
}

Test(report, by_hand_to_the_runtime_it_was_made_in, .timeout = 30)
{
    void *future = NULL;
    weft_runtime *rt;
    weft_options options = hooked(1);
    cr_assert_eq(weft_runtime_new(&options, &rt), 0);
    weft_future *task = weft_run_coroutine_threadsafe(rt, makes_one, NULL);
    cr_assert_eq(weft_wait_blocking(task, WEFT_FOREVER, &future), 0);
    cr_assert_eq(weft_future_set_error(future, -EIO), 0);
    cr_assert_eq(atomic_load(&seen.count), 0);
    weft_future_unref(future);
    cr_assert_eq(atomic_load(&seen.count), 1);
    weft_runtime_unref(rt);
}

/* A hook that is under way when its runtime ends. */
struct slow {
    weft_future *task;
    atomic_int there, left;
};

static void slow_hook(const weft_report *report, void *arg)
{
    struct slow *slow = arg;
    (void)report;
    atomic_store(&slow->there, 1);
    for (int i = 0; i < 2000; i++)
        sched_yield();
    atomic_store(&slow->left, 1);
}

static void *let_go(void *arg)
{
    weft_future_unref(((struct slow *)arg)->task);
    return NULL;
}

Test(report, the_end_waits_for_the_hook, .timeout = 30)
{
    struct slow slow = {0};
    pthread_t thread;
    weft_runtime *rt;
    weft_options options = {.size = sizeof(options),
                            .workers = 1,
                            .on_report = slow_hook,
                            .report_arg = &slow};
    cr_assert_eq(weft_runtime_new(&options, &rt), 0);
    slow.task = weft_run_coroutine_threadsafe(rt, fails, NULL);
    while (weft_future_state(slow.task) == WEFT_FUTURE_PENDING)
        sched_yield();
    cr_assert_eq(pthread_create(&thread, NULL, let_go, &slow), 0);
    weft_test_spin_until(&slow.there, 1);
    weft_runtime_unref(rt);
    cr_assert_eq(atomic_load(&slow.left), 1);
    pthread_join(thread, NULL);
}

/* Other kinds */

static void *defers(void *unused)
{
    (void)unused;
    cr_expect_eq(weft_defer(fails_mutely, NULL), 0);
    return value(1);
}

static void *cleans_up(void *unused)
{
    void *result = NULL;
    (void)unused;
    cr_expect_eq(weft_await(weft_spawn_named("tidy", defers, NULL), &result),
                 0);
    cr_expect_eq(result, value(1));
    return NULL;
}

Test(report, a_deferred_call_that_fails, .timeout = 30)
{
    weft_options options = hooked(1);
    cr_assert_eq(weft_run_with(&options, cleans_up, NULL, NULL), 0);
    cr_assert_eq(atomic_load(&seen.count), 1, "%s", seen.text);
    cr_assert_eq(atomic_load(&seen.kinds[WEFT_REPORT_CLEANUP]), 1);
    cr_assert_str_eq(seen.task, "tidy");
    cr_assert_eq(seen.last.code, -EIO);
}

/* On stderr, seen from outside */

static int lines_with(const struct weft_test_child *child, const char *what)
{
    int lines = 0;
    const char *at = child->err;
    for (const char *end; (end = strchr(at, '\n')) != NULL; at = end + 1) {
        const char *found = strstr(at, what);
        lines += strncmp(at, "weft: ", 6) == 0 && found != NULL && found < end;
    }
    return lines;
}

static void run_child(struct weft_test_child *child, int (*fn)(void *))
{
    if (WEFT_TEST_NO_CHILDREN)
        cr_skip("no children under this sanitizer");
    cr_assert(weft_test_child_run(child, fn, NULL));
}

static int one_unseen(void *unused)
{
    return weft_test_run(2, detached, unused);
}

Test(report, goes_to_stderr_by_itself, .timeout = 60)
{
    struct weft_test_child child;
    run_child(&child, one_unseen);
    cr_expect_eq(weft_test_child_exit(&child), 0);
    cr_expect_eq(lines_with(&child, ""), 1, "%s", child.err);
    cr_expect_eq(lines_with(&child, "fails@"), 1, "%s", child.err);
    cr_expect_eq(lines_with(&child, "out of paper"), 1, "%s", child.err);
}

static int one_unseen_but_hooked(void *unused)
{
    weft_options options = hooked(2);
    int rc = weft_run_with(&options, detached, unused, NULL);
    return rc == 0 && atomic_load(&seen.count) == 1 ? 0 : 1;
}

Test(report, goes_to_the_hook_instead, .timeout = 60)
{
    struct weft_test_child child;
    run_child(&child, one_unseen_but_hooked);
    cr_expect_eq(weft_test_child_exit(&child), 0);
    cr_expect_eq(child.size, 0, "%s", child.err);
}

#define MANY 100

static void *many_unseen(void *unused)
{
    (void)unused;
    for (int i = 0; i < MANY; i++)
        weft_detach(weft_spawn(fails, NULL));
    return NULL;
}

static int run_many_unseen(void *unused)
{
    return weft_test_run(1, many_unseen, unused);
}

/* All that are withheld are told of; it may have taken more than a second. */
Test(report, prints_ten_lines_a_second_and_the_number_of_the_others,
     .timeout = 60)
{
    struct weft_test_child child;
    int printed;
    int more = 0;
    run_child(&child, run_many_unseen);
    printed = lines_with(&child, "out of paper");
    for (const char *at = child.err; (at = strstr(at, "weft: and ")) != NULL;
         at++)
        more += atoi(at + strlen("weft: and "));
    cr_expect_eq(weft_test_child_exit(&child), 0);
    cr_expect_geq(printed, 10, "%s", child.err);
    cr_expect_lt(printed, MANY, "%s", child.err);
    cr_expect_eq(printed + more, MANY, "%s", child.err);
}

static int no_runtime(void *unused)
{
    (void)unused;
    weft_detach(weft_spawn(fails, NULL));
    return 0;
}

Test(report, a_spawn_that_failed_and_was_let_go, .timeout = 60)
{
    struct weft_test_child child;
    run_child(&child, no_runtime);
    cr_expect_eq(lines_with(&child, "could not be started: no runtime runs"), 1,
                 "%s", child.err);
}

static void *writes_two_lines(void *unused)
{
    (void)unused;
    return weft_failf(-EIO, "one\ntwo\033[31m");
}

static int two_lines(void *unused)
{
    (void)unused;
    weft_runtime *rt;
    if (weft_test_runtime(1, &rt) < 0)
        return 1;
    weft_future *task =
        weft_run_coroutine_threadsafe(rt, writes_two_lines, NULL);
    while (weft_future_state(task) == WEFT_FUTURE_PENDING)
        sched_yield();
    weft_runtime_unref(rt);
    weft_future_unref(task); /* late: its runtime has ended */
    return 0;
}

Test(report, late_ones_go_to_stderr_and_stay_one_line, .timeout = 60)
{
    struct weft_test_child child;
    run_child(&child, two_lines);
    cr_expect_eq(weft_test_child_exit(&child), 0);
    cr_expect_eq(lines_with(&child, "one two"), 1, "%s", child.err);
    cr_expect_null(strchr(child.err, '\033'));
}

static int main_of_words(void *unused)
{
    return weft_main(fails, unused);
}

Test(report, main_says_why_it_failed, .timeout = 60)
{
    struct weft_test_child child;
    run_child(&child, main_of_words);
    cr_expect_eq(weft_test_child_exit(&child), 1);
    cr_expect_eq(lines_with(&child, ""), 1, "%s", child.err);
    cr_expect_eq(lines_with(&child, "main failed: out of paper (Input/output "
                                    "error) in task main"),
                 1, "%s", child.err);
}
