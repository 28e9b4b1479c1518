// SPDX-License-Identifier: MIT
/* OS threads: see crew.h. */
#include "sched/crew.h"

#include "sched/patience.h"
#include "sched/runtime.h"

#include <errno.h>
#include <stdio.h>

#define IDLE_NS INT64_C(5000000000)
#define WATCH_NS 100000 /* between two looks of who watches */
#define LOOKS 10        /* at an empty queue before it goes to sleep */
#define SIT_OUT 7       /* chances to linger, after some in vain */

/* One place that starts, names, counts and caps */

int weft__thread_open(struct weft__census *census, uintptr_t *thread,
                      const char *name, int number, size_t stack,
                      weft__thread_fn *fn, void *arg)
{
    char full[16];
    if (number < 0)
        snprintf(full, sizeof(full), "%s", name);
    else
        snprintf(full, sizeof(full), "%.11s%d", name, number % 10000);
    if (weft__fetch_add(&census->count, 1) >= census->limit) {
        weft__thread_closed(census);
        return -EAGAIN;
    }
    int rc = (int)weft__os->thread_start(thread, full, stack, fn, arg);
    if (rc < 0)
        weft__thread_closed(census);
    return rc;
}

void weft__thread_closed(struct weft__census *census)
{
    weft__fetch_sub(&census->count, 1);
}

/* The queue, under the lock */

static unsigned queued(const struct weft__crew *crew)
{
    return weft__load_relaxed(&crew->queued);
}

static void append(struct weft__crew *crew, struct weft__job *job)
{
    job->next = NULL;
    job->prev = crew->tail;
    if (crew->tail == NULL)
        crew->head = job;
    else
        crew->tail->next = job;
    crew->tail = job;
    job->queued = true;
    weft__store_relaxed(&crew->queued, queued(crew) + 1);
}

static void unlink_job(struct weft__crew *crew, struct weft__job *job)
{
    if (job->prev == NULL)
        crew->head = job->next;
    else
        job->prev->next = job->next;
    if (job->next == NULL)
        crew->tail = job->prev;
    else
        job->next->prev = job->prev;
    job->queued = false;
    weft__store_relaxed(&crew->queued, queued(crew) - 1);
}

static void left_queue(struct weft__crew *crew)
{
    if (crew->hooks->room != NULL)
        crew->hooks->room(crew);
}

static void ring_all(_Atomic(uint32_t) *bell)
{
    weft__fetch_add(bell, 1); /* the futex compares it */
    weft__os->futex_wake(bell, INT32_MAX);
}

/* Calling. What to do when the lock is released: at most one of these. */

struct call {
    _Atomic(uint32_t) *ring; /* wake one there */
    unsigned start;          /* start a thread of this number, from 1 on, which
                                is counted by now */
    bool monitor;            /* have the monitor do that */
};

static const struct call no_call;

/* Read by who comes: since it was sent for. */
static void note_pace(struct weft__crew *crew)
{
    crew->taken_seen = crew->taken;
    crew->newest_seen = crew->taken + queued(crew);
}

static struct call ring_one(struct weft__crew *crew, _Atomic(uint32_t) *bell)
{
    crew->coming = WEFT__SENT_FOR;
    note_pace(crew);
    weft__fetch_add(bell, 1); /* the futex compares it */
    return (struct call){.ring = bell};
}

static bool is_lowered(void)
{
    struct weft__worker *self = weft__worker_self();
    return self != NULL && weft__load_relaxed(&self->lowered);
}

static struct call start_one(struct weft__crew *crew, bool low)
{
    if (low && crew->rt != NULL && crew->rt->monitor.thread != 0) {
        crew->wanted = true;
        return (struct call){.monitor = true};
    }
    crew->wanted = false;
    crew->coming = WEFT__SENT_FOR;
    note_pace(crew);
    crew->threads++;
    crew->started++;
    if (crew->hooks->came != NULL)
        crew->hooks->came(crew);
    return (struct call){.start = crew->started};
}

/* Nobody works: all that run wait for something. */
static bool is_stalled(const struct weft__crew *crew)
{
    return crew->running == crew->blocked + crew->leaning;
}

/* How many threads there may be, and jobs that run. If that many wait, one
 * more: it may be the queued one that they wait for, by whatever way. */
