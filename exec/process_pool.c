// SPDX-License-Identifier: MIT
/* Pools of processes: their life, jobs and queues. See process_pool.h. */
#include "exec/process_pool.h"
#include "exec/child.h"

#include "future/debug.h"
#include "future/error.h"
#include "future/task.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <weft/time.h>

static struct weft__process_pool *pool_of(weft_executor *executor)
{
    return weft__container_of(executor, struct weft__process_pool, executor);
}

static void ring(struct weft__process_pool *pool)
{
    weft__os->event_set(pool->bell);
}

/* Jobs */

static struct weft__remote *remote_of(weft_future *future)
{
    return weft__container_of(future, struct weft__remote, work.future);
}

static void remote_free(weft_future *future)
{
    weft__work_free(&remote_of(future)->work);
}

/* Without the lock. */
static void complete(struct weft__remote *job)
{
    struct weft__process_pool *pool = pool_of(job->work.executor);
    int code = job->code;
    if (job->memory >= 0) /* who awaits it may come late */
        weft__os->close(job->memory);
    if (code == -WEFT_EBROKEN && pool->breach != NULL)
        weft__error_cause(&job->work.future, pool->executor.cause,
                          pool->breach);
    else if (code < 0 && job->words[0] != '\0')
        weft__error_cause(&job->work.future, code, job->words);
    if (code < 0)
        weft__error_ended(&job->work.future, code);
    weft__work_end(&job->work, weft_fail(code));
}

void weft__remote_complete_all(struct weft__remote *done)
{
    while (done != NULL) {
        struct weft__remote *next = done->next;
        complete(done);
        done = next;
    }
}

void weft__remote_give(struct weft__remote **list, struct weft__remote *job,
                       int code)
{
    job->code = code;
    job->next = *list;
    *list = job;
}

/* The queue, under the lock */

static void link_between(struct weft__process_pool *pool,
                         struct weft__remote *prev, struct weft__remote *job,
                         struct weft__remote *next)
{
    job->prev = prev;
    job->next = next;
    *(prev ? &prev->next : &pool->head) = job;
    *(next ? &next->prev : &pool->tail) = job;
    job->queued = true;
    pool->queued++;
}

void weft__remote_unlink(struct weft__process_pool *pool,
                         struct weft__remote *job)
{
    *(job->prev ? &job->prev->next : &pool->head) = job->next;
    *(job->next ? &job->next->prev : &pool->tail) = job->prev;
    job->queued = false;
    pool->queued--;
}

void weft__remote_drop_all(struct weft__process_pool *pool, int code,
                           struct weft__remote **done)
{
    struct weft__remote *job;
    while ((job = pool->head) != NULL) {
        weft__remote_unlink(pool, job);
        weft__remote_give(done, job, code);
    }
}

/* Managing */

static struct weft__process_pool *of_manager(struct weft__job *job)
{
    return weft__container_of(job, struct weft__process_pool, manager);
}

static void manage(struct weft__job *job)
{
    weft__manager_run(of_manager(job));
}

/* There is no thread to manage anything. */
static void not_managed(struct weft__job *job, int code)
{
    struct weft__process_pool *pool = of_manager(job);
    struct weft__remote *done = NULL;
    weft__lock(&pool->lock);
    pool->managed = false;
    weft__remote_drop_all(pool, code, &done);
    weft__unlock(&pool->lock);
    weft__remote_complete_all(done);
}

/* Cancelling and ending. From any thread. */

static void remote_cancel(weft_future *future)
{
    struct weft__remote *job = remote_of(future);
    struct weft__process_pool *pool = pool_of(job->work.executor);
    weft__lock(&pool->lock);
    bool mine = job->queued;
    if (mine)
        weft__remote_unlink(pool, job);
    for (struct weft__child *child = pool->children; child; child = child->next)
        if (child->job == job)
            weft__manager_terminate(child);
    weft__unlock(&pool->lock);
    if (!mine) {
        ring(pool);
        return;
    }
    job->code = -WEFT_ECANCELED;
    complete(job);
}

