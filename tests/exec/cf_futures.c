// SPDX-License-Identifier: MIT
/* What CPython's test_future asks of futures, of jobs and of those made by
 * hand: see conformance.md. */
#include "tests/exec/cf.h"

#include <pthread.h>

#include "tests/support/scale.h"

/* Jobs of one pool in each state */

enum { QUEUED, RUNNING, CANCELLED, FAILED, SUCCEEDED, KINDS };

static const int code_of[KINDS] = {0, 0, -WEFT_ECANCELED, -EDOM, 0};

struct zoo {
    weft_executor *pool;
    struct gate gate;
    weft_future *job[KINDS];
};

static void open_zoo(struct zoo *zoo)
{
    zoo->pool = open_pool((weft_thread_pool_options){.max_threads = 1});
    zoo->job[SUCCEEDED] = job_that_ends(zoo->pool, 0);
    zoo->job[FAILED] = job_that_ends(zoo->pool, -EDOM);
    cr_assert_eq(finish_shared(zoo->job[SUCCEEDED], NULL), 0);
    cr_assert_eq(finish_shared(zoo->job[FAILED], NULL), -EDOM);
    zoo->job[RUNNING] = weft_run_in_executor(zoo->pool, pass, &zoo->gate);
    await_there(&zoo->gate, 1);
    zoo->job[QUEUED] = job_that_ends(zoo->pool, 0);
    zoo->job[CANCELLED] = job_that_ends(zoo->pool, 0);
    cr_assert_eq(weft_cancel(zoo->job[CANCELLED]), 0);
}

static void close_zoo(struct zoo *zoo)
{
    open_gate(&zoo->gate);
    for (int i = 0; i < KINDS; i++)
        cr_expect_eq(finish(zoo->job[i], NULL), code_of[i], "%d", i);
    cr_assert_eq(weft_executor_shutdown(zoo->pool), 0);
}

static void states(void)
{
    struct zoo zoo = {0};
    open_zoo(&zoo);
    for (int i = 0; i < KINDS; i++)
        cr_expect_eq(weft_future_state(zoo.job[i]),
                     i <= RUNNING ? WEFT_FUTURE_PENDING
                                  : state_after(code_of[i]));
    cr_expect_eq(atomic_load(&zoo.gate.there), 1, "the job says that it runs");
    close_zoo(&zoo);
}

/* test_cancelled, test_done; test_running: no such state. */
Test(cf_futures, each_job_is_pending_done_failed_or_cancelled, WITH_ACCOUNT,
     .timeout = 60)
{
    everywhere(states);
}

static void cancelling(void)
{
    struct zoo zoo = {0};
    void *result = NULL;
    open_zoo(&zoo);
    weft_future *queued = job_that_ends(zoo.pool, 0);
    cr_expect_eq(weft_cancel(queued), 0);
    cr_expect_eq(weft_future_state(queued), WEFT_FUTURE_CANCELLED);
    cr_expect_eq(weft_cancel(queued), -WEFT_EALREADY);
    cr_expect_eq(finish(queued, NULL), -WEFT_ECANCELED);
    for (int i = CANCELLED; i < KINDS; i++) {
        cr_expect_eq(weft_cancel(zoo.job[i]), -WEFT_EALREADY);
        cr_expect_eq(weft_future_state(zoo.job[i]), state_after(code_of[i]));
    }
    cr_expect_eq(weft_cancel(zoo.job[RUNNING]), 0, "it is merely asked");
    cr_expect_eq(weft_cancel(zoo.job[RUNNING]), 1);
    cr_expect_eq(weft_future_state(zoo.job[RUNNING]), WEFT_FUTURE_PENDING);
    open_gate(&zoo.gate);
    cr_expect_eq(finish_shared(zoo.job[RUNNING], &result), 0);
    cr_expect_eq(result, (void *)&zoo.gate);
    close_zoo(&zoo);
}

