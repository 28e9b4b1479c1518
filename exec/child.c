// SPDX-License-Identifier: MIT
/*
 * A child of a pool of processes: takes a frame, runs the job, answers.
 *
 * It ends when the other end of its socket is closed, which the kernel does
 * however the parent ends. A second thread waits for that: the first one may be
 * in a job.
 */
#define _GNU_SOURCE
#include "exec/child.h"

#include "exec/wire.h"
#include "sched/os.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <weft/error.h>

#define LAST_WORD_NS 200000000 /* for the first thread to end by itself */

/* Jobs */

extern const struct weft_job_entry __start_weft_jobs[] __attribute__((weak));
extern const struct weft_job_entry __stop_weft_jobs[] __attribute__((weak));

const struct weft_job_entry *weft__child_job(const char *name, size_t size)
{
    for (const struct weft_job_entry *job = __start_weft_jobs;
         job < __stop_weft_jobs; job++)
        if (strlen(job->name) == size && memcmp(job->name, name, size) == 0)
            return job;
    return NULL;
}

/* Results */

struct weft_output {
    char *data;
    size_t size, room;
};

int weft_output_write(weft_output *out, const void *data, size_t size)
{
    if (size > out->room - out->size) {
        size_t room = out->room ? out->room : 4096;
        while (room - out->size < size)
            room *= 2;
        char *more = realloc(out->data, room);
        if (more == NULL)
            return -ENOMEM;
        out->data = more;
        out->room = room;
    }
    if (size > 0)
        memcpy(out->data + out->size, data, size);
    out->size += size;
    return 0;
}

/* The socket, which blocks on this side. Whatever goes wrong with it, there is
 * nobody to work for. */

static void say(const struct weft__frame *frame, int fd)
{
    if (weft__wire_send(WEFT__CHILD_FD, frame, fd) < 0)
        _exit(1);
}

static void hear(struct weft__packet *packet)
{
    long rc;
    do
        rc = weft__os->packet_recv(WEFT__CHILD_FD, packet);
    while (rc == -EINTR);
    if (rc <= 0)
        _exit(rc < 0);
}

/* Working */

static void answer(const struct weft__frame *job, int rc, weft_output *out)
{
    const weft_error *error = weft_last_error();
    int fd = -1;
    if (rc == 0 && out->size > WEFT__WIRE_INLINE) {
        fd = (int)weft__os->share_new(out->data, out->size);
        rc = fd < 0 ? fd : 0;
    }
    struct weft__frame frame = {.kind = WEFT__FRAME_DONE,
                                .code = rc,
                                .id = job->id,
                                .text = "",
                                .payload = out->data,
                                .size = rc == 0 ? out->size : 0};
    if (rc < 0 && error != NULL && error->code == rc) {
        frame.text = error->message;
        frame.text_size = strnlen(error->message, WEFT__WIRE_TEXT);
    }
    if (job->id == 0) {
        frame.kind = WEFT__FRAME_HELLO;
        frame.size = 0;
    }
    say(&frame, fd);
    if (fd >= 0)
        weft__os->close(fd);
}

static int run(const struct weft__frame *job, int fd, weft_output *out)
{
    const struct weft_job_entry *entry =
        weft__child_job(job->text, job->text_size);
    void *mapped = NULL;
    if (job->id == 0 && job->text_size == 1 &&
        job->text[0] == WEFT__CHILD_HELLO[0])
        return 0;
    if (entry == NULL)
        return -EINVAL;
    if (fd < -1)
        return fd;
    if (fd >= 0) {
        int rc = (int)weft__os->share_map(fd, (size_t)job->size, &mapped);
        if (rc < 0)
            return rc;
    }
    int rc = entry->fn(fd >= 0 ? mapped : job->payload, (size_t)job->size, out);
    if (mapped != NULL)
        weft__os->unmap(mapped, (size_t)job->size);
    return weft_code(weft_fail(rc));
}

static void serve_one(char *room, size_t size)
{
    struct weft__packet packet = {.bytes = room, .size = size};
    struct weft__frame job;
    weft_output out = {NULL, 0, 0};
    hear(&packet);
    if (weft__wire_decode(room, packet.size, packet.fd != -1, &job) < 0 ||
        job.kind != WEFT__FRAME_JOB)
        _exit(1);
    int rc = run(&job, packet.fd, &out);
    if (packet.fd >= 0)
        weft__os->close(packet.fd);
    answer(&job, rc, &out);
    free(out.data);
}

/* Beginning */

static void watch_parent(void *unused)
{
    static const _Atomic(uint32_t) nobody;
    struct epoll_event event = {.events = EPOLLRDHUP};
    (void)unused;
    long fd = weft__os->poll_open();
    if (fd < 0 ||
        weft__os->poll_ctl((int)fd, EPOLL_CTL_ADD, WEFT__CHILD_FD, &event) < 0)
        _exit(1);
    while (weft__os->poll_wait((int)fd, &event, 1, -1) <= 0)
        ;
    weft__os->futex_wait(&nobody, 0, weft__os->now() + LAST_WORD_NS);
    kill(getpid(), SIGKILL);
}

/* Limits are lowered, never raised. */
static void restrain(const char *how)
{
    int privileges = 0, niceness = 0;
    unsigned long memory = 0;
    if (sscanf(how, "%d %lu %d", &privileges, &memory, &niceness) != 3)
        _exit(1);
    struct rlimit limit;
    if (memory > 0 && getrlimit(RLIMIT_AS, &limit) == 0 &&
        memory < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max = memory;
        if (setrlimit(RLIMIT_AS, &limit) < 0)
            _exit(1);
    }
    if (niceness != 0 &&
        setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + niceness) <
            0)
        _exit(1);
    if (privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        _exit(1);
}

/* Not if it is somebody else's variable. */
bool weft__child_is_one(void)
{
    int type = 0;
    socklen_t size = sizeof(type);
    return getenv(WEFT__CHILD_ENV) != NULL &&
           weft__os->getsockopt(WEFT__CHILD_FD, SOL_SOCKET, SO_TYPE, &type,
                                &size) == 0 &&
           type == SOCK_SEQPACKET;
}

void weft__child_enter(void)
{
    static _Alignas(16) char room[WEFT__WIRE_HEAD + WEFT__WIRE_BODY];
    const char *how = getenv(WEFT__CHILD_ENV);
    uintptr_t watcher;
    if (!weft__child_is_one())
        return;
    /* With more rights than who started it had, it takes jobs from anybody. */
    if (secure_getenv(WEFT__CHILD_ENV) == NULL)
        _exit(1);
    if (weft__os->thread_start(&watcher, "weft-parent", 0, watch_parent, NULL) <
        0)
        _exit(1);
    int flags = fcntl(WEFT__CHILD_FD, F_GETFL);
    if (flags < 0 || fcntl(WEFT__CHILD_FD, F_SETFL, flags & ~O_NONBLOCK) < 0)
        _exit(1);
    restrain(how);
    unsetenv(WEFT__CHILD_ENV);
    for (;;)
        serve_one(room, sizeof(room));
}

void weft_worker_main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    weft__child_enter();
}
