// SPDX-License-Identifier: MIT
/*
 * What of weft-perf micro libuv has: timers, work handed to its loop by another
 * thread, and by the loop to its pool. `libuv WORKLOAD [--workers N] [--scale N]` runs one and
 * prints a line of JSON; a loop is one thread, whatever N. 77: has it not.
 * `libuv serve` is a server (serve.c), `libuv --version` tells which libuv it is.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "perf/rivals/libuv/serve.h"

struct outcome {
    uint64_t ops, ns;
};

static uint64_t scaled(uint64_t n, uint64_t scale)
{
    return n > scale ? n / scale : 1;
}

static void check(int64_t is, int64_t wanted)
{
    if (is != wanted) {
        fprintf(stderr, "libuv: wrong: %lld instead of %lld\n", (long long)is,
                (long long)wanted);
        exit(1);
    }
}

/* --- timer_cancel --- */

static void never(uv_timer_t *timer)
{
    (void)timer;
    abort();
}

static struct outcome timer_cancel(uint64_t scale)
{
    struct outcome out = {.ops = scaled(2000000, scale)};
    uv_loop_t loop;
    uv_timer_t timer;
    int rc = 0;

    check(uv_loop_init(&loop), 0);
    uv_timer_init(&loop, &timer);
    out.ns = uv_hrtime();
    for (uint64_t i = 0; i < out.ops; i++) {
        rc |= uv_timer_start(&timer, never, 3600000, 0);
        rc |= uv_timer_stop(&timer);
    }
    out.ns = uv_hrtime() - out.ns;
    check(rc, 0);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    check(uv_loop_close(&loop), 0);
    return out;
}

/* --- A loop with a queue that other threads write --- */

struct job {
    struct job *next;
};

struct inbox {
    uv_loop_t loop;
    uv_async_t wake;
    pthread_t thread;
    uv_mutex_t lock;
    struct job *first, **end; /* under the lock */
    int ending;               /* likewise */
    uint64_t window, done;    /* the loop's thread alone, once it runs */
    uv_sem_t answer;          /* posted for each whole window */
};

/* One wake stands for any number of submits, so take all there is. */
static void on_wake(uv_async_t *wake)
{
    struct inbox *inbox = wake->data;
    struct job *job;
    int ending;

    uv_mutex_lock(&inbox->lock);
    job = inbox->first;
    inbox->first = NULL;
    inbox->end = &inbox->first;
    ending = inbox->ending;
    uv_mutex_unlock(&inbox->lock);
    while (job != NULL) {
        /* Who has got the answer may use the job again. */
        struct job *next = job->next;

        if (++inbox->done % inbox->window == 0) {
            uv_sem_post(&inbox->answer);
        }
        job = next;
    }
    if (ending) {
        uv_close((uv_handle_t *)wake, NULL);
    }
}

static void *run_loop(void *arg)
{
    struct inbox *inbox = arg;

    uv_run(&inbox->loop, UV_RUN_DEFAULT);
    return NULL;
}

static void open_inbox(struct inbox *inbox, uint64_t window)
{
    *inbox = (struct inbox){.window = window};
    inbox->end = &inbox->first;
    check(uv_loop_init(&inbox->loop), 0);
    check(uv_async_init(&inbox->loop, &inbox->wake, on_wake), 0);
    inbox->wake.data = inbox;
    check(uv_mutex_init(&inbox->lock), 0);
    check(uv_sem_init(&inbox->answer, 0), 0);
    check(pthread_create(&inbox->thread, NULL, run_loop, inbox), 0);
}

static void close_inbox(struct inbox *inbox)
{
    uv_mutex_lock(&inbox->lock);
    inbox->ending = 1;
    uv_mutex_unlock(&inbox->lock);
    uv_async_send(&inbox->wake);
    pthread_join(inbox->thread, NULL);
    check(uv_loop_close(&inbox->loop), 0);
    uv_mutex_destroy(&inbox->lock);
    uv_sem_destroy(&inbox->answer);
}

static void submit(struct inbox *inbox, struct job *job)
{
    job->next = NULL;
    uv_mutex_lock(&inbox->lock);
    *inbox->end = job;
    inbox->end = &job->next;
    uv_mutex_unlock(&inbox->lock);
    uv_async_send(&inbox->wake);
}

