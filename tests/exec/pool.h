// SPDX-License-Identifier: MIT
/* What tests of pools have in common: each runs outside of a runtime and, with
 * the same words, inside of one. */
#ifndef WEFT_TESTS_EXEC_POOL_H
#define WEFT_TESTS_EXEC_POOL_H

#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>
#include <weft.h>

#include "tests/support/fault.h"
#include "tests/support/run.h"
#include "tests/support/test.h"

#define WITH_ACCOUNT                                                           \
    .init = weft_test_faults_open, .fini = weft_test_faults_close

typedef void body(void);

static void *run_body(void *arg)
{
    (*(body **)arg)();
    return NULL;
}

static void balanced_run(body *fn, bool inside)
{
    struct weft_test_balance before = weft_test_balance();
    if (inside)
        cr_assert_eq(weft_test_run(2, run_body, &fn), 0);
    else
        fn();
    cr_assert(weft_test_balanced(&before));
}

/* By a thread without a runtime, and by a coroutine. */
static inline void everywhere(body *fn)
{
    balanced_run(fn, false);
    balanced_run(fn, true);
}

static inline int finish(weft_future *job, void **result)
{
    return weft_current() != NULL
               ? weft_await(job, result)
               : weft_wait_blocking(job, WEFT_FOREVER, result);
}

static inline void give_way(void)
{
    if (weft_current() == NULL || weft_yield() < 0)
        sched_yield();
}

static inline weft_executor *open_pool(weft_thread_pool_options options)
{
    weft_executor *pool = NULL;
    options.size = sizeof(options);
    cr_assert_eq(weft_thread_pool_new_with(&options, &pool), 0);
    return pool;
}

/* Jobs that stand still until they may go on. */
struct gate {
    atomic_uint there, go;
};

static inline void *pass(void *arg)
{
    struct gate *gate = arg;
    atomic_fetch_add(&gate->there, 1);
    while (atomic_load(&gate->go) == 0)
        usleep(100);
    return arg;
}

static inline void await_there(struct gate *gate, unsigned n)
{
    while (atomic_load(&gate->there) < n)
        give_way();
}

static inline void *count_one(void *arg)
{
    atomic_fetch_add((atomic_uint *)arg, 1);
    return arg;
}

#endif