/* test_cancel */
Test(cf_futures, cancel_drops_who_waits_and_asks_who_runs, WITH_ACCOUNT,
     .timeout = 60)
{
    everywhere(cancelling);
}

/* Without waiting, as a thread and as a coroutine says it. */
static int result_at_once(weft_future *future, void **result)
{
    weft_future *shared = weft_future_ref(future);
    if (weft_current() != NULL)
        return weft_wait_for(shared, 0, result);
    int rc = weft_wait_blocking(shared, 0, result);
    if (rc == -WEFT_ETIMEOUT)
        weft_future_unref(shared);
    return rc;
}

static void results_at_once(void)
{
    struct zoo zoo = {0};
    open_zoo(&zoo);
    for (int i = 0; i < KINDS; i++) {
        if (i == CANCELLED)
            continue;
        void *result = &zoo, *same = &zoo;
        int rc = i <= RUNNING ? -WEFT_ETIMEOUT : code_of[i];
        cr_expect_eq(result_at_once(zoo.job[i], &result), rc, "%d", i);
        cr_expect_eq(result, i == SUCCEEDED ? weft_test_value(42) : NULL);
        rc = i <= RUNNING ? -WEFT_EBUSY : code_of[i];
        cr_expect_eq(weft_future_result(zoo.job[i], &same), rc, "%d", i);
        if (i == SUCCEEDED)
            cr_expect_eq(same, weft_test_value(42));
    }
    close_zoo(&zoo);
}

/* test_result_with_timeout */
Test(cf_futures, no_time_gives_what_is_there, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(results_at_once);
}

static void cancelled_at_once(void)
{
    struct zoo zoo = {0};
    void *result = &zoo;
    open_zoo(&zoo);
    cr_expect_eq(weft_future_result(zoo.job[CANCELLED], NULL), -WEFT_ECANCELED);
    cr_expect_eq(result_at_once(zoo.job[CANCELLED], &result), -WEFT_ECANCELED);
    cr_expect_null(result);
    close_zoo(&zoo);
}

/* The same: it was cancelled before, not because the time had passed. */
Test(cf_futures, no_time_tells_who_was_cancelled_before, WITH_ACCOUNT,
     .timeout = 60)
{
    everywhere(cancelled_at_once);
}

static void *fail_with_words(void *arg)
{
    (void)arg;
    return weft_failf(-ERANGE, "out of %d", 7);
}

static void errors(void)
{
    struct zoo zoo = {0};
    open_zoo(&zoo);
    weft_executor *pool =
        open_pool((weft_thread_pool_options){.max_threads = 1});
    weft_future *job = weft_run_in_executor(pool, fail_with_words, NULL);
    cr_expect_eq(result_at_once(zoo.job[QUEUED], NULL), -WEFT_ETIMEOUT);
    cr_expect_eq(weft_future_result(zoo.job[CANCELLED], NULL), -WEFT_ECANCELED);
    cr_expect_eq(result_at_once(zoo.job[SUCCEEDED], NULL), 0);
    cr_expect_eq(finish(job, NULL), -ERANGE);
    const weft_error *error = weft_last_error();
    cr_assert_not_null(error);
    cr_expect_eq(error->code, -ERANGE);
    cr_expect_str_eq(error->message, "out of 7");
    cr_expect_eq(result_at_once(zoo.job[FAILED], NULL), -EDOM);
    cr_assert_eq(weft_executor_shutdown(pool), 0);
    close_zoo(&zoo);
}

/* test_exception_with_timeout */
Test(cf_futures, a_failure_has_its_words_and_nothing_else_has, WITH_ACCOUNT,
     .timeout = 60)
{
    everywhere(errors);
}

/* Callbacks */

/* A future that ends when it is told to. */
struct subject {
    weft_executor *pool; /* NULL: made by hand */
    struct gate gate;
    weft_future *before, *future;
};

