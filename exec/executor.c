// SPDX-License-Identifier: MIT
/* Thread pools: their life, places in their queues, and the public face. */
#include "exec/executor.h"

#include "future/debug.h"
#include "future/local.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <weft/scope.h>
#include <weft/time.h>

#define THREADS 512 /* of a pool without a runtime that grows, see crew.h */

/* Life */

void weft__executor_keep(weft_executor *executor)
{
    weft__fetch_add(&executor->refs, 1);
}

void weft__executor_drop(weft_executor *executor)
{
    struct weft_runtime *rt = executor->rt;
    /* Orders what every holder did before the end. */
    if (weft__fetch_sub(&executor->refs, 1) != 1)
        return;
    weft__future_drop(executor->ended);
    if (executor->class->free != NULL)
        executor->class->free(executor);
    weft__mem_free(executor);
    if (rt != NULL)
        weft__runtime_drop(rt);
}

/* It has no thread left, and will have none. Perhaps more than once. */
static void finished(weft_executor *executor)
{
    weft__future_set(executor->ended, NULL);
    if (executor->rt != NULL &&
        weft__runtime_remove_crew(executor->rt, &executor->crew))
        weft__executor_drop(executor);
}

/* Places in the queue. Handed from who leaves it to who waits longest. */

void weft__executor_leave_place(weft_executor *executor)
{
    if (executor->options.queue_limit == 0)
        return;
    weft__spin_lock(&executor->spin);
    struct weft__sleeper *next = weft__line_pop(&executor->line);
    if (next == NULL)
        executor->places--;
    weft__spin_unlock(&executor->spin);
    if (next != NULL)
        weft__sleeper_wake(next);
}

/* Those who still wait get one, to learn at the queue that it is closed. */
static void end_line(weft_executor *executor)
{
    weft__spin_lock(&executor->spin);
    struct weft__line line = executor->line;
    executor->line = (struct weft__line){NULL, NULL};
    executor->over = true;
    for (struct weft__sleeper *each = line.first; each; each = each->next) {
        each->listed = false;
        executor->places++;
    }
    weft__spin_unlock(&executor->spin);
    while (line.first != NULL) {
        struct weft__sleeper *first = line.first;
        line.first = first->next;
        weft__sleeper_wake(first);
    }
}

/* In the line, on the own frame. */
static int wait_for_place(weft_executor *executor,
                          struct weft__sleeper *sleeper)
{
    weft_future *job = weft__local_peek()->job;
    uint64_t waits =
        weft__waits(WEFT_WAITS_POOL, (uint64_t)(uintptr_t)executor);
    if (sleeper->task != NULL || job == NULL)
        return weft__sleeper_wait(sleeper, &executor->spin, &executor->line,
                                  waits);
    job->producer->block(job, WEFT__STRANGE, true);
    int rc =
        weft__sleeper_wait(sleeper, &executor->spin, &executor->line, waits);
    job->producer->block(job, WEFT__STRANGE, false);
    return rc;
}

static int take_place(weft_executor *executor, weft_future *task)
{
    unsigned limit = executor->options.queue_limit;
    struct weft__sleeper sleeper;
    if (limit == 0)
        return 0;
    weft__sleeper_init(&sleeper, task, INT64_MAX);
    weft__spin_lock(&executor->spin);
    int rc = executor->places < limit || executor->over ? 0 : -WEFT_EBUSY;
    if (rc == 0)
        executor->places++;
    else if (!executor->options.refuse)
        weft__line_push(&executor->line, &sleeper);
    weft__spin_unlock(&executor->spin);
    return rc < 0 && !executor->options.refuse
               ? wait_for_place(executor, &sleeper)
               : rc;
}

/* The crew's */

static weft_executor *executor_of(struct weft__crew *crew)
{
    return weft__container_of(crew, weft_executor, crew);
}

