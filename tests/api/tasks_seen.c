// SPDX-License-Identifier: MIT
/*
 * Tasks from outside: the list of those that live, names and numbers, what each
 * waits for and where, the failures they leave behind.
 */
#include <weft.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/run.h"
#include "tests/support/seeds.h"
#include "tests/support/test.h"

#define value(n) weft_test_value(n)
#define SEEDS 300

/* Long enough, in virtual time, for everybody who can run to have run. */
static void settle(void)
{
    check_eq(weft_sleep(WEFT_MS(1)), 0);
}

static void *await_made(void *future)
{
    return weft_fail(weft_await(future, NULL));
}

static int noted;

static void *note(void *n)
{
    noted += (int)(uintptr_t)n;
    return n;
}

/* The list */

struct look {
    uint64_t id;
    int seen;
    weft_task_info info;
};

static void look_for(const weft_task_info *info, void *arg)
{
    struct look *look = arg;
    if (info->id != look->id)
        return;
    look->info = *info;
    look->seen++;
}

static struct look look_at(uint64_t id)
{
    struct look look = {.id = id};
    weft_all_tasks(weft_running_loop(), look_for, &look);
    return look;
}

static void *described(void *unused)
{
    weft_future *made = weft_future_new();
    weft_future *task =
        weft_spawn_named("reader", await_made, weft_future_ref(made));
    uint64_t id = weft_task_id(task);
    (void)unused;
    struct look look = look_at(id);
    check_eq(look.seen, 1);
    check_eq(look.info.state, WEFT_TASK_NEW);
    check(strcmp(look.info.name, "reader") == 0);
    check(!look.info.cancelled);
    settle();
    check_eq(look_at(id).info.state, WEFT_TASK_SUSPENDED);
    check_eq(weft_cancel(task), 0);
    look = look_at(id);
    check_eq(look.seen, 1);
    check(look.info.cancelled);
    settle();
    check_eq(weft_future_state(task), WEFT_FUTURE_CANCELLED);
    check_eq(look_at(id).seen, 0);
    check_eq(weft_await(task, NULL), -WEFT_ECANCELED);
    weft_future_unref(made);
    return NULL;
}

Test(tasks_seen, are_listed_until_they_end, .timeout = 60)
{
    weft_test_seeds(SEEDS, described);
}

static void *waits_shown(void *unused)
{
    weft_future *made = weft_future_new();
    weft_future *inner = weft_spawn(await_made, weft_future_ref(made));
    weft_future *outer = weft_spawn(await_made, weft_future_ref(inner));
    (void)unused;
    settle();
    weft_task_info info = look_at(weft_task_id(outer)).info;
    check_eq(info.waits, WEFT_WAITS_FUTURE);
    check_eq(info.object, weft_task_id(inner));
    info = look_at(weft_task_id(inner)).info;
    check_eq(info.waits, WEFT_WAITS_FUTURE);
    check_eq(info.object, 0);
    check_eq(weft_future_set_result(made, NULL), 0);
    check_eq(weft_await(outer, NULL), 0);
    check_eq(weft_await(inner, NULL), 0);
    weft_future_unref(made);
    return NULL;
}

Test(tasks_seen, show_what_they_wait_for, .timeout = 60)
{
    weft_test_seeds(SEEDS, waits_shown);
}

/* Two that wait for one another are described like any others. */

struct circle {
    weft_future *task[2];
};

static void *await_second(void *circle)
{
    weft_future *other = ((struct circle *)circle)->task[1];
    return weft_fail(weft_await(weft_future_ref(other), NULL));
}

static void *await_first(void *circle)
{
    weft_future *other = ((struct circle *)circle)->task[0];
    return weft_fail(weft_await(weft_future_ref(other), NULL));
}

static void *in_a_circle(void *unused)
{
    struct circle circle;
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    (void)unused;
    /* One worker: neither starts before both are known. */
    circle.task[0] = weft_spawn(await_second, &circle);
    circle.task[1] = weft_spawn(await_first, &circle);
    for (int i = 0; i < 2; i++)
        while (look_at(weft_task_id(circle.task[i])).info.state !=
               WEFT_TASK_SUSPENDED)
            cr_expect_eq(weft_yield(), 0);
    for (int i = 0; i < 2; i++)
        cr_expect_eq(look_at(weft_task_id(circle.task[i])).info.object,
                     weft_task_id(circle.task[1 - i]));
    cr_expect_eq(weft_dump(weft_running_loop(), fd), 0);
    cr_expect_eq(weft_cancel(circle.task[0]), 0);
    for (int i = 0; i < 2; i++)
        cr_expect_eq(weft_await(circle.task[i], NULL), -WEFT_ECANCELED);
    close(fd);
    return NULL;
}

Test(tasks_seen, in_a_circle_are_described_too, .timeout = 60)
{
    cr_assert_eq(weft_test_run(1, in_a_circle, NULL), 0);
}