static void open_subject(struct subject *subject, bool is_job, int code)
{
    *subject = (struct subject){0};
    if (!is_job) {
        subject->future = weft_future_new();
        return;
    }
    subject->pool = open_pool((weft_thread_pool_options){.max_threads = 1});
    subject->before = weft_run_in_executor(subject->pool, pass, &subject->gate);
    await_there(&subject->gate, 1);
    subject->future = job_that_ends(subject->pool, code);
}

static void end_subject(struct subject *subject, int code)
{
    if (code == -WEFT_ECANCELED)
        cr_expect_eq(weft_cancel(subject->future), 0);
    else if (subject->pool != NULL)
        open_gate(&subject->gate);
    else if (code < 0)
        cr_expect_eq(weft_future_set_error(subject->future, code), 0);
    else
        cr_expect_eq(
            weft_future_set_result(subject->future, weft_test_value(42)), 0);
    cr_expect_eq(finish_shared(subject->future, NULL), code);
}

static void close_subject(struct subject *subject)
{
    weft_future_unref(subject->future);
    if (subject->pool == NULL)
        return;
    open_gate(&subject->gate);
    cr_expect_eq(finish(subject->before, NULL), 0);
    cr_assert_eq(weft_executor_shutdown(subject->pool), 0);
}

/* What a callback has heard. */
struct heard {
    weft_future *future, *inside;
    enum weft_future_state state;
    int rc;
    void *result;
    atomic_uint calls;
};

static void *hear(void *arg)
{
    struct heard *heard = arg;
    heard->inside = weft_current();
    heard->state = weft_future_state(heard->future);
    heard->rc = weft_future_result(heard->future, &heard->result);
    atomic_fetch_add(&heard->calls, 1);
    return NULL;
}

static void *begin_to_hear(void *arg)
{
    struct heard *heard = arg;
    return weft_fail(weft_future_add_done_callback(heard->future, hear, arg));
}

static void expect_heard(struct heard *heard, int code)
{
    while (atomic_load(&heard->calls) == 0)
        give_way();
    cr_expect_eq(heard->state, state_after(code));
    cr_expect_eq(heard->rc, code);
    if (code == 0)
        cr_expect_eq(heard->result, weft_test_value(42));
    cr_expect_neq(heard->inside, weft_current(), "inside the call");
    cr_expect_not_null(heard->inside, "on no runtime");
    cr_expect_eq(atomic_load(&heard->calls), 1);
}

/* A thread has a coroutine begin_to_hear; but it ends the future itself. */
static void hears(bool is_job, int code, bool already)
{
    struct beside beside = beside_open();
    struct subject subject;
    open_subject(&subject, is_job, code);
    struct heard heard = {.future = subject.future};
    if (weft_current() == NULL)
        cr_expect_eq(weft_fail(-WEFT_ENORUNTIME), begin_to_hear(&heard));
    if (already)
        end_subject(&subject, code);
    cr_expect_eq(beside_run(&beside, begin_to_hear, &heard), 0);
    if (!already) {
        cr_expect_eq(atomic_load(&heard.calls), 0);
        end_subject(&subject, code);
    }
    expect_heard(&heard, code);
    close_subject(&subject);
    beside_close(&beside);
}

static void hears_both(int code, bool already)
{
    hears(false, code, already);
    hears(true, code, already);
}

static void hears_result(void)
{
    hears_both(0, false);
}

/* test_done_callback_with_result */
Test(cf_futures, a_callback_hears_the_result, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(hears_result);
}

static void hears_failure(void)
{
    hears_both(-EDOM, false);
}

/* test_done_callback_with_exception */
Test(cf_futures, a_callback_hears_the_failure, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(hears_failure);
}

static void hears_cancel(void)
{
    hears_both(-WEFT_ECANCELED, false);
}

/* test_done_callback_with_cancel; but not inside weft_cancel() */
Test(cf_futures, a_callback_hears_the_cancellation, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(hears_cancel);
}

static void hears_of_the_past(void)
{
    hears_both(0, true);
    hears_both(-EDOM, true);
    hears_both(-WEFT_ECANCELED, true);
}

