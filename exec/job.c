// SPDX-License-Identifier: MIT
/* Jobs of thread pools: see executor.h. */
#include "exec/executor.h"

#include "future/context.h"
#include "future/debug.h"
#include "future/error.h"
#include "future/local.h"
#include "sched/sanitize.h"

#include <string.h>

#define NAG_NS 2000000 /* between two interrupts of one job */
#define SPARES 1024    /* jobs whose memory a pool keeps */

_Static_assert(offsetof(struct weft__pool_job, work.future) == 0,
               "freed as its future");

static struct weft__pool_job *job_of(weft_future *future)
{
    return weft__container_of(future, struct weft__pool_job, work.future);
}

/* Of any kind */

void weft__work_init(struct weft__work *work, weft_executor *executor,
                     const struct weft__producer *producer, const char *name,
                     weft_fn *fn, void *arg)
{
    weft_future *task = weft__task_current();
    weft__future_init(&work->future, WEFT__JOB, fn, arg);
    if (task != NULL)
        weft__scope_inherit(&work->future, task);
    weft__context_capture(&work->future);
    weft__store_relaxed(&work->future.name, name);
    work->future.producer = producer;
    work->executor = executor;
    weft__executor_keep(executor);
    work->rt = executor->rt;
    if (work->rt == NULL && task != NULL)
        work->rt = task->coro.rt;
    if (work->rt != executor->rt) /* whose memory the pool keeps */
        weft__fetch_add(&work->rt->refs, 1);
    work->future.coro.rt = work->rt;
    weft__debug_made(&work->future, work->rt);
}

/* From a coroutine of that runtime also while it ends, for the clean-up. */
int weft__work_enter(struct weft__work *work, struct weft__loop **entered)
{
    struct weft__worker *self = weft__worker_self();
    struct weft_runtime *rt = work->rt;
    *entered = NULL;
    if (rt == NULL)
        return 0;
    bool own = self != NULL && self->rt == rt;
    struct weft__loop *loop = own ? self->loop : weft__runtime_loop(rt);
    *entered = loop;
    work->loop = loop->index;
    work->counted = true;
    weft__fetch_add_sc(&loop->submitted, 1);
    weft__fetch_add_relaxed(&loop->started, 1); /* none for the limit */
    weft__fence_after_rmw(); /* pairs with weft__runtime_enter() */
    return own || weft__load_fenced(&rt->phase) == WEFT__OPEN ? 0
                                                              : -WEFT_ESHUTDOWN;
}

void weft__work_entered(struct weft__loop *loop)
{
    if (loop != NULL)
        weft__runtime_left(loop);
}

/* The runtime is there until the job is counted as ended; for who counts that,
 * only if its end waits for him, as for the threads of its own pools. */
void weft__work_end(struct weft__work *work, void *result)
{
    struct weft_runtime *rt = work->rt;
    unsigned loop = work->loop;
    bool counted = work->counted;
    bool strange = counted && work->executor->rt == NULL;
    if (strange)
        weft__fetch_add(&rt->refs, 1);
    weft__future_finish(&work->future, result);
    if (counted)
        weft__runtime_ended(rt, NULL, loop);
    if (strange)
        weft__runtime_drop(rt);
}

/* What it held, when its memory is another's. */
static void let_go(weft_executor *executor, struct weft_runtime *rt)
{
    bool own = rt != executor->rt;
    weft__executor_drop(executor);
    if (own)
        weft__runtime_drop(rt);
}

void weft__work_free(struct weft__work *work)
{
    weft_executor *executor = work->executor;
    struct weft_runtime *rt = work->rt;
    if (!weft__debug_unmade(&work->future))
        weft__mem_free(work);
    let_go(executor, rt);
}

/* The memory of jobs goes round in their pool: it is given back by another
 * thread than took it, which allocators do not like. */

static bool keep_memory(struct weft__pool_job *job)
{
    weft_executor *executor = job->work.executor;
    if (weft__debug_on() || !weft__sanitize_reuses())
        return false;
    weft__spin_lock(&executor->spin);
    bool room = executor->spares < SPARES;
    if (room) {
        job->job.next = weft__load_relaxed(&executor->spare);
        weft__store_relaxed(&executor->spare, &job->job);
        executor->spares++;
    }
    weft__spin_unlock(&executor->spin);
    return room;
}