static void *names_and_ids(void *unused)
{
    char site[512];
    int line = __LINE__ + 1;
    weft_future *a = weft_spawn(weft_test_echo, NULL);
    weft_future *b = weft_spawn(weft_test_echo, NULL);
    weft_future *named = weft_spawn_named("no-op", weft_test_echo, NULL);
    (void)unused;
    snprintf(site, sizeof(site), "weft_test_echo@%s:%d", __FILE__, line);
    check(strcmp(weft_task_name(a), site) == 0);
    check(strcmp(weft_task_name(a), weft_task_name(b)) != 0);
    check(strcmp(weft_task_name(named), "no-op") == 0);
    check(weft_task_id(a) != 0);
    check(weft_task_id(a) != weft_task_id(b));
    check_eq(weft_await(a, NULL), 0);
    check_eq(weft_await(b, NULL), 0);
    check_eq(weft_await(named, NULL), 0);
    return NULL;
}

Test(tasks_seen, have_names_and_numbers_of_their_own, .timeout = 60)
{
    weft_test_seeds(SEEDS, names_and_ids);
}

static void *rename_oneself(void *unused)
{
    (void)unused;
    check_eq(weft_task_set_name("renamed"), 0);
    check_eq(weft_task_set_name(NULL), -EINVAL);
    check(strcmp(weft_task_name(weft_current()), "renamed") == 0);
    return NULL;
}

static void *renamed(void *unused)
{
    check_eq(weft_await(weft_spawn(rename_oneself, unused), NULL), 0);
    return NULL;
}

Test(tasks_seen, may_change_their_name_but_have_one, .timeout = 60)
{
    weft_test_seeds(SEEDS, renamed);
    cr_assert_eq(weft_task_set_name("nobody"), -WEFT_ENORUNTIME);
}

static void *return_address;
static size_t frames_seen;

static __attribute__((noinline)) int wait_below(weft_future *made)
{
    return_address = __builtin_return_address(0);
    int rc = weft_await(made, NULL);
    return rc + 0 * (return_address == NULL);
}

static void *wait_above(void *made)
{
    int rc = wait_below(made);
    return_address = NULL;
    return weft_fail(rc);
}

static void *look_at_stack(void *unused)
{
    void *frames[64];
    weft_future *made = weft_future_new();
    weft_future *task = weft_spawn(wait_above, weft_future_ref(made));
    (void)unused;
    settle();
    size_t n = weft_task_backtrace(task, frames, 64);
    size_t found = 0;
    for (size_t i = 0; i < n; i++)
        found += frames[i] == return_address;
    check(n <= 64 && (n == 0 || found == 1));
    check_eq(weft_task_backtrace(task, frames, 1), n > 0);
    frames_seen += n;
    check_eq(weft_future_set_result(made, NULL), 0);
    settle();
    check_eq(weft_task_backtrace(task, frames, 64), 0);
    check_eq(weft_await(task, NULL), 0);
    weft_future_unref(made);
    return NULL;
}

Test(tasks_seen, show_where_they_stand, .timeout = 60)
{
    frames_seen = 0;
    weft_test_seeds(30, look_at_stack);
    if (frames_seen == 0)
        cr_skip("this build does not unwind");
}

static void *dropped_handle(void *unused)
{
    noted = 0;
    weft_future *made = weft_future_new();
    weft_future *task = weft_spawn(await_made, weft_future_ref(made));
    uint64_t id = weft_task_id(task);
    (void)unused;
    check_eq(weft_future_add_done_callback(task, note, value(1)), 0);
    settle();
    weft_future_unref(task);
    settle();
    check_eq(look_at(id).seen, 1);
    check_eq(noted, 0);
    check_eq(weft_future_set_result(made, NULL), 0);
    settle();
    check_eq(look_at(id).seen, 0);
    check_eq(noted, 1);
    weft_future_unref(made);
    return NULL;
}

Test(tasks_seen, go_on_without_a_handle, .timeout = 60)
{
    weft_test_seeds(SEEDS, dropped_handle);
}

static size_t count_tasks(void)
{
    struct look look = {0};
    return weft_all_tasks(weft_running_loop(), look_for, &look);
}

static void *spawn_refused(void *unused)
{
    weft_spawn_options options = {.size = sizeof(options) + 1};
    size_t before = count_tasks();
    (void)unused;
    noted = 0;
    weft_future *task = weft_spawn_with(&options, note, value(1));
    check_eq(count_tasks(), before);
    check_eq(weft_await(task, NULL), -EINVAL);
    settle();
    check_eq(noted, 0);
    return NULL;
}

Test(tasks_seen, that_cannot_start_leave_nothing, .timeout = 60)
{
    weft_test_seeds(SEEDS, spawn_refused);
}

/* Errors */

static void *fail_inside(void *line)
{
    *(int *)line = __LINE__ + 1;
    return weft_failf(-ENOENT, "no %s", "bread");
}

