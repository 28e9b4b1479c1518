// SPDX-License-Identifier: MIT
/* The children of a pool, and who manages them: see process_pool.h. */
#include "exec/child.h"
#include "exec/process_pool.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <weft/time.h>

#define EVENTS 32
#define RETRY_NS 10000000 /* a socket was full, or the system short of memory */
#define STARTS 3 /* children in a row that ended before they were ready */

/* Under the lock, all but the last ones */

static void end_child(struct weft__child *child, int signo, int64_t when)
{
    child->state = WEFT__CHILD_ENDS;
    child->signo = signo;
    child->until = when;
}

void weft__manager_terminate(struct weft__child *child)
{
    if (child->state != WEFT__CHILD_BUSY)
        return;
    child->why = -WEFT_ECANCELED;
    end_child(child, SIGTERM, weft__os->now());
}

/* Closing alone does neither of both while somebody else has the descriptors,
 * too: a fork of this program, or a process that it is just starting. */
static void forget(struct weft__process_pool *pool, int fd)
{
    weft__os->poll_ctl(pool->poll, EPOLL_CTL_DEL, fd, NULL);
}

static void hang_up(struct weft__process_pool *pool, struct weft__child *child)
{
    if (child->socket < 0)
        return;
    forget(pool, child->socket);
    weft__os->shutdown(child->socket, SHUT_RDWR);
    weft__os->close(child->socket);
    child->socket = -1;
}

/* It is to go by itself: nobody talks to it any more. */
static void retire(struct weft__process_pool *pool, struct weft__child *child)
{
    hang_up(pool, child);
    pool->starts -= child->state == WEFT__CHILD_STARTS;
    end_child(child, SIGKILL, weft__os->now() + pool->options.grace);
}

static int send_job(struct weft__child *child, const struct weft__remote *job)
{
    struct weft__frame frame = {.kind = WEFT__FRAME_JOB,
                                .id = job->id,
                                .text = job->entry->name,
                                .text_size = strlen(job->entry->name),
                                .payload = job->bytes,
                                .size = job->size};
    return weft__wire_send(child->socket, &frame, job->memory);
}

static struct weft__child *find_idle(struct weft__process_pool *pool)
{
    struct weft__child *child = pool->children;
    while (child != NULL && child->state != WEFT__CHILD_IDLE)
        child = child->next;
    return child;
}

/* To idle children, in order. */
void weft__manager_hand_out(struct weft__process_pool *pool)
{
    struct weft__child *child;
    while (pool->head != NULL && (child = find_idle(pool)) != NULL) {
        struct weft__remote *job = pool->head;
        int rc = send_job(child, job);
        if (rc == -EAGAIN || rc == -ENOMEM || rc == -ENOBUFS) {
            pool->retry = weft__os->now() + RETRY_NS;
            return;
        }
        if (rc < 0) { /* it is dead, and will be found */
            end_child(child, SIGKILL, weft__os->now());
            continue;
        }
        weft__remote_unlink(pool, job);
        child->job = job;
        child->state = WEFT__CHILD_BUSY;
        if (pool->options.job_time > 0) {
            child->until = weft_after(pool->options.job_time);
            child->signo = SIGKILL;
        }
    }
}

static int greet(struct weft__process_pool *pool, struct weft__child *child)
{
    const char *init = pool->options.init;
    struct weft__frame frame = {.kind = WEFT__FRAME_JOB,
                                .text = init ? init : WEFT__CHILD_HELLO,
                                .payload = pool->init_bytes,
                                .size = pool->options.init_size};
    frame.text_size = strlen(frame.text);
    return weft__wire_send(child->socket, &frame, -1);
}

/* What an event is about: what a child says, or, with this bit, its end. */
#define ITS_END ((uintptr_t)1)

