// SPDX-License-Identifier: MIT
/*
 * io_uring for files, a ring for each loop. Any worker may submit and reap,
 * under the engine's lock; no flag ties completions to a thread, which could be
 * stuck. The ring's descriptor lies in the loop's epoll.
 */
#include "loop/operation.h"
#include "sched/sched.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define ENTRIES 256

static void on_completions(struct weft__source *source, uint32_t events)
{
    (void)events;
    weft__uring_reap(source->loop);
}

int weft__uring_open(struct weft__loop *loop)
{
    struct weft__engine *engine = weft__engine_of(loop);
    struct weft__source *source = &engine->ring_source;
    int rc = (int)weft__os->ring_open(ENTRIES, &engine->ring);
    if (rc < 0)
        return rc;
    struct epoll_event event = {.events = EPOLLIN | EPOLLET,
                                .data.ptr = source};
    source->ready = on_completions;
    source->loop = loop;
    source->fd = engine->ring.ring_fd;
    rc = (int)weft__os->poll_ctl(engine->epfd, EPOLL_CTL_ADD, source->fd,
                                 &event);
    if (rc < 0) {
        weft__os->ring_close(&engine->ring);
        return rc;
    }
    engine->kind = WEFT_ENGINE_URING;
    return 0;
}

/* Under the lock. What the kernel does not take now (false) it takes with the
 * next submission or the next reap, whenever that is. */
static bool submit(struct weft__engine *engine)
{
    engine->unsubmitted = weft__os->ring_submit(&engine->ring) < 0;
    return !engine->unsubmitted;
}

/* Under the lock; the completed ones, newest first. */
static struct weft__operation *collect(struct weft__engine *engine)
{
    struct weft__operation *done = NULL;
    struct io_uring_cqe *cqe;
    while (io_uring_peek_cqe(&engine->ring, &cqe) == 0) {
        struct weft__operation *op = io_uring_cqe_get_data(cqe);
        if (op != NULL) { /* a cancel request has none */
            op->result = cqe->res;
            op->next = done;
            done = op;
            weft__fetch_sub(&engine->in_flight, 1);
        }
        io_uring_cqe_seen(&engine->ring, cqe);
    }
    return done;
}

static void wake_all(struct weft__operation *done)
{
    while (done != NULL) {
        struct weft__operation *next = done->next;
        weft__sched_wake(done->coro, WEFT__WAKE_NOTIFY);
        done = next;
    }
}

void weft__uring_reap(struct weft__loop *loop)
{
    struct weft__engine *engine = weft__engine_of(loop);
    weft__lock(&engine->lock);
    if (engine->unsubmitted)
        submit(engine);
    struct weft__operation *done = collect(engine);
    weft__unlock(&engine->lock);
    wake_all(done);
}

static void prepare(struct io_uring_sqe *sqe, struct weft__operation *op)
{
    switch (op->kind) {
    case WEFT__OP_OPEN:
        io_uring_prep_openat(sqe, op->fd, op->path, op->flags | O_CLOEXEC,
                             (mode_t)op->mode);
        break;
    case WEFT__OP_READ:
        io_uring_prep_read(sqe, op->fd, op->buffer, (unsigned)op->size,
                           op->offset);
        break;
    case WEFT__OP_STAT:
        io_uring_prep_statx(sqe, op->fd, op->path, op->flags, op->mode,
                            op->buffer);
        break;
    }
    io_uring_sqe_set_data(sqe, op);
}

/* Take ours out of those that completed: it needs no wake. */
static bool withdraw(struct weft__operation **done, struct weft__operation *op)
{
    while (*done != NULL && *done != op)
        done = &(*done)->next;
    if (*done == NULL)
        return false;
    *done = op->next;
    return true;
}

static void make_nop(struct io_uring_sqe *sqe)
{
    io_uring_prep_nop(sqe);
    io_uring_sqe_set_data(sqe, NULL);
}

/* Under the lock. False: not taken. Then its entry, which the kernel has not
 * seen, becomes one that nobody waits for. */
static bool submit_one(struct weft__engine *engine, struct weft__operation *op)
{
    if (engine->unsubmitted && !submit(engine))
        return false;
    struct io_uring_sqe *sqe = io_uring_get_sqe(&engine->ring);
    if (sqe == NULL) {
        submit(engine);
        return false;
    }
    prepare(sqe, op);
    weft__fetch_add_relaxed(&engine->in_flight, 1);
    if (submit(engine))
        return true;
    make_nop(sqe);
    weft__fetch_sub(&engine->in_flight, 1);
    return false;
}

int weft__uring_submit(struct weft__operation *op)
{
    struct weft__engine *engine = weft__engine_of(op->loop);
    weft__lock(&engine->lock);
    if (!submit_one(engine, op)) {
        weft__unlock(&engine->lock);
        return -EBUSY;
    }
    /* A file in the page cache is read within the submission. */
    struct weft__operation *done = collect(engine);
    bool mine = withdraw(&done, op);
    weft__unlock(&engine->lock);
    wake_all(done);
    return mine ? 0 : 1;
}

void weft__uring_cancel(struct weft__operation *op)
{
    struct weft__engine *engine = weft__engine_of(op->loop);
    weft__lock(&engine->lock);
    struct io_uring_sqe *sqe = io_uring_get_sqe(&engine->ring);
    if (sqe != NULL) {
        io_uring_prep_cancel(sqe, op, 0);
        io_uring_sqe_set_data(sqe, NULL);
        submit(engine);
    }
    weft__unlock(&engine->lock);
}