static struct weft__pool_job *take_memory(weft_executor *executor)
{
    struct weft__job *spare = NULL;
    if (weft__load_relaxed(&executor->spare) != NULL) {
        weft__spin_lock(&executor->spin);
        spare = weft__load_relaxed(&executor->spare);
        if (spare != NULL) {
            weft__store_relaxed(&executor->spare, spare->next);
            executor->spares--;
        }
        weft__spin_unlock(&executor->spin);
    }
    if (spare == NULL)
        return weft__mem_alloc(1, sizeof(struct weft__pool_job));
    struct weft__pool_job *job =
        weft__container_of(spare, struct weft__pool_job, job);
    memset(job, 0, sizeof(*job));
    return job;
}

void weft__pool_free_spares(weft_executor *executor)
{
    struct weft__job *spare;
    while ((spare = weft__load_relaxed(&executor->spare)) != NULL) {
        weft__store_relaxed(&executor->spare, spare->next);
        weft__mem_free(weft__container_of(spare, struct weft__pool_job, job));
    }
}

static void job_free(weft_future *future)
{
    struct weft__pool_job *job = job_of(future);
    weft_executor *executor = job->work.executor;
    struct weft_runtime *rt = job->work.rt;
    if (keep_memory(job))
        let_go(executor, rt);
    else
        weft__work_free(&job->work);
}

/* Not to be run */

/* What the job's error says, with the cause of a broken pool. */
static void explain(struct weft__pool_job *job, int code)
{
    if (code == -WEFT_EBROKEN)
        weft__error_cause(&job->work.future, job->work.executor->cause,
                          "the pool's init() failed");
    weft__error_ended(&job->work.future, code);
}

void weft__pool_job_refuse(struct weft__pool_job *job, int code)
{
    if (job->drop != NULL)
        job->drop(job->arg);
    if (code != -WEFT_ECANCELED)
        explain(job, code);
    weft__work_end(&job->work, weft_fail(code));
}

static void drop_queued(struct weft__job *queued, int code)
{
    weft__pool_job_refuse(
        weft__container_of(queued, struct weft__pool_job, job), code);
}

/* Running */

static void enter_running(weft_executor *executor, struct weft__running *self)
{
    self->prev = NULL;
    weft__spin_lock(&executor->spin);
    self->next = executor->running;
    if (self->next != NULL)
        self->next->prev = self;
    executor->running = self;
    if (self->outer != NULL)
        self->outer->covered = true;
    if (executor->stops) /* it was on its way here then */
        weft__fetch_or(&self->job->state, WEFT__CANCEL);
    weft__spin_unlock(&executor->spin);
}

/* From here on no interrupt is sent because of it. */
static void leave_running(weft_executor *executor, struct weft__running *self)
{
    weft__spin_lock(&executor->spin);
    if (self->prev == NULL)
        executor->running = self->next;
    else
        self->prev->next = self->next;
    if (self->next != NULL)
        self->next->prev = self->prev;
    if (self->outer != NULL)
        self->outer->covered = false;
    weft__spin_unlock(&executor->spin);
}

/* Interrupts. A signal that comes before the call that it is to end is lost, so
 * it is sent again until the job has ended. */

/* Returns whether there was one to interrupt. */
static bool interrupt_cancelled(weft_executor *executor)
{
    bool any = false;
    weft__spin_lock(&executor->spin);
    for (struct weft__running *each = executor->running; each != NULL;
         each = each->next)
        if (weft__load_relaxed(&each->job->state) & WEFT__CANCEL) {
            if (!each->covered)
                weft__os->thread_signal(each->tid,
                                        executor->options.interrupt_signal);
            any = true;
        }
    executor->nags = executor->nags && any;
    weft__spin_unlock(&executor->spin);
    return any;
}

static void nag(void *arg)
{
    static const _Atomic(uint32_t) nobody;
    weft_executor *executor = arg;
    while (interrupt_cancelled(executor))
        weft__os->futex_wait(&nobody, 0, weft__os->now() + NAG_NS);
    weft__thread_closed(&executor->census);
    weft__executor_drop(executor);
}

/* The one who repeats it is not one of those that a runtime bounds: its jobs
 * may have all of them. */
static void interrupt(weft_executor *executor)
{
    weft__spin_lock(&executor->spin);
    bool first = !executor->nags;
    executor->nags = true;
    weft__spin_unlock(&executor->spin);
    if (!first)
        return;
    uintptr_t thread;
    weft__executor_keep(executor);
    if (weft__thread_open(&executor->census, &thread, "weft-nag", -1, 0, nag,
                          executor) == 0) {
        weft__os->thread_detach(thread);
        return;
    }
    weft__spin_lock(&executor->spin);
    executor->nags = false; /* who counted on us until here is among them */
    weft__spin_unlock(&executor->spin);
    (void)interrupt_cancelled(executor); /* once is better than never */
    weft__executor_drop(executor);
}