static void empty(weft_executor *executor, int code)
{
    struct weft__process_pool *pool = pool_of(executor);
    struct weft__remote *done = NULL;
    weft__lock(&pool->lock);
    weft__remote_drop_all(pool, code, &done);
    weft__unlock(&pool->lock);
    weft__remote_complete_all(done);
    ring(pool);
}

static void cancel_running(weft_executor *executor)
{
    struct weft__process_pool *pool = pool_of(executor);
    weft__lock(&pool->lock);
    for (struct weft__child *child = pool->children; child; child = child->next)
        weft__manager_terminate(child);
    weft__unlock(&pool->lock);
    ring(pool);
}

static void closing(struct weft__crew *crew)
{
    struct weft__process_pool *pool =
        weft__container_of(crew, struct weft__process_pool, executor.crew);
    weft__lock(&pool->lock);
    pool->closing = true;
    weft__unlock(&pool->lock);
    ring(pool);
}

static void free_pool(weft_executor *executor)
{
    struct weft__process_pool *pool = pool_of(executor);
    weft__os->close(pool->poll);
    weft__os->close(pool->bell);
    weft__mem_free(pool->init_bytes);
}

static enum weft__help no_help(weft_future *job, weft_future *other)
{
    (void)job;
    (void)other;
    return WEFT__STRANGE;
}

static void no_block(weft_future *job, enum weft__help help, bool begins)
{
    (void)help;
    (void)job;
    (void)begins;
}

static const struct weft__producer remote_producer = {
    remote_cancel, remote_free, no_help, no_block};

static const struct weft__executor_class processes = {empty, cancel_running,
                                                      free_pool};

static const struct weft__crew_hooks hooks = {
    .came = weft__executor_came,
    .left = weft__executor_left,
    .closing = closing,
    .abandoned = weft__executor_abandoned,
};

/* Making */

static int open_descriptors(struct weft__process_pool *pool)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    long fd = weft__os->poll_open();
    if (fd < 0)
        return (int)fd;
    long bell = weft__os->event_open();
    long rc = bell < 0 ? bell
                       : weft__os->poll_ctl((int)fd, EPOLL_CTL_ADD, (int)bell,
                                            &event);
    if (rc < 0) {
        weft__os->close((int)fd);
        if (bell >= 0)
            weft__os->close((int)bell);
        return (int)rc;
    }
    pool->poll = (int)fd;
    pool->bell = (int)bell;
    return 0;
}

static int copy_options(struct weft__process_pool *pool,
                        const weft_process_pool_options *given)
{
    weft_process_pool_options *to = &pool->options;
    const struct weft_job_entry *init = NULL;
    if (given->size > sizeof(*to))
        return -EINVAL;
    memcpy(to, given, given->size);
    if (to->max_processes == 0 || to->job_time < 0 || to->grace < 0 ||
        to->init_size > WEFT__WIRE_INLINE ||
        (to->init != NULL &&
         (init = weft__child_job(to->init, strlen(to->init))) == NULL))
        return -EINVAL;
    to->init = init != NULL ? init->name : NULL; /* theirs may go */
    to->grace = to->grace ? to->grace : WEFT_S(1);
    if (to->init_size == 0)
        return 0;
    pool->init_bytes = weft__mem_alloc(1, to->init_size);
    if (pool->init_bytes == NULL)
        return -ENOMEM;
    memcpy(pool->init_bytes, to->init_bytes, to->init_size);
    return 0;
}

static int init_pool(struct weft__process_pool *pool, struct weft_runtime *rt)
{
    pool->executor.options.max_threads = 1;
    pool->executor.options.name = "weft-c";
    pool->manager.run = manage;
    pool->manager.drop = not_managed;
    int rc = open_descriptors(pool);
    if (rc < 0)
        return rc;
    rc = weft__executor_init(&pool->executor, rt, &processes, &hooks);
    if (rc < 0) {
        weft__os->close(pool->poll);
        weft__os->close(pool->bell);
    }
    return rc;
}

