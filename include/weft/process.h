// SPDX-License-Identifier: MIT
/**
 * Process pools: jobs that run in other processes, because they may crash, are
 * not trusted, or use libraries that know one thread.
 *
 * A job is a function of this program with a name; bytes go in, bytes come out.
 * The children run the same program: each enters its loop in weft_main(),
 * weft_run() or, before anything else, in weft_worker_main(), and does not come
 * back. When the parent ends, however it does, they end.
 */
#ifndef WEFT_PROCESS_H
#define WEFT_PROCESS_H

#include <weft/exec.h>

WEFT_BEGIN

/** Where a job writes its result. */
typedef struct weft_output weft_output;

/** A job: 0, or a negative code. `in`, aligned for everything, is only there
 * until it returns. */
typedef int weft_job_fn(const void *in, size_t size, weft_output *out);

/** An entry of the table of jobs. */
struct weft_job_entry {
    const char *name;
    weft_job_fn *fn;
};

/**
 * Define a job and enter it into the program's table:
 *
 *     WEFT_JOB(digest) { …; return weft_output_write(out, sum, 32); }
 *
 * The parameters are those of weft_job_fn: in, size, out.
 */
#define WEFT_JOB(name)                                                         \
    static int weft_job_##name(const void *in, size_t size, weft_output *out); \
    static const struct weft_job_entry weft_job_entry_##name __attribute__((   \
        section("weft_jobs"), used, aligned(8))) = {#name, weft_job_##name};   \
    static int weft_job_##name(const void *in __attribute__((unused)),         \
                               size_t size __attribute__((unused)),            \
                               weft_output *out __attribute__((unused)))

/** Bytes that were given to you. */
typedef struct weft_bytes {
    const void *data;
    size_t size;
    size_t mapped; /* of data; 0: allocated. The library's */
} weft_bytes;

/** Of a pool of processes; zero is the default everywhere. */
typedef struct weft_process_pool_options {
    size_t size;             /* sizeof(weft_process_pool_options) */
    unsigned max_processes;  /* must be given; started on demand */
    unsigned jobs_per_child; /* after so many a child is replaced; default:
                                never */
    weft_ns job_time;  /* a job that takes longer fails with -WEFT_ETIMEOUT, and
                          its child is killed; default: no limit */
    weft_ns grace;     /* between SIGTERM and SIGKILL; default 1 s */
    size_t memory;     /* RLIMIT_AS of a child; default: no other limit */
    int niceness;      /* added to ours */
    bool no_new_privs; /* prctl(2), PR_SET_NO_NEW_PRIVS */
    bool strict;       /* the death of a child that has a job breaks the whole
                          pool, as in Python; default: it fails that job */
    const char *init;  /* a job that each child runs first; if that fails, the
                          pool is broken */
    const void *init_bytes;
    size_t init_size;
} weft_process_pool_options;

/**
 * Make a pool of processes. They start on demand and stay.
 *
 * Context:       as weft_thread_pool_new().
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     as weft_thread_pool_new(): weft_executor_shutdown().
 * Returns:       0; -EINVAL: no processes, or no such job as init; -ENOMEM;
 *                what the system says to two descriptors more.
 */
WEFT_API WEFT_MUST_CHECK int
weft_process_pool_new(const weft_process_pool_options *options,
                      weft_executor **out);

/**
 * Run a job in a process of the pool. `in` is copied: it may be used again at
 * once.
 *
 * Context:       any.
 * Suspends:      never.
 * Cancellation:  weft_cancel() drops a job that has not started. The child of
 *                one that runs gets SIGTERM, and SIGKILL after the pool's
 *                grace, and is replaced.
 * Ownership:     the future is yours. *out (may be NULL) must outlive the job;
 *                when that is done it holds the result, for you to
 *                weft_bytes_free().
 * Returns:       never NULL; what the job returned, or -EINVAL (no such job, or
 *                no pool of processes), -ENOMEM, -WEFT_ECRASHED (its child has
 *                died; weft_last_error() says how), -WEFT_ETIMEOUT,
 *                -WEFT_ECANCELED, -WEFT_ESHUTDOWN, -WEFT_EBROKEN.
 */
WEFT_API WEFT_MUST_CHECK weft_future *
weft_submit_job(weft_executor *executor, const char *name, const void *in,
                size_t size, weft_bytes *out);

/**
 * Append to a job's result.
 *
 * Context:       the job.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     `data` is copied.
 * Returns:       0; -ENOMEM.
 */
WEFT_API int weft_output_write(weft_output *out, const void *data, size_t size);

/**
 * Give bytes back.
 *
 * Context:       any.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     *bytes is empty afterwards; an empty one is ignored.
 * Returns:       nothing.
 */
WEFT_API void weft_bytes_free(weft_bytes *bytes);

/**
 * The first line of main(), in a program that uses a pool of processes outside
 * of weft_main() and weft_run(): in a child this works for the pool and does
 * not return; elsewhere it does nothing.
 *
 * Context:       the first thread, before there are others.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     none.
 * Returns:       nothing, and only in a program that was not started by a pool.
 */
WEFT_API void weft_worker_main(int argc, char **argv);

WEFT_END

#endif
