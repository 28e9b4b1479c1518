// SPDX-License-Identifier: MIT
/*
 * What most tests of a runtime begin with, and the few futures they all make.
 */
#ifndef WEFT_TESTS_SUPPORT_RUN_H
#define WEFT_TESTS_SUPPORT_RUN_H

#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <weft/future.h>
#include <weft/runtime.h>
#include <weft/stats.h>
#include <weft/task.h>
#include <weft/time.h>

#define weft_test_value(n) ((void *)(uintptr_t)(n))

/** weft_run() with so many workers, without its result. */
static inline int weft_test_run(unsigned workers, weft_fn *fn, void *arg)
{
    weft_options options = {.size = sizeof(options), .workers = workers};
    return weft_run_with(&options, fn, arg, NULL);
}

/** weft_runtime_new() with so many workers. */
static inline int weft_test_runtime(unsigned workers, weft_runtime **out)
{
    weft_options options = {.size = sizeof(options), .workers = workers};
    return weft_runtime_new(&options, out);
}

/** A coroutine that returns its argument. */
static inline void *weft_test_echo(void *arg)
{
    return arg;
}

/** A coroutine that sleeps until it is cancelled, and says so. */
static inline void *weft_test_forever(void *arg)
{
    (void)arg;
    return weft_fail(weft_sleep(WEFT_FOREVER));
}

/** Yield until somebody has set the flag: for coroutines, cancelled or not. */
static inline void weft_test_yield_until(atomic_int *flag, int value)
{
    while (atomic_load(flag) < value)
        if (weft_yield() < 0)
            sched_yield();
}

/** The same for OS threads. */
static inline void weft_test_spin_until(atomic_int *flag, int value)
{
    while (atomic_load(flag) < value)
        sched_yield();
}

#endif
