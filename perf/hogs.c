// SPDX-License-Identifier: MIT
/*
 * The hogs of hogs.h: a task each, and one that watches their time limits.
 */
#include "perf/hogs.h"

#include <errno.h>
#include <stdlib.h>

#include <weft/task.h>

#define WATCH_EVERY WEFT_MS(100)
#define BREATHE WEFT_MS(10)

struct perf_hog {
    struct perf_client client;
    struct perf_hogs *hogs;
    weft_future *task;
    uint64_t done; /* its task's */
};

static bool goes_on(const struct perf_hogs *hogs)
{
    return !atomic_load(&hogs->stop) && !weft_cancelled();
}

static void count(struct perf_hog *hog, const struct perf_exchange *exchange)
{
    struct perf_hogs *hogs = hog->hogs;
    weft_ns took = exchange->ended - exchange->begun;
    weft_ns fastest = atomic_load(&hogs->fastest);

    hog->done++;
    atomic_fetch_add(&hogs->done, 1);
    while ((fastest == 0 || took < fastest) &&
           !atomic_compare_exchange_weak(&hogs->fastest, &fastest, took)) {
    }
    if (hogs->times != NULL) {
        perf_histogram_record(hogs->times, took);
    }
}

/* Cut short by cancellation, which whoever asks again looks for. */
static void breathe(void)
{
    int rc = weft_sleep(BREATHE);

    (void)rc;
}

/* One request. A failure is not repeated without a breath. */
static void *ask(void *arg)
{
    struct perf_hog *hog = arg;
    struct perf_hogs *hogs = hog->hogs;
    struct perf_exchange exchange;
    uint64_t n = atomic_fetch_add(&hogs->asked, 1);
    int rc =
        perf_client_get(&hog->client, hogs->path(hogs->context, n), &exchange);

    if (hogs->fresh) {
        perf_client_disconnect(&hog->client);
    }
    if (rc == 0) {
        count(hog, &exchange);
    } else if (rc != -PERF_FAILURE_CANCELLED) {
        atomic_fetch_add(&hogs->failed[-rc], 1);
        breathe();
    }
    return NULL;
}

static void *run_hog(void *arg)
{
    struct perf_hog *hog = arg;

    while (goes_on(hog->hogs)) {
        ask(hog);
    }
    return NULL;
}

/* --- Bursts --- */

static void burst(struct perf_hogs *hogs)
{
    for (uint64_t i = 0; i < hogs->count; i++) {
        hogs->all[i].task = weft_spawn(ask, &hogs->all[i]);
    }
    for (uint64_t i = 0; i < hogs->count; i++) {
        weft_await(hogs->all[i].task, NULL);
        hogs->all[i].task = NULL;
    }
}

/* A breath at a time: the end of the run does not wait for the next burst. */
static void pause_until(const struct perf_hogs *hogs, weft_time moment)
{
    weft_ns left;

    while (goes_on(hogs) && (left = moment - weft_now()) > 0 &&
           weft_sleep(left < BREATHE ? left : BREATHE) == 0) {
    }
}

/* Bursts keep to multiples of the period. One that takes longer than that
 * drops those it runs into. */
static void *conduct(void *arg)
{
    struct perf_hogs *hogs = arg;

    while (goes_on(hogs)) {
        weft_ns passed;

        burst(hogs);
        passed = weft_now() - hogs->start;
        pause_until(hogs,
                    hogs->start + (passed / hogs->period + 1) * hogs->period);
    }
    return NULL;
}

/* --- All of them --- */

static void *watch(void *arg)
{
    struct perf_hogs *hogs = arg;

    while (weft_sleep(WATCH_EVERY) == 0) {
        for (uint64_t i = 0; i < hogs->count; i++) {
            perf_client_watch(&hogs->all[i].client, weft_now());
        }
    }
    return NULL;
}

static void start_tasks(struct perf_hogs *hogs)
{
    hogs->watcher = weft_spawn(watch, hogs);
    if (hogs->period > 0) {
        hogs->conductor = weft_spawn(conduct, hogs);
        return;
    }
    for (uint64_t i = 0; i < hogs->count; i++) {
        hogs->all[i].task = weft_spawn(run_hog, &hogs->all[i]);
    }
}

/* The conductor first: until it has ended the tasks are its own. */
static void end_tasks(struct perf_hogs *hogs)
{
    if (hogs->conductor != NULL) {
        weft_await(hogs->conductor, NULL);
    }
    for (uint64_t i = 0; i < hogs->count; i++) {
        if (hogs->all[i].task != NULL) {
            weft_await(hogs->all[i].task, NULL);
        }
    }
    if (hogs->watcher != NULL) {
        weft_cancel(hogs->watcher);
        weft_await(hogs->watcher, NULL);
    }
}

int perf_hogs_start(struct perf_hogs *hogs)
{
    hogs->all = calloc(hogs->count + 1, sizeof(*hogs->all));
    hogs->start = weft_now();
    if (hogs->all == NULL) {
        return -ENOMEM;
    }
    for (uint64_t i = 0; i < hogs->count; i++) {
        hogs->all[i].hogs = hogs;
        if (perf_client_init(&hogs->all[i].client, hogs->peer) != 0) {
            perf_hogs_stop(hogs);
            return -ENOMEM;
        }
    }
    start_tasks(hogs);
    return 0;
}

/* After their tasks. */
static double fewest(const struct perf_hogs *hogs)
{
    uint64_t least = UINT64_MAX, all = 0;

    for (uint64_t i = 0; i < hogs->count; i++) {
        all += hogs->all[i].done;
        least = hogs->all[i].done < least ? hogs->all[i].done : least;
    }
    return all > 0 ? (double)(least * hogs->count) / (double)all : 0;
}

void perf_hogs_stop(struct perf_hogs *hogs)
{
    double took = (double)(weft_now() - hogs->start) / 1e9;

    if (hogs->all == NULL) {
        return;
    }
    hogs->per_second = (double)atomic_load(&hogs->done) / took;
    atomic_store(&hogs->stop, true);
    end_tasks(hogs);
    hogs->fewest = fewest(hogs);
    for (uint64_t i = 0; i < hogs->count; i++) {
        if (hogs->all[i].client.buffer != NULL) {
            perf_client_fini(&hogs->all[i].client);
        }
    }
    free(hogs->all);
    hogs->all = NULL;
}

uint64_t perf_hogs_failures(const struct perf_hogs *hogs)
{
    uint64_t all = 0;

    for (int i = 0; i < PERF_FAILURES; i++) {
        all += atomic_load(&hogs->failed[i]);
    }
    return all;
}
