// SPDX-License-Identifier: MIT
/**
 * Running: weft_main() and weft_run() for programs, weft_runtime_* for hosts
 * that want the runtime as an object, and the doors for foreign threads.
 *
 * A foreign thread is an OS thread that weft did not make. It may do what is
 * marked "any thread"; what suspends is for coroutines.
 *
 * With WEFT_DEBUG=1 in the environment, misuse ends the program with a
 * sentence, whatever code it has, and what is still held or open at the end of
 * a runtime is reported: docs/debugging.md.
 */
#ifndef WEFT_RUNTIME_H
#define WEFT_RUNTIME_H

#include <weft/base.h>
#include <weft/error.h>
#include <weft/time.h>

WEFT_BEGIN

/** How the loops talk to the kernel; also by the environment, WEFT_ENGINE =
 * auto, epoll or uring, which wins over the option. Sockets are always served
 * by readiness (epoll); the engine decides how files are. */
enum weft_engine {
    WEFT_ENGINE_AUTO,  /* io_uring if it works here, else threads, silently */
    WEFT_ENGINE_EPOLL, /* never touch io_uring, not even to probe it */
    WEFT_ENGINE_URING, /* io_uring, or weft_runtime_new() fails */
};

/** Options of a runtime; zero means the default everywhere. */
typedef struct weft_options {
    size_t size;      /* sizeof(weft_options) */
    unsigned workers; /* default: CPUs of the affinity mask and the cgroup
                             quota; the environment's WEFT_WORKERS wins over
                             both; at most 256 */
    enum weft_engine engine;
    weft_ns grace;           /* for .keep tasks at the end; default 5 s */
    size_t submit_limit;     /* foreign submissions waiting to start, per loop;
                             more are refused with -WEFT_EBUSY; default 2^20 */
    unsigned max_threads;    /* OS threads in all, but for the monitor;
                             default 512 */
    bool no_signals;         /* leave SIGINT and SIGTERM alone in weft_run */
    bool no_overflow_report; /* leave SIGSEGV alone */
    /* Gets what no caller could be told, on any thread, until the runtime has
       ended; must neither suspend nor end it. Default: a line on stderr, at
       most 10 a second (but for the few that are said once). */
    void (*on_report)(const weft_report *, void *report_arg);
    void *report_arg;
    bool dump_on_sigquit; /* weft_run: SIGQUIT, if at its default, writes
                             weft_dump() to stderr, and main goes on */
    bool no_monitor; /* no thread that looks for stuck workers, once a ms while
                        anybody works: then only who is idle anyway helps, no
                        loop is handed over, and there is no background */
    weft_ns slow_report; /* report a task that runs for so long without a
                            suspension, with its stack, while it does, once a
                            second for each name; the monitor does it;
                            default: never */
} weft_options;

/**
 * Run `fn(arg)` as the program's main coroutine; for the end of main().
 *
 * Takes SIGINT and SIGTERM while it runs (those that are at their default):
 * the first cancels the main coroutine, a second SIGINT dumps what still runs
 * (weft_dump() to stderr) and exits with 130, within a second. Prints a failure to stderr.
 *
 * Context:       a thread that is not a worker.
 * Suspends:      no; blocks the calling thread until everything has ended.
 * Cancellation:  none.
 * Ownership:     `arg` stays the caller's.
 * Returns:       an exit status: 0, 1 (failed), 130 (ended by SIGINT).
 */
WEFT_API int weft_main(weft_fn *fn, void *arg);

/**
 * Run `fn(arg)` as the main coroutine of a new runtime, wait for its end, and
 * end the runtime: when main has returned, everything is cancelled at once but
 * tasks spawned with .keep, which have the grace period.
 *
 * If nothing can run any more, no timer, event or job is to come, and there is
 * no other thread in the process, that is reported (WEFT_REPORT_DEADLOCK) with
 * who waits for whom; the call goes on waiting.
 *
 * Inside a task it is weft_spawn() and weft_await().
 *
 * Context:       any thread, coroutine.
 * Suspends:      in a coroutine as weft_await(); else blocks the thread.
 * Cancellation:  in a coroutine a join.
 * Ownership:     *result (may be NULL) is what `fn` returned: borrowed.
 * Returns:       0; the code `fn` failed with; -WEFT_EBUSY when something had
 *                not ended after the grace period (it is named on stderr);
 *                -ENOMEM, -EAGAIN, -EMFILE … when the runtime could not start.
 */
WEFT_API WEFT_MUST_CHECK int weft_run(weft_fn *fn, void *arg, void **result);

/**
 * weft_run() with options (NULL: defaults).
 *
 * Context:       any thread, coroutine (then the options are ignored).
 * Suspends:      as weft_run().
 * Cancellation:  as weft_run().
 * Ownership:     as weft_run(); the options are read, not kept.
 * Returns:       as weft_run(); -EINVAL for options that make no sense;
 *                -WEFT_ENOTSUP when the engine asked for is not available.
 */
WEFT_API WEFT_MUST_CHECK int weft_run_with(const weft_options *options,
                                           weft_fn *fn, void *arg,
                                           void **result);

/**
 * Start a runtime without a main coroutine.
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     *out is one reference of yours.
 * Returns:       0; -EINVAL; -WEFT_ENOTSUP; -ENOMEM; -EAGAIN, -EMFILE, -ENFILE
 *                and what else the system said.
 */
WEFT_API WEFT_MUST_CHECK int weft_runtime_new(const weft_options *options,
                                              weft_runtime **out);

/**
 * Take one more reference.
 *
 * Context:       any thread that holds one.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     the result is a reference of yours.
 * Returns:       its argument.
 */
WEFT_API weft_runtime *weft_runtime_ref(weft_runtime *);

