// SPDX-License-Identifier: MIT
/* Children: see process.h. */
#define _GNU_SOURCE
#include "exec/process.h"

#include "exec/child.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

/* Ours, and one variable more. Freed by the caller. */
static char **environment(const char *variable)
{
    size_t n = 0;
    while (environ != NULL && environ[n] != NULL)
        n++;
    char **env = weft__mem_alloc(n + 2, sizeof(*env));
    if (env == NULL)
        return NULL;
    if (n > 0)
        memcpy(env, environ, n * sizeof(*env));
    env[n] = (char *)(uintptr_t)variable;
    return env;
}

static long spawn(const weft_process_pool_options *options, int socket)
{
    char variable[80];
    char *argv[] = {program_invocation_name, NULL};
    snprintf(variable, sizeof(variable), WEFT__CHILD_ENV "=%d %lu %d",
             options->no_new_privs, (unsigned long)options->memory,
             options->niceness);
    char **env = environment(variable);
    if (env == NULL)
        return -ENOMEM;
    struct weft__spawn how = {"/proc/self/exe", argv, env, socket};
    long pid = weft__os->spawn(&how);
    weft__mem_free(env);
    return pid;
}

/* Without a descriptor of it nobody could wait for it: then it is ended, and
 * waited for, here. */
static int open_process(struct weft__child *child, long pid)
{
    struct weft__exit unused;
    long pidfd = weft__os->process_open((int)pid);
    if (pidfd >= 0) {
        child->pid = (int)pid;
        child->pidfd = (int)pidfd;
        return 0;
    }
    kill((pid_t)pid, SIGKILL);
    weft__os->process_bury((int)pid, &unused);
    return (int)pidfd;
}

int weft__child_start(struct weft__child *child,
                      const weft_process_pool_options *options)
{
    int fds[2];
    int rc = (int)weft__os->pair_open(fds);
    if (rc < 0)
        return rc;
    long pid = spawn(options, fds[1]);
    weft__os->close(fds[1]);
    rc = pid < 0 ? (int)pid : open_process(child, pid);
    if (rc < 0) {
        weft__os->close(fds[0]);
        return rc;
    }
    child->socket = fds[0];
    child->state = WEFT__CHILD_STARTS;
    child->until = INT64_MAX;
    return 0;
}

void weft__child_signal(struct weft__child *child, int signo)
{
    if (!child->dead)
        weft__os->process_signal(child->pidfd, signo);
}

/* If the program has waited for it itself, how it ended is not known. */
bool weft__child_reap(struct weft__child *child)
{
    if (child->dead)
        return true;
    long rc = weft__os->process_wait(child->pidfd, &child->exit);
    if (rc == -ECHILD)
        child->exit = (struct weft__exit){false, -1};
    child->dead = rc > 0 || rc == -ECHILD;
    return child->dead;
}

void weft__child_abort(struct weft__child *child)
{
    struct weft__exit unused;
    weft__child_signal(child, SIGKILL);
    weft__os->process_bury(child->pid, &unused);
    weft__child_close(child);
}

void weft__child_close(struct weft__child *child)
{
    weft__os->close(child->pidfd);
    if (child->socket >= 0)
        weft__os->close(child->socket);
}
