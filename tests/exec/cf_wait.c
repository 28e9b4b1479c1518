// SPDX-License-Identifier: MIT
/* What CPython's test_wait and test_as_completed ask, of jobs: see
 * conformance.md. weft_wait() and weft_as_completed are for coroutines: where
 * the test is a thread, one of a runtime beside it waits for its jobs. */
#include "tests/exec/cf.h"

#include <pthread.h>
#include <string.h>

#include "tests/support/scale.h"

#define MOST 100

/* A pool with a job that stands still until the end. */
struct scene {
    struct beside beside;
    weft_executor *pool;
    struct gate gate;
    weft_future *blocked;
};

static void open_scene(struct scene *scene)
{
    *scene = (struct scene){.beside = beside_open()};
    scene->pool = open_pool((weft_thread_pool_options){.max_threads = 3});
    scene->blocked = weft_run_in_executor(scene->pool, pass, &scene->gate);
    await_there(&scene->gate, 1);
}

static void close_scene(struct scene *scene)
{
    open_gate(&scene->gate);
    cr_expect_eq(finish(scene->blocked, NULL), 0);
    cr_assert_eq(weft_executor_shutdown(scene->pool), 0);
    beside_close(&scene->beside);
}

/* A job that ends once the other gate is open. */
struct later {
    struct gate gate;
    int code;
};

static void *end_later(void *arg)
{
    struct later *later = arg;
    pass(&later->gate);
    return weft_fail(later->code);
}

static weft_future *job_later(struct scene *scene, struct later *later)
{
    weft_future *job = weft_run_in_executor(scene->pool, end_later, later);
    await_there(&later->gate, 1);
    return job;
}

/* One call of weft_wait(). */
struct question {
    weft_future *const *futures;
    size_t n;
    int mode;
    weft_ns timeout; /* 0: none */
    atomic_uint there;
    int rc;
    size_t done[MOST];
};

static void *ask(void *arg)
{
    struct question *it = arg;
    weft_scope scope;
    weft_timeout_enter(&scope, it->timeout == 0 ? WEFT_FOREVER : it->timeout);
    atomic_store(&it->there, 1);
    it->rc = weft_timeout_exit(
        &scope, weft_wait(it->futures, it->n, it->mode, it->done));
    return NULL;
}

static void expect_done(const struct question *it, int n, const size_t *done)
{
    cr_expect_eq(it->rc, n, "%d are done", it->rc);
    for (int i = 0; i < n && i < it->rc; i++)
        cr_expect_eq(it->done[i], done[i], "%d", i);
}

#define EXPECT_DONE(it, ...)                                                   \
    expect_done((it), sizeof((size_t[]){__VA_ARGS__}) / sizeof(size_t),        \
                (size_t[]){__VA_ARGS__})

/* Ask; if there is somebody to end, then only after the question. */
static void answer(struct scene *scene, struct question *it,
                   struct later *later)
{
    weft_future *task = beside_start(&scene->beside, ask, it);
    while (later != NULL && atomic_load(&it->there) == 0)
        give_way();
    if (later != NULL)
        open_gate(&later->gate);
    cr_expect_eq(finish(task, NULL), 0);
}

static void drop(weft_future **futures, size_t n)
{
    for (size_t i = 0; i < n; i++)
        weft_future_unref(futures[i]);
}

/* Twice the same */

static void twice(void)
{
    struct scene scene;
    open_scene(&scene);
    weft_future *job = job_that_ends(scene.pool, 0);
    weft_future *both[] = {job, job};
    struct question it = {.futures = both, .n = 2, .mode = WEFT_WAIT_ALL};
    answer(&scene, &it, NULL);
    EXPECT_DONE(&it, 0, 1);
    cr_expect_eq(finish(job, NULL), 0);
    close_scene(&scene);
}

/* test_20369: both entries are told of */
Test(cf_wait, a_job_may_stand_there_twice, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(twice);
}

/* The first */

