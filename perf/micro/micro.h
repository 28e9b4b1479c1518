// SPDX-License-Identifier: MIT
/*
 * What a micro workload is: one operation of the runtime, done many times.
 * Each file here is one; micro.c runs them and tells of them.
 */
#ifndef WEFT_PERF_MICRO_H
#define WEFT_PERF_MICRO_H

#include <stdbool.h>
#include <stdint.h>

#include <weft/runtime.h>
#include <weft/stats.h>

/** One run: in at the top, out at the bottom. */
struct perf_micro {
    unsigned workers;
    bool no_monitor;
    uint64_t scale; /* counts are divided by it */

    uint64_t ops;
    double ns;           /* of all operations together */
    double rss_per_task; /* sleepers and later alone; bytes */
    uint64_t mappings;   /* the same; lines of /proc/self/maps */
    /* sleepers alone, by the clock and by CPU; 0: not known */
    double per_bare_stack, cpu_per_bare_stack;
    double of_two;     /* crowded alone; 0: not known */
    double per_worker; /* see perf_micro_against(); 0: not known */
    weft_counters counters;
};

/** 0 or a negative code. Called on a thread that is not a worker. */
typedef int perf_micro_run(struct perf_micro *);

perf_micro_run perf_micro_spawn_join;
perf_micro_run perf_micro_spawn_one;
perf_micro_run perf_micro_yield;
perf_micro_run perf_micro_pingpong;
perf_micro_run perf_micro_mpmc;
perf_micro_run perf_micro_mutex;
perf_micro_run perf_micro_foreign_sync;
perf_micro_run perf_micro_foreign_pipe;
perf_micro_run perf_micro_exec_sync;
perf_micro_run perf_micro_exec_pipe;
perf_micro_run perf_micro_timer_cancel;
perf_micro_run perf_micro_sleepers;
perf_micro_run perf_micro_later;
perf_micro_run perf_micro_crowded;
perf_micro_run perf_micro_group;
perf_micro_run perf_micro_scope;
perf_micro_run perf_micro_gather;
perf_micro_run perf_micro_waiters;
perf_micro_run perf_micro_context_get;
perf_micro_run perf_micro_context_set;
perf_micro_run perf_micro_spawn_vars;
perf_micro_run perf_micro_fib;
perf_micro_run perf_micro_nqueens;
perf_micro_run perf_micro_matmul;
perf_micro_run perf_micro_uts;
perf_micro_run perf_micro_skynet;
perf_micro_run perf_micro_broadcast;
perf_micro_run perf_micro_remote_storm;

/** Whether `weft-perf micro` knows a workload of this name. */
bool perf_micro_has(const char *name);

/** A count divided by the scale, at least 1. */
static inline uint64_t perf_micro_scaled(const struct perf_micro *micro,
                                         uint64_t n)
{
    return n > micro->scale ? n / micro->scale : 1;
}

/** What each worker got done, compared with a single thread that does the whole
 * alone, without forks, in `alone` nanoseconds. After ->ns. */
static inline void perf_micro_against(struct perf_micro *micro, double alone)
{
    micro->per_worker = alone / (micro->ns * micro->workers);
}

/** 0 if what came out is what had to; else says so, and -EBADMSG. */
int perf_micro_expect(const char *what, uint64_t is, uint64_t wanted);

/** Run `fn(arg)` as the main coroutine of a fresh runtime, and keep its
 * counters. */
int perf_micro_in_runtime(struct perf_micro *, weft_fn *fn, void *arg);

/** A fresh runtime, for those that come from outside; and its end. */
int perf_micro_open(struct perf_micro *, weft_runtime **out);
int perf_micro_close(struct perf_micro *, weft_runtime *);

/** Await all, in their order: 0, or the first failure. */
int perf_micro_await_all(weft_future **all, size_t n);

/** The main coroutine of spawn_join. */
void *perf_micro_spawn_rounds(void *micro);

/** The coroutine that does nothing. */
void *perf_micro_nothing(void *arg);

#endif