/* test_done_callback_already_successful, _already_failed, _already_cancelled;
 * soon, not inside the call */
Test(cf_futures, a_callback_that_comes_late_runs_soon, WITH_ACCOUNT,
     .timeout = 60)
{
    everywhere(hears_of_the_past);
}

/* One that fails keeps nobody from running. */

struct in_order {
    weft_future *future;
    atomic_uint calls;
    unsigned order[3];
};

static struct in_order in_order;

static void *note(void *arg)
{
    unsigned n = (unsigned)(uintptr_t)arg;
    unsigned call = atomic_load(&in_order.calls);
    if (call < 3)
        in_order.order[call] = n;
    atomic_store(&in_order.calls, call + 1);
    return n == 1 ? weft_fail(-EIO) : NULL;
}

static void *note_three(void *arg)
{
    for (uintptr_t i = 0; i < 3; i++)
        cr_expect_eq(
            weft_future_add_done_callback(arg, note, weft_test_value(i)), 0);
    return NULL;
}

static void one_fails(bool already)
{
    struct beside beside = beside_open();
    weft_future *future = weft_future_new();
    in_order = (struct in_order){0};
    if (already)
        cr_expect_eq(weft_future_set_result(future, NULL), 0);
    cr_expect_eq(beside_run(&beside, note_three, future), 0);
    if (!already)
        cr_expect_eq(weft_future_set_result(future, NULL), 0);
    while (atomic_load(&in_order.calls) < 3)
        give_way();
    for (unsigned i = 0; i < 3; i++)
        cr_expect_eq(in_order.order[i], i);
    cr_expect_eq(finish(future, NULL), 0);
    beside_close(&beside);
}

static void one_fails_both(void)
{
    one_fails(false);
    one_fails(true);
}

/* test_done_callback_raises, _raises_already_succeeded: it returns a failure */
Test(cf_futures, a_callback_that_fails_stops_no_other, WITH_ACCOUNT,
     .timeout = 60)
{
    everywhere(one_fails_both);
}

/* Somebody waits already */

struct waiter {
    weft_future *future;
    atomic_uint there;
    int rc;
    void *result;
};

static void *wait_for_it(void *arg)
{
    struct waiter *waiter = arg;
    atomic_store(&waiter->there, 1);
    waiter->rc = finish(waiter->future, &waiter->result);
    return NULL;
}

static void start_waiter(struct waiter *waiter, weft_future *future)
{
    *waiter = (struct waiter){.future = weft_future_ref(future), .rc = 1};
}

static void expect_woken(struct waiter *waiter, int code)
{
    cr_expect_eq(waiter->rc, code);
    cr_expect_eq(waiter->result, code == 0 ? weft_test_value(42) : NULL);
}

/* A thread and a coroutine wait; a thread, or a coroutine, ends it. */
static void wakes_once(struct beside *beside, bool is_job, int code)
{
    struct subject subject;
    struct waiter thread, task;
    pthread_t id;
    open_subject(&subject, is_job, code);
    start_waiter(&thread, subject.future);
    start_waiter(&task, subject.future);
    cr_assert_eq(pthread_create(&id, NULL, wait_for_it, &thread), 0);
    weft_future *other = beside_start(beside, wait_for_it, &task);
    while (atomic_load(&thread.there) + atomic_load(&task.there) < 2)
        give_way();
    end_subject(&subject, code);
    cr_expect_eq(finish(other, NULL), 0);
    weft_blocking_enter();
    pthread_join(id, NULL);
    weft_blocking_exit();
    expect_woken(&thread, code);
    expect_woken(&task, code);
    close_subject(&subject);
}

static void wakes(int code)
{
    struct beside beside = beside_open();
    for (size_t i = weft_test_scaled(100); i > 0; i--) {
        wakes_once(&beside, false, code);
        wakes_once(&beside, true, code);
    }
    beside_close(&beside);
}