static void first(void)
{
    struct scene scene;
    struct later later = {.code = 0};
    open_scene(&scene);
    weft_future *job[] = {job_later(&scene, &later), scene.blocked};
    struct question it = {.futures = job, .n = 2, .mode = WEFT_WAIT_FIRST};
    answer(&scene, &it, &later);
    EXPECT_DONE(&it, 0);
    weft_future *cancelled[] = {scene.blocked, ended(-WEFT_ECANCELED)};
    it = (struct question){
        .futures = cancelled, .n = 2, .mode = WEFT_WAIT_FIRST};
    answer(&scene, &it, NULL);
    EXPECT_DONE(&it, 1);
    weft_future_unref(cancelled[1]);
    cr_expect_eq(finish(job[0], NULL), 0);
    close_scene(&scene);
}

/* test_first_completed: who was cancelled is done, too */
Test(cf_wait, for_the_first_leaves_out_who_is_blocked, WITH_ACCOUNT,
     .timeout = 60)
{
    everywhere(first);
}

static void first_of_the_past(void)
{
    struct scene scene;
    open_scene(&scene);
    weft_future *job[] = {ended(-WEFT_ECANCELED), job_that_ends(scene.pool, 0),
                          scene.blocked};
    cr_expect_eq(finish_shared(job[1], NULL), 0);
    struct question it = {.futures = job, .n = 3, .mode = WEFT_WAIT_FIRST};
    answer(&scene, &it, NULL);
    EXPECT_DONE(&it, 0, 1);
    drop(job, 2);
    close_scene(&scene);
}

/* test_first_completed_some_already_completed */
Test(cf_wait, for_the_first_tells_of_who_was_done_before, WITH_ACCOUNT,
     .timeout = 60)
{
    everywhere(first_of_the_past);
}

/* The first error */

static void first_error(void)
{
    struct scene scene;
    struct later later = {.code = -EDOM};
    open_scene(&scene);
    weft_future *job[] = {job_that_ends(scene.pool, 0),
                          job_later(&scene, &later), scene.blocked};
    cr_expect_eq(finish_shared(job[0], NULL), 0);
    struct question it = {
        .futures = job, .n = 3, .mode = WEFT_WAIT_FIRST_ERROR};
    answer(&scene, &it, &later);
    EXPECT_DONE(&it, 0, 1);
    weft_future_unref(job[0]);
    cr_expect_eq(finish(job[1], NULL), -EDOM);
    close_scene(&scene);
}

/* test_first_exception; and, that a success is not enough,
 * test_first_exception_some_already_complete */
Test(cf_wait, for_the_first_error_is_not_content_with_success, WITH_ACCOUNT,
     .timeout = 60)
{
    everywhere(first_error);
}

static void first_error_of_the_past(void)
{
    struct scene scene;
    static const int code[] = {-EDOM, -WEFT_ECANCELED};
    open_scene(&scene);
    for (int i = 0; i < 2; i++) {
        weft_future *job[] = {scene.blocked, ended(code[i])};
        struct question it = {
            .futures = job, .n = 2, .mode = WEFT_WAIT_FIRST_ERROR};
        answer(&scene, &it, NULL);
        EXPECT_DONE(&it, 1);
        cr_expect_eq(finish(job[1], NULL), code[i]);
    }
    close_scene(&scene);
}

/* test_first_exception_one_already_failed; a cancelled one is an error, unlike
 * in test_first_exception_some_already_complete */
Test(cf_wait, for_the_first_error_sees_one_that_failed_before, WITH_ACCOUNT,
     .timeout = 60)
{
    everywhere(first_error_of_the_past);
}

/* All */

static const int mixed_code[] = {0, -EDOM, -WEFT_ECANCELED, 0, -ERANGE};

static void open_mixed(struct scene *scene, weft_future **job)
{
    job[0] = job_that_ends(scene->pool, 0);
    job[1] = job_that_ends(scene->pool, -EDOM);
    job[2] = ended(-WEFT_ECANCELED);
    job[3] = ended(0);
}

static void all(void)
{
    struct scene scene;
    struct later later = {.code = -ERANGE};
    weft_future *job[5];
    open_scene(&scene);
    open_mixed(&scene, job);
    job[4] = job_later(&scene, &later);
    struct question it = {.futures = job, .n = 5, .mode = WEFT_WAIT_ALL};
    answer(&scene, &it, &later);
    EXPECT_DONE(&it, 0, 1, 2, 3, 4);
    for (int i = 0; i < 5; i++) /* a thread's form: one after the other */
        cr_expect_eq(finish(job[i], NULL), mixed_code[i], "%d", i);
    close_scene(&scene);
}

