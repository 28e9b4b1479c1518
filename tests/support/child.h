// SPDX-License-Identifier: MIT
/*
 * What can only be seen from outside: a function in a child process of its own,
 * with what it wrote to stderr and how it ended.
 */
#ifndef WEFT_TESTS_SUPPORT_CHILD_H
#define WEFT_TESTS_SUPPORT_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_THREAD__)
#define WEFT_TEST_NO_CHILDREN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WEFT_TEST_NO_CHILDREN 1
#endif
#if __has_feature(address_sanitizer)
#define WEFT_TEST_ASAN 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define WEFT_TEST_ASAN 1
#endif
#ifndef WEFT_TEST_NO_CHILDREN
#define WEFT_TEST_NO_CHILDREN 0
#endif
#ifndef WEFT_TEST_ASAN
#define WEFT_TEST_ASAN 0 /* it answers a SIGSEGV with an exit status */
#endif

struct weft_test_child {
    int status; /* of waitpid(2) */
    size_t size;
    char err[16384]; /* its stderr, or the beginning of it; a string */
};

static inline void weft_test_child_read(struct weft_test_child *child, int fd)
{
    char rest[512];
    ssize_t n;
    do {
        size_t room = sizeof(child->err) - 1 - child->size;
        n = read(fd, room > 0 ? child->err + child->size : rest,
                 room > 0 ? room : sizeof(rest));
        if (n > 0 && room > 0)
            child->size += (size_t)n;
    } while (n > 0);
    child->err[child->size] = '\0';
}

/** Run `fn(arg)` in a child; its result is the exit status. It is killed after
 * a minute. False if there could be no child. */
static inline bool weft_test_child_run(struct weft_test_child *child,
                                       int (*fn)(void *), void *arg)
{
    int ends[2];
    child->size = 0;
    if (pipe(ends) < 0)
        return false;
    pid_t pid = fork();
    if (pid == 0) {
        struct sigaction killed = {.sa_handler = SIG_DFL};
        sigaction(SIGALRM, &killed, NULL);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        alarm(60);
        _exit(fn(arg));
    }
    close(ends[1]);
    if (pid > 0)
        weft_test_child_read(child, ends[0]);
    close(ends[0]);
    return pid > 0 && waitpid(pid, &child->status, 0) == pid;
}

/** Its exit status, or -1 - the signal that it died of. */
static inline int weft_test_child_exit(const struct weft_test_child *child)
{
    if (WIFEXITED(child->status))
        return WEXITSTATUS(child->status);
    return -1 - WTERMSIG(child->status);
}

static inline bool weft_test_child_said(const struct weft_test_child *child,
                                        const char *what)
{
    return strstr(child->err, what) != NULL;
}

#endif
