// SPDX-License-Identifier: MIT
/*
 * The thread pool: jobs are futures whose producer is a thread of a crew. The
 * runtime's own pool is the crew that also serves files without io_uring.
 *
 * Who completes a job: the thread that ran it, or the canceller that took it
 * out of the queue before it started; the crew's lock decides. A job's memory
 * keeps that of its crew, so a late canceller finds the lock.
 */
#include "future/context.h"
#include "future/debug.h"
#include "future/error.h"
#include "future/local.h"
#include "future/task.h"
#include "sched/crew.h"

#include <weft/exec.h>

struct weft_executor {
    struct weft__crew crew;
    _Atomic(uint32_t) refs;  /* the handle, and each job's memory */
    struct weft_runtime *rt; /* whose end closes the crew, if nobody has */
};

struct job {
    weft_future future;
    struct weft__job job;
    struct weft__crew *crew;
    weft_executor *executor; /* NULL: the runtime's own pool */
    struct weft_runtime *rt; /* its memory is held */
    unsigned loop;           /* where it is counted */
};

/* Life */

static void executor_drop(weft_executor *executor)
{
    /* Orders what every holder did before the end. */
    if (weft__fetch_sub(&executor->refs, 1) == 1)
        weft__mem_free(executor);
}

static void executor_left(struct weft__crew *crew)
{
    executor_drop(weft__container_of(crew, weft_executor, crew));
}

static void job_free(weft_future *future)
{
    struct job *job = weft__container_of(future, struct job, future);
    struct weft_runtime *rt = job->rt;
    if (job->executor != NULL)
        executor_drop(job->executor);
    if (!weft__debug_unmade(future))
        weft__mem_free(job);
    weft__runtime_drop(rt);
}

/* The runtime is there until the job is counted as ended. */
static void job_end(struct job *job, void *result)
{
    struct weft_runtime *rt = job->rt;
    unsigned loop = job->loop;
    weft__future_finish(&job->future, result);
    weft__runtime_ended(rt, NULL, loop);
}

/* On a thread of the crew. */
static void job_run(struct weft__job *queued)
{
    struct job *job = weft__container_of(queued, struct job, job);
    weft__fetch_or(&job->future.state, WEFT__STARTED);
    struct weft__local outer;
    weft__local_enter_job(&outer, &job->future);
    void *result = job->future.fn(job->future.arg);
    weft__local_leave_job(&outer, &job->future);
    if (weft_code(result) < 0)
        weft__error_ended(&job->future, weft_code(result));
    job_end(job, result);
}

/* From any thread. */
static void job_cancel(weft_future *future)
{
    struct job *job = weft__container_of(future, struct job, future);
    if (weft__crew_remove(job->crew, &job->job))
        job_end(job, weft_fail(-WEFT_ECANCELED));
}

static void job_drop(struct weft__job *queued)
{
    struct job *job = weft__container_of(queued, struct job, job);
    job_end(job, weft_fail(-WEFT_ECANCELED));
}

static const struct weft__producer job_producer = {job_cancel, job_free};

_Static_assert(offsetof(struct job, future) == 0, "freed as its future");

static struct job *job_new(struct weft__worker *self, weft_executor *executor,
                           weft_fn *fn, void *arg)
{
    struct job *job = weft__mem_alloc(1, sizeof(*job));
    if (job == NULL)
        return NULL;
    weft__future_init(&job->future, WEFT__JOB, fn, arg);
    weft__scope_inherit(&job->future, weft__future_of(self->current));
    weft__context_capture(&job->future);
    job->future.producer = &job_producer;
    job->job.run = job_run;
    job->crew = executor ? &executor->crew : &self->rt->crew;
    job->executor = executor;
    job->rt = self->rt;
    job->future.coro.rt = self->rt;
    job->loop = self->loop->index;
    weft__fetch_add(&self->rt->refs, 1);
    if (executor != NULL)
        weft__fetch_add(&executor->refs, 1);
    return job;
}

/* The public face */

static void check(weft_executor *executor, struct weft_runtime *rt,
                  const char *who)
{
    if (!weft__debug_on() || executor == NULL)
        return;
    weft__debug_used(executor, who);
    if (executor->rt != rt)
        weft__debug_misuse(who, WEFT__FOREIGN);
}

weft_future *weft_run_in_executor_named(weft_executor *executor,
                                        const char *name, weft_fn *fn,
                                        void *arg)
{
    struct weft__worker *self = weft__worker_self();
    if (self == NULL || self->current == NULL)
        return weft__future_failed(weft__misuse(
            -WEFT_ENORUNTIME, "weft_run_in_executor", WEFT__OUTSIDE));
    check(executor, self->rt, "weft_run_in_executor");
    struct job *job = job_new(self, executor, fn, arg);
    if (job == NULL)
        return weft__future_failed(-ENOMEM);
    weft__store_relaxed(&job->future.name, name);
    weft__debug_made(&job->future, self->rt);
    weft__fetch_add_sc(&self->loop->submitted, 1);
    weft__fetch_add_relaxed(&self->loop->started, 1); /* none for the limit */
    int rc = weft__crew_push(job->crew, &job->job);
    weft__runtime_left(self->loop);
    if (rc < 0) {
        weft__runtime_ended(self->rt, NULL, self->loop->index);
        weft__context_freed(&job->future);
        job_free(&job->future);
        return weft__future_failed(rc);
    }
    return &job->future;
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

int weft_thread_pool_new(unsigned max_threads, weft_executor **out)
{
    struct weft__worker *self = weft__worker_self();
    if (self == NULL)
        return weft__misuse(-WEFT_ENORUNTIME, __func__, WEFT__OUTSIDE);
    if (max_threads == 0)
        return -EINVAL;
    weft_executor *executor = weft__mem_alloc(1, sizeof(*executor));
    if (executor == NULL)
        return -ENOMEM;
    executor->rt = self->rt;
    weft__store_relaxed(&executor->refs, 1);
    weft__crew_init(&executor->crew, &self->rt->census, "weft-p", max_threads);
    executor->crew.left = executor_left;
    weft__runtime_add_crew(self->rt, &executor->crew);
    weft__debug_opened(executor, self->rt, "thread pool", -1,
                       weft__debug_site());
    *out = executor;
    return 0;
}

/* Waiting for a pool's threads blocks, so a thread of the runtime's own pool
 * does it. */
static void *close_crew(void *crew)
{
    weft__crew_close(crew);
    return NULL;
}

int weft_executor_shutdown(weft_executor *executor)
{
    if (executor == NULL)
        return 0;
    if (weft__task_current() == NULL)
        return weft__misuse(-WEFT_ENORUNTIME, __func__, WEFT__OUTSIDE);
    check(executor, weft__worker_self()->rt, __func__);
    if (weft_cancelled())
        weft__crew_empty(&executor->crew, job_drop);
    weft_future *closing =
        weft_run_in_executor(NULL, close_crew, &executor->crew);
    int rc = weft__task_join(closing, NULL);
    if (rc < 0)
        return rc;
    weft__runtime_remove_crew(executor->rt, &executor->crew);
    weft__debug_closed(executor, __func__);
    executor_drop(executor);
    return 0;
}
