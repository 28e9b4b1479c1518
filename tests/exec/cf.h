// SPDX-License-Identifier: MIT
/* For the cases of CPython's concurrent.futures (conformance.md): jobs with
 * known ends, and coroutines also for tests that run outside of a runtime. */
#ifndef WEFT_TESTS_EXEC_CF_H
#define WEFT_TESTS_EXEC_CF_H

#include "tests/exec/pool.h"

#include <errno.h>

/* Where coroutines of a test run: in its own runtime or, for a thread, in one
 * beside it. */
struct beside {
    weft_runtime *rt;
};

static inline struct beside beside_open(void)
{
    struct beside beside = {NULL};
    if (weft_current() == NULL)
        cr_assert_eq(weft_test_runtime(2, &beside.rt), 0);
    return beside;
}

static inline void beside_close(struct beside *beside)
{
    if (beside->rt == NULL)
        return;
    cr_assert_eq(weft_runtime_shutdown(beside->rt), 0);
    weft_runtime_unref(beside->rt);
}

static inline weft_future *beside_start(struct beside *beside, weft_fn *fn,
                                        void *arg)
{
    return beside->rt == NULL
               ? weft_spawn(fn, arg)
               : weft_run_coroutine_threadsafe(beside->rt, fn, arg);
}

static inline int beside_run(struct beside *beside, weft_fn *fn, void *arg)
{
    return finish(beside_start(beside, fn, arg), NULL);
}

/* A job's argument is its result. */
static inline void *fail_as_told(void *arg)
{
    return weft_fail((int)(intptr_t)arg);
}

static inline weft_future *job_that_ends(weft_executor *pool, int code)
{
    return code < 0 ? weft_run_in_executor(pool, fail_as_told,
                                           (void *)(intptr_t)code)
                    : weft_run_in_executor(pool, weft_test_echo,
                                           weft_test_value(42));
}

/* Wait, and keep the reference. */
static inline int finish_shared(weft_future *future, void **result)
{
    return finish(weft_future_ref(future), result);
}

/* Done for long: with 42, with a code, or cancelled. */
static inline weft_future *ended(int code)
{
    weft_future *future = weft_future_new();
    if (code == -WEFT_ECANCELED)
        cr_assert_eq(weft_cancel(future), 0);
    else if (code < 0)
        cr_assert_eq(weft_future_set_error(future, code), 0);
    else
        cr_assert_eq(weft_future_set_result(future, weft_test_value(42)), 0);
    return future;
}

static inline enum weft_future_state state_after(int code)
{
    return code == 0                 ? WEFT_FUTURE_DONE
           : code == -WEFT_ECANCELED ? WEFT_FUTURE_CANCELLED
                                     : WEFT_FUTURE_FAILED;
}

static inline void open_gate(struct gate *gate)
{
    atomic_store(&gate->go, 1);
}

#endif
