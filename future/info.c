// SPDX-License-Identifier: MIT
/* What a runtime is made of, for programs and for people. */
#include "sched/runtime.h"

#include <stdio.h>

void weft_info(weft_runtime *rt, weft_runtime_info *out)
{
    *out = (weft_runtime_info){
        .workers = rt->workers,
        .engine = rt->engine,
        .threads = weft__load_relaxed(&rt->census.count),
        .stack_size = weft__stack_size(WEFT__STACK_DEFAULT),
        .guard_install = rt->stacks.guard_install,
    };
    if (rt->engine == WEFT_ENGINE_URING)
        out->uring_features = rt->driver->features(&rt->loop[0]);
}

size_t weft_info_format(weft_runtime *rt, char *buffer, size_t size)
{
    weft_runtime_info info;
    weft_info(rt, &info);
    int n = snprintf(
        buffer, size,
        "{\"version\":\"%d.%d.%d\",\"workers\":%u,\"engine\":\"%s\","
        "\"uring_features\":%u,\"threads\":%u,\"stack_size\":%zu,"
        "\"guards\":\"%s\"}",
        WEFT_VERSION_MAJOR, WEFT_VERSION_MINOR, WEFT_VERSION_PATCH,
        info.workers, info.engine == WEFT_ENGINE_URING ? "uring" : "epoll",
        info.uring_features, info.threads, info.stack_size,
        info.guard_install ? "madvise" : "mprotect");
    return n < 0 ? 0 : (size_t)n;
}
