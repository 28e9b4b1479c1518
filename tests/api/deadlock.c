// SPDX-License-Identifier: MIT
/*
 * "Nothing can run any more": said once each time it is so, with who waits for
 * whom, and never while anything may still come. That something is not said can
 * only be seen by the passing of time.
 */
#include <weft.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

#include "tests/support/child.h"
#include "tests/support/run.h"
#include "tests/support/test.h"

#define value(n) weft_test_value(n)

static void needs_children(void)
{
    if (WEFT_TEST_NO_CHILDREN)
        cr_skip("ThreadSanitizer has a thread of its own");
}

static struct weft_test_child child;

/* In a child, which has no other threads; true if it exited with 0. */
static bool runs(int (*fn)(void *), void *arg)
{
    cr_assert(weft_test_child_run(&child, fn, arg));
    return weft_test_child_exit(&child) == 0;
}

/* Two reports are enough to end any of them. */
static _Atomic(weft_runtime *) runtime;
static _Atomic(weft_future *) gate;
static atomic_int reports;
static char texts[4096];

static void on_report(const weft_report *report, void *unused)
{
    (void)unused;
    if (report->kind != WEFT_REPORT_DEADLOCK)
        return;
    if (atomic_fetch_add(&reports, 1) == 0)
        snprintf(texts, sizeof(texts), "%s", report->text);
    dprintf(STDERR_FILENO, "%s\n", report->text);
    if (atomic_load(&gate) != NULL)
        weft_future_set_result(atomic_load(&gate), NULL);
}

static int run_reporting(unsigned workers, weft_fn *fn, void *arg)
{
    weft_options options = {
        .size = sizeof(options), .workers = workers, .on_report = on_report};
    return weft_run_with(&options, fn, arg, NULL);
}

static void *waits_for(void *future)
{
    return weft_fail(weft_await(future, NULL));
}

/* The report itself sets what they wait for. */
static void *dead(void *unused)
{
    weft_future *made = weft_future_new();
    weft_future *b = weft_spawn_named("b", waits_for, weft_future_ref(made));
    weft_future *a = weft_spawn_named("a", waits_for, b);
    (void)unused;
    atomic_store(&gate, made);
    return weft_fail(weft_await(a, NULL));
}

static int dead_once(void *workers)
{
    char due[64];
    if (run_reporting((unsigned)(uintptr_t)workers, dead, NULL) != 0)
        return 1;
    if (atomic_load(&reports) != 1)
        return 2;
    snprintf(due, sizeof(due), " -> future %p", (void *)atomic_load(&gate));
    return strstr(texts, " b -> future ") != NULL &&
                   strstr(texts, " main -> #") != NULL &&
                   strstr(texts, due) != NULL
               ? 0
               : 3;
}

Test(deadlock, is_reported_with_who_waits_for_whom, .init = needs_children,
     .timeout = 60)
{
    for (uintptr_t workers = 1; workers <= 4; workers++)
        cr_expect(runs(dead_once, value(workers)), "%zu workers: %d\n%s",
                  (size_t)workers, weft_test_child_exit(&child), child.err);
}

/* Once each time. */
static void *dead_thrice(void *unused)
{
    for (int i = 0; i < 3; i++) {
        weft_future *made = weft_future_new();
        atomic_store(&gate, made);
        int rc = weft_await(made, NULL);
        if (rc < 0)
            return weft_fail(rc);
    }
    return unused;
}

static int reported_thrice(void *unused)
{
    (void)unused;
    if (run_reporting(2, dead_thrice, NULL) != 0)
        return 1;
    return atomic_load(&reports) == 3 ? 0 : 2;
}

Test(deadlock, is_reported_each_time, .init = needs_children, .timeout = 60)
{
    cr_expect(runs(reported_thrice, NULL), "%s", child.err);
}

static _Atomic(weft_future *) other[2];

static void *waits_for_other(void *which)
{
    weft_future *task;
    while ((task = atomic_load(&other[(uintptr_t)which])) == NULL)
        weft_yield();
    return weft_fail(weft_await(weft_future_ref(task), NULL));
}

static void *circle(void *unused)
{
    weft_future *x = weft_spawn_named("x", waits_for_other, value(1));
    weft_future *y = weft_spawn_named("y", waits_for_other, value(0));
    (void)unused;
    atomic_store(&other[0], weft_future_ref(x));
    atomic_store(&other[1], weft_future_ref(y));
    weft_await(x, NULL);
    weft_await(y, NULL);
    return NULL;
}

