// SPDX-License-Identifier: MIT
/* Counters, summed on demand. */
#include "sched/runtime.h"

#include <errno.h>

static void add(weft_counters *sum, struct weft__counters *one)
{
#define ADD(name, text) sum->name += weft__load_relaxed(&one->name);
    WEFT_COUNTERS(ADD)
#undef ADD
    sum->steps_local = sum->steps - sum->steps_stolen - sum->steps_injected;
}

void weft_stats(weft_runtime *rt, weft_counters *out)
{
    *out = (weft_counters){0};
    for (unsigned i = 0; i < weft__runtime_known(rt); i++)
        add(out, &rt->worker[i].counters);
    for (unsigned i = 0; i < rt->workers; i++) {
        out->tasks_spawned += weft__load_relaxed(&rt->loop[i].submitted);
        out->tasks_ended += weft__load_relaxed(&rt->loop[i].dropped);
    }
}

int weft_stats_worker(weft_runtime *rt, unsigned worker, weft_counters *out)
{
    if (worker >= weft__runtime_known(rt))
        return -EINVAL;
    *out = (weft_counters){0};
    add(out, &rt->worker[worker].counters);
    return 0;
}

int weft_worker_index(void)
{
    struct weft__worker *self = weft__worker_self();
    return self ? (int)self->index : -WEFT_ENORUNTIME;
}