/* test_all_completed */
Test(cf_wait, for_all_takes_success_failure_and_cancellation, WITH_ACCOUNT,
     .timeout = 60)
{
    everywhere(all);
}

/* What a thread says instead: each for so long. */
static void wait_in_turn(weft_future **job, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        weft_future *shared = weft_future_ref(job[i]);
        int rc = weft_wait_blocking(shared, WEFT_MS(1), NULL);
        cr_expect_eq(rc, i == n - 1 ? -WEFT_ETIMEOUT : mixed_code[i]);
        if (rc == -WEFT_ETIMEOUT)
            weft_future_unref(shared);
    }
}

static void all_in_time(void)
{
    struct scene scene;
    weft_future *job[5];
    size_t done[5];
    open_scene(&scene);
    open_mixed(&scene, job);
    for (int i = 0; i < 4; i++)
        cr_expect_eq(finish_shared(job[i], NULL), mixed_code[i]);
    job[4] = scene.blocked;
    struct question it = {
        .futures = job, .n = 5, .mode = WEFT_WAIT_ALL, .timeout = WEFT_MS(1)};
    answer(&scene, &it, NULL);
    cr_expect_eq(it.rc, -WEFT_ETIMEOUT);
    cr_expect_eq(weft_future_state(scene.blocked), WEFT_FUTURE_PENDING);
    if (weft_current() == NULL)
        wait_in_turn(job, 5);
    else
        cr_expect_eq(weft_wait(job, 5, WEFT_WAIT_FIRST, done), 4);
    drop(job, 4);
    close_scene(&scene);
}

/* test_timeout: which are done is asked afterwards */
Test(cf_wait, for_all_ends_with_its_time, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(all_in_time);
}

/* test_pending_calls_race: all of them end at once, as they are waited for. */

static void crowd(struct scene *scene)
{
    struct gate gate = {0};
    weft_future *job[MOST];
    for (int i = 0; i < MOST; i++)
        job[i] = weft_run_in_executor(scene->pool, pass, &gate);
    struct question it = {.futures = job, .n = MOST, .mode = WEFT_WAIT_ALL};
    weft_future *task = beside_start(&scene->beside, ask, &it);
    await_there(&gate, 2);
    open_gate(&gate);
    for (int i = 0; weft_current() == NULL && i < MOST; i++)
        cr_expect_eq(finish_shared(job[i], NULL), 0);
    cr_expect_eq(finish(task, NULL), 0);
    cr_expect_eq(it.rc, MOST);
    for (int i = 0; i < MOST; i++)
        cr_expect_eq(weft_future_state(job[i]), WEFT_FUTURE_DONE);
    drop(job, MOST);
}

static void crowds(void)
{
    struct scene scene;
    open_scene(&scene);
    for (size_t i = weft_test_scaled(100); i > 0; i--)
        crowd(&scene);
    close_scene(&scene);
}

Test(cf_wait, for_all_misses_nobody_of_a_crowd, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(crowds);
}

/* As they complete */

struct walk {
    weft_future *const *futures;
    size_t n, stop; /* leave after so many; 0: never */
    weft_ns timeout;
    bool limited; /* by the timeout */
    size_t count, given[MOST];
    int rc;
};

static void *go_along(void *arg)
{
    struct walk *walk = arg;
    weft_as_completed each;
    weft_scope scope;
    size_t index;
    weft_timeout_enter(&scope, walk->limited ? walk->timeout : WEFT_FOREVER);
    int rc = weft_as_completed_enter(&each, walk->futures, walk->n);
    cr_expect_eq(rc, 0);
    while ((walk->stop == 0 || walk->count < walk->stop) &&
           (rc = weft_as_completed_next(&each, &index)) > 0) {
        cr_expect_neq(weft_future_state(walk->futures[index]),
                      WEFT_FUTURE_PENDING);
        walk->given[index]++;
        walk->count++;
    }
    weft_as_completed_exit(&each);
    walk->rc = weft_timeout_exit(&scope, rc);
    return NULL;
}

