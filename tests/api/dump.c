// SPDX-License-Identifier: MIT
/*
 * weft_dump(): every worker and task, every edge of who waits for whom; asked
 * for by call and by signal, with everybody stuck, without memory.
 */
#define _GNU_SOURCE
#include <weft.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "sched/os.h"
#include "tests/loop/child.h"
#include "tests/support/child.h"
#include "tests/support/run.h"
#include "tests/support/scale.h"

#define value(n) weft_test_value(n)

static void needs_children(void)
{
    if (WEFT_TEST_NO_CHILDREN)
        cr_skip("no children under ThreadSanitizer");
}

/* A dump as a string, to be freed. */
static char *dump_of(weft_runtime *rt)
{
    int fd = memfd_create("dump", 0);
    cr_expect_eq(weft_dump(rt, fd), 0);
    off_t size = lseek(fd, 0, SEEK_END);
    char *text = calloc(1, (size_t)size + 1);
    cr_expect_eq(pread(fd, text, (size_t)size, 0), size);
    close(fd);
    return text;
}

static size_t count_in(const char *text, const char *what)
{
    size_t n = 0;
    for (; (text = strstr(text, what)) != NULL; text += strlen(what))
        n++;
    return n;
}

static void expect_line(const char *text, const char *format, ...)
{
    char line[256];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    cr_expect_not_null(strstr(text, line), "no \"%s\" in\n%s", line, text);
}

/* Until a task is suspended; for coroutines. */
struct wanted {
    uint64_t id;
    bool asleep;
};

static void find(const weft_task_info *info, void *arg)
{
    struct wanted *wanted = arg;
    if (info->id == wanted->id)
        wanted->asleep = info->state == WEFT_TASK_SUSPENDED;
}

static uint64_t wait_until_asleep(weft_future *task)
{
    struct wanted wanted = {.id = weft_task_id(task)};
    while (!wanted.asleep) {
        weft_yield();
        weft_all_tasks(weft_running_loop(), find, &wanted);
    }
    return wanted.id;
}

/* Who waits for whom */

static void *waits_for(void *future)
{
    return weft_fail(weft_await(future, NULL));
}

static void *suspends(void *unused)
{
    (void)unused;
    return weft_fail(weft_suspend());
}

static void *with_child(void *unused)
{
    weft_future *child = weft_spawn_named("d", weft_test_forever, unused);
    return weft_fail(weft_await(child, NULL));
}

static void *with_child_in_group(void *unused)
{
    weft_group group;
    weft_group_enter(&group, NULL);
    (void)unused;
    int rc = weft_group_spawn(&group, with_child, NULL);
    return weft_fail(weft_group_exit(&group, rc));
}

static void *six_nodes(void *unused)
{
    weft_future *gate = weft_future_new();
    weft_future *b = weft_spawn_named("b", waits_for, weft_future_ref(gate));
    weft_future *a = weft_spawn_named("a", waits_for, weft_future_ref(b));
    weft_future *c = weft_spawn_named("c", with_child_in_group, NULL);
    weft_future *e = weft_spawn_named("e", suspends, NULL);
    unsigned long me = weft_task_id(weft_current());
    (void)unused;
    unsigned long id_a = wait_until_asleep(a);
    unsigned long id_b = wait_until_asleep(b);
    unsigned long id_c = wait_until_asleep(c);
    unsigned long id_e = wait_until_asleep(e);
    char *text;
    do { /* until the child of the child sleeps, too */
        weft_yield();
        text = dump_of(weft_running_loop());
    } while (strstr(text, " d -> a moment") == NULL && (free(text), true));
    expect_line(text, "  #%lu a -> #%lu -> future %p; its owner: #%lu\n", id_a,
                id_b, (void *)gate, me);
    expect_line(text, "  #%lu b -> future %p; its owner: #%lu\n", id_b,
                (void *)gate, me);
    expect_line(text, "  #%lu e -> weft_ready(); its owner: #%lu\n", id_e, me);
    expect_line(text, "  #%lu c -> #", id_c);
    expect_line(text, " -> a moment; its owner: #%lu\n", me);
    expect_line(text, " d -> a moment; its owner: #");
    expect_line(text, "  #%lu a: waits -> #%lu", id_a, id_b);
    expect_line(text, ", child of #%lu", me);
    cr_expect_null(strstr(text, "circle"));
    free(text);
    cr_expect_eq(weft_future_set_result(gate, NULL), 0);
    cr_expect_eq(weft_cancel(c), 0);
    cr_expect_eq(weft_ready(e), 0);
    cr_expect_eq(weft_await(a, NULL), 0);
    cr_expect_eq(weft_await(b, NULL), 0);
    cr_expect_eq(weft_await(c, NULL), -WEFT_ECANCELED);
    cr_expect_eq(weft_await(e, NULL), 0);
    weft_future_unref(gate);
    return NULL;
}

