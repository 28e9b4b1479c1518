// SPDX-License-Identifier: MIT
/* What CPython's test_shutdown asks of thread pools: see conformance.md. */
#define _GNU_SOURCE
#include "tests/exec/cf.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <weft/map.h>

#include "tests/support/scale.h"

#define JOBS 50

static int end(weft_executor *pool, bool drop_queued, bool no_wait)
{
    weft_shutdown_options options = {.size = sizeof(options),
                                     .drop_queued = drop_queued,
                                     .no_wait = no_wait};
    return weft_executor_shutdown_with(pool, &options);
}

/* Finishing what was submitted */

static void fifty(bool no_wait)
{
    atomic_uint ran = 0;
    weft_future *job[JOBS];
    struct gate gate = {0};
    weft_executor *pool =
        open_pool((weft_thread_pool_options){.max_threads = 2});
    weft_future *first = weft_run_in_executor(pool, pass, &gate);
    for (int i = 0; i < JOBS; i++)
        job[i] = weft_run_in_executor(pool, count_one, &ran);
    if (!no_wait)
        open_gate(&gate);
    cr_assert_eq(end(pool, false, no_wait), 0);
    if (no_wait)
        cr_expect_eq(weft_future_state(first), WEFT_FUTURE_PENDING);
    else
        cr_expect_eq(atomic_load(&ran), JOBS, "before it returns");
    open_gate(&gate);
    for (int i = 0; i < JOBS; i++)
        cr_expect_eq(finish(job[i], NULL), 0);
    cr_expect_eq(finish(first, NULL), 0);
    cr_expect_eq(atomic_load(&ran), JOBS);
}

static void fifty_awaited(void)
{
    fifty(false);
}

/* test_hang_issue12364 */
Test(cf_shutdown, waits_for_all_that_is_queued, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(fifty_awaited);
}

static void fifty_left(void)
{
    fifty(true);
}

/* test_shutdown_no_wait: the threads end, too, or the account is wrong */
Test(cf_shutdown, without_waiting_finishes_what_is_queued, WITH_ACCOUNT,
     .timeout = 60)
{
    everywhere(fifty_left);
}

/* Maps */

struct count {
    unsigned asked, n;
};

static int next_number(void *arg, void **item)
{
    struct count *count = arg;
    *item = weft_test_value(count->asked + 1);
    return count->asked == count->n ? 0 : (count->asked++, 1);
}

static void *negate(void *item)
{
    return weft_test_value(1000 - (uintptr_t)item);
}

/* Ended with its map unread: the map has all results. */
static void map_then_end(unsigned threads, unsigned n, bool no_wait)
{
    struct count count = {.n = n};
    weft_map *map;
    weft_executor *pool =
        open_pool((weft_thread_pool_options){.max_threads = threads});
    cr_assert_eq(weft_map_open(&map, pool, NULL, negate, next_number, &count),
                 0);
    cr_assert_eq(end(pool, false, no_wait), 0);
    for (uintptr_t i = 1; i <= n; i++) {
        void *result = NULL;
        cr_expect_eq(weft_map_next(map, &result), 1);
        cr_expect_eq(result, weft_test_value(1000 - i));
    }
    void *none;
    cr_expect_eq(weft_map_next(map, &none), 0);
    weft_map_close(map);
}

static void more_than_threads(void)
{
    for (size_t i = weft_test_scaled(100); i > 0; i--)
        map_then_end(3, 4, false);
}

/* executor.py test_shutdown_race_issue12456 */
Test(cf_shutdown, right_after_a_map_does_not_hang, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(more_than_threads);
}

static void map_results_stay(void)
{
    map_then_end(5, 11, false);
    map_then_end(5, 11, true);
}

/* test_context_manager_shutdown, test_del_shutdown: there is no block to leave
 * and nobody collects the pool; the call does it. */
Test(cf_shutdown, leaves_a_map_its_results, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(map_results_stay);
}

/* Dropping */

static void drop_queued(void)
{
    struct gate gate = {0};
    atomic_uint ran = 0;
    weft_future *job[2], *queued[JOBS];
    weft_executor *pool =
        open_pool((weft_thread_pool_options){.max_threads = 2});
    for (int i = 0; i < 2; i++)
        job[i] = weft_run_in_executor(pool, pass, &gate);
    await_there(&gate, 2);
    for (int i = 0; i < JOBS; i++)
        queued[i] = weft_run_in_executor(pool, count_one, &ran);
    cr_assert_eq(end(pool, true, true), 0);
    for (int i = 0; i < JOBS; i++) {
        cr_expect_eq(weft_future_state(queued[i]), WEFT_FUTURE_CANCELLED);
        cr_expect_eq(finish(queued[i], NULL), -WEFT_ECANCELED);
    }
    open_gate(&gate);
    for (int i = 0; i < 2; i++)
        cr_expect_eq(finish(job[i], NULL), 0);
    cr_expect_eq(atomic_load(&ran), 0);
}