static struct weft__running *running_here(void)
{
    weft_future *job = weft__local_peek()->job;
    return job != NULL ? job_of(job)->running : NULL;
}

/* On a thread of the crew, or of one that waits for it in another job. */
static void run(struct weft__job *queued)
{
    struct weft__pool_job *job =
        weft__container_of(queued, struct weft__pool_job, job);
    struct weft__running self = {.job = &job->work.future,
                                 .outer = running_here()};
    struct weft__local outer;
    job->running = &self;
    if (job->work.executor->options.interrupt_signal != 0)
        self.tid = (int)weft__os->thread_id();
    weft__fetch_or(&job->work.future.state, WEFT__STARTED);
    weft__local_enter_job(&outer, &job->work.future);
    enter_running(job->work.executor, &self);
    if (self.tid != 0 && weft_job_cancelled()) /* who did that saw no thread */
        interrupt(job->work.executor);
    job->result = job->work.future.fn(job->arg);
    leave_running(job->work.executor, &self);
    weft__local_leave_job(&outer, &job->work.future);
}

static void finish(struct weft__job *queued)
{
    struct weft__pool_job *job =
        weft__container_of(queued, struct weft__pool_job, job);
    int code = weft_code(job->result);
    if (code < 0)
        weft__error_ended(&job->work.future, code);
    weft__work_end(&job->work, job->result);
}

/* Cancelling. From any thread. */

static void job_cancel(weft_future *future)
{
    struct weft__pool_job *job = job_of(future);
    weft_executor *executor = job->work.executor;
    if (weft__crew_remove(&executor->crew, &job->job))
        weft__pool_job_refuse(job, -WEFT_ECANCELED);
    else if (executor->options.interrupt_signal != 0)
        interrupt(executor);
}

void weft__pool_cancel_running(weft_executor *executor)
{
    weft__spin_lock(&executor->spin);
    executor->stops = true;
    for (struct weft__running *each = executor->running; each != NULL;
         each = each->next)
        weft__fetch_or(&each->job->state, WEFT__CANCEL); /* it only asks */
    weft__spin_unlock(&executor->spin);
    if (executor->options.interrupt_signal != 0)
        interrupt(executor);
}

/* Waiting in a job */

static enum weft__help job_help(weft_future *future, weft_future *other)
{
    struct weft__pool_job *wanted = job_of(other);
    if (other->producer != future->producer)
        return WEFT__STRANGE; /* a process has it */
    weft_executor *executor = job_of(future)->work.executor;
    if (wanted->work.executor != executor)
        return WEFT__STRANGE;
    if (!weft__crew_remove(&executor->crew, &wanted->job))
        return WEFT__UNDER_WAY;
    run(&wanted->job);
    finish(&wanted->job);
    return WEFT__HELPED;
}

static void job_block(weft_future *future, enum weft__help help, bool begins)
{
    struct weft__crew *crew = &job_of(future)->work.executor->crew;
    bool leans = help == WEFT__UNDER_WAY;
    if (begins)
        weft__crew_block(crew, leans);
    else
        weft__crew_unblock(crew, leans);
}

bool weft__pool_runs_here(const weft_executor *executor)
{
    weft_future *job = weft__local_peek()->job;
    return job != NULL && job_of(job)->work.executor == executor;
}

static const struct weft__producer pool_producer = {job_cancel, job_free,
                                                    job_help, job_block};

/* Beginning */

struct weft__pool_job *weft__pool_job_new(weft_executor *executor,
                                          const weft_job_options *options,
                                          weft_fn *fn, void *arg)
{
    struct weft__pool_job *job = take_memory(executor);
    if (job == NULL)
        return NULL;
    weft__work_init(&job->work, executor, &pool_producer, options->name, fn,
                    arg);
    job->job.run = run;
    job->job.finish = finish;
    job->job.drop = drop_queued;
    job->drop = options->drop;
    job->arg = arg;
    return job;
}

weft_future *weft__pool_job_submit(struct weft__pool_job *job)
{
    struct weft__loop *loop;
    int rc = weft__work_enter(&job->work, &loop);
    if (rc == 0)
        rc = weft__crew_push(&job->work.executor->crew, &job->job);
    if (rc < 0) {
        weft__executor_leave_place(job->work.executor);
        weft__pool_job_refuse(job, rc);
    }
    weft__work_entered(loop);
    return &job->work.future;
}
