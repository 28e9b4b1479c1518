// SPDX-License-Identifier: MIT
/*
 * Bounded queues: a ring of pointers under a spin lock, and two lines of those
 * who wait.
 *
 * Whoever waits to get is handed an item, whoever waits to put has his item
 * moved into the ring by the one who makes room; so a sleeper that was woken
 * has nothing left to do. Laws, while the lock is free: if somebody waits to
 * get, the ring is empty and nobody waits to put; if somebody waits to put, the
 * ring is full. So nobody overtakes.
 *
 * A wake takes much longer than a put. While one is on its way the others go on
 * filling (or emptying) the ring, and there is one wake for many items. The last
 * touch of a queue by each call is the release of the lock.
 */
#include "future/line.h"

#include <limits.h>
#include <weft/queue.h>
#include <weft/time.h>

struct weft_queue {
    /* The lock's; capacity is fixed. */
    struct weft__spin lock;
    bool closed;
    uint32_t head; /* the oldest item */
    uint32_t count;
    uint32_t capacity;
    struct weft__line getters, putters;
    void *ring[];
};

/* Who waits. `item` and `code` are written by who takes it off the line. */
struct turn {
    struct weft__sleeper sleeper;
    void *item; /* to be put, or got */
    int code;
};

static struct turn *turn_of(struct weft__sleeper *sleeper)
{
    return weft__container_of(sleeper, struct turn, sleeper);
}

/* With the lock held. What is returned in *woken is to be woken without it. */

static void **place(weft_queue *queue, uint32_t at)
{
    return &queue->ring[at < queue->capacity ? at : at - queue->capacity];
}

static void advance(weft_queue *queue)
{
    queue->head = queue->head + 1 < queue->capacity ? queue->head + 1 : 0;
}

static int put_now(weft_queue *queue, void *item, struct weft__sleeper **woken)
{
    *woken = NULL;
    if (weft__unlikely(queue->closed))
        return -WEFT_ECLOSED;
    if (weft__unlikely(queue->getters.first != NULL)) {
        *woken = weft__line_pop(&queue->getters);
        turn_of(*woken)->item = item;
        return 0;
    }
    if (weft__unlikely(queue->count == queue->capacity))
        return -WEFT_EBUSY;
    *place(queue, queue->head + queue->count++) = item;
    return 0;
}

static int get_now(weft_queue *queue, void **item, struct weft__sleeper **woken)
{
    *woken = NULL;
    if (weft__unlikely(queue->putters.first != NULL))
        *woken = weft__line_pop(&queue->putters);
    if (weft__likely(queue->count > 0)) {
        void **oldest = place(queue, queue->head);
        *item = *oldest;
        advance(queue);
        if (*woken != NULL)
            *oldest = turn_of(*woken)->item; /* the newest: it was full */
        else
            queue->count--;
        return 0;
    }
    if (*woken == NULL)
        return queue->closed ? -WEFT_ECLOSED : -WEFT_EBUSY;
    *item = turn_of(*woken)->item;
    return 0;
}

static void unlock_and_wake(weft_queue *queue, struct weft__sleeper *woken)
{
    weft__spin_unlock(&queue->lock);
    if (weft__unlikely(woken != NULL))
        weft__sleeper_wake(woken);
}

/* Get in line, and wait. */
static WEFT__NOINLINE int wait_turn(weft_queue *queue, struct weft__line *line,
                                    struct turn *turn)
{
    uint64_t waits = weft__waits(WEFT_WAITS_QUEUE, (uint64_t)(uintptr_t)queue);
    turn->code = 0;
    weft__line_push(line, &turn->sleeper);
    weft__spin_unlock(&queue->lock);
    int rc = weft__sleeper_wait(&turn->sleeper, &queue->lock, line, waits);
    return rc < 0 ? rc : turn->code;
}

/* For coroutines, and for threads if `task` is NULL. With the lock held. */

static WEFT__NOINLINE int put(weft_queue *queue, void *item, weft_future *task,
                              int64_t until)
{
    struct weft__sleeper *woken;
    int rc = put_now(queue, item, &woken);
    if (rc == -WEFT_EBUSY) {
        struct turn turn;
        turn.item = item;
        weft__sleeper_init(&turn.sleeper, task, until);
        return wait_turn(queue, &queue->putters, &turn);
    }
    unlock_and_wake(queue, woken);
    return rc;
}

static WEFT__NOINLINE int get(weft_queue *queue, void **item, weft_future *task,
                              int64_t until)
{
    struct weft__sleeper *woken;
    int rc = get_now(queue, item, &woken);
    if (rc == -WEFT_EBUSY) {
        struct turn turn;
        weft__sleeper_init(&turn.sleeper, task, until);
        rc = wait_turn(queue, &queue->getters, &turn);
        if (rc == 0)
            *item = turn.item;
        return rc;
    }
    unlock_and_wake(queue, woken);
    return rc;
}

/* Coroutines. What happens most often comes first, and calls nobody. */

static WEFT__NOINLINE int put_slow(weft_queue *queue, void *item,
                                   weft_future *self)
{
    int rc = weft__task_check_of(self, "weft_queue_put");
    if (rc < 0)
        return rc;
    weft__spin_lock(&queue->lock);
    return put(queue, item, self, 0);
}

static WEFT__NOINLINE int get_slow(weft_queue *queue, void **item,
                                   weft_future *self)
{
    int rc = weft__task_check_of(self, "weft_queue_get");
    if (rc < 0)
        return rc;
    weft__spin_lock(&queue->lock);
    return get(queue, item, self, 0);
}