static void end_it(const weft_report *report, void *unused)
{
    (void)unused;
    if (report->kind == WEFT_REPORT_DEADLOCK)
        _exit(strstr(report->text, " x -> #") != NULL &&
                      strstr(report->text, ": a circle") != NULL
                  ? 0
                  : 1);
}

static int reports_circle(void *unused)
{
    weft_options options = {.size = sizeof(options), .on_report = end_it};
    (void)unused;
    return weft_run_with(&options, circle, NULL, NULL) == 0 ? 2 : 3;
}

Test(deadlock, a_circle_is_one, .init = needs_children, .timeout = 60)
{
    cr_expect(runs(reports_circle, NULL), "%s", child.err);
}

/* Two mutexes, locked in either order: named, with who holds them. */
static weft_mutex fork_of[2] = {WEFT_MUTEX_INIT, WEFT_MUTEX_INIT};
static atomic_int holding;

static void *dine(void *which)
{
    int rc = weft_mutex_lock(&fork_of[(uintptr_t)which]);
    atomic_fetch_add(&holding, 1);
    weft_test_yield_until(&holding, 2);
    if (rc == 0)
        rc = weft_mutex_lock(&fork_of[!which]);
    return weft_fail(rc);
}

static void *dine_both(void *unused)
{
    weft_future *x = weft_spawn_named("x", dine, value(0));
    weft_future *y = weft_spawn_named("y", dine, value(1));
    (void)unused;
    weft_await(x, NULL);
    weft_await(y, NULL);
    return NULL;
}

static void end_dinner(const weft_report *report, void *unused)
{
    char due[64];
    (void)unused;
    dprintf(STDERR_FILENO, "%s\n", report->text);
    snprintf(due, sizeof(due), " x -> mutex %p, held by #",
             (void *)&fork_of[1]);
    if (report->kind == WEFT_REPORT_DEADLOCK)
        _exit(strstr(report->text, due) != NULL &&
                      strstr(report->text, ": a circle") != NULL
                  ? 0
                  : 1);
}

static int reports_dinner(void *unused)
{
    weft_options options = {.size = sizeof(options), .on_report = end_dinner};
    (void)unused;
    return weft_run_with(&options, dine_both, NULL, NULL) == 0 ? 2 : 3;
}

Test(deadlock, of_mutexes_names_their_holders, .init = needs_children,
     .timeout = 60)
{
    cr_expect(runs(reports_dinner, NULL), "%s", child.err);
}

/* Who waits for a queue that nobody fills. */
static void *waits_for_item(void *queue)
{
    void *item;
    return weft_fail(weft_queue_get(queue, &item));
}

static void end_hunger(const weft_report *report, void *unused)
{
    (void)unused;
    dprintf(STDERR_FILENO, "%s\n", report->text);
    if (report->kind == WEFT_REPORT_DEADLOCK)
        _exit(strstr(report->text, " main -> queue 0x") != NULL ? 0 : 1);
}

static int reports_hunger(void *unused)
{
    weft_options options = {.size = sizeof(options), .on_report = end_hunger};
    weft_queue *queue;
    (void)unused;
    if (weft_queue_new(1, &queue) < 0)
        return 4;
    return weft_run_with(&options, waits_for_item, queue, NULL) == 0 ? 2 : 3;
}

Test(deadlock, of_a_queue_names_it, .init = needs_children, .timeout = 60)
{
    cr_expect(runs(reports_hunger, NULL), "%s", child.err);
}

/* By default it is a line, and the program waits on. */

static void pass_a_second(void)
{
    struct timespec time = {.tv_sec = 1, .tv_nsec = 200000000};
    while (nanosleep(&time, &time) < 0)
        ;
}

static void *waits_for_ever(void *unused)
{
    (void)unused;
    return weft_fail(weft_await(weft_future_new(), NULL));
}

/* Another process passes on what it says, and ends it after a second more. */
static void end_when_said(int from)
{
    char line[2048];
    ssize_t n = read(from, line, sizeof(line));
    if (n > 0 && write(STDERR_FILENO, line, (size_t)n) == n)
        pass_a_second();
    kill(getppid(), SIGALRM);
    while ((n = read(from, line, sizeof(line))) > 0)
        if (write(STDERR_FILENO, line, (size_t)n) != n)
            break;
    _exit(0);
}

static int dead_by_default(void *unused)
{
    int ends[2];
    if (pipe(ends) < 0)
        return 1;
    if (fork() == 0) {
        close(ends[1]);
        end_when_said(ends[0]);
    }
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    return weft_main(waits_for_ever, unused);
}