static unsigned allowed(const struct weft__crew *crew)
{
    unsigned most = crew->limit + crew->blocked;
    return is_stalled(crew) && crew->running >= most ? crew->running + 1 : most;
}

/* Some threads came for those who wait no more: who works has the next job, or
 * ends, and sends for one of those then. */
static bool is_full(const struct weft__crew *crew)
{
    return crew->running >= allowed(crew);
}

/* Under the lock. Somebody more for what is queued, if need be. */
static struct call send_for_one(struct weft__crew *crew)
{
    if (queued(crew) == 0 || crew->lingers || crew->wanted ||
        crew->coming == WEFT__SENT_FOR || is_full(crew))
        return no_call;
    if (crew->coming == WEFT__WATCHES)
        return is_stalled(crew) ? ring_one(crew, &crew->watch) : no_call;
    if (crew->idle > 0)
        return ring_one(crew, &crew->bell);
    if (crew->threads >= allowed(crew))
        return no_call;
    return start_one(crew, is_lowered());
}

static void work(void *crew);

/* Under the lock: all that is queued, as a list by ->next. */
static struct weft__job *detach_all(struct weft__crew *crew)
{
    struct weft__job *first = crew->head;
    crew->head = NULL;
    crew->tail = NULL;
    weft__store_relaxed(&crew->queued, 0);
    for (struct weft__job *job = first; job != NULL; job = job->next)
        job->queued = false;
    return first;
}

static void drop_all(struct weft__crew *crew, struct weft__job *job, int code)
{
    while (job != NULL) {
        struct weft__job *next = job->next;
        left_queue(crew);
        job->drop(job, code);
        job = next;
    }
}

/* It does not come. If nobody else is there, what was queued is dropped. Who
 * fell asleep meanwhile was not called, because of the one who was to come. */
static void not_started(struct weft__crew *crew, int code)
{
    void (*left)(struct weft__crew *, bool) = crew->hooks->left;
    struct weft__job *stranded = NULL;
    weft__lock(&crew->lock);
    crew->coming = WEFT__NOBODY_COMES;
    crew->threads--;
    if (crew->threads == 0)
        stranded = detach_all(crew);
    struct call call = crew->idle > 0 ? send_for_one(crew) : no_call;
    if (call.ring != NULL)
        weft__os->futex_wake(call.ring, 1);
    bool last = crew->closed && crew->threads == 0;
    ring_all(&crew->gone);
    weft__unlock(&crew->lock);
    drop_all(crew, stranded, code);
    if (left != NULL)
        left(crew, last);
}

/* The lock is released. */
static void make_call(struct weft__crew *crew, struct call call)
{
    uintptr_t thread;
    if (call.ring != NULL)
        weft__os->futex_wake(call.ring, 1);
    if (call.monitor)
        weft__runtime_crew_wants(crew->rt);
    if (call.start == 0)
        return;
    int rc = weft__thread_open(crew->census, &thread, crew->name,
                               (int)call.start - 1, crew->stack, work, crew);
    if (rc < 0)
        not_started(crew, rc);
    else
        weft__os->thread_detach(thread);
}

unsigned weft__crew_wanted(struct weft__crew *crew)
{
    struct call call = no_call;
    weft__lock(&crew->lock);
    if (crew->wanted) {
        crew->wanted = false;
        call = send_for_one(crew);
    }
    if (call.ring != NULL)
        weft__os->futex_wake(call.ring, 1);
    weft__unlock(&crew->lock);
    return call.start;
}

void weft__crew_start(struct weft__crew *crew, unsigned number)
{
    make_call(crew, (struct call){.start = number});
}

/* Taking, on a thread of the crew, under the lock */

static struct weft__job *take(struct weft__crew *crew)
{
    struct weft__job *job = crew->head;
    if (job == NULL)
        return NULL;
    unlink_job(crew, job);
    crew->taken++;
    crew->running++;
    return job;
}

/* One that was sent for just now: do the others do without it? */
static bool is_superfluous(const struct weft__crew *crew)
{
    return crew->running - crew->blocked >= crew->cpus &&
           crew->taken != crew->taken_seen;
}

/* Is what was queued at the last look gone? */
static bool gets_on(const struct weft__crew *crew)
{
    return crew->taken >= crew->newest_seen;
}

