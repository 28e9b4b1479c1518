// SPDX-License-Identifier: MIT
/*
 * Those whose delays stuck.h measures: a task, and two threads of the pool. Each has something to do at every millisecond; what comes late makes
 * the next late, which counts as well.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <weft/error.h>
#include <weft/exec.h>
#include <weft/future.h>
#include <weft/runtime.h>
#include <weft/tcp.h>

#include "perf/hurry.h"
#include "perf/stuck.h"

#define EVERY WEFT_MS(1)
#define PATIENCE WEFT_S(30)

static void record(struct perf_stuck *stuck, enum perf_stuck_other other,
                   weft_time due)
{
    perf_histogram_record(&stuck->times[other], weft_now() - due);
}

/* --- Timers --- */

static void *tick(void *arg)
{
    struct perf_stuck *stuck = arg;
    weft_time due = weft_now();

    while (!atomic_load(&stuck->stop)) {
        due += EVERY;
        if (weft_sleep_until(due) != 0) {
            break;
        }
        record(stuck, PERF_STUCK_TIMERS, due);
    }
    return NULL;
}

/* --- The pace of a thread --- */

/* One exchange: 0 or a negative code. */
typedef int exchange(struct perf_stuck *, void *context);

static int keep_time(struct perf_stuck *stuck, enum perf_stuck_other other,
                     exchange *once, void *context)
{
    weft_time due = weft_now();
    int rc = 0;

    perf_hurry();
    while (rc == 0 && !atomic_load(&stuck->stop)) {
        weft_ns left = (due += EVERY) - weft_now();
        struct timespec time = {.tv_nsec = (long)left};

        if (left > 0) {
            nanosleep(&time, NULL);
        }
        rc = once(stuck, context);
        record(stuck, other, due);
    }
    return rc;
}

/* --- Submits --- */

static void *answer(void *arg)
{
    return arg;
}

static int submit(struct perf_stuck *stuck, void *context)
{
    weft_future *future =
        weft_run_coroutine_threadsafe(stuck->runtime, answer, context);
    int rc = weft_wait_blocking(future, PATIENCE, NULL);

    if (rc == -WEFT_ETIMEOUT) {
        weft_detach(future);
    }
    return rc;
}

static void *submit_always(void *arg)
{
    int rc = keep_time(arg, PERF_STUCK_SUBMITS, submit, NULL);

    return rc == 0 ? NULL : weft_fail(rc);
}

/* --- Sockets --- */

struct line {
    struct perf_stuck *stuck;
    weft_tcp *task; /* its end */
    int thread;     /* the other one's */
};

static int connect_to(uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(port),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc = fd < 0 ? -errno : fd;

    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        rc = -errno;
        close(fd);
    }
    return rc;
}

/* The system has the connection before anybody has accepted it. */
int perf_stuck_connect(weft_tcp **task, int *thread)
{
    weft_tcp_listener *listener;
    int rc = weft_tcp_listen(&listener, "127.0.0.1", 0);

    if (rc != 0) {
        return rc;
    }
    *thread = connect_to(weft_tcp_listener_port(listener));
    rc = *thread < 0 ? *thread : weft_tcp_accept(listener, task);
    if (rc != 0 && *thread >= 0) {
        close(*thread);
    }
    weft_tcp_listener_close(listener);
    return rc;
}

static int there_and_back(struct perf_stuck *stuck, void *context)
{
    const struct line *line = context;
    char byte = 'w';

    (void)stuck;
    return send(line->thread, &byte, 1, MSG_NOSIGNAL) == 1 &&
                   recv(line->thread, &byte, 1, 0) == 1
               ? 0
               : -EIO;
}

static void *send_always(void *arg)
{
    struct line *line = arg;
    int rc = keep_time(line->stuck, PERF_STUCK_SOCKETS, there_and_back, line);

    return rc == 0 ? NULL : weft_fail(rc);
}

static void *echo(void *arg)
{
    struct line *line = arg;
    char byte;

    while (weft_tcp_read(line->task, &byte, 1) == 1 &&
           weft_tcp_write(line->task, &byte, 1) == 1) {
    }
    weft_tcp_shutdown(line->task, WEFT_SHUT_BOTH);
    return NULL;
}

/* --- All of them --- */

static int await(weft_future *one, int rc)
{
    int ended = weft_await(one, NULL);

    return rc == 0 ? ended : rc;
}

/* Exchanges that are under way are finished. */
static int measure(struct line *line)
{
    struct perf_stuck *stuck = line->stuck;
    weft_future *ticker = weft_spawn(tick, stuck);
    weft_future *echoer = weft_spawn(echo, line);
    weft_future *sender = weft_run_in_executor(NULL, send_always, line);
    weft_future *submitter = weft_run_in_executor(NULL, submit_always, stuck);
    int rc = weft_sleep(stuck->duration);

    atomic_store(&stuck->stop, true);
    rc = await(ticker, await(submitter, await(sender, rc)));
    weft_tcp_shutdown(line->task, WEFT_SHUT_BOTH);
    return await(echoer, rc);
}

int perf_stuck_measure(struct perf_stuck *stuck)
{
    struct line line = {.stuck = stuck};
    int rc = perf_stuck_connect(&line.task, &line.thread);

    if (rc == 0) {
        rc = measure(&line);
        weft_tcp_close(line.task);
        close(line.thread);
    }
    return rc;
}
