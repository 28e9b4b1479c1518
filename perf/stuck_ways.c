// SPDX-License-Identifier: MIT
/*
 * The ways of stuck.h in which a task holds its thread. Each goes on until it
 * is told to stop; those that are stuck for a while only, begin again.
 */
#define _GNU_SOURCE
#include "perf/stuck.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <weft/exec.h>
#include <weft/future.h>
#include <weft/tcp.h>

#define STEP WEFT_MS(10)
#define LONG_STEP WEFT_MS(500)
#define STORM ((size_t)16 << 20) /* bytes */

static bool is_over(const struct perf_stuck *stuck)
{
    return atomic_load(&stuck->stop);
}

static void compute_for(weft_ns duration)
{
    weft_time until = weft_now() + duration;

    while (weft_now() < until) {
    }
}

static void *loops(void *arg)
{
    while (!is_over(arg)) {
    }
    return NULL;
}

static void *computes(void *arg)
{
    while (!is_over(arg)) {
        compute_for(STEP);
        weft_yield();
    }
    return NULL;
}

static void *computes_long(void *arg)
{
    while (!is_over(arg)) {
        compute_for(LONG_STEP);
        weft_yield();
    }
    return NULL;
}

static void *sleeps(void *arg)
{
    while (!is_over(arg)) {
        usleep(LONG_STEP / 1000);
        weft_yield();
    }
    return NULL;
}

static void *says_so(void *arg)
{
    while (!is_over(arg)) {
        weft_blocking_enter();
        usleep(2 * LONG_STEP / 1000);
        weft_blocking_exit();
    }
    return NULL;
}

/* --- A mutex of the program's own --- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

/* Half of the time, it is held by a thread that is no worker. */
static void *hold(void *arg)
{
    while (!is_over(arg)) {
        pthread_mutex_lock(&mutex);
        usleep(LONG_STEP / 10 / 1000);
        pthread_mutex_unlock(&mutex);
        usleep(LONG_STEP / 10 / 1000);
    }
    return NULL;
}

static void *locks(void *arg)
{
    weft_future *holder = weft_run_in_executor(NULL, hold, arg);

    while (!is_over(arg)) {
        pthread_mutex_lock(&mutex);
        pthread_mutex_unlock(&mutex);
        weft_yield();
    }
    weft_await(holder, NULL);
    return NULL;
}

/* --- Page faults --- */

static void *faults(void *arg)
{
    while (!is_over(arg)) {
        char *all = mmap(NULL, STORM, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (all == MAP_FAILED) {
            return weft_fail(-errno);
        }
        for (size_t i = 0; i < STORM; i += 4096) {
            all[i] = 1;
        }
        munmap(all, STORM);
        weft_yield();
    }
    return NULL;
}

/* --- A socket that is always ready --- */

/* A thread that sends until nobody reads any more. */
static void *flow(void *fd)
{
    static char bytes[65536];

    while (send(*(int *)fd, bytes, sizeof(bytes), MSG_NOSIGNAL) > 0) {
    }
    close(*(int *)fd);
    return NULL;
}

/* Less at a time than there is. */
static void *drains(void *arg)
{
    char bytes[512];
    weft_tcp *tcp;
    int fd;
    int rc = perf_stuck_connect(&tcp, &fd);
    weft_future *source;

    if (rc != 0) {
        return weft_fail(rc);
    }
    source = weft_run_in_executor(NULL, flow, &fd);
    while (!is_over(arg) && weft_tcp_read(tcp, bytes, sizeof(bytes)) > 0) {
    }
    weft_tcp_close(tcp);
    weft_await(source, NULL);
    return NULL;
}

/* --- Who wakes another and goes on --- */

struct call {
    struct perf_stuck *stuck;
    weft_future *future;
    weft_time at;
};

static void *wakes_up(void *arg)
{
    struct call *call = arg;

    if (weft_await(call->future, NULL) == 0) {
        perf_histogram_record(&call->stuck->times[PERF_STUCK_WOKEN],
                              weft_now() - call->at);
    }
    return NULL;
}

static void *wakes(void *arg)
{
    while (!is_over(arg)) {
        struct call call = {.stuck = arg, .future = weft_future_new()};
        weft_future *task = weft_spawn(wakes_up, &call);

        int rc = weft_sleep(STEP / 2); /* it waits by now */

        (void)rc; /* nobody cancels this */
        call.at = weft_now();
        weft_future_set_result(call.future, NULL);
        compute_for(STEP);
        weft_await(task, NULL);
    }
    return NULL;
}

/* --- The list --- */

static const struct perf_stuck_way ways[] = {
    {"idle", "nobody is stuck", .count = 0},
    {"long", "one computes for 500 ms", computes_long, .count = 1,
     .wanted = WEFT_MS(2)},
    {"loops", "two loop without an end", loops, .count = 2,
     .wanted = WEFT_MS(15)},
    {"sleeps", "two sleep in the kernel for 500 ms", sleeps, .count = 2,
     .wanted = WEFT_MS(20)},
    {"says_so", "two do so for 1 s, and say so before", says_so, .count = 2,
     .wanted = WEFT_MS(1)},
    {"mutex", "two wait for a mutex that a thread holds for 50 ms", locks,
     .count = 2, .wanted = WEFT_MS(20)},
    {"faults", "two take page faults", faults, .count = 2,
     .wanted = WEFT_MS(15)},
    {"drains", "one worker; a task reads what always comes", drains, .count = 1,
     .workers = 1, .wanted = WEFT_MS(2)},
    {"wakes", "one wakes a task, then computes for 10 ms", wakes, .count = 1,
     .wanted = WEFT_MS(1)},
    {"batch", "16 of the background's class compute", computes, .count = 16,
     .group = WEFT_CLASS_BACKGROUND, .against_idle = 2},
};

const struct perf_stuck_way *perf_stuck_ways(size_t n)
{
    return n < sizeof(ways) / sizeof(ways[0]) ? &ways[n] : NULL;
}