static int thread_begins(struct weft__crew *crew)
{
    weft_executor *executor = executor_of(crew);
    const weft_thread_pool_options *options = &executor->options;
    sigset_t interrupts;
    if (options->interrupt_signal != 0) {
        sigemptyset(&interrupts);
        sigaddset(&interrupts, options->interrupt_signal);
        weft__os->signal_mask(SIG_UNBLOCK, &interrupts, NULL);
    }
    int rc = options->init != NULL ? options->init(options->arg) : 0;
    if (rc == 0)
        return 0;
    weft__spin_lock(&executor->spin);
    if (executor->cause == 0)
        executor->cause = weft_code(weft_fail(rc));
    weft__spin_unlock(&executor->spin);
    return -WEFT_EBROKEN;
}

static void thread_ends(struct weft__crew *crew)
{
    const weft_thread_pool_options *options = &executor_of(crew)->options;
    if (options->fini != NULL)
        options->fini(options->arg);
}

void weft__executor_came(struct weft__crew *crew)
{
    weft__executor_keep(executor_of(crew));
}

void weft__executor_left(struct weft__crew *crew, bool last)
{
    if (last)
        finished(executor_of(crew));
    weft__executor_drop(executor_of(crew));
}

static void job_left_queue(struct weft__crew *crew)
{
    weft__executor_leave_place(executor_of(crew));
}

/* The list's reference, and the handle's, which is void from here on. */
void weft__executor_abandoned(struct weft__crew *crew)
{
    weft_executor *executor = executor_of(crew);
    end_line(executor);
    weft__future_set(executor->ended, NULL);
    if (!executor->shut)
        weft__executor_drop(executor);
    weft__executor_drop(executor);
}

static void released(struct weft__crew *crew)
{
    weft__executor_drop(executor_of(crew));
}

static const struct weft__crew_hooks pool_hooks = {
    .begin = thread_begins,
    .end = thread_ends,
    .came = weft__executor_came,
    .left = weft__executor_left,
    .room = job_left_queue,
    .abandoned = weft__executor_abandoned,
    .released = released,
};

/* Making */

static void on_interrupt(int signo)
{
    (void)signo; /* it has ended the call */
}

/* At its default, or as we have left it. */
static int take_signal(int signo)
{
    struct sigaction old, ours = {.sa_handler = on_interrupt};
    if (signo == 0)
        return 0;
    int rc = (int)weft__os->sigaction(signo, NULL, &old);
    if (rc < 0)
        return rc;
    if (old.sa_handler == on_interrupt)
        return 0;
    if (old.sa_handler != SIG_DFL)
        return -WEFT_EBUSY;
    return (int)weft__os->sigaction(signo, &ours, NULL);
}

static int check_options(const weft_thread_pool_options *options)
{
    if (options->max_threads == 0 ||
        options->min_threads > options->max_threads || options->idle < 0 ||
        options->interrupt_signal < 0 || options->interrupt_signal > SIGRTMAX)
        return -EINVAL;
    if (options->stack_size != 0 && options->stack_size < PTHREAD_STACK_MIN)
        return -EINVAL;
    return take_signal(options->interrupt_signal);
}

int weft__executor_init(weft_executor *executor, struct weft_runtime *rt,
                        const struct weft__executor_class *class,
                        const struct weft__crew_hooks *hooks)
{
    const weft_thread_pool_options *options = &executor->options;
    weft_future *ended = weft__mem_alloc(1, sizeof(*ended));
    struct weft__crew *crew = &executor->crew;
    if (ended == NULL)
        return -ENOMEM;
    weft__future_init(ended, WEFT__MADE, NULL, NULL);
    executor->ended = ended;
    executor->class = class;
    executor->rt = rt;
    weft__store_relaxed(&executor->refs, rt != NULL ? 2 : 1); /* the list's */
    executor->census.limit = options->max_threads + THREADS;
    snprintf(executor->name, sizeof(executor->name), "%s",
             options->name ? options->name : "weft-p");
    weft__crew_init(crew, rt ? &rt->census : &executor->census, executor->name,
                    options->max_threads);
    crew->rt = rt;
    crew->hooks = hooks;
    return 0;
}

/* Of a runtime that has ended, which a foreign thread may still ask for its
 * own pool: one that takes no jobs. */
void weft__executor_open(weft_executor *executor)
{
    if (executor->rt == NULL)
        return;
    weft__fetch_add(&executor->rt->refs, 1);
    if (weft__runtime_add_crew(executor->rt, &executor->crew))
        return;
    weft__crew_close(&executor->crew);
    weft__future_set(executor->ended, NULL);
    weft__executor_drop(executor); /* the list's */
}

