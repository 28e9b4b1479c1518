// SPDX-License-Identifier: MIT
/**
 * Executors: work that must leave the workers because it blocks an OS thread.
 *
 * A pool works with a runtime or without one. Where there is none, jobs are
 * submitted and awaited by plain threads: weft_run_in_executor() and
 * weft_wait_blocking(). Which executor is for what: docs/executors.md.
 */
#ifndef WEFT_EXEC_H
#define WEFT_EXEC_H

#include <weft/base.h>
#include <weft/time.h>

WEFT_BEGIN

typedef struct weft_executor weft_executor;

/** Of a pool of threads; zero is the default everywhere. */
typedef struct weft_thread_pool_options {
    size_t size;          /* sizeof(weft_thread_pool_options) */
    unsigned max_threads; /* must be given; started on demand */
    unsigned min_threads; /* of those started so many stay when idle */
    weft_ns idle;         /* how long the others stay; default 5 s */
    const char *name;     /* of the threads, 11 bytes of it, and a number */
    size_t stack_size;    /* of a thread; default: the system's */
    unsigned queue_limit; /* jobs that wait for a thread; default: any number */
    bool refuse;          /* a full queue refuses with -WEFT_EBUSY; default: it
                             suspends the coroutine, or blocks the thread, that
                             submits until there is room */
    /* Sent to the thread of a job that is cancelled while it runs, again and
       again until it ends, so that what it waits in fails with EINTR. A handler
       that does nothing is installed, for good, if the signal is at its
       default. 0: none. */
    int interrupt_signal;
    /* On each thread: before its first job, and at its end. If init() fails the
       pool is broken: what is queued, and all that follows, fails with
       -WEFT_EBROKEN, whose cause is what it returned. */
    int (*init)(void *arg);
    void (*fini)(void *arg);
    void *arg;
} weft_thread_pool_options;

/** Of a job. */
typedef struct weft_job_options {
    size_t size;             /* sizeof(weft_job_options) */
    const char *name;        /* must outlive the job */
    void (*drop)(void *arg); /* called instead of the job's function, once, if
                                that will not run, whatever the reason: on any
                                thread, and before the future is done. Must
                                not suspend. */
} weft_job_options;

/** Of the end of an executor. */
typedef struct weft_shutdown_options {
    size_t size;      /* sizeof(weft_shutdown_options) */
    bool drop_queued; /* jobs that have not started are cancelled */
    bool no_wait;     /* do not wait: what was submitted is done nevertheless */
    weft_ns timeout;  /* default: none. Then what is queued is cancelled, and
                         what runs is asked to stop and not waited for */
} weft_shutdown_options;

/**
 * Make a pool of OS threads. They start on demand and end when they have been
 * idle for some seconds.
 *
 * A job that waits for another one of its pool, by weft_wait_blocking(), never
 * waits for a thread: it runs what it waits for, if nobody does yet. While it
 * waits for anything else its pool may have one thread more, up to the
 * runtime's max_threads, or 512 more where there is no runtime.
 *
 * Context:       any. In a coroutine or callback the pool belongs to the
 *                runtime: its threads count there, and the runtime's end waits
 *                for its jobs and closes it. Elsewhere it stands alone.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     *out is yours, until weft_executor_shutdown() or the end of
 *                its runtime. Its futures may outlive it.
 * Returns:       0; -EINVAL for 0 threads; -ENOMEM.
 */
WEFT_API WEFT_MUST_CHECK int weft_thread_pool_new(unsigned max_threads,
                                                  weft_executor **out);

/**
 * weft_thread_pool_new() with options.
 *
 * Context:       as weft_thread_pool_new().
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     as weft_thread_pool_new(); `name` is copied, `arg` must
 *                outlive the pool's threads.
 * Returns:       0; -ENOMEM; -EINVAL: no threads, min above max, a stack below
 *                PTHREAD_STACK_MIN, no such signal; -WEFT_EBUSY: the program
 *                handles or ignores the signal itself.
 */
WEFT_API WEFT_MUST_CHECK int
weft_thread_pool_new_with(const weft_thread_pool_options *options,
                          weft_executor **out);