/* Amid the work: each ran or was dropped, and the shutdown says when. */
static void drop_amid(void)
{
    atomic_uint ran = 0;
    unsigned done = 0;
    weft_future *job[JOBS];
    weft_executor *pool =
        open_pool((weft_thread_pool_options){.max_threads = 5});
    for (int i = 0; i < JOBS; i++)
        job[i] = weft_run_in_executor(pool, count_one, &ran);
    cr_assert_eq(end(pool, true, false), 0);
    for (int i = 0; i < JOBS; i++) {
        cr_expect_neq(weft_future_state(job[i]), WEFT_FUTURE_PENDING);
        int rc = finish(job[i], NULL);
        cr_expect(rc == 0 || rc == -WEFT_ECANCELED);
        done += rc == 0;
    }
    cr_expect_eq(atomic_load(&ran), done);
}

static void dropping(void)
{
    drop_queued();
    for (size_t i = weft_test_scaled(50); i > 0; i--)
        drop_amid();
}

/* test_cancel_futures */
Test(cf_shutdown, may_drop_what_is_queued_and_leaves_none_undecided,
     WITH_ACCOUNT, .timeout = 60)
{
    everywhere(dropping);
}

static void last_cancelled(void)
{
    for (size_t i = weft_test_scaled(200); i > 0; i--) {
        atomic_uint ran = 0;
        weft_executor *pool =
            open_pool((weft_thread_pool_options){.max_threads = 1});
        cr_expect_eq(finish(job_that_ends(pool, 0), NULL), 0);
        weft_future *job = weft_run_in_executor(pool, count_one, &ran);
        weft_cancel(job);
        cr_assert_eq(end(pool, false, false), 0);
        int rc = finish(job, NULL);
        cr_expect_eq(rc, atomic_load(&ran) ? 0 : -WEFT_ECANCELED);
    }
}

/* test_hang_gh94440 */
Test(cf_shutdown, does_not_wait_for_a_job_that_was_cancelled, WITH_ACCOUNT,
     .timeout = 60)
{
    everywhere(last_cancelled);
}

/* Afterwards */

/* The handle is gone with the call; but a job that came to it before may still
 * have one, of the runtime's own pool. */
static void *submit_late(void *arg)
{
    weft_runtime *rt = arg;
    weft_executor *pool = weft_default_executor(rt);
    weft_future *job = job_that_ends(pool, 0);
    cr_expect_eq(weft_wait_blocking(job, WEFT_FOREVER, NULL), 0);
    cr_expect_eq(weft_runtime_shutdown(rt), 0);
    job = job_that_ends(pool, 0);
    cr_expect_eq(weft_wait_blocking(job, WEFT_FOREVER, NULL), -WEFT_ESHUTDOWN);
    return arg;
}

static void late(void)
{
    weft_runtime *rt;
    pthread_t thread;
    void *same = NULL;
    cr_assert_eq(weft_test_runtime(2, &rt), 0);
    cr_assert_eq(pthread_create(&thread, NULL, submit_late, rt), 0);
    weft_blocking_enter();
    pthread_join(thread, &same);
    weft_blocking_exit();
    cr_expect_eq(same, (void *)rt);
    weft_runtime_unref(rt);
}

/* test_run_after_shutdown */
Test(cf_shutdown, of_its_runtime_refuses_what_comes_late, WITH_ACCOUNT,
     .timeout = 60)
{
    everywhere(late);
}

/* Threads */

static atomic_uint begun, over;

static int note_begin(void *arg)
{
    (void)arg;
    atomic_fetch_add(&begun, 1);
    return 0;
}

static void note_end(void *arg)
{
    (void)arg;
    atomic_fetch_add(&over, 1);
}

static void three_threads(void)
{
    struct gate gate = {0};
    weft_future *job[3];
    atomic_store(&begun, 0);
    atomic_store(&over, 0);
    weft_executor *pool = open_pool((weft_thread_pool_options){
        .max_threads = 5, .init = note_begin, .fini = note_end});
    for (int i = 0; i < 3; i++)
        job[i] = weft_run_in_executor(pool, pass, &gate);
    await_there(&gate, 3);
    cr_expect_eq(atomic_load(&begun), 3);
    cr_expect_eq(atomic_load(&over), 0);
    open_gate(&gate);
    cr_assert_eq(end(pool, false, false), 0);
    cr_expect_eq(atomic_load(&over), 3);
    for (int i = 0; i < 3; i++)
        cr_expect_eq(finish(job[i], NULL), 0);
}

