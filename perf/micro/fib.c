// SPDX-License-Identifier: MIT
/*
 * fib: fib(32) by fork and join, a fork for every call but the leaves. There is
 * nothing to do but to fork: compare with a bare fork (bare_fork.h).
 */
#include "perf/micro/micro.h"

#include <weft/fork.h>
#include <weft/time.h>

#include "perf/fib.h"

struct call {
    unsigned n;
    uint64_t result;
};

static uint64_t fib(unsigned n);

static void *branch(void *arg)
{
    struct call *call = arg;

    call->result = fib(call->n);
    return NULL;
}

static uint64_t fib(unsigned n)
{
    struct call call;
    weft_branch forked;
    uint64_t rest;

    if (n < 2) {
        return n;
    }
    call.n = n - 1;
    weft_fork(&forked, branch, &call);
    rest = fib(n - 2);
    weft_join(&forked, NULL);
    return rest + call.result;
}

static void *run(void *arg)
{
    struct perf_micro *micro = arg;
    unsigned n =
        perf_fib_within(perf_micro_scaled(micro, perf_fib_calls(PERF_FIB_N)));
    weft_time start = weft_now();
    uint64_t result = fib(n);

    micro->ns = (double)(weft_now() - start);
    micro->ops = perf_fib_calls(n);
    return weft_fail(perf_micro_expect("fib", result, perf_fib(n)));
}

int perf_micro_fib(struct perf_micro *micro)
{
    return perf_micro_in_runtime(micro, run, micro);
}
