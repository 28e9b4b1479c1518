// SPDX-License-Identifier: MIT
/*
 * The open loop of pace.h.
 *
 * Under `lock`: the free lines, the arrivals that wait, and each line's order.
 * A line is a connection with its task; it is on the free list, or has an order
 * (an arrival), or is about to look for one. The dispatcher is the only one
 * that adds arrivals.
 */
#include "perf/pace.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <weft/future.h>
#include <weft/task.h>

#include "perf/format.h"
#include "perf/progress.h"
#include "perf/random.h"

#define WATCH_EVERY WEFT_MS(50)
#define LOOK_EVERY WEFT_MS(1)
#define SETTLE WEFT_MS(20)
#define BURST 64 /* arrivals in a row, then others may run */

struct pace;

struct line {
    struct perf_client client;
    struct pace *pace;
    weft_future *task;
    struct line *next;   /* free list */
    atomic_bool settled; /* it has tried to connect */
    atomic_bool ordered;
    weft_time intended; /* the order: when to send, … */
    uint64_t number;    /* … the how-manieth it is, … */
    bool at_once;       /* … and whether the line was free when it came */
};

struct pace {
    const struct perf_pace_plan *plan;
    struct perf_pace_result *result;
    struct line *lines;
    weft_future *watcher;
    struct perf_progress progress;
    _Atomic uint64_t outstanding; /* offered and not yet over */
    atomic_bool under_way;        /* the schedule has begun */

    pthread_mutex_t lock;
    struct line *free_first, **free_last;
    weft_time *waiting; /* a ring of arrivals */
    size_t first, length, capacity;
    uint64_t orders;
};

int perf_pace_result_init(struct perf_pace_result *result)
{
    int rc;

    memset(result, 0, sizeof(*result));
    rc = perf_histogram_init(&result->intended);
    rc = rc != 0 ? rc : perf_histogram_init(&result->actual);
    rc = rc != 0 ? rc : perf_histogram_init(&result->apart);
    rc = rc != 0 ? rc : perf_histogram_init(&result->late);
    if (rc != 0) {
        perf_pace_result_fini(result);
    }
    return rc;
}

void perf_pace_result_fini(struct perf_pace_result *result)
{
    perf_histogram_fini(&result->intended);
    perf_histogram_fini(&result->actual);
    perf_histogram_fini(&result->apart);
    perf_histogram_fini(&result->late);
}

uint64_t perf_pace_failures(const struct perf_pace_result *result)
{
    uint64_t all = 0;

    for (int i = 0; i < PERF_FAILURES; i++) {
        all += atomic_load(&result->failed[i]);
    }
    return all;
}