/* test_threads_terminate */
Test(cf_shutdown, ends_the_threads_that_were_needed, WITH_ACCOUNT,
     .timeout = 60)
{
    everywhere(three_threads);
}

struct name {
    struct gate gate;
    char text[16];
};

static void *tell_name(void *arg)
{
    struct name *name = arg;
    pthread_getname_np(pthread_self(), name->text, sizeof(name->text));
    return pass(&name->gate);
}

/* Without a name of its own: a prefix that says whose it is, and a number. */
static void default_names(void)
{
    struct name name[3] = {0};
    weft_future *job[3];
    weft_executor *pool =
        open_pool((weft_thread_pool_options){.max_threads = 3});
    for (int i = 0; i < 3; i++) {
        job[i] = weft_run_in_executor(pool, tell_name, &name[i]);
        await_there(&name[i].gate, 1);
        cr_expect_eq(strncmp(name[i].text, "weft-", 5), 0, "%s", name[i].text);
        size_t last = strlen(name[i].text) - 1;
        cr_expect(isdigit((unsigned char)name[i].text[last]));
        for (int j = 0; j < i; j++)
            cr_expect_str_neq(name[i].text, name[j].text);
    }
    for (int i = 0; i < 3; i++) {
        open_gate(&name[i].gate);
        cr_expect_eq(finish(job[i], NULL), 0);
    }
    cr_assert_eq(end(pool, false, false), 0);
}

/* test_thread_names_default */
Test(cf_shutdown, each_thread_has_a_name_of_its_own, WITH_ACCOUNT,
     .timeout = 60)
{
    everywhere(default_names);
}

/* The end of the program, in a child. Of a thread that leaves main: exit()
 * waits for nobody. Of a coroutine: the end of its runtime finishes the jobs. */

struct shared {
    struct gate gate;
    atomic_uint started, done;
};

static struct shared *shared;

static void *work_wholly(void *arg)
{
    atomic_fetch_add(&shared->started, 1);
    pass(&shared->gate);
    atomic_fetch_add(&shared->done, 1);
    return arg;
}

static bool ends_well(body *fn, bool inside)
{
    int status = -1;
    atomic_store(&shared->started, 0);
    atomic_store(&shared->done, 0);
    atomic_store(&shared->gate.there, 0);
    atomic_store(&shared->gate.go, 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        alarm(60);
        if (inside && weft_test_run(2, run_body, &fn) != 0)
            _exit(1);
        if (!inside)
            fn();
        exit(7);
    }
    cr_assert_gt(child, 0);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) && WEXITSTATUS(status) == 7;
}

/* Whether the job is done afterwards. */
static void at_exit(body *fn)
{
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(shared, MAP_FAILED);
    cr_expect(ends_well(fn, false));
    cr_expect_eq(atomic_load(&shared->done), 0, "it was never let go");
    cr_expect(ends_well(fn, true));
    cr_expect_eq(atomic_load(&shared->done), atomic_load(&shared->started));
    munmap(shared, sizeof(*shared));
}

/* A job runs; only in a runtime, which waits for it, it may go on. */
static weft_executor *begin_work(void)
{
    weft_executor *pool =
        open_pool((weft_thread_pool_options){.max_threads = 1});
    weft_detach(weft_run_in_executor(pool, work_wholly, NULL));
    await_there(&shared->gate, 1);
    if (weft_current() != NULL)
        open_gate(&shared->gate);
    return pool;
}

static void leave_pool(void)
{
    (void)begin_work();
}

/* test_interpreter_shutdown */
Test(cf_shutdown, that_nobody_asked_for_keeps_no_program_from_ending,
     .timeout = 60)
{
    at_exit(leave_pool);
}

static void leave_unawaited(void)
{
    cr_expect_eq(end(begin_work(), false, true), 0);
}

/* test_hang_gh83386 */
Test(cf_shutdown, without_waiting_keeps_no_program_from_ending, .timeout = 60)
{
    at_exit(leave_unawaited);
}

static void leave_dropped(void)
{
    weft_executor *pool = begin_work();
    for (int i = 0; i < JOBS; i++)
        weft_detach(weft_run_in_executor(pool, work_wholly, NULL));
    cr_expect_eq(end(pool, true, true), 0);
}

/* ThreadPool test_cancel_futures_wait_false */
Test(cf_shutdown, that_drops_does_not_either, .timeout = 60)
{
    at_exit(leave_dropped);
}