static int watch(struct weft__process_pool *pool, struct weft__child *child)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = child};
    int rc = (int)weft__os->poll_ctl(pool->poll, EPOLL_CTL_ADD, child->socket,
                                     &event);
    if (rc < 0)
        return rc;
    event.data.ptr = (void *)((uintptr_t)child | ITS_END);
    rc = (int)weft__os->poll_ctl(pool->poll, EPOLL_CTL_ADD, child->pidfd,
                                 &event);
    if (rc < 0)
        weft__os->poll_ctl(pool->poll, EPOLL_CTL_DEL, child->socket, NULL);
    return rc;
}

static int start_child(struct weft__process_pool *pool)
{
    struct weft__child *child = weft__mem_alloc(1, sizeof(*child));
    if (child == NULL)
        return -ENOMEM;
    weft__unlock(&pool->lock); /* it takes a while: nobody is to wait for it */
    int rc = weft__child_start(child, &pool->options);
    if (rc == 0 && (rc = watch(pool, child)) < 0)
        weft__child_abort(child); /* nobody would see its end */
    weft__lock(&pool->lock);
    if (rc < 0) {
        weft__mem_free(child);
        return rc;
    }
    child->next = pool->children;
    pool->children = child;
    pool->count++;
    pool->starts++;
    rc = greet(pool, child);
    if (rc < 0) /* the next look finds it dead */
        weft__child_signal(child, SIGKILL);
    return rc;
}

/* As many as there are jobs for. The lock is not held all the time. */
static void start_children(struct weft__process_pool *pool,
                           struct weft__remote **done)
{
    while (pool->queued > pool->starts && pool->broken == 0 &&
           pool->count < pool->options.max_processes) {
        int rc = start_child(pool);
        if (rc == 0)
            continue;
        pool->retry = weft__os->now() + RETRY_NS;
        if (pool->count == 0)
            weft__remote_drop_all(pool, rc, done);
        return;
    }
}

/* Answers, under the lock */

static void break_pool(struct weft__process_pool *pool, int cause,
                       const char *words, struct weft__remote **done)
{
    if (pool->broken < 0)
        return;
    pool->broken = -WEFT_EBROKEN;
    pool->breach = words;
    pool->executor.cause = cause;
    weft__remote_drop_all(pool, -WEFT_EBROKEN, done);
    for (struct weft__child *child = pool->children; child; child = child->next)
        if (child->state != WEFT__CHILD_ENDS) {
            pool->starts -= child->state == WEFT__CHILD_STARTS;
            child->why = -WEFT_EBROKEN;
            end_child(child, SIGKILL, weft__os->now());
        }
}

static void free_child_for_next(struct weft__process_pool *pool,
                                struct weft__child *child)
{
    unsigned most = pool->options.jobs_per_child;
    child->job = NULL;
    child->jobs++;
    if (child->state != WEFT__CHILD_BUSY) {
        /* Told to end, and not in a job that could: the next one waits. */
        end_child(child, SIGKILL, weft__os->now());
        return;
    }
    child->until = INT64_MAX;
    child->state = WEFT__CHILD_IDLE;
    if (most > 0 && child->jobs >= most)
        retire(pool, child);
}

/* The result, in memory of the caller's. */
static int take_result(const struct weft__frame *frame, int fd, weft_bytes *out)
{
    size_t size = (size_t)frame->size;
    void *at = NULL;
    *out = (weft_bytes){NULL, 0, 0};
    if (size == 0)
        return 0;
    int rc = 0;
    if (fd < -1)
        rc = fd;
    else if (fd >= 0)
        rc = (int)weft__os->share_map(fd, size, &at);
    else if ((at = weft__mem_alloc(1, size)) == NULL)
        rc = -ENOMEM;
    if (rc < 0)
        return rc;
    if (fd < 0)
        memcpy(at, frame->payload, size);
    *out = (weft_bytes){at, size, fd >= 0 ? size : 0};
    return 0;
}