static void empty_queue(weft_executor *executor, int code)
{
    weft__crew_empty(&executor->crew, code);
}

static const struct weft__executor_class threads = {
    empty_queue, weft__pool_cancel_running, weft__pool_free_spares};

/* In `rt`, if there is one; that one's `own`. */
static int new_pool(struct weft_runtime *rt, bool own,
                    const weft_thread_pool_options *options,
                    weft_executor **out)
{
    int rc = check_options(options);
    if (rc < 0)
        return rc;
    weft_executor *executor = weft__mem_alloc(1, sizeof(*executor));
    if (executor == NULL)
        return -ENOMEM;
    executor->options = *options;
    rc = weft__executor_init(executor, rt, &threads, &pool_hooks);
    if (rc < 0) {
        weft__mem_free(executor);
        return rc;
    }
    executor->shut = own; /* before its end can see it */
    executor->crew.least = options->min_threads;
    executor->crew.stack = options->stack_size;
    if (options->idle > 0)
        executor->crew.idle_ns = options->idle;
    weft__executor_open(executor);
    *out = executor;
    return 0;
}

int weft_thread_pool_new_with(const weft_thread_pool_options *given,
                              weft_executor **out)
{
    struct weft__worker *self = weft__worker_self();
    weft_thread_pool_options options = {0};
    if (given->size > sizeof(options))
        return -EINVAL;
    memcpy(&options, given, given->size);
    int rc = new_pool(self ? self->rt : NULL, false, &options, out);
    if (rc == 0)
        weft__debug_opened(*out, (*out)->rt, "thread pool", -1,
                           weft__debug_site());
    return rc;
}

int weft_thread_pool_new(unsigned max_threads, weft_executor **out)
{
    weft_thread_pool_options options = {.size = sizeof(options),
                                        .max_threads = max_threads};
    return weft_thread_pool_new_with(&options, out);
}

/* The runtime's own one; made by who first wants it. */
static weft_executor *default_of(struct weft_runtime *rt)
{
    weft_thread_pool_options options = {.max_threads = rt->options.max_threads,
                                        .name = "weft-x"};
    weft_executor *made;
    /* Pairs with the swap. */
    struct weft__crew *there = weft__load_acquire(&rt->own_crew);
    if (there != NULL)
        return executor_of(there);
    if (new_pool(rt, true, &options, &made) < 0)
        return NULL;
    if (weft__cas(&rt->own_crew, &there, &made->crew))
        return made;
    weft__crew_close(&made->crew);
    finished(made);
    weft__executor_drop(made);
    return executor_of(there);
}

/* Submitting */

static bool runs_functions(const weft_executor *executor)
{
    return executor->class == &threads;
}

static void check(weft_executor *executor, const char *who)
{
    struct weft__worker *self = weft__worker_self();
    if (!weft__debug_on())
        return;
    weft__debug_used(executor, who);
    if (executor->rt != NULL && self != NULL && executor->rt != self->rt)
        weft__debug_misuse(who, WEFT__FOREIGN);
}

/* Of the current task, or of the runtime whose job this thread runs. */
static struct weft_runtime *runtime_here(weft_future *task)
{
    weft_future *job = weft__local_peek()->job;
    if (task != NULL)
        return task->coro.rt;
    return job != NULL ? job->coro.rt : NULL;
}

static weft_future *refused(const weft_job_options *options, void *arg,
                            int code)
{
    if (options->drop != NULL)
        options->drop(arg);
    return weft__future_failed(code);
}