/**
 * Drop a reference. The last one shuts the runtime down (weft_runtime_shutdown,
 * default grace) if nobody has, and frees it.
 *
 * Context:       any thread. On a worker of the runtime itself the end is left
 *                to a thread of its own.
 * Suspends:      never; the last one may block for the grace period.
 * Cancellation:  none.
 * Ownership:     consumes the reference. NULL is ignored. Futures outlive it.
 * Returns:       nothing.
 */
WEFT_API void weft_runtime_unref(weft_runtime *);

/**
 * End a runtime: refuse new submissions, cancel every task but those spawned
 * with .keep, wait for all for the grace period, cancel those too, stop.
 *
 * Context:       any thread. A task or callback of the runtime itself starts
 *                the shutdown and is told 0 at once: it is one of those that
 *                must end.
 * Suspends:      never; blocks a foreign thread.
 * Cancellation:  none.
 * Ownership:     borrows.
 * Returns:       0, also when it has ended before; -WEFT_EBUSY: something had
 *                not ended in time and is named on stderr; its worker goes on.
 *                -WEFT_EDEADLK in a coroutine of another runtime, which would
 *                block its worker: weft_to_thread() it.
 */
WEFT_API int weft_runtime_shutdown(weft_runtime *);

/**
 * Run `fn(arg)` when the runtime ends, after all tasks have: last come first.
 * It may suspend, spawn and await, within what is left of the grace period, at
 * least a second. A failure of it is reported.
 *
 * Context:       any thread that holds a reference to the runtime.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     `arg` stays yours.
 * Returns:       0; -ENOMEM; -WEFT_ESHUTDOWN: too late, `fn` will not run.
 */
WEFT_API WEFT_MUST_CHECK int weft_runtime_defer(weft_runtime *, weft_fn *fn,
                                                void *arg);

/**
 * The runtime that runs this code.
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     borrowed; weft_runtime_ref() it to hand it to a thread.
 * Returns:       NULL outside a runtime: it never creates one.
 */
WEFT_API weft_runtime *weft_running_loop(void);

/**
 * Start a coroutine from anywhere.
 *
 * Context:       any thread that holds a reference to the runtime until the
 *                call has returned (what is submitted may run, and drop others,
 *                before), coroutine.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     the future is one reference of yours: weft_wait_blocking(),
 *                weft_await(), weft_detach() or weft_future_unref() it.
 * Returns:       never NULL. A failed future when the runtime is ending
 *                (-WEFT_ESHUTDOWN), when too many submissions wait
 *                (-WEFT_EBUSY), or without memory (-ENOMEM): then `fn` has not
 *                run and will not.
 */
WEFT_API WEFT_MUST_CHECK weft_future *
weft_run_coroutine_threadsafe(weft_runtime *, weft_fn *fn, void *arg);

/**
 * weft_run_coroutine_threadsafe() under a name, by default
 * "function@file:line".
 *
 * Context:       as weft_run_coroutine_threadsafe().
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     as weft_run_coroutine_threadsafe(); `name` must outlive it.
 * Returns:       as weft_run_coroutine_threadsafe().
 */
WEFT_API WEFT_MUST_CHECK weft_future *
weft_run_coroutine_threadsafe_named(weft_runtime *, const char *name,
                                    weft_fn *fn, void *arg);

#define weft_run_coroutine_threadsafe(rt, fn, arg)                             \
    weft_run_coroutine_threadsafe_named((rt), WEFT_SITE(fn), (fn), (arg))

/**
 * Start a callback from anywhere. Callbacks of one thread start in the order of
 * their calls. See weft_call_soon().
 *
 * Context:       any thread that holds a reference to the runtime, coroutine.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     as weft_run_coroutine_threadsafe().
 * Returns:       as weft_run_coroutine_threadsafe().
 */
WEFT_API WEFT_MUST_CHECK weft_future *
weft_call_soon_threadsafe(weft_runtime *, weft_fn *fn, void *arg);

/**
 * weft_call_soon_threadsafe() under a name, by default "function@file:line".
 *
 * Context:       as weft_call_soon_threadsafe().
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     as weft_run_coroutine_threadsafe_named().
 * Returns:       as weft_run_coroutine_threadsafe().
 */
WEFT_API WEFT_MUST_CHECK weft_future *
weft_call_soon_threadsafe_named(weft_runtime *, const char *name, weft_fn *fn,
                                void *arg);

#define weft_call_soon_threadsafe(rt, fn, arg)                                 \
    weft_call_soon_threadsafe_named((rt), WEFT_SITE(fn), (fn), (arg))

/** What a runtime is made of; see weft_info(). */
typedef struct weft_runtime_info {
    unsigned workers;
    enum weft_engine engine; /* EPOLL or URING: what is in use */
    unsigned threads;        /* OS threads it has now */
    size_t stack_size;       /* bytes usable on a default stack */
    bool guard_install;      /* guards cost no mapping (MADV_GUARD_INSTALL) */
    unsigned uring_features; /* IORING_FEAT_… of the kernel; 0: not in use */
} weft_runtime_info;

/**
 * Describe a runtime.
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     none.
 * Returns:       nothing; fills *out.
 */
WEFT_API void weft_info(weft_runtime *, weft_runtime_info *out);

/**
 * weft_info() as one JSON object, with the library's version.
 *
 * Context:       any thread.
 * Suspends:      never.
 * Cancellation:  none.
 * Ownership:     none.
 * Returns:       the length of the whole text, as snprintf(); `buffer` has as
 *                much of it as fits in `size` bytes, ended by a zero.
 */
WEFT_API size_t weft_info_format(weft_runtime *, char *buffer, size_t size);

WEFT_END

#endif
