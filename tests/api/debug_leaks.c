// SPDX-License-Identifier: MIT
/*
 * WEFT_DEBUG=1: what is still held or open at the end of a runtime is reported,
 * once each and with where it came from; so is a task whose handle was dropped
 * unused while it ran. Who keeps his things in order hears nothing.
 */
#define _GNU_SOURCE
#include <weft.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/child.h"
#include "tests/support/run.h"
#include "tests/support/test.h"

#define value(n) weft_test_value(n)
#define MOST 16

/* What the hook was told. */
static struct {
    atomic_int count;
    atomic_int kinds[WEFT_REPORT_OTHER + 1];
    char text[MOST][512];
    char task[MOST][256];
} seen;

static void on_report(const weft_report *report, void *unused)
{
    int at = atomic_fetch_add(&seen.count, 1);
    (void)unused;
    atomic_fetch_add(&seen.kinds[report->kind], 1);
    if (at >= MOST)
        return;
    snprintf(seen.text[at], sizeof(seen.text[at]), "%s", report->text);
    snprintf(seen.task[at], sizeof(seen.task[at]), "%s",
             report->task != NULL ? report->task : "");
}

static weft_options hooked(unsigned workers)
{
    memset(&seen, 0, sizeof(seen));
    return (weft_options){
        .size = sizeof(weft_options),
        .workers = workers,
        .on_report = on_report,
    };
}

/* One that has a text and a place of birth with these. */
static bool told(const char *text, const char *site)
{
    for (int i = 0; i < MOST; i++)
        if (strncmp(seen.text[i], text, strlen(text)) == 0 &&
            strstr(seen.text[i], seen.task[i]) != NULL &&
            strstr(seen.task[i], site) != NULL)
            return true;
    return false;
}

static void expect_reports(weft_fn *fn, enum weft_report_kind kind, int count)
{
    weft_options options = hooked(2);
    cr_expect_eq(weft_run_with(&options, fn, NULL, NULL), 0);
    cr_expect_eq(atomic_load(&seen.count), count, "%d: %s",
                 atomic_load(&seen.count), seen.text[0]);
    cr_expect_eq(atomic_load(&seen.kinds[kind]), count);
}

static void in_debug(void)
{
    setenv("WEFT_DEBUG", "1", 1);
}

/* Leaks */

static char line_of_task[32], line_of_future[32], line_of_timer[32];

/* This line, as it stands at the end of a place of birth. */
#define NOTE_LINE(in) snprintf(in, sizeof(in), ".c:%d", __LINE__)

/* Handles that nobody will use, the addresses kept: a leak of the program's,
 * not of its memory. */
static weft_future *held[4];
static weft_tcp *connection;
static weft_tcp_listener *listener;
static weft_executor *executor;
static weft_file *file;

static void *leaks_six(void *unused)
{
    // clang-format off
    held[0] = weft_spawn(weft_test_echo, NULL); NOTE_LINE(line_of_task);
    held[1] = weft_future_new(); NOTE_LINE(line_of_future);
    held[2] = weft_call_later(1, weft_test_echo, NULL); NOTE_LINE(line_of_timer);
    // clang-format on
    int rc = weft_tcp_listen(&listener, "127.0.0.1", 0);
    if (rc == 0)
        rc = weft_tcp_connect(&connection, "127.0.0.1",
                              weft_tcp_listener_port(listener));
    if (rc == 0)
        rc = weft_thread_pool_new(1, &executor);
    (void)unused;
    return weft_fail(rc);
}

Test(debug_leaks, each_is_told_with_its_site, .init = in_debug, .timeout = 60)
{
    const char *self = program_invocation_short_name;
    expect_reports(leaks_six, WEFT_REPORT_LEAK, 6);
    cr_expect(told("leaked: handle of task weft_test_echo@", line_of_task));
    cr_expect(told("leaked: future of weft_future_new@", line_of_future));
    cr_expect(
        told("leaked: handle of callback weft_test_echo@", line_of_timer));
    cr_expect(told("leaked: connection ", self));
    cr_expect(told("leaked: listener at port ", self));
    cr_expect(told("leaked: thread pool of ", self));
    weft_future_unref(held[0]); /* late, but not wrong */
    weft_future_unref(held[1]);
    weft_future_unref(held[2]);
}

static void *leaks_others(void *unused)
{
    held[0] = weft_run_in_executor(NULL, weft_test_echo, NULL);
    held[1] = weft_future_ref(weft_current());
    held[2] = weft_future_ref(held[0]);
    (void)unused;
    return weft_fail(weft_file_open(&file, "/dev/null", O_RDONLY, 0));
}

Test(debug_leaks, files_jobs_and_main_are_told, .init = in_debug, .timeout = 60)
{
    expect_reports(leaks_others, WEFT_REPORT_LEAK, 3);
    cr_expect(told("leaked: handle of job of weft_test_echo@", ".c:"));
    cr_expect(told("leaked: handle of task main", "main"));
    cr_expect(told("leaked: file ", program_invocation_short_name));
    for (int i = 0; i < 3; i++)
        weft_future_unref(held[i]);
    weft_file_close(file);
}

#define MANY 250

static weft_future *many[MANY];

static void *leaks_many(void *unused)
{
    for (int i = 0; i < MANY; i++)
        many[i] = weft_spawn(weft_test_echo, NULL);
    return unused;
}

Test(debug_leaks, many_are_counted, .init = in_debug, .timeout = 60)
{
    expect_reports(leaks_many, WEFT_REPORT_LEAK, 101);
    for (int i = 0; i < MANY; i++)
        weft_future_unref(many[i]);
}

/* In order */

