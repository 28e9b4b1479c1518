// SPDX-License-Identifier: MIT
/*
 * The child of capture.h.
 */
#define _GNU_SOURCE
#include "perf/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

/* Its process id or a negative code. */
static pid_t spawn(const char *path, const char *const *argv, int output)
{
    posix_spawn_file_actions_t actions;
    pid_t pid = 0;
    int rc;

    posix_spawn_file_actions_init(&actions);
    rc = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    if (rc == 0) {
        /* It takes them as char * and leaves them alone. */
        rc = posix_spawn(&pid, path, &actions, NULL,
                         (char *const *)(uintptr_t)argv, environ);
    }
    posix_spawn_file_actions_destroy(&actions);
    return rc == 0 ? pid : -rc;
}

/* All of it up to the end of the file; 0 or a negative code. */
static int read_all(int fd, char *out, size_t size, weft_ns limit)
{
    weft_time end = weft_after(limit);
    size_t used = 0;

    for (;;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        weft_ns left = end - weft_now();
        char rest[512];
        ssize_t n;

        if (left <= 0) {
            return -ETIMEDOUT;
        }
        n = poll(&ready, 1, (int)(left / 1000000) + 1);
        if (n > 0) {
            n = used + 1 < size ? read(fd, out + used, size - 1 - used)
                                : read(fd, rest, sizeof(rest));
            if (n == 0) {
                return 0;
            }
        }
        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        if (n > 0 && used + 1 < size) {
            used += (size_t)n;
            out[used] = '\0';
        }
    }
}

static int reap(pid_t pid)
{
    int status;

    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return -errno;
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int perf_capture(const char *path, const char *const *argv, char *out,
                 size_t size, weft_ns limit)
{
    int output[2], rc, status;
    pid_t pid;

    out[0] = '\0';
    if (pipe2(output, O_CLOEXEC) != 0) {
        return -errno;
    }
    pid = spawn(path, argv, output[1]);
    close(output[1]);
    if (pid < 0) {
        close(output[0]);
        return pid;
    }
    rc = read_all(output[0], out, size, limit);
    close(output[0]);
    if (rc != 0) {
        kill(pid, SIGKILL);
    }
    status = reap(pid);
    return rc != 0 ? rc : status;
}
