// SPDX-License-Identifier: MIT
/*
 * The plain test runner behind test.h: all tests of a program one after the
 * other, by name, in this process; only a test that expects a signal gets a
 * child. Not a replacement for Criterion where that runs: a test that crashes
 * or hangs takes the rest with it (and the exit status tells).
 *
 *   program [--list] [FILTER]     FILTER: part of suite/name, or a glob
 *
 * Everything but weft_test_fail runs on the main thread.
 */
#include "tests/support/test.h"

#ifdef WEFT_PLAIN_RUNNER

#include <fnmatch.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN true
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN true
#endif
#endif
#ifndef UNDER_TSAN
#define UNDER_TSAN false
#endif

/* How far a test's frames can be from the one that called it. */
#define STACK_REACH ((uintptr_t)8 << 20)

enum outcome { PASSED, FAILED, SKIPPED };

static struct weft_test *tests;
static struct weft_test *current;
static atomic_uint failures; /* of the current test; any thread */
static bool skipped;
static jmp_buf leave;
static uintptr_t stack_base;
static pthread_t runner;

static int by_name(const struct weft_test *a, const struct weft_test *b)
{
    int order = strcmp(a->suite, b->suite);
    return order != 0 ? order : strcmp(a->name, b->name);
}

void weft_test_register(struct weft_test *test)
{
    struct weft_test **at = &tests;
    while (*at != NULL && by_name(*at, test) < 0)
        at = &(*at)->next;
    test->next = *at;
    *at = test;
}

static bool can_leave(void)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    return pthread_equal(pthread_self(), runner) && here <= stack_base &&
           stack_base - here < STACK_REACH;
}

void weft_test_fail(bool fatal, const char *file, int line, const char *what,
                    const char *format, ...)
{
    va_list args;
    atomic_fetch_add(&failures, 1);
    flockfile(stdout);
    printf("%s:%d: %s\n", file, line, what);
    if (format[0] != '\0') {
        printf("    ");
        va_start(args, format);
        vprintf(format, args);
        va_end(args);
        printf("\n");
    }
    fflush(stdout);
    funlockfile(stdout);
    if (fatal && !can_leave()) {
        printf("not on the test's own stack: giving up\n");
        fflush(stdout);
        _exit(1);
    }
    if (fatal)
        longjmp(leave, 1);
}

void weft_test_skip(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
    skipped = true;
    longjmp(leave, 1);
}

/* Async-signal-safe: the test may hold any lock. */
static void say(const char *text)
{
    ssize_t ignored = write(STDOUT_FILENO, text, strlen(text));
    (void)ignored;
}

static void on_alarm(int signo)
{
    (void)signo;
    say("[time] ");
    say(current->suite);
    say("/");
    say(current->name);
    say(": timed out\n");
    _exit(1);
}

static void arm_timeout(double seconds)
{
    const char *text = getenv("WEFT_TEST_TIMEOUT_MULTIPLIER");
    double factor = text != NULL ? strtod(text, NULL) : 1;
    if (seconds > 0 && factor > 0) {
        struct sigaction action = {.sa_handler = on_alarm};
        sigaction(SIGALRM, &action, NULL);
        alarm((unsigned)(seconds * factor + 1));
    }
}

/* Out of line: nothing of the caller's lives in registers over the setjmp. */
static __attribute__((noinline)) void call(const struct weft_test *test)
{
    stack_base = (uintptr_t)__builtin_frame_address(0);
    if (setjmp(leave) == 0) {
        if (test->init != NULL)
            test->init();
        test->run();
        if (test->fini != NULL)
            test->fini();
    }
}

static enum outcome run_here(const struct weft_test *test)
{
    atomic_store(&failures, 0);
    skipped = false;
    arm_timeout(test->timeout);
    call(test);
    alarm(0);
    if (atomic_load(&failures) > 0)
        return FAILED;
    return skipped ? SKIPPED : PASSED;
}

/* ThreadSanitizer turns signals into reports and minds forks: no child. */
static enum outcome run_in_child(const struct weft_test *test)
{
    int status = 0;
    pid_t child;
    if (UNDER_TSAN)
        return SKIPPED;
    fflush(stdout);
    child = fork();
    if (child == 0) {
        enum outcome outcome = run_here(test);
        fflush(stdout);
        _exit(outcome == SKIPPED ? 77 : outcome == FAILED);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        return FAILED;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        return SKIPPED;
    if (WIFSIGNALED(status) && WTERMSIG(status) == test->signal)
        return PASSED;
    printf("expected signal %d, got wait status %#x\n", test->signal,
           (unsigned)status);
    return FAILED;
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static enum outcome run_one(struct weft_test *test)
{
    static const char *const words[] = {" ok ", "FAIL", "skip"};
    double start = seconds_now();
    enum outcome outcome = SKIPPED;
    current = test;
    if (!test->disabled)
        outcome = test->signal != 0 ? run_in_child(test) : run_here(test);
    printf("[%s] %s/%s (%.3f s)\n", words[outcome], test->suite, test->name,
           seconds_now() - start);
    fflush(stdout);
    return outcome;
}

static bool is_wanted(const struct weft_test *test, const char *filter)
{
    char name[256];
    if (filter == NULL)
        return true;
    snprintf(name, sizeof(name), "%s/%s", test->suite, test->name);
    return strstr(name, filter) != NULL || fnmatch(filter, name, 0) == 0;
}

static int run_all(const char *filter)
{
    unsigned count[3] = {0};
    for (struct weft_test *test = tests; test != NULL; test = test->next)
        if (is_wanted(test, filter))
            count[run_one(test)]++;
    printf("%u passed, %u failed, %u skipped\n", count[PASSED], count[FAILED],
           count[SKIPPED]);
    return count[FAILED] > 0 || count[PASSED] + count[SKIPPED] == 0;
}

int main(int argc, char **argv)
{
    if (argc > 2 ||
        (argc == 2 && argv[1][0] == '-' && strcmp(argv[1], "--list") != 0)) {
        fprintf(stderr, "usage: %s [--list | FILTER]\n", argv[0]);
        return 2;
    }
    runner = pthread_self();
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        for (struct weft_test *test = tests; test != NULL; test = test->next)
            printf("%s/%s\n", test->suite, test->name);
        return 0;
    }
    return run_all(argc == 2 ? argv[1] : NULL);
}

#endif
