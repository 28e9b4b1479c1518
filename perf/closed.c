// SPDX-License-Identifier: MIT
/*
 * The closed loop of closed.h: hogs.h, with small requests.
 */
#include "perf/closed.h"

#include <weft/task.h>

#include "perf/format.h"
#include "perf/hogs.h"
#include "perf/progress.h"

#define SHOW_EVERY WEFT_MS(200)

static void show(const struct perf_pace_plan *plan,
                 const struct perf_hogs *lights,
                 const struct perf_progress *progress)
{
    char more[96] = "";

    if (!plan->progress || !perf_progress_wanted()) {
        return;
    }
    if (plan->say != NULL) {
        plan->say(plan->context, more, sizeof(more));
    }
    perf_progress_show(progress, weft_now(), "%s answered%s",
                       perf_format_count(atomic_load(&lights->done)).s, more);
}

/* Until the end; cut short by cancellation. */
static void wait_for_end(const struct perf_pace_plan *plan,
                         struct perf_pace_result *result,
                         const struct perf_hogs *lights)
{
    struct perf_progress progress;
    weft_ns left;

    perf_progress_init(&progress, result->start, plan->duration);
    while ((left = result->start + plan->duration - weft_now()) > 0) {
        if (weft_sleep(left < SHOW_EVERY ? left : SHOW_EVERY) != 0) {
            result->interrupted = true;
            break;
        }
        show(plan, lights, &progress);
    }
    if (plan->progress) {
        perf_progress_end(&progress);
    }
}

static void take_counts(const struct perf_hogs *lights,
                        struct perf_pace_result *result)
{
    uint64_t done = atomic_load(&lights->done);
    uint64_t sent = done + perf_hogs_failures(lights);

    atomic_store(&result->done, done);
    atomic_store(&result->sent, sent);
    atomic_store(&result->offered, sent);
    for (int i = 0; i < PERF_FAILURES; i++) {
        atomic_store(&result->failed[i], atomic_load(&lights->failed[i]));
    }
    perf_histogram_merge(&result->intended, &result->actual);
}

int perf_closed_run(const struct perf_pace_plan *plan,
                    struct perf_pace_result *result)
{
    struct perf_hogs lights = {.peer = plan->peer,
                               .path = plan->path,
                               .context = plan->context,
                               .count = plan->connections,
                               .times = &result->actual};
    int rc;

    result->start = weft_now();
    result->cpu = -perf_pace_cpu_time();
    rc = perf_hogs_start(&lights);
    if (rc != 0) {
        return rc;
    }
    wait_for_end(plan, result, &lights);
    perf_hogs_stop(&lights);
    result->end = weft_now();
    result->cpu += perf_pace_cpu_time();
    take_counts(&lights, result);
    return 0;
}
