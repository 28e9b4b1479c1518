// SPDX-License-Identifier: MIT
/*
 * The process of process.h. It gets a process group of its own: Ctrl-C is for
 * the one that measures, which then ends the other in good order.
 */
#define _GNU_SOURCE
#include "perf/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <weft/time.h>

#define START_LIMIT WEFT_S(20)
#define STOP_LIMIT WEFT_S(10)

extern char **environ;

/* Signals as a fresh process has them, whatever this one has done to its own.
 */
static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, defaults;

    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGINT);
    sigaddset(&defaults, SIGTERM);
    sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_setsigmask(attributes, &none);
    posix_spawnattr_setsigdefault(attributes, &defaults);
    posix_spawnattr_setpgroup(attributes, 0);
    return posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK |
                                                    POSIX_SPAWN_SETSIGDEF |
                                                    POSIX_SPAWN_SETPGROUP);
}

static int spawn(struct perf_process *process, const char *program, char **argv,
                 int output)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int rc;

    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    rc = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    if (rc == 0) {
        rc = set_attributes(&attributes);
    }
    if (rc == 0) {
        rc = posix_spawn(&process->pid, program, &actions, &attributes, argv,
                         environ);
    }
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return -rc;
}

/* The first line of its output, or what there is of it in time. */
static int read_line(int fd, char *line, size_t size)
{
    weft_time limit = weft_after(START_LIMIT);
    size_t used = 0;

    while (used + 1 < size && memchr(line, '\n', used) == NULL) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        weft_ns left = limit - weft_now();
        ssize_t n;

        if (left <= 0) {
            return -ETIMEDOUT;
        }
        n = poll(&ready, 1, (int)(left / 1000000) + 1);
        n = n > 0 ? read(fd, line + used, size - 1 - used) : n;
        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        if (n == 0 && ready.revents != 0) {
            return -EPIPE;
        }
        used += n > 0 ? (size_t)n : 0;
        line[used] = '\0';
    }
    return 0;
}

/* "listening on 127.0.0.1:4711" */
static int read_port(struct perf_process *process)
{
    char line[128] = "";
    int rc = read_line(process->output, line, sizeof(line));
    const char *colon = strrchr(line, ':');

    if (rc == 0 && (colon == NULL || atoi(colon + 1) <= 0)) {
        rc = -EPROTO;
    }
    if (rc == 0) {
        process->port = (uint16_t)atoi(colon + 1);
    }
    return rc;
}

/* Options behind the first ones; the texts are the caller's. */
struct arguments {
    char *of[16];
    int count;
};

static void append(struct arguments *arguments, const char *name,
                   const char *value)
{
    /* posix_spawn(3) takes them as char * and leaves them alone. */
    arguments->of[arguments->count++] = (char *)(uintptr_t)name;
    if (value != NULL) {
        arguments->of[arguments->count++] = (char *)(uintptr_t)value;
    }
}

static int spawn_serve(struct perf_process *process,
                       const struct perf_process_plan *plan, int output)
{
    struct arguments arguments = {0};
    char parent[16], count[16], at_once[16];
    const char *program = plan->program;

    snprintf(parent, sizeof(parent), "%d", (int)getpid());
    snprintf(count, sizeof(count), "%u", plan->workers);
    append(&arguments, program != NULL ? program : "weft-perf", NULL);
    append(&arguments, "serve", NULL);
    append(&arguments, "--port", "0");
    append(&arguments, "--follow-parent", parent);
    if (plan->root != NULL) {
        append(&arguments, "--root", plan->root);
    }
    if (plan->workers > 0) {
        append(&arguments, "--workers", count);
    }
    if (plan->no_monitor) {
        append(&arguments, "--no-monitor", NULL);
    }
    if (plan->threads) {
        snprintf(at_once, sizeof(at_once), "%u", plan->at_once);
        append(&arguments, "--threads", NULL);
        append(&arguments, "--at-once", at_once);
    }
    return spawn(process, program != NULL ? program : "/proc/self/exe",
                 arguments.of, output);
}

int perf_process_start(struct perf_process *process,
                       const struct perf_process_plan *plan)
{
    int output[2], rc;

    if (pipe2(output, O_CLOEXEC) != 0) {
        return -errno;
    }
    rc = spawn_serve(process, plan, output[1]);
    close(output[1]);
    process->output = output[0];
    if (rc != 0) {
        close(output[0]);
        return rc;
    }
    rc = read_port(process);
    if (rc != 0) {
        perf_process_stop(process);
    }
    return rc;
}

weft_ns perf_process_cpu(const struct perf_process *process)
{
    struct timespec time;
    clockid_t clock;

    if (clock_getcpuclockid(process->pid, &clock) != 0 ||
        clock_gettime(clock, &time) != 0) {
        return -1;
    }
    return WEFT_S(time.tv_sec) + time.tv_nsec;
}

static int status_of(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int perf_process_stop(struct perf_process *process)
{
    struct timespec pause = {0, 5000000};
    weft_time limit = weft_after(STOP_LIMIT);
    bool killed = false;
    int status;

    kill(process->pid, SIGTERM);
    while (waitpid(process->pid, &status, WNOHANG) == 0) {
        if (!killed && weft_now() > limit) {
            kill(process->pid, SIGKILL);
            killed = true;
        }
        nanosleep(&pause, NULL);
    }
    close(process->output);
    return status_of(status);
}