static void *place_of_failure(void *unused)
{
    char place[512];
    int line = 0;
    weft_future *task = weft_spawn_named("baker", fail_inside, &line);
    uint64_t id = weft_task_id(task);
    (void)unused;
    settle();
    check_eq(weft_await(task, NULL), -ENOENT);
    const weft_error *error = weft_last_error();
    check(error != NULL);
    if (error == NULL)
        return NULL;
    snprintf(place, sizeof(place), "%s:%d", __FILE__, line);
    check_eq(error->code, -ENOENT);
    check(strcmp(error->message, "no bread") == 0);
    check(error->place != NULL && strcmp(error->place, place) == 0);
    check(error->task != NULL && strcmp(error->task, "baker") == 0);
    check_eq(error->task_id, id);
    return NULL;
}

Test(tasks_seen, that_fail_say_where, .timeout = 60)
{
    weft_test_seeds(SEEDS, place_of_failure);
}

static void *fail_again(void *unused)
{
    int line;
    (void)weft_failf(-EPERM, "what is being handled");
    check_eq(weft_await(weft_spawn(fail_inside, &line), NULL), -ENOENT);
    check(weft_last_error() != NULL && weft_last_error()->code == -ENOENT);
    (void)unused;
    return weft_failf(-EIO, "what comes of it");
}

static void *cause_is_kept(void *unused)
{
    check_eq(weft_await(weft_spawn(fail_again, unused), NULL), -EIO);
    const weft_error *error = weft_last_error();
    check(error != NULL && error->code == -EIO);
    check(error != NULL && error->cause != NULL &&
          error->cause->code == -ENOENT);
    return NULL;
}

Test(tasks_seen, that_fail_keep_the_last_failure_as_cause, .timeout = 60)
{
    weft_test_seeds(SEEDS, cause_is_kept);
}

static size_t chain_length(void)
{
    const weft_error *first = weft_last_error();
    size_t n = 0;
    for (const weft_error *at = first; at != NULL && n < 1000; at = at->cause)
        check(++n == 1 || at != first);
    return n;
}

static void *pass_on(void *depth)
{
    int line;
    intptr_t n = (intptr_t)depth;
    int rc = n == 0 ? weft_code(fail_inside(&line))
                    : weft_await(weft_spawn(pass_on, (void *)(n - 1)), NULL);
    return weft_fail(rc);
}

/* The same failure comes back to who has it already, over and over. */
static void *same_failure_again(void *unused)
{
    size_t most = 0;
    (void)unused;
    for (int i = 0; i < 20; i++) {
        check_eq(weft_await(weft_spawn(pass_on, value(3)), NULL), -ENOENT);
        check(weft_last_error() != NULL && weft_last_error()->code == -ENOENT);
        size_t n = chain_length();
        most = i == 0 ? n : most;
        check_eq(n, most);
    }
    return NULL;
}

Test(tasks_seen, passing_a_failure_on_makes_no_circle, .timeout = 60)
{
    weft_test_seeds(SEEDS, same_failure_again);
}

/* A failure that nobody looks at */

static atomic_int reports;
static atomic_int report_code;

static void on_report(const weft_report *report, void *unused)
{
    (void)unused;
    if (report->kind != WEFT_REPORT_UNRETRIEVED)
        return;
    atomic_store(&report_code, report->code);
    atomic_fetch_add(&reports, 1);
}

static void run_reporting(weft_fn *fn)
{
    weft_options options = {
        .size = sizeof(options), .workers = 2, .on_report = on_report};
    atomic_store(&reports, 0);
    cr_assert_eq(weft_run_with(&options, fn, NULL, NULL), 0);
}

static void *cancel_the_failed(void *unused)
{
    int line;
    weft_future *task = weft_spawn(fail_inside, &line);
    (void)unused;
    while (weft_future_state(task) == WEFT_FUTURE_PENDING)
        cr_expect_eq(weft_yield(), 0);
    cr_expect_eq(weft_cancel(task), -WEFT_EALREADY);
    weft_future_unref(task);
    return NULL;
}

Test(tasks_seen, cancelling_what_failed_does_not_hide_it, .timeout = 60)
{
    run_reporting(cancel_the_failed);
    cr_assert_eq(atomic_load(&reports), 1);
    cr_assert_eq(atomic_load(&report_code), -ENOENT);
}

static void *await_the_failed(void *unused)
{
    int line;
    (void)unused;
    cr_expect_eq(weft_await(weft_spawn(fail_inside, &line), NULL), -ENOENT);
    weft_future *cancelled = weft_spawn(weft_test_forever, NULL);
    cr_expect_eq(weft_cancel(cancelled), 0);
    weft_future_unref(cancelled);
    weft_detach(weft_spawn(weft_test_echo, value(1)));
    return NULL;
}

Test(tasks_seen, what_was_looked_at_is_not_reported, .timeout = 60)
{
    run_reporting(await_the_failed);
    cr_assert_eq(atomic_load(&reports), 0);
}
