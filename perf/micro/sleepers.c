// SPDX-License-Identifier: MIT
/*
 * sleepers: 1 000 000 tasks asleep at once, and what each of them takes of
 * memory: the growth of the process's resident set, all counted (stack,
 * descriptor, timer), divided by their number.
 */
#include "perf/micro/micro.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weft/future.h>
#include <weft/task.h>

#define TASKS 1000000
#define NEEDED 6000 /* bytes of memory that there should be for each */
#define QUIET WEFT_MS(50)

struct crowd {
    struct perf_micro *micro;
    weft_future **all;
    _Atomic uint64_t asleep; /* or about to be */
    _Atomic uint64_t woken;
};

static void *sleep_long(void *arg)
{
    struct crowd *crowd = arg;

    atomic_fetch_add_explicit(&crowd->asleep, 1, memory_order_relaxed);
    if (weft_sleep(WEFT_S(3600)) == -WEFT_ECANCELED) {
        atomic_fetch_add_explicit(&crowd->woken, 1, memory_order_relaxed);
    }
    return NULL;
}

/* The second number in statm is the resident set, in pages. */
static double resident(void)
{
    FILE *statm = fopen("/proc/self/statm", "re");
    long pages = 0;

    if (statm != NULL) {
        if (fscanf(statm, "%*d %ld", &pages) != 1) {
            pages = 0;
        }
        fclose(statm);
    }
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static uint64_t available_bytes(void)
{
    FILE *meminfo = fopen("/proc/meminfo", "re");
    unsigned long long kib = 0;
    char line[128];

    if (meminfo == NULL) {
        return 0;
    }
    while (fgets(line, sizeof(line), meminfo) != NULL &&
           sscanf(line, "MemAvailable: %llu kB", &kib) != 1) {
    }
    fclose(meminfo);
    return (uint64_t)kib * 1024;
}

static int spawn_all(struct crowd *crowd)
{
    int rc = 0;

    for (uint64_t i = 0; i < crowd->micro->ops; i++) {
        crowd->all[i] = weft_spawn(sleep_long, crowd);
        if (weft_future_state(crowd->all[i]) == WEFT_FUTURE_FAILED) {
            rc = weft_future_result(crowd->all[i], NULL);
        }
    }
    return rc;
}

/* Until all have said that they are about to sleep, and some moments more. */
static int wait_until_asleep(struct crowd *crowd)
{
    int rc = 0;

    while (rc == 0 && atomic_load(&crowd->asleep) < crowd->micro->ops) {
        rc = weft_sleep(WEFT_MS(1));
    }
    return rc != 0 ? rc : weft_sleep(QUIET);
}

/* All are cancelled, then all awaited; each must have been woken by that. */
static int end_all(struct crowd *crowd)
{
    int rc = 0;

    for (uint64_t i = 0; i < crowd->micro->ops; i++) {
        weft_cancel(crowd->all[i]);
    }
    for (uint64_t i = 0; i < crowd->micro->ops; i++) {
        int one = weft_await(crowd->all[i], NULL);

        rc = rc != 0 ? rc : one;
    }
    if (rc == 0 && atomic_load(&crowd->woken) != crowd->micro->ops) {
        rc = -EPROTO;
    }
    return rc;
}

static void *run(void *arg)
{
    struct crowd *crowd = arg;
    struct perf_micro *micro = crowd->micro;
    double before = resident();
    weft_time start = weft_now();
    int rc = spawn_all(crowd), end;

    if (rc == 0) {
        rc = wait_until_asleep(crowd);
    }
    micro->ns = (double)(weft_now() - start - QUIET);
    micro->rss_per_task = (resident() - before) / (double)micro->ops;
    end = end_all(crowd);
    return weft_fail(rc != 0 ? rc : end);
}

/* The array of futures is ours, not theirs: it is touched before. */
int perf_micro_sleepers(struct perf_micro *micro)
{
    struct crowd crowd = {.micro = micro};
    int rc;

    micro->ops = perf_micro_scaled(micro, TASKS);
    if (available_bytes() < micro->ops * NEEDED) {
        fprintf(stderr, "sleepers: needs %llu MiB of free memory\n",
                (unsigned long long)(micro->ops * NEEDED >> 20));
        return -ENOMEM;
    }
    crowd.all = malloc((size_t)micro->ops * sizeof(*crowd.all));
    if (crowd.all == NULL) {
        return -ENOMEM;
    }
    memset(crowd.all, 0xff, (size_t)micro->ops * sizeof(*crowd.all));
    rc = perf_micro_in_runtime(micro, run, &crowd);
    free(crowd.all);
    return rc;
}
