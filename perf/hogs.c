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
};

/* A failure is not repeated without a breath. */
static void *run_hog(void *arg)
{
    struct perf_hog *hog = arg;
    struct perf_hogs *hogs = hog->hogs;

    while (!atomic_load(&hogs->stop) && !weft_cancelled()) {
        struct perf_exchange exchange;
        uint64_t n = atomic_fetch_add(&hogs->asked, 1);
        int rc = perf_client_get(&hog->client, hogs->path(hogs->context, n),
                                 &exchange);

        if (rc == 0) {
            atomic_fetch_add(&hogs->done, 1);
        } else if (rc != -PERF_FAILURE_CANCELLED) {
            atomic_fetch_add(&hogs->failed[-rc], 1);
            if (weft_sleep(BREATHE) != 0) {
                break;
            }
        }
    }
    return NULL;
}

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
    for (uint64_t i = 0; i < hogs->count; i++) {
        hogs->all[i].task = weft_spawn(run_hog, &hogs->all[i]);
    }
    hogs->watcher = weft_spawn(watch, hogs);
    return 0;
}

void perf_hogs_stop(struct perf_hogs *hogs)
{
    double took = (double)(weft_now() - hogs->start) / 1e9;

    if (hogs->all == NULL) {
        return;
    }
    hogs->per_second = (double)atomic_load(&hogs->done) / took;
    atomic_store(&hogs->stop, true);
    for (uint64_t i = 0; i < hogs->count; i++) {
        if (hogs->all[i].task != NULL) {
            weft_await(hogs->all[i].task, NULL);
        }
    }
    if (hogs->watcher != NULL) {
        weft_cancel(hogs->watcher);
        weft_await(hogs->watcher, NULL);
    }
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