static void on_done(struct weft__process_pool *pool, struct weft__child *child,
                    const struct weft__frame *frame, int fd,
                    struct weft__remote **done)
{
    struct weft__remote *job = child->job;
    int code = frame->code;
    if (code == 0 && job->out != NULL)
        code = take_result(frame, fd, job->out);
    snprintf(job->words, sizeof(job->words), "%.*s", (int)frame->text_size,
             frame->text);
    weft__remote_give(done, job, code);
    free_child_for_next(pool, child);
}

static void on_hello(struct weft__process_pool *pool, struct weft__child *child,
                     const struct weft__frame *frame,
                     struct weft__remote **done)
{
    pool->starts--;
    pool->failures = 0;
    child->state = WEFT__CHILD_IDLE;
    if (frame->code < 0)
        break_pool(pool, frame->code, "init failed in a child", done);
}

/* False: no child of ours would say that. */
static bool on_packet(struct weft__process_pool *pool,
                      struct weft__child *child,
                      const struct weft__packet *packet,
                      struct weft__remote **done)
{
    struct weft__frame frame;
    if (weft__wire_decode(packet->bytes, packet->size, packet->fd != -1,
                          &frame) < 0)
        return false;
    if (frame.kind == WEFT__FRAME_HELLO && child->state == WEFT__CHILD_STARTS)
        on_hello(pool, child, &frame, done);
    else if (frame.kind == WEFT__FRAME_DONE && child->job != NULL &&
             child->job->id == frame.id)
        on_done(pool, child, &frame, packet->fd, done);
    else
        return false;
    return true;
}

/* One packet of what it has said; 1: it was one, 0: there is none, -1: it says
 * no more, or nonsense. */
static int listen_to(struct weft__process_pool *pool, struct weft__child *child,
                     struct weft__remote **done)
{
    struct weft__packet packet = {.bytes = pool->room,
                                  .size = sizeof(pool->room)};
    if (child->socket < 0)
        return 0;
    long rc = weft__os->packet_recv(child->socket, &packet);
    if (rc == -EAGAIN || rc == -EINTR)
        return 0;
    if (rc <= 0)
        return -1;
    bool sense = on_packet(pool, child, &packet, done);
    if (packet.fd >= 0)
        weft__os->close(packet.fd);
    return sense ? 1 : -1;
}

static void describe(const struct weft__child *child, char *words, size_t size)
{
    if (child->exit.killed)
        snprintf(words, size, "process %d was killed by signal %d", child->pid,
                 child->exit.code);
    else
        snprintf(words, size, "process %d ended with exit status %d",
                 child->pid, child->exit.code);
}

/* It has ended, or will. Its socket tells of that before the kernel does. */
static void note_failed_start(struct weft__process_pool *pool,
                              struct weft__child *child,
                              struct weft__remote **done)
{
    if (child->state != WEFT__CHILD_STARTS)
        return;
    pool->starts--;
    child->state = WEFT__CHILD_ENDS;
    if (++pool->failures == STARTS)
        break_pool(pool, -WEFT_ECRASHED,
                   "children end before they are ready: does main() call "
                   "weft_worker_main() first?",
                   done);
}

static void on_death(struct weft__process_pool *pool, struct weft__child *child,
                     struct weft__remote **done)
{
    int why = child->why ? child->why : -WEFT_ECRASHED;
    struct weft__remote *job = child->job;
    pool->count--;
    note_failed_start(pool, child, done);
    child->state = WEFT__CHILD_ENDS;
    child->until = INT64_MAX;
    child->job = NULL;
    if (job == NULL)
        return;
    describe(child, job->words, sizeof(job->words));
    weft__remote_give(done, job, why);
    if (why == -WEFT_ECRASHED && pool->options.strict)
        break_pool(pool, why, "a child of a strict pool has died", done);
}

static void on_words(struct weft__process_pool *pool, struct weft__child *child,
                     struct weft__remote **done)
{
    if (listen_to(pool, child, done) >= 0)
        return;
    note_failed_start(pool, child, done);
    child->state = WEFT__CHILD_ENDS;
    hang_up(pool, child);
    weft__child_signal(child, SIGKILL);
}