/* `windows` times: submit so many, then wait for the last. */
static struct outcome from_outside(uint64_t windows, uint64_t window)
{
    struct outcome out = {.ops = windows * window};
    struct job jobs[1000];
    struct inbox inbox;

    open_inbox(&inbox, window);
    out.ns = uv_hrtime();
    for (uint64_t i = 0; i < windows; i++) {
        for (uint64_t j = 0; j < window; j++) {
            submit(&inbox, &jobs[j]);
        }
        uv_sem_wait(&inbox.answer);
    }
    out.ns = uv_hrtime() - out.ns;
    close_inbox(&inbox);
    check((int64_t)inbox.done, (int64_t)out.ops);
    return out;
}

static struct outcome foreign_sync(uint64_t scale)
{
    return from_outside(scaled(200000, scale), 1);
}

static struct outcome foreign_pipe(uint64_t scale)
{
    return from_outside(scaled(2000, scale), 1000);
}

/* --- The pool of threads --- */

struct work {
    uv_loop_t loop;
    uv_work_t jobs[1000];
    uint64_t window, windows; /* windows: that are still to come */
    uint64_t done;
};

static void work_nothing(uv_work_t *job)
{
    (void)job;
}

static void after_work(uv_work_t *job, int status);

static void queue_window(struct work *work)
{
    work->windows--;
    for (uint64_t i = 0; i < work->window; i++) {
        work->jobs[i].data = work;
        check(uv_queue_work(&work->loop, &work->jobs[i], work_nothing,
                            after_work),
              0);
    }
}

static void after_work(uv_work_t *job, int status)
{
    struct work *work = job->data;

    check(status, 0);
    if (++work->done % work->window == 0 && work->windows > 0) {
        queue_window(work);
    }
}

/* As many threads as libuv starts unless the environment says otherwise: four.
 * They start with the first job. */
static struct outcome in_pool(uint64_t windows, uint64_t window)
{
    static struct work work;
    struct outcome out = {.ops = windows * window};

    work.windows = windows;
    work.window = window;
    check(uv_loop_init(&work.loop), 0);
    out.ns = uv_hrtime();
    queue_window(&work);
    uv_run(&work.loop, UV_RUN_DEFAULT);
    out.ns = uv_hrtime() - out.ns;
    check(uv_loop_close(&work.loop), 0);
    check((int64_t)work.done, (int64_t)out.ops);
    return out;
}

static struct outcome exec_sync(uint64_t scale)
{
    return in_pool(scaled(200000, scale), 1);
}

static struct outcome exec_pipe(uint64_t scale)
{
    return in_pool(scaled(2000, scale), 1000);
}

/* --- The command line --- */

static const struct workload {
    const char *name;
    struct outcome (*run)(uint64_t scale);
} workloads[] = {
    {"timer_cancel", timer_cancel}, {"foreign_sync", foreign_sync},
    {"foreign_pipe", foreign_pipe}, {"exec_sync", exec_sync},
    {"exec_pipe", exec_pipe},
};

static uint64_t option(int argc, char **argv, const char *name)
{
    for (int i = 2; i + 1 < argc; i++) {
        if (strcmp(argv[i], name) == 0 && atol(argv[i + 1]) > 0) {
            return (uint64_t)atol(argv[i + 1]);
        }
    }
    return 1;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";

    if (strcmp(name, "--version") == 0) {
        return puts(uv_version_string()) < 0;
    }
    if (strcmp(name, "serve") == 0) {
        return serve(argc, argv);
    }
    for (size_t i = 0; i < sizeof(workloads) / sizeof(workloads[0]); i++) {
        if (strcmp(workloads[i].name, name) == 0) {
            struct outcome out =
                workloads[i].run(option(argc, argv, "--scale"));

            printf("{\"runtime\":\"libuv\",\"version\":\"%s\","
                   "\"workload\":\"%s\",\"workers\":1,\"ops\":%llu,"
                   "\"ns_per_op\":%.3f}\n",
                   uv_version_string(), name, (unsigned long long)out.ops,
                   (double)out.ns / (double)out.ops);
            return 0;
        }
    }
    return 77;
}