static void *waits_blocking(void *future)
{
    weft_wait_blocking(future, WEFT_FOREVER, NULL);
    return NULL;
}

static int use_and_close_all(void)
{
    int rc = weft_tcp_listen(&listener, "127.0.0.1", 0);
    if (rc == 0)
        rc = weft_tcp_connect(&connection, "127.0.0.1",
                              weft_tcp_listener_port(listener));
    if (rc == 0)
        rc = weft_thread_pool_new(1, &executor);
    if (rc == 0)
        rc = weft_file_open(&file, "/dev/null", O_RDONLY, 0);
    if (rc < 0)
        return rc;
    weft_future *all[] = {weft_run_in_executor(executor, weft_test_echo, NULL),
                          weft_call_later(1, weft_test_echo, NULL),
                          weft_spawn(weft_test_echo, NULL)};
    rc = weft_gather(all, 3, NULL);
    weft_file_close(file);
    weft_tcp_close(connection);
    weft_tcp_listener_close(listener);
    return rc < 0 ? rc : weft_executor_shutdown(executor);
}

/* A thread gets the last reference, and waits when main has ended. */
static void *tidy(void *thread)
{
    weft_spawn_options keep = {.size = sizeof(keep), .keep = true};
    weft_group group;
    weft_future *slow = weft_spawn_with(&keep, weft_test_echo, NULL);
    pthread_create(thread, NULL, waits_blocking, slow);
    weft_detach(weft_spawn(weft_test_forever, NULL));
    weft_future_unref(weft_call_later(WEFT_S(60), weft_test_echo, NULL));
    weft_group_enter(&group, NULL);
    int rc = weft_group_spawn(&group, weft_test_echo, NULL);
    weft_future_unref(weft_spawn(weft_test_echo, NULL)); /* the group's */
    rc = weft_group_exit(&group, rc);
    weft_future *cancelled = weft_spawn(weft_test_forever, NULL);
    weft_cancel(cancelled);
    weft_future_unref(cancelled);
    return weft_fail(rc < 0 ? rc : use_and_close_all());
}

Test(debug_leaks, who_is_tidy_hears_nothing, .init = in_debug, .timeout = 120)
{
    for (unsigned i = 0; i < 20; i++) {
        weft_options options = hooked(1 + i % 3);
        pthread_t thread;
        cr_assert_eq(weft_run_with(&options, tidy, &thread, NULL), 0);
        pthread_join(thread, NULL);
        cr_assert_eq(atomic_load(&seen.count), 0, "%s", seen.text[0]);
    }
}

/* What belongs to another runtime, or to none, is not this one's leak. */
static void *uses_foreign(void *future)
{
    weft_future_set_result(future, NULL);
    return NULL;
}

Test(debug_leaks, what_is_of_no_runtime_is_not_told, .init = in_debug,
     .timeout = 60)
{
    weft_future *made = weft_future_new();
    weft_options options = hooked(1);
    cr_expect_eq(weft_run_with(&options, uses_foreign, made, NULL), 0);
    cr_expect_eq(atomic_load(&seen.count), 0, "%s", seen.text[0]);
    cr_expect_eq(weft_wait_blocking(made, 0, NULL), 0);
}

/* Never awaited */

static void *drops(void *unused)
{
    weft_future *task = weft_spawn(weft_test_forever, NULL);
    (void)unused;
    weft_future_unref(task);
    return NULL;
}

Test(debug_leaks, a_handle_dropped_unused_is_told, .init = in_debug,
     .timeout = 60)
{
    expect_reports(drops, WEFT_REPORT_NEVER_AWAITED, 1);
    cr_expect(told("the task weft_test_forever@", ".c:"), "%s", seen.text[0]);
}

/* It passes itself on, and is let go of by all before it ends. */
static void *passes_itself_on(void *gate)
{
    weft_future *self = weft_future_ref(weft_current());
    int rc = weft_yield();
    weft_future_unref(self);
    weft_future_set_result(gate, NULL);
    return weft_fail(rc);
}

static void *lets_go(void *unused)
{
    weft_future *gate = weft_future_new();
    (void)unused;
    weft_detach(weft_spawn(passes_itself_on, gate));
    return weft_fail(weft_await(gate, NULL));
}

static void *shares(void *unused)
{
    weft_future *task = weft_spawn(weft_test_echo, NULL);
    weft_future *again = weft_future_ref(task);
    (void)unused;
    weft_future_unref(task);
    return weft_fail(weft_await(again, NULL));
}

Test(debug_leaks, other_drops_are_not_told, .init = in_debug, .timeout = 60)
{
    expect_reports(lets_go, WEFT_REPORT_NEVER_AWAITED, 0);
    expect_reports(shares, WEFT_REPORT_NEVER_AWAITED, 0);
}

/* Off */

static int leak_quietly(void *unused)
{
    (void)unused;
    if (unsetenv("WEFT_DEBUG") < 0)
        return 2;
    weft_options options = hooked(2);
    if (weft_run_with(&options, leaks_six, NULL, NULL) < 0 ||
        weft_run_with(&options, drops, NULL, NULL) < 0)
        return 3;
    return atomic_load(&seen.count) != 0;
}

Test(debug_leaks, nothing_is_told_without_it, .timeout = 60)
{
    static struct weft_test_child child;
    if (WEFT_TEST_NO_CHILDREN)
        cr_skip("ThreadSanitizer does not start threads in a child");
    cr_assert(weft_test_child_run(&child, leak_quietly, NULL));
    cr_expect_eq(weft_test_child_exit(&child), 0, "%s", child.err);
    cr_expect_str_eq(child.err, "");
}