/* All that it had said before is there by now. */
static void on_end(struct weft__process_pool *pool, struct weft__child *child,
                   struct weft__remote **done)
{
    if (child->dead || !weft__child_reap(child))
        return;
    while (listen_to(pool, child, done) > 0)
        ;
    on_death(pool, child, done);
}

static void bury_the_dead(struct weft__process_pool *pool)
{
    struct weft__child **link = &pool->children;
    while (*link != NULL) {
        struct weft__child *child = *link;
        if (!child->dead) {
            link = &child->next;
            continue;
        }
        *link = child->next;
        hang_up(pool, child);
        forget(pool, child->pidfd);
        weft__child_close(child);
        weft__mem_free(child);
    }
}

/* The clock, under the lock */

/* Only now is that why it dies; and it gets no other job, even if it answers
 * before it is dead. */
static void note_timeout(struct weft__child *child)
{
    if (child->state != WEFT__CHILD_BUSY)
        return;
    child->state = WEFT__CHILD_ENDS;
    child->why = -WEFT_ETIMEOUT;
}

static void look_at_clock(struct weft__process_pool *pool)
{
    int64_t now = weft__os->now();
    for (struct weft__child *child = pool->children; child;
         child = child->next) {
        if (child->until > now)
            continue;
        note_timeout(child);
        weft__child_signal(child, child->signo);
        child->until =
            child->signo == SIGTERM ? now + pool->options.grace : INT64_MAX;
        child->signo = SIGKILL;
    }
}

static int64_t next_moment(struct weft__process_pool *pool)
{
    int64_t next = pool->retry ? pool->retry : INT64_MAX;
    for (struct weft__child *child = pool->children; child; child = child->next)
        if (child->until < next)
            next = child->until;
    return next;
}

/* Nobody needs them any more. */
static void let_go(struct weft__process_pool *pool)
{
    for (struct weft__child *child = pool->children; child; child = child->next)
        if (child->state == WEFT__CHILD_IDLE ||
            child->state == WEFT__CHILD_STARTS)
            retire(pool, child);
}

/* Managing */

/* What follows from what is known. Returns whether there is more to do. */
static bool arrange(struct weft__process_pool *pool, struct weft__remote **done)
{
    bury_the_dead(pool);
    pool->retry = 0;
    weft__manager_hand_out(pool);
    start_children(pool, done);
    look_at_clock(pool);
    if (pool->closing && pool->head == NULL)
        let_go(pool);
    if (!pool->closing || pool->head != NULL || pool->children != NULL)
        return true;
    pool->managed = false;
    return false;
}

static void on_event(struct weft__process_pool *pool, uintptr_t what,
                     struct weft__remote **done)
{
    struct weft__child *child = (struct weft__child *)(what & ~ITS_END);
    if (child == NULL)
        weft__os->event_clear(pool->bell);
    else if (what & ITS_END)
        on_end(pool, child, done);
    else
        on_words(pool, child, done);
}

static void sleep_until(struct weft__process_pool *pool, int64_t until)
{
    struct epoll_event event[EVENTS];
    struct weft__remote *done = NULL;
    int64_t left = until == INT64_MAX ? -1 : until - weft__os->now();
    long n = weft__os->poll_wait(pool->poll, event, EVENTS,
                                 until != INT64_MAX && left < 0 ? 0 : left);
    weft__lock(&pool->lock);
    for (long i = 0; i < n; i++)
        on_event(pool, (uintptr_t)event[i].data.ptr, &done);
    weft__unlock(&pool->lock);
    weft__remote_complete_all(done);
}

void weft__manager_run(struct weft__process_pool *pool)
{
    bool more = true;
    while (more) {
        struct weft__remote *done = NULL;
        weft__lock(&pool->lock);
        more = arrange(pool, &done);
        int64_t until = next_moment(pool);
        weft__unlock(&pool->lock);
        weft__remote_complete_all(done);
        if (more)
            sleep_until(pool, until);
    }
}