Test(dump, every_edge_is_there, .timeout = 60)
{
    cr_assert_eq(weft_test_run(2, six_nodes, NULL), 0);
}

static _Atomic(weft_future *) other[2];

static void *waits_for_other(void *which)
{
    weft_future *task;
    while ((task = atomic_load(&other[(uintptr_t)which])) == NULL)
        weft_yield();
    return weft_fail(weft_await(weft_future_ref(task), NULL));
}

static void *in_a_circle(void *unused)
{
    weft_future *x = weft_spawn_named("x", waits_for_other, value(1));
    weft_future *y = weft_spawn_named("y", waits_for_other, value(0));
    (void)unused;
    atomic_store(&other[0], x);
    atomic_store(&other[1], y);
    unsigned long id_x = wait_until_asleep(x);
    unsigned long id_y = wait_until_asleep(y);
    char *text = dump_of(weft_running_loop());
    expect_line(text, "  #%lu x -> #%lu -> #%lu: a circle", id_x, id_y, id_x);
    expect_line(text, "  #%lu y -> #%lu -> #%lu: a circle", id_y, id_x, id_y);
    free(text);
    cr_expect_eq(weft_cancel(x), 0);
    weft_await(x, NULL);
    weft_await(y, NULL);
    return NULL;
}

Test(dump, a_circle_is_marked, .timeout = 60)
{
    cr_assert_eq(weft_test_run(2, in_a_circle, NULL), 0);
}

/* Many, and moving */

static atomic_int stop;

static void *come_and_go(void *unused)
{
    (void)unused;
    while (!atomic_load(&stop)) {
        weft_future *task = weft_spawn(weft_test_echo, NULL);
        weft_future *call = weft_call_soon(weft_test_echo, NULL);
        cr_expect_eq(weft_await(task, NULL), 0);
        cr_expect_eq(weft_await(call, NULL), 0);
    }
    return NULL;
}

Test(dump, tasks_may_move_meanwhile, .timeout = 120)
{
    weft_runtime *rt;
    weft_future *task[3];
    int null = open("/dev/null", O_WRONLY);
    cr_assert_eq(weft_test_runtime(2, &rt), 0);
    for (int i = 0; i < 3; i++)
        task[i] = weft_run_coroutine_threadsafe(rt, come_and_go, NULL);
    for (size_t i = weft_test_scaled(100); i > 0; i--)
        cr_assert_eq(weft_dump(rt, null), 0);
    atomic_store(&stop, 1);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(weft_wait_blocking(task[i], WEFT_FOREVER, NULL), 0);
    weft_runtime_unref(rt);
    close(null);
}

#define MANY 1500

static void *many_waiting(void *unused)
{
    static weft_future *task[MANY];
    weft_future *gate = weft_future_new();
    (void)unused;
    for (int i = 0; i < MANY; i++)
        task[i] = weft_spawn_named("many", waits_for, weft_future_ref(gate));
    wait_until_asleep(task[0]);
    wait_until_asleep(task[MANY - 1]);
    char *text = dump_of(weft_running_loop());
    cr_expect_eq(count_in(text, " many: "), MANY);
    cr_expect_not_null(strstr(text, "end of the dump, 1501 tasks\n"));
    free(text);
    cr_expect_eq(weft_future_set_result(gate, NULL), 0);
    for (int i = 0; i < MANY; i++)
        cr_expect_eq(weft_await(task[i], NULL), 0);
    weft_future_unref(gate);
    return NULL;
}

Test(dump, all_are_listed, .timeout = 120)
{
    cr_assert_eq(weft_test_run(1, many_waiting, NULL), 0);
}

static void *to_nowhere(void *unused)
{
    (void)unused;
    return weft_fail(weft_dump(weft_running_loop(), -1));
}

Test(dump, says_what_write_said, .timeout = 60)
{
    cr_assert_eq(weft_test_run(1, to_nowhere, NULL), -EBADF);
}

/* Without memory */

/* Of the thread that dumps: the others may be starting still. */
static _Thread_local bool no_memory;
static _Thread_local int asked;

