// SPDX-License-Identifier: MIT
/*
 * remote_storm: 8 OS threads that weft did not make submit 100 000 coroutines
 * each, all at the same time, and then wait for them; per coroutine.
 */
#include "perf/micro/micro.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include <weft/future.h>
#include <weft/time.h>

#define THREADS 8
#define EACH 100000

struct storm {
    weft_runtime *runtime;
    uint64_t each;
    pthread_mutex_t gate; /* held until all threads are there */
};

struct sender {
    struct storm *storm;
    weft_future **all; /* storm->each of them */
    pthread_t thread;
    uint64_t answered;
    int rc;
};

static void *echo(void *arg)
{
    return arg;
}

static void *send_all(void *arg)
{
    struct sender *sender = arg;
    struct storm *storm = sender->storm;

    pthread_mutex_lock(&storm->gate);
    pthread_mutex_unlock(&storm->gate);
    for (uint64_t i = 0; i < storm->each; i++) {
        sender->all[i] = weft_run_coroutine_threadsafe(storm->runtime, echo,
                                                       &sender->all[i]);
    }
    for (uint64_t i = 0; i < storm->each; i++) {
        void *answer = NULL;
        int rc = weft_wait_blocking(sender->all[i], WEFT_FOREVER, &answer);

        sender->rc = sender->rc != 0 ? sender->rc : rc;
        sender->answered += answer == &sender->all[i];
    }
    return NULL;
}

/* Let them loose; what they say, one after the other. */
static int await_senders(struct storm *storm, struct sender *senders,
                         unsigned count)
{
    uint64_t answered = 0;
    int rc = count == THREADS ? 0 : -EAGAIN;

    pthread_mutex_unlock(&storm->gate);
    for (unsigned i = 0; i < count; i++) {
        pthread_join(senders[i].thread, NULL);
        rc = rc != 0 ? rc : senders[i].rc;
        answered += senders[i].answered;
    }
    return rc != 0 ? rc
                   : perf_micro_expect("remote_storm", answered,
                                       storm->each * THREADS);
}

static int storm(struct perf_micro *micro, struct storm *storm,
                 weft_future **futures)
{
    struct sender senders[THREADS];
    unsigned count = 0;
    weft_time start;
    int rc;

    pthread_mutex_lock(&storm->gate);
    for (; count < THREADS; count++) {
        senders[count] = (struct sender){.storm = storm,
                                         .all = futures + count * storm->each};
        if (pthread_create(&senders[count].thread, NULL, send_all,
                           &senders[count]) != 0) {
            break;
        }
    }
    start = weft_now();
    rc = await_senders(storm, senders, count);
    micro->ns = (double)(weft_now() - start);
    micro->ops = storm->each * THREADS;
    return rc;
}

static int open_and_storm(struct perf_micro *micro, struct storm *what,
                          weft_future **futures)
{
    int rc = perf_micro_open(micro, &what->runtime), end;

    if (rc != 0) {
        return rc;
    }
    rc = storm(micro, what, futures);
    end = perf_micro_close(micro, what->runtime);
    return rc != 0 ? rc : end;
}

int perf_micro_remote_storm(struct perf_micro *micro)
{
    struct storm what = {.each = perf_micro_scaled(micro, EACH),
                         .gate = PTHREAD_MUTEX_INITIALIZER};
    weft_future **futures = calloc(THREADS * what.each, sizeof(weft_future *));
    int rc = futures == NULL ? -ENOMEM : open_and_storm(micro, &what, futures);

    free((void *)futures);
    return rc;
}