static void expect_each_once(const struct walk *walk)
{
    cr_expect_eq(walk->rc, 0);
    cr_expect_eq(walk->count, walk->n);
    for (size_t i = 0; i < walk->n; i++)
        cr_expect_eq(walk->given[i], 1, "%zu", i);
}

static void each_of_many(void)
{
    struct scene scene;
    weft_future *job[20];
    open_scene(&scene);
    open_mixed(&scene, job);
    for (int i = 4; i < 20; i++)
        job[i] = job_that_ends(scene.pool, i % 3 == 0 ? -EDOM : 0);
    struct walk walk = {.futures = job, .n = 20};
    cr_expect_eq(beside_run(&scene.beside, go_along, &walk), 0);
    expect_each_once(&walk);
    for (int i = 0; i < 20; i++) /* none is taken away by it */
        cr_expect_neq(finish(job[i], NULL), -WEFT_EBUSY);
    close_scene(&scene);
}

/* AsCompleted test_no_timeout */
Test(cf_as_completed, gives_each_job_once, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(each_of_many);
}

/* How many of five, of which four are done. */
static size_t walk_for(struct scene *scene, weft_future **job, weft_ns timeout)
{
    struct walk walk = {
        .futures = job, .n = 5, .timeout = timeout, .limited = true};
    cr_expect_eq(beside_run(&scene->beside, go_along, &walk), 0);
    cr_expect_eq(walk.rc, -WEFT_ETIMEOUT);
    cr_expect_eq(walk.given[4], 0);
    return walk.count;
}

static void times_out(void)
{
    struct scene scene;
    weft_future *job[5];
    open_scene(&scene);
    open_mixed(&scene, job);
    for (int i = 0; i < 4; i++)
        cr_expect_eq(finish_shared(job[i], NULL), mixed_code[i]);
    job[4] = scene.blocked;
    cr_expect_eq(walk_for(&scene, job, 0), 0, "no time to look, either");
    /* How much is enough depends on the machine. */
    weft_ns enough = WEFT_MS(1);
    while (walk_for(&scene, job, enough) < 4 && enough < WEFT_S(20))
        enough *= 4;
    cr_expect_lt(enough, WEFT_S(20));
    drop(job, 4);
    close_scene(&scene);
}

/* test_future_times_out, test_correct_timeout_exception_msg */
Test(cf_as_completed, a_deadline_ends_it_after_those_that_are_done,
     WITH_ACCOUNT, .timeout = 60)
{
    everywhere(times_out);
}

static void duplicates(void)
{
    struct scene scene;
    open_scene(&scene);
    weft_future *job = job_that_ends(scene.pool, 0);
    weft_future *list[] = {job, job, job};
    struct walk walk = {.futures = list, .n = 3};
    cr_expect_eq(beside_run(&scene.beside, go_along, &walk), 0);
    expect_each_once(&walk);
    cr_expect_eq(finish(job, NULL), 0);
    close_scene(&scene);
}

/* test_duplicate_futures: each entry counts */
Test(cf_as_completed, gives_each_entry_of_a_job_once, WITH_ACCOUNT,
     .timeout = 60)
{
    everywhere(duplicates);
}

/* test_free_reference_yielded_future: nothing is kept of it, neither of those
 * that were given nor of those that were not (the account would not balance). */
static void walk_away(void)
{
    struct scene scene;
    open_scene(&scene);
    for (size_t stop = 1; stop <= 3; stop++) {
        weft_future *job[] = {job_that_ends(scene.pool, 0), ended(0),
                              job_that_ends(scene.pool, -EDOM), scene.blocked};
        struct walk walk = {.futures = job, .n = 4, .stop = stop};
        cr_expect_eq(beside_run(&scene.beside, go_along, &walk), 0);
        cr_expect_eq(walk.count, stop);
        cr_expect_eq(finish(job[0], NULL), 0);
        cr_expect_eq(finish(job[1], NULL), 0);
        cr_expect_eq(finish(job[2], NULL), -EDOM);
    }
    close_scene(&scene);
}

Test(cf_as_completed, keeps_nothing_of_jobs_when_left, WITH_ACCOUNT,
     .timeout = 60)
{
    everywhere(walk_away);
}