/* Others get their turn. Counted anew also if there was nobody. Returns 0. */
static WEFT__NOINLINE int give_way(void)
{
    weft__task_give_way();
    return 0;
}

int weft_queue_put(weft_queue *queue, void *item)
{
    struct weft__worker *worker = weft__worker_self();
    weft_future *self = weft__task_current();
    if (weft__unlikely(self == NULL) || !weft__task_is_calm(self) ||
        !weft__spin_try(&queue->lock))
        return put_slow(queue, item, self);
    if (weft__unlikely(queue->closed || queue->getters.first != NULL ||
                       queue->count == queue->capacity))
        return put(queue, item, self, 0);
    *place(queue, queue->head + queue->count++) = item;
    weft__spin_unlock(&queue->lock);
    return weft__likely(worker->budget-- != 0) ? 0 : give_way();
}

int weft_queue_get(weft_queue *queue, void **item)
{
    struct weft__worker *worker = weft__worker_self();
    weft_future *self = weft__task_current();
    if (weft__unlikely(self == NULL) || !weft__task_is_calm(self) ||
        !weft__spin_try(&queue->lock))
        return get_slow(queue, item, self);
    if (weft__unlikely(queue->putters.first != NULL || queue->count == 0))
        return get(queue, item, self, 0);
    *item = *place(queue, queue->head);
    advance(queue);
    queue->count--;
    weft__spin_unlock(&queue->lock);
    return weft__likely(worker->budget-- != 0) ? 0 : give_way();
}

int weft_queue_put_nowait(weft_queue *queue, void *item)
{
    struct weft__sleeper *woken;
    weft__spin_lock(&queue->lock);
    int rc = put_now(queue, item, &woken);
    unlock_and_wake(queue, woken);
    return rc;
}

int weft_queue_get_nowait(weft_queue *queue, void **item)
{
    struct weft__sleeper *woken;
    weft__spin_lock(&queue->lock);
    int rc = get_now(queue, item, &woken);
    unlock_and_wake(queue, woken);
    return rc;
}

/* Threads */

int weft_queue_put_blocking(weft_queue *queue, void *item, weft_ns timeout)
{
    if (weft__worker_self() != NULL)
        return weft__misuse(-WEFT_EDEADLK, __func__, WEFT__BLOCKS);
    int rc = weft_queue_put_nowait(queue, item);
    if (rc != -WEFT_EBUSY || timeout <= 0)
        return rc == -WEFT_EBUSY ? -WEFT_ETIMEOUT : rc;
    int64_t until = weft_after(timeout);
    weft__spin_lock(&queue->lock);
    return put(queue, item, NULL, until);
}

int weft_queue_get_blocking(weft_queue *queue, void **item, weft_ns timeout)
{
    if (weft__worker_self() != NULL)
        return weft__misuse(-WEFT_EDEADLK, __func__, WEFT__BLOCKS);
    int rc = weft_queue_get_nowait(queue, item);
    if (rc != -WEFT_EBUSY || timeout <= 0)
        return rc == -WEFT_EBUSY ? -WEFT_ETIMEOUT : rc;
    int64_t until = weft_after(timeout);
    weft__spin_lock(&queue->lock);
    return get(queue, item, NULL, until);
}

/* Life */

int weft_queue_new(size_t capacity, weft_queue **out)
{
    if (capacity > INT_MAX)
        return -EINVAL;
    weft_queue *queue =
        weft__mem_alloc(1, sizeof(*queue) + capacity * sizeof(void *));
    if (queue == NULL)
        return -ENOMEM;
    queue->capacity = (uint32_t)capacity;
    *out = queue;
    return 0;
}

void weft_queue_free(weft_queue *queue)
{
    if (queue != NULL && weft__debug_on() &&
        (queue->getters.first != NULL || queue->putters.first != NULL))
        weft__debug_misuse(__func__, "somebody waits for this queue");
    weft__mem_free(queue);
}

/* All of a line, refused; still by ->next, to be woken. */
static struct weft__sleeper *refuse(struct weft__line *line)
{
    struct weft__sleeper *first = line->first;
    for (struct weft__sleeper *at = first; at != NULL; at = at->next) {
        at->listed = false;
        turn_of(at)->code = -WEFT_ECLOSED;
    }
    *line = (struct weft__line){NULL, NULL};
    return first;
}

static void wake_all(struct weft__sleeper *sleeper)
{
    while (sleeper != NULL) {
        struct weft__sleeper *next = sleeper->next;
        weft__sleeper_wake(sleeper);
        sleeper = next;
    }
}

void weft_queue_close(weft_queue *queue, void (*drop)(void *item))
{
    void *item;
    weft__spin_lock(&queue->lock);
    queue->closed = true;
    struct weft__sleeper *putters = refuse(&queue->putters);
    struct weft__sleeper *getters = refuse(&queue->getters);
    weft__spin_unlock(&queue->lock);
    wake_all(putters);
    wake_all(getters);
    while (drop != NULL && weft_queue_get_nowait(queue, &item) == 0)
        drop(item);
}

size_t weft_queue_size(weft_queue *queue)
{
    weft__spin_lock(&queue->lock);
    size_t count = queue->count;
    weft__spin_unlock(&queue->lock);
    return count;
}

size_t weft_queue_capacity(const weft_queue *queue)
{
    return queue->capacity;
}