static long no_alloc(size_t size, size_t align, void **out)
{
    if (!no_memory)
        return weft__os_real.alloc(size, align, out);
    asked++;
    return -ENOMEM;
}

static long no_map(size_t size, size_t align, void **out)
{
    if (!no_memory)
        return weft__os_real.map(size, align, out);
    asked++;
    return -ENOMEM;
}

static void *dumps_without(void *unused)
{
    weft_future *task = weft_spawn(suspends, NULL);
    (void)unused;
    wait_until_asleep(task);
    int fd = memfd_create("dump", 0);
    no_memory = true;
    cr_expect_eq(weft_dump(weft_running_loop(), fd), 0);
    no_memory = false;
    cr_expect_gt(lseek(fd, 0, SEEK_END), 100);
    cr_expect_eq(asked, 0);
    close(fd);
    cr_expect_eq(weft_ready(task), 0);
    cr_expect_eq(weft_await(task, NULL), 0);
    return NULL;
}

Test(dump, needs_no_memory, .timeout = 60)
{
    struct weft__os os = weft__os_real;
    os.alloc = no_alloc;
    os.map = no_map;
    weft__os = &os;
    cr_assert_eq(weft_test_run(2, dumps_without, NULL), 0);
    weft__os = &weft__os_real;
}

/* Everybody is stuck */

static atomic_int spinning;

static void *hog(void *unused)
{
    (void)unused;
    atomic_fetch_add(&spinning, 1);
    for (;;)
        __asm__ volatile("");
    return NULL;
}

static int dump_stuck(void *unused)
{
    weft_runtime *rt;
    (void)unused;
    if (weft_test_runtime(2, &rt) < 0)
        return 1;
    for (int i = 0; i < 2; i++)
        weft_detach(weft_run_coroutine_threadsafe(rt, hog, NULL));
    weft_test_spin_until(&spinning, 2);
    return weft_dump(rt, STDERR_FILENO) == 0 ? 0 : 2;
}

Test(dump, with_all_workers_stuck, .init = needs_children, .timeout = 60)
{
    struct weft_test_child child;
    cr_assert(weft_test_child_run(&child, dump_stuck, NULL));
    cr_assert_eq(weft_test_child_exit(&child), 0, "%s", child.err);
    cr_expect_eq(count_in(child.err, "has not moved"), 2, "%s", child.err);
    cr_expect_eq(count_in(child.err, ": runs"), 4, "%s", child.err);
    /* One of them may be the longest overrun, too. */
    cr_expect_eq(count_in(child.err, "hog@") -
                     count_in(child.err, "longest overrun: #"),
                 4, "%s", child.err);
    cr_expect_geq(count_in(child.err, "      at "), 2, "%s", child.err);
    cr_expect(weft_test_child_said(&child, "end of the dump, 2 tasks\n"), "%s",
              child.err);
}

/* SIGQUIT */

static void *say_ready(void *unused)
{
    (void)!write(STDERR_FILENO, "ready\n", 6);
    return weft_test_forever(unused);
}

static int with_option(void *wanted)
{
    weft_options options = {.size = sizeof(options),
                            .workers = 2,
                            .dump_on_sigquit = wanted != NULL};
    prctl(PR_SET_DUMPABLE, 0); /* no core of it */
    int rc = weft_run_with(&options, say_ready, NULL, NULL);
    return rc == -WEFT_ECANCELED ? 0 : 1;
}

Test(dump, on_sigquit_and_the_program_goes_on, .init = needs_children,
     .timeout = 60)
{
    struct child child = {0};
    child_start(&child, with_option, value(1));
    cr_assert(child_says(&child, "ready"));
    for (int i = 1; i <= 3; i++) {
        kill(child.pid, SIGQUIT);
        cr_assert(child_says(&child, "end of the dump, 1 tasks\n"));
        cr_assert_not_null(strstr(child.said, " main: waits -> a moment"));
        memset(child.said, 0, sizeof(child.said));
    }
    kill(child.pid, SIGTERM);
    cr_assert_eq(child_end(&child), 0, "%s", child.said);
}

Test(dump, sigquit_is_left_alone_unless_asked_for, .init = needs_children,
     .timeout = 60)
{
    struct child child = {0};
    child_start(&child, with_option, NULL);
    cr_assert(child_says(&child, "ready"));
    kill(child.pid, SIGQUIT);
    cr_assert_eq(child_end(&child), -SIGQUIT);
}