static void watch(struct weft__crew *crew)
{
    note_pace(crew);
    crew->coming = WEFT__WATCHES;
    uint32_t heard = weft__load_relaxed(&crew->watch);
    weft__unlock(&crew->lock);
    weft__os->futex_wait(&crew->watch, heard, weft__os->now() + WATCH_NS);
    weft__lock(&crew->lock);
}

/* As the one who comes. NULL: there is nothing left to do. */
static struct weft__job *come(struct weft__crew *crew)
{
    unsigned looks = 0;
    for (;;) {
        bool rung = crew->coming != WEFT__WATCHES;
        if (queued(crew) > 0 && !(rung ? is_superfluous(crew) : gets_on(crew)))
            break;
        looks = queued(crew) > 0 ? 0 : looks + 1;
        if (looks > LOOKS || crew->taken == 0 || crew->closed)
            break;
        watch(crew);
    }
    crew->coming = WEFT__NOBODY_COMES;
    return is_full(crew) ? NULL : take(crew);
}

static bool is_surplus(const struct weft__crew *crew)
{
    return crew->threads > allowed(crew);
}

/* The next one; or, if nobody does that yet, this thread waits awake for it.
 * Whoever hears that the last job has ended, and has another one, wakes nobody
 * then. */
static struct weft__job *take_or_linger(struct weft__crew *crew, bool *lingers)
{
    struct weft__job *job = is_surplus(crew) ? NULL : take(crew);
    *lingers =
        job == NULL && !crew->lingers && !crew->closed && !is_surplus(crew);
    crew->lingers |= *lingers;
    return job;
}

/* Run it, and what follows. Under the lock before, not after. Returns whether
 * this is the one who lingers. */
static bool run_all(struct weft__crew *crew, struct weft__job *job)
{
    struct call call = send_for_one(crew);
    bool lingers = false;
    weft__unlock(&crew->lock);
    while (job != NULL) {
        struct weft__job *done = job;
        void (*finish)(struct weft__job *) = done->finish;
        make_call(crew, call);
        left_queue(crew);
        done->run(done);
        weft__lock(&crew->lock);
        crew->running--;
        job = take_or_linger(crew, &lingers);
        call = job != NULL ? send_for_one(crew) : no_call;
        weft__unlock(&crew->lock);
        if (finish != NULL)
            finish(done);
    }
    return lingers;
}

static bool has_work(void *crew)
{
    return queued(crew) > 0;
}

/* For some microseconds, if that has paid of late. */
static void linger(struct weft__crew *crew, struct weft__patience *patience)
{
    if (!weft__patience_has(patience))
        return;
    weft__patience_wait(patience, has_work, crew);
    if (patience->left > SIT_OUT)
        patience->out = patience->left = SIT_OUT;
}

/* It, and all that comes while somebody is likely to have more. Under the lock
 * before and after, not meanwhile. */
static void work_off(struct weft__crew *crew, struct weft__job *job,
                     struct weft__patience *patience)
{
    while (job != NULL) {
        bool lingers = run_all(crew, job);
        if (lingers)
            linger(crew, patience);
        weft__lock(&crew->lock);
        if (lingers)
            crew->lingers = false;
        job = is_surplus(crew) ? NULL : take(crew);
    }
}

/* Wait for the bell; false: it is to end. Who was rung for at the end of its
 * sleep has been sent for, also if the job is gone: nobody else says that he is
 * there. */
static bool sleep_until_called(struct weft__crew *crew)
{
    if (crew->closed || crew->broken < 0 || is_surplus(crew))
        return false;
    uint32_t heard = weft__load_relaxed(&crew->bell);
    crew->idle++;
    weft__unlock(&crew->lock);
    long rc = weft__os->futex_wait(&crew->bell, heard,
                                   weft__os->now() + crew->idle_ns);
    weft__lock(&crew->lock);
    crew->idle--;
    return rc != -ETIMEDOUT || queued(crew) > 0 ||
           crew->coming == WEFT__SENT_FOR || crew->threads <= crew->least;
}

static void serve(struct weft__crew *crew)
{
    struct weft__patience patience = {0, 0};
    do {
        /* Woken for nothing, if there is one that watches. */
        struct weft__job *job =
            crew->coming == WEFT__WATCHES ? NULL : come(crew);
        work_off(crew, job, &patience);
    } while (sleep_until_called(crew));
}

