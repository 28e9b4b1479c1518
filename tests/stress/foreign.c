// SPDX-License-Identifier: MIT
/*
 * Submissions from eight threads, the last of them while the runtime ends:
 * every one gets an answer, and those that were refused have not run.
 */
#include <weft/runtime.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/test.h"

#define THREADS 8

struct submission {
    atomic_uchar ran;
    int answers;
};

struct submitter {
    pthread_t thread;
    struct submission *all;
    long count;
    uint64_t seed;
    long wrong;
};

static weft_runtime *rt;
static atomic_long submitted;

static void *run_submission(void *arg)
{
    struct submission *submission = arg;
    long number = (long)((uintptr_t)arg / sizeof(*submission));
    atomic_fetch_add(&submission->ran, 1);
    int rc = number % 5 == 0   ? weft_yield()
             : number % 5 == 1 ? weft_sleep(number % 20000)
                               : 0;
    return rc < 0 ? weft_fail(rc) : number % 7 ? arg : weft_fail(-EPROTO);
}

/* What came of it must fit what was done. */
static bool fits(const struct submission *submission, int rc, void *result)
{
    if (rc == -WEFT_ESHUTDOWN || rc == -WEFT_EBUSY || rc == -ENOMEM)
        return atomic_load(&submission->ran) == 0;
    if (rc == -WEFT_ECANCELED)
        return true; /* by us, or by the end */
    return atomic_load(&submission->ran) == 1 &&
           (rc == -EPROTO || (rc == 0 && result == submission));
}

static void submit_one(struct submitter *submitter,
                       struct submission *submission,
                       struct weft_test_random *random)
{
    void *result = NULL;
    uint64_t chance = weft_test_next(random);
    weft_future *future =
        chance & 1
            ? weft_run_coroutine_threadsafe(rt, run_submission, submission)
            : weft_call_soon_threadsafe(rt, run_submission, submission);
    atomic_fetch_add(&submitted, 1);
    if ((chance >> 1 & 7) == 0)
        weft_cancel(future);
    int rc = weft_wait_blocking(future, chance >> 4 & 1 ? WEFT_FOREVER : 2000,
                                &result);
    if (rc == -WEFT_ETIMEOUT)
        rc = weft_wait_blocking(future, WEFT_S(100), &result);
    submission->answers += rc != -WEFT_ETIMEOUT;
    submitter->wrong += !fits(submission, rc, result);
}

static void *submit_all(void *arg)
{
    struct submitter *submitter = arg;
    struct weft_test_random random = {submitter->seed};
    for (long i = 0; i < submitter->count; i++)
        submit_one(submitter, &submitter->all[i], &random);
    weft_runtime_unref(rt);
    return NULL;
}

static void start(struct submitter *submitter, long count, uint64_t seed)
{
    *submitter = (struct submitter){.count = count, .seed = seed};
    submitter->all = calloc((size_t)count, sizeof(*submitter->all));
    weft_runtime_ref(rt);
    pthread_create(&submitter->thread, NULL, submit_all, submitter);
}

static void settle(struct submitter *submitter)
{
    long unanswered = 0;
    long twice = 0;
    pthread_join(submitter->thread, NULL);
    for (long i = 0; i < submitter->count; i++) {
        unanswered += submitter->all[i].answers != 1;
        twice += atomic_load(&submitter->all[i].ran) > 1;
    }
    free(submitter->all);
    cr_expect_eq(unanswered, 0);
    cr_expect_eq(twice, 0);
    cr_expect_eq(submitter->wrong, 0);
}

/* A tenth of the submissions is still to come when the end begins. */
static void all_answered(unsigned workers, long count, uint64_t seed)
{
    struct submitter submitter[THREADS];
    weft_counters counters;
    cr_assert_eq(weft_test_runtime(workers, &rt), 0);
    atomic_store(&submitted, 0);
    for (int i = 0; i < THREADS; i++)
        start(&submitter[i], count, seed * THREADS + (uint64_t)i);
    while (atomic_load(&submitted) < count * THREADS / 10 * 9)
        sched_yield();
    cr_assert_eq(weft_runtime_shutdown(rt), 0);
    for (int i = 0; i < THREADS; i++)
        settle(&submitter[i]);
    weft_stats(rt, &counters);
    cr_assert_eq(counters.tasks_spawned, counters.tasks_ended);
    weft_runtime_unref(rt);
}

Test(foreign, every_submission_is_answered, .timeout = 240)
{
    all_answered(2, (long)weft_test_scaled(100000) / THREADS + 1,
                 weft_test_seed());
}

Test(foreign, around_many_ends, .timeout = 240)
{
    size_t rounds = weft_test_scaled(300);
    for (size_t i = 0; i < rounds; i++)
        all_answered(1 + (unsigned)i % 4, 20, i);
}
