// SPDX-License-Identifier: MIT
/* A part of a test in a process of its own: for what changes the process, or
 * ends it. The child must not use assertions; its status tells. */
#ifndef WEFT_TESTS_LOOP_CHILD_H
#define WEFT_TESTS_LOOP_CHILD_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/test.h"

struct child {
    pid_t pid;
    int output;         /* its stderr */
    int status;         /* of waitpid(2) */
    char said[1 << 14]; /* on stderr, all of it */
};

/** Start `run(arg)`; what it returns is the exit status. Signals are as in a
 * program that was just started. */
static inline void child_start(struct child *child, int (*run)(void *),
                               void *arg)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    fflush(NULL);
    child->pid = fork();
    if (child->pid == 0) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        signal(SIGINT, SIG_DFL);
        signal(SIGTERM, SIG_DFL);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        _exit(run(arg));
    }
    close(ends[1]);
    child->output = ends[0];
    cr_assert_gt(child->pid, 0);
}

/** Read what it says until `text` has come, or its end if NULL. */
static inline bool child_says(struct child *child, const char *text)
{
    size_t got = strlen(child->said);
    while (text == NULL || strstr(child->said, text) == NULL) {
        ssize_t rc = read(child->output, child->said + got,
                          sizeof(child->said) - 1 - got);
        if (rc <= 0)
            return text == NULL;
        got += (size_t)rc;
        child->said[got] = '\0';
    }
    return true;
}

/** Its exit status; or minus the signal that ended it. */
static inline int child_end(struct child *child)
{
    child_says(child, NULL);
    close(child->output);
    cr_assert_eq(waitpid(child->pid, &child->status, 0), child->pid);
    return WIFEXITED(child->status) ? WEXITSTATUS(child->status)
                                    : -WTERMSIG(child->status);
}

static inline int child_run(int (*run)(void *), void *arg)
{
    struct child child = {0};
    child_start(&child, run, arg);
    return child_end(&child);
}

#endif
