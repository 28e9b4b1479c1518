// SPDX-License-Identifier: MIT
/*
 * What of weft-perf micro GLib has: a pool of threads. `glib WORKLOAD
 * [--workers N] [--scale N]` runs one and prints a line of JSON; the pool has
 * two threads, whatever N. 77: has it not.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#define THREADS 2

struct outcome {
    uint64_t ops, us;
};

static uint64_t scaled(uint64_t n, uint64_t scale)
{
    return n > scale ? n / scale : 1;
}

static void check(int64_t is, int64_t wanted)
{
    if (is != wanted) {
        fprintf(stderr, "glib: wrong: %lld instead of %lld\n", (long long)is,
                (long long)wanted);
        exit(1);
    }
}

/* --- The pool of threads --- */

/* On a thread of the pool. No pointer in a queue of GLib's may be NULL, so a
 * job is some address. */
static void answer(gpointer job, gpointer answers)
{
    g_async_queue_push(answers, job);
}

/* Threads of its own, which stay as long as the pool does: shared ones leave it
 * when they have had nothing to do for half a second. */
static GThreadPool *open_pool(GAsyncQueue *answers)
{
    GError *error = NULL;
    GThreadPool *pool =
        g_thread_pool_new(answer, answers, THREADS, TRUE, &error);

    check(error != NULL, 0);
    return pool;
}

/* `windows` times: push so many, then take as many answers. */
static struct outcome in_pool(uint64_t windows, uint64_t window)
{
    struct outcome out = {.ops = windows * window};
    GAsyncQueue *answers = g_async_queue_new();
    GThreadPool *pool = open_pool(answers);
    gint64 start = g_get_monotonic_time();
    int64_t wrong = 0;

    for (uint64_t i = 0; i < windows; i++) {
        for (uint64_t j = 0; j < window; j++) {
            wrong += !g_thread_pool_push(pool, &out, NULL);
        }
        for (uint64_t j = 0; j < window; j++) {
            wrong += g_async_queue_pop(answers) != &out;
        }
    }
    out.us = (uint64_t)(g_get_monotonic_time() - start);
    g_thread_pool_free(pool, FALSE, TRUE);
    g_async_queue_unref(answers);
    check(wrong, 0);
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
    {"exec_sync", exec_sync},
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

    for (size_t i = 0; i < sizeof(workloads) / sizeof(workloads[0]); i++) {
        if (strcmp(workloads[i].name, name) == 0) {
            struct outcome out =
                workloads[i].run(option(argc, argv, "--scale"));

            printf("{\"runtime\":\"glib\",\"version\":\"%u.%u.%u\","
                   "\"workload\":\"%s\",\"workers\":%d,\"ops\":%llu,"
                   "\"ns_per_op\":%.3f}\n",
                   glib_major_version, glib_minor_version, glib_micro_version,
                   name, THREADS, (unsigned long long)out.ops,
                   (double)out.us * 1000 / (double)out.ops);
            return 0;
        }
    }
    return 77;
}
