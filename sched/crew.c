// SPDX-License-Identifier: MIT
/* OS threads: see crew.h. */
#include "sched/crew.h"

#include <errno.h>
#include <stdio.h>

#define IDLE_NS INT64_C(5000000000)

/* One place that starts, names, counts and caps */

int weft__thread_open(struct weft__census *census, uintptr_t *thread,
                      const char *name, int number, weft__thread_fn *fn,
                      void *arg)
{
    char full[16];
    if (number < 0)
        snprintf(full, sizeof(full), "%s", name);
    else
        snprintf(full, sizeof(full), "%s%d", name, number);
    if (weft__fetch_add(&census->count, 1) >= census->limit) {
        weft__thread_closed(census);
        return -EAGAIN;
    }
    int rc = (int)weft__os->thread_start(thread, full, fn, arg);
    if (rc < 0)
        weft__thread_closed(census);
    return rc;
}

void weft__thread_closed(struct weft__census *census)
{
    weft__fetch_sub(&census->count, 1);
}

/* The crew */

void weft__crew_init(struct weft__crew *crew, struct weft__census *census,
                     const char *name, unsigned limit)
{
    *crew = (struct weft__crew){.census = census, .name = name, .limit = limit};
}

static struct weft__job *take(struct weft__crew *crew)
{
    struct weft__job *job = crew->head;
    if (job != NULL) {
        crew->head = job->next;
        crew->queued--;
    }
    return job;
}

/* Wait for the bell; false after the idle time, or when the crew closes. Under
 * the lock before and after, not meanwhile. */
static bool wait_for_work(struct weft__crew *crew)
{
    if (crew->closed)
        return false;
    uint32_t heard = weft__load_relaxed(&crew->bell);
    crew->idle++;
    weft__unlock(&crew->lock);
    long rc =
        weft__os->futex_wait(&crew->bell, heard, weft__os->now() + IDLE_NS);
    weft__lock(&crew->lock);
    crew->idle--;
    return crew->head != NULL || rc != -ETIMEDOUT;
}

static void ring(_Atomic(uint32_t) *bell, int count)
{
    weft__fetch_add(bell, 1); /* the futex compares it */
    weft__os->futex_wake(bell, count);
}

static void work(void *arg)
{
    struct weft__crew *crew = arg;
    weft__lock(&crew->lock);
    do {
        struct weft__job *job;
        while ((job = take(crew)) != NULL) {
            weft__unlock(&crew->lock);
            job->run(job);
            weft__lock(&crew->lock);
        }
    } while (wait_for_work(crew));
    crew->threads--;
    weft__thread_closed(crew->census);
    /* The last touch: close() waits for the count, then for this lock. */
    ring(&crew->gone, INT32_MAX);
    weft__unlock_last(&crew->lock);
}

/* Under the lock. One more thread if none is free for what is queued. */
static int reinforce(struct weft__crew *crew)
{
    if (crew->idle >= crew->queued || crew->threads >= crew->limit)
        return 0;
    uintptr_t thread;
    int rc = weft__thread_open(crew->census, &thread, crew->name,
                               (int)crew->started, work, crew);
    if (rc < 0)
        return rc;
    weft__os->thread_detach(thread);
    crew->started++;
    crew->threads++;
    return 0;
}

int weft__crew_push(struct weft__crew *crew, struct weft__job *job)
{
    weft__lock(&crew->lock);
    crew->queued++;
    int rc = crew->closed ? -EAGAIN : reinforce(crew);
    if (rc < 0 && (crew->threads == 0 || crew->closed)) {
        crew->queued--;
        weft__unlock(&crew->lock);
        return rc;
    }
    job->next = NULL;
    if (crew->head == NULL)
        crew->head = job;
    else
        crew->tail->next = job;
    crew->tail = job;
    bool wake = crew->idle > 0;
    weft__fetch_add(&crew->bell, 1); /* before the unlock: wait_for_work() */
    weft__unlock(&crew->lock);
    if (wake)
        weft__os->futex_wake(&crew->bell, 1);
    return 0;
}

bool weft__crew_remove(struct weft__crew *crew, struct weft__job *job)
{
    weft__lock(&crew->lock);
    struct weft__job *before = NULL;
    struct weft__job *at = crew->head;
    while (at != NULL && at != job) {
        before = at;
        at = at->next;
    }
    if (at != NULL) {
        if (before == NULL)
            crew->head = at->next;
        else
            before->next = at->next;
        if (crew->tail == at)
            crew->tail = before;
        crew->queued--;
    }
    weft__unlock(&crew->lock);
    return at != NULL;
}

void weft__crew_empty(struct weft__crew *crew, void (*drop)(struct weft__job *))
{
    weft__lock(&crew->lock);
    struct weft__job *job = crew->head;
    crew->head = NULL;
    crew->queued = 0;
    weft__unlock(&crew->lock);
    while (job != NULL) {
        struct weft__job *next = job->next;
        drop(job);
        job = next;
    }
}

void weft__crew_close(struct weft__crew *crew)
{
    weft__lock(&crew->lock);
    crew->closed = true;
    weft__unlock(&crew->lock);
    ring(&crew->bell, INT32_MAX);
    for (;;) {
        uint32_t seen = weft__load_acquire(&crew->gone); /* pairs with ring */
        weft__lock(&crew->lock);
        unsigned left = crew->threads;
        weft__unlock(&crew->lock);
        if (left == 0)
            return;
        weft__os->futex_wait(&crew->gone, seen, INT64_MAX);
    }
}