int weft_process_pool_new(const weft_process_pool_options *options,
                          weft_executor **out)
{
    struct weft__worker *self = weft__worker_self();
    if (weft__child_is_one()) /* and its children, and theirs, would be, too */
        _exit(1);
    struct weft__process_pool *pool = weft__mem_alloc(1, sizeof(*pool));
    if (pool == NULL)
        return -ENOMEM;
    int rc = copy_options(pool, options);
    if (rc == 0)
        rc = init_pool(pool, self ? self->rt : NULL);
    if (rc < 0) {
        weft__mem_free(pool->init_bytes);
        weft__mem_free(pool);
        return rc;
    }
    weft__executor_open(&pool->executor);
    weft__debug_opened(&pool->executor, pool->executor.rt, "process pool", -1,
                       weft__debug_site());
    *out = &pool->executor;
    return 0;
}

/* Submitting */

/* The payload, with the job or in memory of its own. */
static int copy_in(struct weft__remote *job, const void *in, size_t size)
{
    job->memory = -1;
    job->size = size;
    if (size <= WEFT__WIRE_INLINE) {
        if (size > 0)
            memcpy(job->bytes, in, size);
        return 0;
    }
    long fd = weft__os->share_new(in, size);
    if (fd < 0)
        return (int)fd;
    job->memory = (int)fd;
    return 0;
}

/* Under the lock: it has its place. Returns whether a manager is to come. */
static bool place(struct weft__process_pool *pool, struct weft__remote *job)
{
    job->id = ++pool->ids;
    link_between(pool, pool->tail, job, NULL);
    if (pool->head == job)
        weft__manager_hand_out(pool);
    if (job->queued || pool->options.job_time > 0)
        ring(pool);
    bool first = !pool->managed;
    pool->managed = true;
    return first;
}

static void submit(struct weft__process_pool *pool, struct weft__remote *job,
                   int rc)
{
    struct weft__loop *loop;
    bool first = false;
    int entered = weft__work_enter(&job->work, &loop);
    rc = rc < 0 ? rc : entered;
    weft__lock(&pool->lock);
    if (rc == 0)
        rc = pool->closing ? -WEFT_ESHUTDOWN : pool->broken;
    if (rc == 0)
        first = place(pool, job);
    weft__unlock(&pool->lock);
    if (first && weft__crew_push(&pool->executor.crew, &pool->manager) < 0)
        not_managed(&pool->manager, -WEFT_ESHUTDOWN);
    if (rc < 0) {
        job->code = rc;
        complete(job);
    }
    weft__work_entered(loop);
}

weft_future *weft_submit_job(weft_executor *executor, const char *name,
                             const void *in, size_t size, weft_bytes *out)
{
    const struct weft_job_entry *entry = weft__child_job(name, strlen(name));
    if (out != NULL)
        *out = (weft_bytes){NULL, 0, 0};
    if (executor->class != &processes || entry == NULL)
        return weft__future_failed(-EINVAL);
    struct weft__process_pool *pool = pool_of(executor);
    size_t beside = size <= WEFT__WIRE_INLINE ? size : 0;
    struct weft__remote *job = weft__mem_alloc(1, sizeof(*job) + beside);
    if (job == NULL)
        return weft__future_failed(-ENOMEM);
    int rc = copy_in(job, in, size);
    job->entry = entry;
    job->out = out;
    weft__work_init(&job->work, executor, &remote_producer, entry->name, NULL,
                    NULL);
    submit(pool, job, rc);
    return &job->work.future;
}

void weft_bytes_free(weft_bytes *bytes)
{
    if (bytes->mapped > 0)
        weft__os->unmap((void *)(uintptr_t)bytes->data, bytes->mapped);
    else
        weft__mem_free((void *)(uintptr_t)bytes->data);
    *bytes = (weft_bytes){NULL, 0, 0};
}
