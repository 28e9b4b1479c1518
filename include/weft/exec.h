// SPDX-License-Identifier: MIT
/**
 * Executors: work that must leave the workers because it blocks an OS thread.
 */
#ifndef WEFT_EXEC_H
#define WEFT_EXEC_H

#include <weft/base.h>

WEFT_BEGIN

typedef struct weft_executor weft_executor;

/**
 * Make a pool of OS threads for the current runtime. They start on demand and
 * end when they have been idle for some seconds.
 *
 * Context:       coroutine or callback.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     *out is yours: weft_executor_shutdown() it before the main
 *                coroutine ends.
 * Returns:       0; -EINVAL for 0 threads; -ENOMEM; -WEFT_ENORUNTIME.
 */
WEFT_API WEFT_MUST_CHECK int weft_thread_pool_new(unsigned max_threads,
                                                  weft_executor **out);

/**
 * End a pool: its jobs are finished first.
 *
 * Context:       coroutine.
 * Suspends:      until the last job has ended.
 * Cancellation:  a join: jobs that have not started are dropped.
 * Ownership:     consumes the executor, when it returns 0; NULL is ignored.
 * Returns:       0; -WEFT_ENORUNTIME outside a coroutine, -ENOMEM, -EAGAIN:
 *                nothing was done.
 */
WEFT_API int weft_executor_shutdown(weft_executor *);

/**
 * Run `fn(arg)` on a thread of an executor; NULL is the runtime's own pool,
 * which starts with its first job.
 *
 * Context:       coroutine or callback.
 * Suspends:      never.
 * Cancellation:  none. weft_cancel() drops a job that has not started; of one
 *                that runs, weft_job_cancelled() turns true, and it is waited
 *                for.
 * Ownership:     as weft_spawn().
 * Returns:       never NULL. A failed future, with `fn` not run: -ENOMEM,
 *                -EAGAIN (no thread could be started), -WEFT_ESHUTDOWN,
 *                -WEFT_ENORUNTIME.
 */
WEFT_API WEFT_MUST_CHECK weft_future *
weft_run_in_executor(weft_executor *, weft_fn *fn, void *arg);

/**
 * weft_run_in_executor() under a name, by default "function@file:line".
 *
 * Context:       coroutine or callback.
 * Suspends:      never.
 * Cancellation:  as weft_run_in_executor().
 * Ownership:     as weft_spawn(); `name` must outlive the job.
 * Returns:       as weft_run_in_executor().
 */
WEFT_API WEFT_MUST_CHECK weft_future *
weft_run_in_executor_named(weft_executor *, const char *name, weft_fn *fn,
                           void *arg);

#define weft_run_in_executor(executor, fn, arg)                                \
    weft_run_in_executor_named((executor), WEFT_SITE(fn), (fn), (arg))

/**
 * Run `fn(arg)` on a thread of the runtime's own pool and wait for it.
 *
 * Context:       coroutine.
 * Suspends:      until it has returned.
 * Cancellation:  a join, as weft_await(); in a cancelled task `fn` is dropped
 *                if it has not started.
 * Ownership:     *result (may be NULL) is borrowed.
 * Returns:       0; the code `fn` failed with; -WEFT_ECANCELED if it was
 *                dropped; and as weft_run_in_executor().
 */
WEFT_API int weft_to_thread(weft_fn *fn, void *arg, void **result);

/**
 * weft_to_thread() under a name, by default "function@file:line".
 *
 * Context:       coroutine.
 * Suspends:      as weft_to_thread().
 * Cancellation:  as weft_to_thread().
 * Ownership:     as weft_to_thread(); `name` must outlive the call.
 * Returns:       as weft_to_thread().
 */
WEFT_API int weft_to_thread_named(const char *name, weft_fn *fn, void *arg,
                                  void **result);

#define weft_to_thread(fn, arg, result)                                        \
    weft_to_thread_named(WEFT_SITE(fn), (fn), (arg), (result))

/**
 * Whether the job that runs this code has been asked to stop.
 *
 * Context:       a job; false elsewhere.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     none.
 * Returns:       true after weft_cancel() of the job's future.
 */
WEFT_API bool weft_job_cancelled(void);

WEFT_END

#endif
