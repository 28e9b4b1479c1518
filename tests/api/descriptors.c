// SPDX-License-Identifier: MIT
/* A guest in the process: every descriptor is closed on exec, every thread has
 * a name and leaves the signals to the host. */
#include <weft/task.h>

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weft/exec.h>

#include "tests/support/run.h"
#include "tests/support/test.h"

static bool was_open[1024];

/* Calls `visit` for each number that a folder of /proc lists. */
static void each_number(const char *path, void (*visit)(int))
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    cr_assert_not_null(dir);
    int own = dirfd(dir);
    while ((entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.' && atoi(entry->d_name) != own)
            visit(atoi(entry->d_name));
    closedir(dir);
}

static int found;

static void remember(int fd)
{
    if (fd < 1024)
        was_open[fd] = true;
}

static void expect_cloexec(int fd)
{
    if (fd >= 1024 || was_open[fd])
        return;
    found++;
    cr_expect(fcntl(fd, F_GETFD) & FD_CLOEXEC, "descriptor %d", fd);
}

/* "SigBlk:" of a thread, as a mask; and its name. */
static unsigned long long blocked_in(int thread, char *name, size_t size)
{
    char path[64];
    char line[256];
    unsigned long long mask = 0;
    snprintf(path, sizeof(path), "/proc/self/task/%d/status", thread);
    FILE *file = fopen(path, "r");
    name[0] = '\0';
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, "Name:\t", 6) == 0)
            snprintf(name, size, "%.20s", line + 6);
        if (strncmp(line, "SigBlk:\t", 8) == 0)
            mask = strtoull(line + 8, NULL, 16);
    }
    if (file != NULL)
        fclose(file);
    return mask;
}

static int others;

/* A thread without a name of its own has that of the program, weft-test-…. */
static bool is_named(const char *name)
{
    return strncmp(name, "weft-w", 6) == 0 || strncmp(name, "weft-x", 6) == 0 ||
           strncmp(name, "weft-mon", 8) == 0;
}

static void expect_named_and_deaf(int thread)
{
    static const int signals[] = {SIGINT,  SIGTERM, SIGHUP, SIGCHLD,
                                  SIGALRM, SIGUSR1, SIGPIPE};
    char name[64];
    unsigned long long mask = blocked_in(thread, name, sizeof(name));
    if (!is_named(name)) {
        others++;
        return;
    }
    found++;
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        cr_expect(mask >> (signals[i] - 1) & 1, "%s: signal %d", name,
                  signals[i]);
    cr_expect(!(mask >> (SIGSEGV - 1) & 1), "%s: SIGSEGV", name);
}

static void count_named(int thread)
{
    char name[64];
    blocked_in(thread, name, sizeof(name));
    found += is_named(name);
}

/* A thread names itself when it first runs. */
static void wait_for_names(int threads)
{
    do {
        found = 0;
        each_number("/proc/self/task", count_named);
    } while (found < threads);
}

static void *job(void *unused)
{
    return unused;
}

static void *use_a_thread(void *unused)
{
    (void)unused;
    return weft_fail(weft_to_thread(job, NULL, NULL));
}

static void count_thread(int thread)
{
    (void)thread;
    others++;
}

static void *do_nothing(void *unused)
{
    return unused;
}

/* Some sanitizers start a thread of their own beside the first one. */
static void start_first_thread(void)
{
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, do_nothing, NULL), 0);
    pthread_join(thread, NULL);
}

Test(descriptors, closed_on_exec_and_threads_named, .timeout = 30)
{
    weft_runtime *rt;
    weft_runtime_info info;
    each_number("/proc/self/fd", remember);
    start_first_thread();
    others = 0;
    each_number("/proc/self/task", count_thread);
    int before = others;
    cr_assert_eq(weft_test_runtime(3, &rt), 0);
    weft_future *task = weft_run_coroutine_threadsafe(rt, use_a_thread, NULL);
    cr_assert_eq(weft_wait_blocking(task, WEFT_FOREVER, NULL), 0);
    found = 0;
    each_number("/proc/self/fd", expect_cloexec);
    cr_expect_geq(found, 3, "an epoll and an eventfd each");
    weft_info(rt, &info);
    wait_for_names((int)info.threads);
    found = 0;
    others = 0;
    each_number("/proc/self/task", expect_named_and_deaf);
    cr_expect_geq(found, 5, "three workers, the monitor, one for the job");
    cr_expect_eq(found, (int)info.threads);
    cr_expect_leq(others, before, "a thread without a name of ours");
    weft_runtime_unref(rt);
}
