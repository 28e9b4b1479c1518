// SPDX-License-Identifier: MIT
/* File calls in flight: which way they go, and how they are waited for. */
#include "loop/operation.h"

#include "loop/readiness.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

/* On a thread of the crew. */

static long call(struct weft__operation *op)
{
    switch (op->kind) {
    case WEFT__OP_OPEN:
        return weft__os->open(op->fd, op->path, op->flags, op->mode);
    case WEFT__OP_READ:
        return weft__os->pread(op->fd, op->buffer, op->size,
                               (int64_t)op->offset);
    default:
        return weft__os->statx(op->fd, op->path, op->flags, op->mode,
                               op->buffer);
    }
}

static void run_job(struct weft__job *job)
{
    struct weft__operation *op =
        weft__container_of(job, struct weft__operation, job);
    op->result = call(op);
    weft__sched_wake(op->coro, WEFT__WAKE_NOTIFY);
}

static void drop_job(struct weft__job *job, int code)
{
    struct weft__operation *op =
        weft__container_of(job, struct weft__operation, job);
    op->result = code;
    weft__sched_wake(op->coro, WEFT__WAKE_NOTIFY);
}

/* Waiting */

static void wait_notified(void)
{
    weft_future *self = weft__task_current();
    uint64_t waits = weft__waits(WEFT_WAITS_FILE, 0);
    while (!(weft__task_suspend(self, WEFT__WAKE_NOTIFY, waits) &
             WEFT__WAKE_NOTIFY))
        ;
}

/* True: notified. False: cancelled first. */
static bool wait_or_cancelled(void)
{
    weft_future *self = weft__task_current();
    uint32_t mask = WEFT__WAKE_NOTIFY | WEFT__WAKE_INTERRUPT;
    uint64_t waits = weft__waits(WEFT_WAITS_FILE, 0);
    while (!(weft__task_suspend(self, mask, waits) & WEFT__WAKE_NOTIFY))
        if (weft__task_cancelled(self))
            return false;
    return true;
}

static long run_on_thread(struct weft__operation *op)
{
    struct weft__crew *crew = &op->loop->rt->crew;
    op->job.run = run_job;
    op->job.drop = drop_job;
    int rc = weft__crew_push(crew, &op->job);
    if (rc < 0)
        return rc;
    if (!wait_or_cancelled()) {
        if (weft__crew_remove(crew, &op->job))
            return -WEFT_ECANCELED;
        wait_notified();
    }
    return op->result;
}

static long run_on_ring(struct weft__operation *op)
{
    int rc = weft__uring_submit(op);
    if (rc < 0)
        return rc;
    if (rc > 0 && !wait_or_cancelled()) {
        weft__uring_cancel(op);
        wait_notified();
    }
    return op->result == -ECANCELED ? -WEFT_ECANCELED : op->result;
}

/* The ring is full, or this kernel or file system does not do it there. */
static bool is_refusal(long rc)
{
    return rc == -EBUSY || rc == -EINVAL || rc == -ENOSYS || rc == -EOPNOTSUPP;
}

long weft__operation_run(struct weft__operation *op)
{
    struct weft__worker *self = weft__worker_self();
    op->coro = self->current;
    op->loop = self->loop;
    long rc = -EBUSY;
    if (weft__engine_of(op->loop)->kind == WEFT_ENGINE_URING)
        rc = run_on_ring(op);
    if (is_refusal(rc))
        rc = run_on_thread(op);
    weft__io_give_way();
    return rc;
}