/* A second SIGINT: wherever the thread in weft_run() is */

static void *stuck(void *unused)
{
    (void)!write(STDERR_FILENO, "ready\n", 6);
    return hog(unused);
}

static int stuck_main(void *unused)
{
    return weft_main(stuck, unused);
}

static void *leaves_it_behind(void *unused)
{
    (void)unused;
    weft_detach(weft_spawn_named("left", stuck, NULL));
    return NULL;
}

/* Main has ended: it is in the shutdown. */
static int stuck_shutdown(void *unused)
{
    return weft_main(leaves_it_behind, unused);
}

static void interrupt_until_it_ends(struct child *child)
{
    /* Two that come at once count as one, so as often as it takes. */
    while (kill(child->pid, SIGINT) == 0 &&
           waitpid(child->pid, &child->status, WNOHANG) == 0)
        usleep(100);
}

/* Until a signal that was sent is not pending any more. */
static void wait_until_taken(pid_t pid)
{
    char path[64];
    char text[4096];
    unsigned long long pending = 1;
    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    while (pending != 0) {
        int fd = open(path, O_RDONLY);
        ssize_t n = read(fd, text, sizeof(text) - 1);
        close(fd);
        cr_assert_gt(n, 0);
        text[n] = '\0';
        const char *at = strstr(text, "ShdPnd:");
        cr_assert_not_null(at);
        pending = strtoull(at + strlen("ShdPnd:"), NULL, 16);
    }
}

static void dumps_at_second_sigint(int (*run)(void *), const char *name)
{
    struct child child = {0};
    child_start(&child, run, NULL);
    cr_assert(child_says(&child, "ready"));
    kill(child.pid, SIGINT);
    wait_until_taken(child.pid); /* two at once would count as one */
    kill(child.pid, SIGINT);
    cr_assert_eq(child_end(&child), 130, "%s", child.said);
    cr_assert_not_null(strstr(child.said, name), "%s", child.said);
    cr_assert_not_null(strstr(child.said, "end of the dump"), "%s", child.said);
}

Test(dump, at_the_second_sigint, .init = needs_children, .timeout = 60)
{
    dumps_at_second_sigint(stuck_main, " main: runs");
    dumps_at_second_sigint(stuck_shutdown, " left: runs");
}

/* Nobody reads what it says, so it cannot say it: it exits all the same. */
Test(dump, the_second_sigint_ends_it_also_unheard, .init = needs_children,
     .timeout = 60)
{
    struct child child = {0};
    char full[65536] = {0};
    child_start(&child, stuck_main, NULL);
    cr_assert(child_says(&child, "ready"));
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/fd/2", child.pid);
    int fd = open(path, O_WRONLY | O_NONBLOCK);
    cr_assert_geq(fd, 0);
    while (write(fd, full, sizeof(full)) > 0)
        ;
    close(fd);
    interrupt_until_it_ends(&child);
    close(child.output);
    cr_assert(WIFEXITED(child.status));
    cr_assert_eq(WEXITSTATUS(child.status), 130);
}

/* The end of a runtime names who is in its way. */

static __attribute__((noinline)) void sleeps_in_libc(void)
{
    for (;;) {
        atomic_store(&spinning, 1);
        sleep(10);
    }
}

static void *stuck_in_libc(void *unused)
{
    sleeps_in_libc();
    return unused;
}

static void *leaves_sleeper(void *unused)
{
    weft_detach(weft_spawn_named("sleeper", stuck_in_libc, unused));
    weft_test_yield_until(&spinning, 1);
    return NULL;
}

static int names_culprit(void *unused)
{
    weft_options options = {
        .size = sizeof(options), .workers = 2, .grace = WEFT_MS(50)};
    int rc = weft_run_with(&options, leaves_sleeper, unused, NULL);
    return rc == -WEFT_EBUSY ? 0 : 1;
}

Test(dump, what_does_not_end_is_named_with_its_place, .init = needs_children,
     .timeout = 60)
{
    struct weft_test_child child;
    cr_assert(weft_test_child_run(&child, names_culprit, NULL));
    cr_assert_eq(weft_test_child_exit(&child), 0, "%s", child.err);
    const char *line = strstr(child.err, "still running: #");
    cr_assert_not_null(line, "%s", child.err);
    cr_expect_not_null(strstr(line, " sleeper: runs"), "%s", line);
    cr_expect_not_null(strstr(line, "nanosleep"), "%s", line);
    cr_expect_null(strstr(line, "more"), "%s", line);
}