static void wakes_with_result(void)
{
    wakes(0);
}

/* test_result_with_success */
Test(cf_futures, who_waits_wakes_with_the_result, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(wakes_with_result);
}

static void wakes_with_failure(void)
{
    wakes(-EDOM);
}

/* test_exception_with_success */
Test(cf_futures, who_waits_wakes_with_the_failure, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(wakes_with_failure);
}

static void wakes_with_cancel(void)
{
    wakes(-WEFT_ECANCELED);
}

/* test_result_with_cancel */
Test(cf_futures, who_waits_wakes_when_it_is_cancelled, WITH_ACCOUNT,
     .timeout = 60)
{
    everywhere(wakes_with_cancel);
}

/* Once and for all */

static void set_twice(void)
{
    for (int code = 0; code >= -EDOM; code -= EDOM) {
        weft_future *future = ended(code);
        cr_expect_eq(weft_future_set_result(future, weft_test_value(7)),
                     -WEFT_EALREADY);
        cr_expect_eq(weft_future_set_error(future, -EIO), -WEFT_EALREADY);
        void *result = NULL;
        cr_expect_eq(finish(future, &result), code);
        cr_expect_eq(result, code == 0 ? weft_test_value(42) : NULL);
    }
    struct zoo zoo = {0};
    open_zoo(&zoo);
    for (int i = 0; i < KINDS; i++) {
        cr_expect_eq(weft_future_set_result(zoo.job[i], NULL), -EINVAL);
        cr_expect_eq(weft_future_set_error(zoo.job[i], -EIO), -EINVAL);
    }
    close_zoo(&zoo);
}

/* test_multiple_set_result, test_multiple_set_exception */
Test(cf_futures, the_first_outcome_stays, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(set_twice);
}

/* State and result as four readers see them: they never contradict. */

#define READERS 4

struct seen {
    weft_future *future;
    int code;
    atomic_uint there, wrong;
};

static bool is_consistent(struct seen *seen)
{
    void *result = NULL;
    enum weft_future_state before = weft_future_state(seen->future);
    int rc = weft_future_result(seen->future, &result);
    enum weft_future_state after = weft_future_state(seen->future);
    if (rc == -WEFT_EBUSY)
        return before == WEFT_FUTURE_PENDING;
    return rc == seen->code && after == state_after(rc) &&
           (before == WEFT_FUTURE_PENDING || before == after) &&
           (rc < 0 || result == weft_test_value(42));
}

static void *look(void *arg)
{
    struct seen *seen = arg;
    atomic_fetch_add(&seen->there, 1);
    for (int after = 0; after < 10;) {
        if (!is_consistent(seen))
            atomic_fetch_add(&seen->wrong, 1);
        after += weft_future_state(seen->future) != WEFT_FUTURE_PENDING;
        sched_yield(); /* there are more of us than processors */
    }
    return NULL;
}

static void watched(bool is_job, int code)
{
    struct subject subject;
    pthread_t thread[READERS];
    open_subject(&subject, is_job, code);
    struct seen seen = {.future = subject.future, .code = code};
    for (int i = 0; i < READERS; i++)
        cr_assert_eq(pthread_create(&thread[i], NULL, look, &seen), 0);
    while (atomic_load(&seen.there) < READERS)
        give_way();
    end_subject(&subject, code);
    weft_blocking_enter();
    for (int i = 0; i < READERS; i++)
        pthread_join(thread[i], NULL);
    weft_blocking_exit();
    cr_expect_eq(atomic_load(&seen.wrong), 0);
    close_subject(&subject);
}

static void watched_often(void)
{
    static const int code[] = {0, -EDOM, -WEFT_ECANCELED};
    for (size_t i = 0; i < weft_test_scaled(60) + 2; i++) {
        watched(false, code[i % 3]);
        watched(true, code[i % 3]);
    }
}

/* test_get_snapshot */
Test(cf_futures, state_and_result_never_contradict, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(watched_often);
}