/* No thread of it can be made ready. */
static void break_down(struct weft__crew *crew, int code)
{
    weft__lock(&crew->lock);
    crew->broken = code;
    crew->coming = WEFT__NOBODY_COMES;
    weft__unlock(&crew->lock);
    ring_all(&crew->bell);
    weft__crew_empty(crew, code);
}

/* The last touch of a crew that nobody holds is the unlock: who joins it waits
 * for the count, then for this lock. */
static void depart(struct weft__crew *crew)
{
    void (*left)(struct weft__crew *, bool) = crew->hooks->left;
    weft__lock(&crew->lock);
    crew->threads--;
    bool last = crew->closed && crew->threads == 0 && queued(crew) == 0;
    struct call call = send_for_one(crew); /* some came meanwhile */
    weft__thread_closed(crew->census);
    if (call.ring != NULL)
        weft__os->futex_wake(call.ring, 1);
    ring_all(&crew->gone);
    if (call.start != 0) { /* a thread that keeps it */
        weft__unlock(&crew->lock);
        weft__crew_start(crew, call.start);
    } else {
        weft__unlock_last(&crew->lock);
    }
    if (left != NULL)
        left(crew, last);
}

static void work(void *arg)
{
    struct weft__crew *crew = arg;
    const struct weft__crew_hooks *hooks = crew->hooks;
    int rc = hooks->begin != NULL ? hooks->begin(crew) : 0;
    if (rc < 0) {
        break_down(crew, rc);
    } else {
        weft__lock(&crew->lock);
        serve(crew);
        weft__unlock(&crew->lock);
        if (hooks->end != NULL)
            hooks->end(crew);
    }
    depart(crew);
}

/* From outside */

static const struct weft__crew_hooks no_hooks;

void weft__crew_init(struct weft__crew *crew, struct weft__census *census,
                     const char *name, unsigned limit)
{
    long cpus = weft__os->cpus();
    *crew = (struct weft__crew){.census = census,
                                .name = name,
                                .limit = limit,
                                .cpus = cpus > 0 ? (unsigned)cpus : 1,
                                .idle_ns = IDLE_NS,
                                .hooks = &no_hooks};
}

int weft__crew_push(struct weft__crew *crew, struct weft__job *job)
{
    struct call call = no_call;
    weft__lock(&crew->lock);
    int rc = crew->closed ? -WEFT_ESHUTDOWN : crew->broken;
    if (rc == 0) {
        append(crew, job);
        call = send_for_one(crew);
    }
    weft__unlock(&crew->lock);
    make_call(crew, call);
    return rc;
}

bool weft__crew_remove(struct weft__crew *crew, struct weft__job *job)
{
    weft__lock(&crew->lock);
    bool found = job->queued;
    if (found)
        unlink_job(crew, job);
    weft__unlock(&crew->lock);
    if (found)
        left_queue(crew);
    return found;
}

void weft__crew_empty(struct weft__crew *crew, int code)
{
    weft__lock(&crew->lock);
    struct weft__job *all = detach_all(crew);
    weft__unlock(&crew->lock);
    drop_all(crew, all, code);
}

static unsigned *waiting(struct weft__crew *crew, bool leans)
{
    return leans ? &crew->leaning : &crew->blocked;
}

void weft__crew_block(struct weft__crew *crew, bool leans)
{
    weft__lock(&crew->lock);
    ++*waiting(crew, leans);
    struct call call = send_for_one(crew);
    weft__unlock(&crew->lock);
    make_call(crew, call);
}

void weft__crew_unblock(struct weft__crew *crew, bool leans)
{
    weft__lock(&crew->lock);
    --*waiting(crew, leans);
    weft__unlock(&crew->lock);
}

bool weft__crew_close(struct weft__crew *crew)
{
    weft__lock(&crew->lock);
    crew->closed = true;
    struct call call = no_call;
    if (queued(crew) > 0 && crew->threads == 0)
        call = start_one(crew, false); /* the monitor was to do it */
    bool over = crew->threads == 0;
    weft__unlock(&crew->lock);
    make_call(crew, call);
    ring_all(&crew->bell);
    ring_all(&crew->watch);
    if (crew->hooks->closing != NULL)
        crew->hooks->closing(crew);
    return over;
}

void weft__crew_join(struct weft__crew *crew)
{
    weft__crew_close(crew);
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
