// SPDX-License-Identifier: MIT
/*
 * The simulated driver: all workers of a runtime on the calling thread, in an
 * order drawn from a seed, on a clock that only moves when it is told to. The
 * same seed gives the same run, step by step.
 *
 * A worker gives control back before each of its steps and when it sleeps; a
 * step is not interrupted, so no coroutine may wait for another one in a loop
 * without a call that suspends. When all sleep, the clock jumps to the next
 * moment that somebody sleeps for.
 */
#ifndef WEFT_TESTS_SUPPORT_SIM_H
#define WEFT_TESTS_SUPPORT_SIM_H

#include <stdint.h>
#include <weft/runtime.h>
#include <weft/stats.h>

struct weft_sim_report {
    uint64_t hash; /* of every step: worker, coroutine, moment */
    uint64_t steps;
    int64_t virtual_ns;     /* from the start to the end of the runtime */
    int code;               /* of the main coroutine; -WEFT_EDEADLK: it had not
                           ended and nothing could run; -ETIMEDOUT: it ran for
                           millions of steps */
    int end;                /* what weft_runtime_shutdown() said */
    weft_counters counters; /* after the end */
};

/** Run `fn(arg)` as the main coroutine and shut down, with a grace of 5 s of
 * virtual time. 0, or the code with which the runtime could not start. One at
 * a time, on one thread. */
int weft_sim_run(uint64_t seed, unsigned workers, weft_fn *fn, void *arg,
                 struct weft_sim_report *report);

/** Called before each step of a worker, as if by a foreign thread: it may do
 * what any thread may. NULL: nothing. */
extern void (*weft_sim_hook)(void);

/** From a coroutine: mix something of one's own into the hash. */
void weft_sim_note(uint64_t value);

#endif
