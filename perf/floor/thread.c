// SPDX-License-Identifier: MIT
/*
 * The thread of thread.h.
 */
#include "perf/floor/thread.h"

#include <errno.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "perf/floor/epoll.h"

static void *serve(void *arg)
{
    struct perf_floor *floor = arg;

    floor->result = perf_floor_serve(floor->listener, floor->stop);
    return NULL;
}

/* Signals are for the thread that runs the runtime. */
static int start_thread(struct perf_floor *floor)
{
    sigset_t all, before;
    int rc;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&floor->thread, NULL, serve, floor);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -rc;
}

int perf_floor_start(struct perf_floor *floor)
{
    int rc;

    floor->port = 0;
    floor->result = 0;
    floor->listener = perf_floor_listen(&floor->port);
    if (floor->listener < 0) {
        return floor->listener;
    }
    floor->stop = eventfd(0, EFD_CLOEXEC);
    rc = floor->stop < 0 ? -errno : start_thread(floor);
    if (rc != 0) {
        close(floor->listener);
        if (floor->stop >= 0) {
            close(floor->stop);
        }
    }
    return rc;
}

int perf_floor_stop(struct perf_floor *floor)
{
    eventfd_write(floor->stop, 1);
    pthread_join(floor->thread, NULL);
    close(floor->stop);
    close(floor->listener);
    return floor->result;
}