Test(deadlock, by_default_is_a_line, .init = needs_children, .timeout = 60)
{
    cr_expect(!runs(dead_by_default, NULL));
    cr_expect_eq(weft_test_child_exit(&child), -1 - SIGALRM);
    cr_expect(weft_test_child_said(&child, "weft: deadlock, nothing can run"),
              "%s", child.err);
    const char *first = strstr(child.err, "deadlock");
    cr_expect_null(first ? strstr(first + 1, "deadlock") : NULL, "%s",
                   child.err);
}

/* Not one: something may come. Each goes on for a second, then ends well. */

static int stays_silent(weft_fn *fn)
{
    int rc = run_reporting(2, fn, NULL);
    if (rc != 0)
        return 1;
    return atomic_load(&reports) == 0 ? 0 : 2;
}

static void *holds_a_handle(void *unused)
{
    while (atomic_load(&runtime) == NULL)
        sched_yield();
    pass_a_second();
    weft_future *made = atomic_load(&gate);
    weft_future_set_result(made, NULL);
    weft_runtime_unref(atomic_load(&runtime));
    return unused;
}

static void *waits_for_thread(void *unused)
{
    pthread_t thread;
    weft_future *made = weft_future_new();
    atomic_store(&gate, made);
    pthread_create(&thread, NULL, holds_a_handle, NULL);
    pthread_detach(thread);
    atomic_store(&runtime, weft_runtime_ref(weft_running_loop()));
    (void)unused;
    return weft_fail(weft_await(weft_future_ref(made), NULL));
}

static int with_thread(void *unused)
{
    (void)unused;
    return stays_silent(waits_for_thread);
}

Test(deadlock, not_with_a_foreign_thread, .init = needs_children, .timeout = 60)
{
    cr_expect(runs(with_thread, NULL), "%d\n%s", weft_test_child_exit(&child),
              child.err);
}

static void *blocks(void *unused)
{
    pass_a_second();
    return unused;
}

static void *waits_for_job(void *unused)
{
    return weft_fail(weft_to_thread(blocks, unused, NULL));
}

static int with_job(void *unused)
{
    (void)unused;
    return stays_silent(waits_for_job);
}

Test(deadlock, not_with_a_job, .init = needs_children, .timeout = 60)
{
    cr_expect(runs(with_job, NULL), "%d\n%s", weft_test_child_exit(&child),
              child.err);
}

static void *waits_in_scope(void *unused)
{
    weft_scope scope;
    weft_future *made = weft_future_new();
    (void)unused;
    weft_timeout_enter(&scope, WEFT_MS(1200));
    int rc = weft_await(made, NULL);
    rc = weft_timeout_exit(&scope, rc);
    return weft_fail(rc == -WEFT_ETIMEOUT ? 0 : rc);
}

static int with_timer(void *unused)
{
    (void)unused;
    return stays_silent(waits_in_scope);
}

Test(deadlock, not_with_a_timer, .init = needs_children, .timeout = 60)
{
    cr_expect(runs(with_timer, NULL), "%d\n%s", weft_test_child_exit(&child),
              child.err);
}

/* As a server does that waits for SIGTERM. */
static int sleeps_for_ever(void *unused)
{
    struct sigaction ignore = {.sa_handler = SIG_DFL};
    sigaction(SIGTERM, &ignore, NULL);
    if (fork() == 0) {
        pass_a_second();
        kill(getppid(), SIGTERM);
        _exit(0);
    }
    return weft_main(weft_test_forever, unused);
}

Test(deadlock, not_with_a_sleeper, .init = needs_children, .timeout = 60)
{
    cr_expect(runs(sleeps_for_ever, NULL), "%d\n%s",
              weft_test_child_exit(&child), child.err);
    cr_expect_null(strstr(child.err, "deadlock"), "%s", child.err);
}

/* Another process connects. */
static void connect_later(uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fork() != 0)
        return;
    pass_a_second();
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    _exit(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 ? 0 : 1);
}

static void *accepts(void *unused)
{
    weft_tcp_listener *listener;
    weft_tcp *tcp;
    (void)unused;
    int rc = weft_tcp_listen(&listener, "127.0.0.1", 0);
    if (rc < 0)
        return weft_fail(rc);
    connect_later(weft_tcp_listener_port(listener));
    rc = weft_tcp_accept(listener, &tcp);
    if (rc == 0)
        weft_tcp_close(tcp);
    weft_tcp_listener_close(listener);
    return weft_fail(rc);
}

static int with_socket(void *unused)
{
    (void)unused;
    return stays_silent(accepts);
}

Test(deadlock, not_with_a_socket, .init = needs_children, .timeout = 60)
{
    cr_expect(runs(with_socket, NULL), "%d\n%s", weft_test_child_exit(&child),
              child.err);
}