/**
 * The runtime's own pool, which weft_run_in_executor(NULL, …) and
 * weft_to_thread() use: as many threads as weft_options.max_threads allows.
 * For threads that have no runtime of their own and want to use that one.
 *
 * Context:       any thread that holds a reference to the runtime.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     the runtime's: not to be shut down.
 * Returns:       the pool; NULL without memory.
 */
WEFT_API weft_executor *weft_default_executor(weft_runtime *rt);

/**
 * End a pool: its jobs are finished first.
 *
 * Context:       any, but a job of that very pool.
 * Suspends:      until the last job and thread have ended; blocks a thread that
 *                is not a worker.
 * Cancellation:  a join: jobs that have not started are cancelled.
 * Ownership:     consumes the executor; NULL is ignored.
 * Returns:       0; -WEFT_EDEADLK in one of its jobs: nothing was done.
 */
WEFT_API int weft_executor_shutdown(weft_executor *executor);

/**
 * weft_executor_shutdown() with options.
 *
 * Context:       any; with no_wait also a job of that very pool.
 * Suspends:      as weft_executor_shutdown(), at most for the timeout; never
 *                with no_wait.
 * Cancellation:  a join, as weft_executor_shutdown().
 * Ownership:     as weft_executor_shutdown(). Threads that were not waited for
 *                end by themselves; the end of the pool's runtime waits for
 *                them.
 * Returns:       0; -WEFT_ETIMEOUT: some jobs still run, and the executor is
 *                consumed; -WEFT_EDEADLK as weft_executor_shutdown().
 */
WEFT_API int weft_executor_shutdown_with(weft_executor *executor,
                                         const weft_shutdown_options *options);

/**
 * Run `fn(arg)` on a thread of an executor; NULL is the pool of the runtime
 * that runs this coroutine, callback or job, which starts with its first job.
 * The job runs in the context (weft/context.h) of the caller.
 *
 * Context:       any; with NULL a coroutine, callback or job.
 * Suspends:      only if the pool's queue is limited and full; then it blocks a
 *                thread that is not a worker.
 * Cancellation:  of the caller, while it waits for room: the job is refused.
 *                weft_cancel() drops a job that has not started; of one that
 *                runs, weft_job_cancelled() turns true, and it is waited for.
 * Ownership:     the future is yours, as that of weft_spawn(); the runtime of
 *                the pool, or else of the caller, does not end before the job.
 * Returns:       never NULL. A failed future, with `fn` not run: -ENOMEM;
 *                -EAGAIN (no thread could be started); -WEFT_EBUSY (full, with
 *                .refuse); -WEFT_ESHUTDOWN; -WEFT_EBROKEN; -WEFT_ECANCELED;
 *                -WEFT_ENORUNTIME (NULL where there is no runtime).
 */
WEFT_API WEFT_MUST_CHECK weft_future *
weft_run_in_executor(weft_executor *executor, weft_fn *fn, void *arg);

/**
 * weft_run_in_executor() under a name, by default "function@file:line".
 *
 * Context:       as weft_run_in_executor().
 * Suspends:      as weft_run_in_executor().
 * Cancellation:  as weft_run_in_executor().
 * Ownership:     as weft_run_in_executor(); `name` must outlive the job.
 * Returns:       as weft_run_in_executor().
 */
WEFT_API WEFT_MUST_CHECK weft_future *
weft_run_in_executor_named(weft_executor *executor, const char *name,
                           weft_fn *fn, void *arg);

#define weft_run_in_executor(executor, fn, arg)                                \
    weft_run_in_executor_named((executor), WEFT_SITE(fn), (fn), (arg))

/**
 * weft_run_in_executor() with options: `arg` goes to `fn` or to .drop, once.
 *
 * Context:       as weft_run_in_executor().
 * Suspends:      as weft_run_in_executor().
 * Cancellation:  as weft_run_in_executor().
 * Ownership:     as weft_run_in_executor().
 * Returns:       as weft_run_in_executor().
 */
WEFT_API WEFT_MUST_CHECK weft_future *
weft_run_in_executor_with(weft_executor *executor,
                          const weft_job_options *options, weft_fn *fn,
                          void *arg);

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
 * Returns:       true after weft_cancel() of the job's future, or when the
 *                timeout of its pool's shutdown has passed.
 */
WEFT_API bool weft_job_cancelled(void);

WEFT_END

#endif