weft_future *weft_run_in_executor_with(weft_executor *executor,
                                       const weft_job_options *given,
                                       weft_fn *fn, void *arg)
{
    weft_future *task = weft__task_current();
    weft_job_options options = {0};
    memcpy(&options, given,
           given->size < sizeof(options) ? given->size : sizeof(options));
    if (executor != NULL)
        check(executor, "weft_run_in_executor");
    else if (runtime_here(task) == NULL)
        return refused(&options, arg,
                       weft__misuse(-WEFT_ENORUNTIME, "weft_run_in_executor",
                                    WEFT__OUTSIDE));
    else
        executor = default_of(runtime_here(task));
    if (executor != NULL && !runs_functions(executor))
        return refused(&options, arg,
                       weft__misuse(-EINVAL, "weft_run_in_executor",
                                    "processes run jobs by name: "
                                    "weft_submit_job()"));
    struct weft__pool_job *job =
        executor ? weft__pool_job_new(executor, &options, fn, arg) : NULL;
    if (job == NULL)
        return refused(&options, arg, -ENOMEM);
    int rc = take_place(executor, task);
    if (rc == 0)
        return weft__pool_job_submit(job);
    weft__pool_job_refuse(job, rc);
    return &job->work.future;
}

weft_future *weft_run_in_executor_named(weft_executor *executor,
                                        const char *name, weft_fn *fn,
                                        void *arg)
{
    weft_job_options options = {.size = sizeof(options), .name = name};
    return weft_run_in_executor_with(executor, &options, fn, arg);
}

weft_future *(weft_run_in_executor)(weft_executor *executor, weft_fn *fn,
                                    void *arg)
{
    return weft_run_in_executor_named(executor, "weft_run_in_executor", fn,
                                      arg);
}

int weft_to_thread_named(const char *name, weft_fn *fn, void *arg,
                         void **result)
{
    return weft_await(weft_run_in_executor_named(NULL, name, fn, arg), result);
}

int(weft_to_thread)(weft_fn *fn, void *arg, void **result)
{
    return weft_to_thread_named("weft_to_thread", fn, arg, result);
}

bool weft_job_cancelled(void)
{
    weft_future *job = weft__local_peek()->job;
    return job != NULL && weft__load_relaxed(&job->state) & WEFT__CANCEL;
}

weft_executor *weft_default_executor(weft_runtime *rt)
{
    return default_of(rt);
}

/* Shutting down */

static weft_future *hold(weft_future *ended)
{
    weft__fetch_add_relaxed(&ended->refs, 1); /* the pool holds one */
    return ended;
}

/* A coroutine that is cancelled meanwhile has what is queued dropped. */
static int await_end(weft_executor *executor, weft_ns timeout)
{
    weft_scope scope;
    weft_timeout_enter(&scope, timeout);
    int rc = weft__task_await(hold(executor->ended), NULL);
    rc = weft_timeout_exit(&scope, rc);
    if (rc != -WEFT_ECANCELED)
        return rc;
    executor->class->empty(executor, -WEFT_ECANCELED);
    return weft__task_join(hold(executor->ended), NULL);
}

static int wait_for_end(weft_executor *executor, weft_ns timeout)
{
    int rc = weft__task_current() != NULL
                 ? await_end(executor, timeout)
                 : weft__block_await(executor->ended, timeout);
    if (rc == -WEFT_ETIMEOUT) {
        executor->class->empty(executor, -WEFT_ECANCELED);
        executor->class->cancel_running(executor);
    }
    return rc;
}

int weft_executor_shutdown_with(weft_executor *executor,
                                const weft_shutdown_options *given)
{
    weft_shutdown_options options = {0};
    if (executor == NULL)
        return 0;
    memcpy(&options, given,
           given->size < sizeof(options) ? given->size : sizeof(options));
    check(executor, "weft_executor_shutdown");
    if (!options.no_wait && weft__pool_runs_here(executor))
        return weft__misuse(-WEFT_EDEADLK, "weft_executor_shutdown",
                            "a job cannot wait for the end of its pool");
    executor->shut = true;
    if (weft__crew_close(&executor->crew))
        finished(executor);
    end_line(executor);
    if (options.drop_queued)
        executor->class->empty(executor, -WEFT_ECANCELED);
    weft__debug_closed(executor, "weft_executor_shutdown");
    int rc = options.no_wait
                 ? 0
                 : wait_for_end(executor, options.timeout > 0 ? options.timeout
                                                              : WEFT_FOREVER);
    weft__executor_drop(executor);
    return rc;
}

int weft_executor_shutdown(weft_executor *executor)
{
    weft_shutdown_options options = {.size = sizeof(options)};
    return weft_executor_shutdown_with(executor, &options);
}