static void add(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

/* Whether an arrival is behind the warm-up. */
static bool counts(const struct pace *pace, weft_time intended)
{
    return intended >= pace->result->start;
}

/* --- Arrivals that wait (under the lock) --- */

static int enlarge(struct pace *pace)
{
    size_t capacity = pace->capacity > 0 ? pace->capacity * 2 : 1024;
    weft_time *waiting = malloc(capacity * sizeof(*waiting));

    if (waiting == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < pace->length; i++) {
        waiting[i] = pace->waiting[(pace->first + i) % pace->capacity];
    }
    free(pace->waiting);
    pace->waiting = waiting;
    pace->first = 0;
    pace->capacity = capacity;
    return 0;
}

static int push(struct pace *pace, weft_time intended)
{
    if (pace->length == pace->capacity && enlarge(pace) != 0) {
        return -ENOMEM;
    }
    pace->waiting[(pace->first + pace->length) % pace->capacity] = intended;
    pace->length++;
    return 0;
}

static weft_time pop(struct pace *pace)
{
    weft_time intended = pace->waiting[pace->first];

    pace->first = (pace->first + 1) % pace->capacity;
    pace->length--;
    return intended;
}

static void order(struct line *line, weft_time intended, bool at_once)
{
    line->intended = intended;
    line->number = line->pace->orders++;
    line->at_once = at_once;
    atomic_store(&line->ordered, true);
}

/* --- A line --- */

/* Take the arrival that has waited longest, or become free. */
static void look_for_order(struct line *line)
{
    struct pace *pace = line->pace;

    pthread_mutex_lock(&pace->lock);
    atomic_store(&line->ordered, false);
    if (pace->length > 0) {
        order(line, pop(pace), false);
    } else {
        line->next = NULL;
        *pace->free_last = line;
        pace->free_last = &line->next;
    }
    pthread_mutex_unlock(&pace->lock);
}

static int wait_for_order(struct line *line)
{
    while (!atomic_load(&line->ordered)) {
        int rc = weft_suspend();

        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static bool is_apart(const struct line *line)
{
    const struct perf_pace_plan *plan = line->pace->plan;

    return plan->apart != NULL && plan->apart(plan->context, line->number);
}

static void record_time(struct line *line, const struct perf_exchange *exchange)
{
    struct perf_pace_result *result = line->pace->result;

    if (is_apart(line)) {
        perf_histogram_record(&result->apart, exchange->ended - line->intended);
        return;
    }
    perf_histogram_record(&result->intended, exchange->ended - line->intended);
    perf_histogram_record(&result->actual, exchange->ended - exchange->begun);
}

/* Count a request that is over. A failure that came quickly is no latency. */
static void record(struct line *line, const struct perf_exchange *exchange,
                   int rc)
{
    struct perf_pace_result *result = line->pace->result;

    add(&result->sent, 1);
    if (line->at_once) {
        perf_histogram_record(&result->late, exchange->begun - line->intended);
    }
    if (rc == 0) {
        add(&result->done, 1);
        add(&result->apart_done, is_apart(line));
        add(&result->bytes, exchange->bytes);
    } else if (rc == -PERF_FAILURE_CANCELLED) {
        add(&result->in_flight, 1);
    } else {
        add(&result->failed[-rc], 1);
    }
    if (rc == 0 || rc == -PERF_FAILURE_CANCELLED ||
        rc == -PERF_FAILURE_TIMEOUT) {
        record_time(line, exchange);
    }
}

static void serve_order(struct line *line)
{
    const struct perf_pace_plan *plan = line->pace->plan;
    struct perf_exchange exchange;
    int rc = perf_client_get(
        &line->client, plan->path(plan->context, line->number), &exchange);

    if (counts(line->pace, line->intended)) {
        record(line, &exchange, rc);
    }
    atomic_fetch_sub(&line->pace->outstanding, 1);
}

/* A line's task. It ends by being cancelled. */
static void *run_line(void *arg)
{
    struct line *line = arg;
    int rc = perf_client_connect(&line->client);

    atomic_store(&line->settled, true);
    while (!weft_cancelled()) {
        look_for_order(line);
        if (wait_for_order(line) != 0) {
            break;
        }
        serve_order(line);
    }
    return weft_fail(rc);
}

/* --- The watch --- */

static void show(struct pace *pace, weft_time now)
{
    struct perf_pace_result *result = pace->result;
    const struct perf_pace_plan *plan = pace->plan;
    char more[96] = "";

    if (plan->say != NULL) {
        plan->say(plan->context, more, sizeof(more));
    }
    perf_progress_show(
        &pace->progress, now, "%s answered, p50 %s, p99 %s%s",
        perf_format_count(atomic_load(&result->done)).s,
        perf_format_ns((double)perf_histogram_percentile(&result->intended, 50))
            .s,
        perf_format_ns((double)perf_histogram_percentile(&result->intended, 99))
            .s,
        more);
}

static void *watch(void *arg)
{
    struct pace *pace = arg;
    bool shows = pace->plan->progress && perf_progress_wanted();
    unsigned round = 0;

    while (weft_sleep(WATCH_EVERY) == 0) {
        weft_time now = weft_now();

        for (uint64_t i = 0; i < pace->plan->connections; i++) {
            perf_client_watch(&pace->lines[i].client, now);
        }
        if (shows && atomic_load(&pace->under_way) && ++round % 4 == 0) {
            show(pace, now);
        }
    }
    return NULL;
}

/* --- The dispatcher --- */

/* Hand an arrival to the line that has been free for longest, or let it wait.
 */
static void offer(struct pace *pace, weft_time intended)
{
    struct perf_pace_result *result = pace->result;
    struct line *line;
    int rc = 0;

    if (counts(pace, intended)) {
        add(&result->offered, 1);
    }
    atomic_fetch_add(&pace->outstanding, 1);
    pthread_mutex_lock(&pace->lock);
    line = pace->free_first;
    if (line != NULL) {
        pace->free_first = line->next;
        if (line->next == NULL) {
            pace->free_last = &pace->free_first;
        }
        order(line, intended, true);
    } else {
        rc = push(pace, intended);
    }
    pthread_mutex_unlock(&pace->lock);
    if (line != NULL) {
        weft_ready(line->task);
        return;
    }
    if (counts(pace, intended)) {
        /* The wait is the server's doing; being late to notice is ours. */
        perf_histogram_record(&result->late, weft_now() - intended);
        add(&result->unsent, rc != 0);
    }
}

/* The n-th moment of the schedule: at a distance from the beginning, so that
 * no rounding adds up; or a random gap after the one before. */
static weft_time next_moment(const struct perf_pace_plan *plan, weft_time begin,
                             weft_time before, uint64_t n, uint64_t *random)
{
    if (plan->poisson) {
        return before +
               (weft_ns)(-log(perf_random_unit(random)) * 1e9 / plan->rate);
    }
    return begin + (weft_ns)((double)n * 1e9 / plan->rate);
}

weft_ns perf_pace_cpu_time(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) *
               INT64_C(1000000000) +
           (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * INT64_C(1000);
}

/* Wait for a moment; if it has passed, let others run now and then. */
static int wait_for(weft_time moment, unsigned *burst)
{
    if (weft_now() < moment) {
        *burst = 0;
        return weft_sleep_until(moment);
    }
    return ++*burst % BURST == 0 ? weft_yield() : 0;
}

/* Offer all arrivals up to the end of the schedule; cut short by cancellation.
 */
static void dispatch(struct pace *pace)
{
    const struct perf_pace_plan *plan = pace->plan;
    struct perf_pace_result *result = pace->result;
    weft_time begin = weft_now() + SETTLE, end, moment = begin;
    uint64_t random = plan->seed;
    unsigned burst = 0;
    bool counted = false;

    result->start = begin + plan->warmup;
    end = result->start + plan->duration;
    perf_progress_init(&pace->progress, begin, plan->warmup + plan->duration);
    atomic_store(&pace->under_way, true);
    for (uint64_t n = 1; moment < end; n++) {
        if (wait_for(moment, &burst) != 0) {
            result->interrupted = true;
            break;
        }
        if (!counted && counts(pace, moment)) {
            counted = true;
            result->cpu = -perf_pace_cpu_time();
        }
        offer(pace, moment);
        moment = next_moment(plan, begin, moment, n, &random);
    }
    result->end = weft_now();
    result->cpu = counted ? result->cpu + perf_pace_cpu_time() : 0;
}

/* Wait, for as long as a request may take, for those under way. */
static void wait_for_answers(struct pace *pace)
{
    weft_time limit = weft_now() + pace->plan->peer->timeout;

    while (atomic_load(&pace->outstanding) > 0 && weft_now() < limit &&
           !pace->result->interrupted) {
        if (weft_sleep(LOOK_EVERY) != 0) {
            pace->result->interrupted = true;
        }
    }
}

/* --- Beginning and end --- */

static int start_lines(struct pace *pace)
{
    for (uint64_t i = 0; i < pace->plan->connections; i++) {
        struct line *line = &pace->lines[i];

        line->pace = pace;
        if (perf_client_init(&line->client, pace->plan->peer) != 0) {
            return -ENOMEM;
        }
    }
    for (uint64_t i = 0; i < pace->plan->connections; i++) {
        pace->lines[i].task = weft_spawn(run_line, &pace->lines[i]);
    }
    pace->watcher = weft_spawn(watch, pace);
    return 0;
}

static bool is_settled(const struct line *line)
{
    return atomic_load(&line->settled) ||
           weft_future_state(line->task) != WEFT_FUTURE_PENDING;
}

/* Until each line has tried to connect; 0 if one at least has succeeded. */
static int wait_for_lines(struct pace *pace)
{
    uint64_t connected = 0;

    for (uint64_t i = 0; i < pace->plan->connections; i++) {
        struct line *line = &pace->lines[i];

        while (!is_settled(line)) {
            if (weft_sleep(LOOK_EVERY) != 0) {
                pace->result->interrupted = true;
                return 0;
            }
        }
        pthread_mutex_lock(&line->client.lock);
        connected += line->client.tcp != NULL;
        pthread_mutex_unlock(&line->client.lock);
    }
    return connected > 0 ? 0 : -ECONNREFUSED;
}

static void end_task(weft_future *task)
{
    if (task != NULL) {
        weft_cancel(task);
        weft_await(task, NULL);
    }
}

/* Arrivals that were never sent: they have waited from then until now. */
static void count_leftovers(struct pace *pace)
{
    struct perf_pace_result *result = pace->result;
    weft_time now = weft_now();

    while (pace->length > 0) {
        weft_time intended = pop(pace);

        if (counts(pace, intended)) {
            add(&result->unsent, 1);
            perf_histogram_record(&result->intended, now - intended);
        }
    }
}

/* The watcher ends first: it looks at all lines. */
static void stop(struct pace *pace)
{
    end_task(pace->watcher);
    for (uint64_t i = 0; i < pace->plan->connections; i++) {
        if (pace->lines[i].task != NULL) {
            weft_cancel(pace->lines[i].task);
        }
    }
    for (uint64_t i = 0; i < pace->plan->connections; i++) {
        struct line *line = &pace->lines[i];

        if (line->task != NULL) {
            weft_await(line->task, NULL);
        }
        if (line->client.buffer != NULL) {
            perf_client_fini(&line->client);
        }
    }
    count_leftovers(pace);
}

static int run(struct pace *pace)
{
    int rc = start_lines(pace);

    if (rc == 0) {
        rc = wait_for_lines(pace);
    }
    if (rc == 0 && !pace->result->interrupted) {
        dispatch(pace);
        wait_for_answers(pace);
    }
    stop(pace);
    if (pace->plan->progress) {
        perf_progress_end(&pace->progress);
    }
    return rc;
}

int perf_pace_run(const struct perf_pace_plan *plan,
                  struct perf_pace_result *result)
{
    struct pace *pace = calloc(1, sizeof(*pace));
    int rc = -ENOMEM;

    if (pace == NULL) {
        return rc;
    }
    pace->plan = plan;
    pace->result = result;
    pace->free_last = &pace->free_first;
    pthread_mutex_init(&pace->lock, NULL);
    pace->lines = calloc(plan->connections, sizeof(*pace->lines));
    if (pace->lines != NULL) {
        rc = run(pace);
    }
    pthread_mutex_destroy(&pace->lock);
    free(pace->waiting);
    free(pace->lines);
    free(pace);
    return rc;
}
