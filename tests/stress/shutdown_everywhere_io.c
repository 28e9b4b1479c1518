// SPDX-License-Identifier: MIT
/*
 * The end of a runtime that is busy with what needs threads: sockets, files,
 * jobs of pools, timers, groups. It comes at a random moment, from a thread, a
 * task, a callback or main; every task and job has its end, and what was taken
 * is back.
 */
#include <fcntl.h>
#include <pthread.h>

#include "tests/loop/net.h"

#include "tests/support/fault.h"
#include "tests/support/run.h"
#include "tests/support/seeds.h"

enum { LOOPS = 24 };
enum way { BY_THREAD, BY_TASK, BY_CALLBACK, BY_MAIN, WAYS };

static weft_runtime *rt;
static weft_tcp_listener *listener;
static weft_executor *pool;
static enum way way;
static long enough; /* progress, for the end to come */
static atomic_long progress, begun, ended, jobs_begun, jobs_ended;

static int step(int rc)
{
    atomic_fetch_add(&progress, rc == 0);
    return rc;
}

/* Sockets */

static void *echo(void *arg)
{
    char buffer[64];
    ssize_t n;
    atomic_fetch_add(&begun, 1);
    while ((n = weft_tcp_read(arg, buffer, sizeof(buffer))) > 0)
        if (weft_tcp_write(arg, buffer, (size_t)n) != n)
            break;
    weft_tcp_close(arg);
    atomic_fetch_add(&ended, 1);
    return NULL;
}

static int accepts(void)
{
    weft_tcp *tcp;
    int rc = weft_tcp_accept(listener, &tcp);
    if (rc == 0)
        weft_detach(weft_spawn(echo, tcp));
    return rc;
}

/* What comes back is what was sent, as long as anything does. */
static int talk(weft_tcp *tcp)
{
    char sent[40];
    char got[40];
    net_fill(sent, 9, 0, sizeof(sent));
    ssize_t rc = weft_tcp_write(tcp, sent, sizeof(sent));
    if (rc == sizeof(sent))
        rc = net_read_all(tcp, got, sizeof(got));
    if (rc < 0)
        return (int)rc;
    check(rc < (ssize_t)sizeof(got) || memcmp(sent, got, sizeof(got)) == 0);
    return rc < (ssize_t)sizeof(got) ? -EPIPE : 0;
}

static int connects(void)
{
    weft_tcp *tcp;
    int rc =
        weft_tcp_connect(&tcp, "127.0.0.1", weft_tcp_listener_port(listener));
    if (rc < 0)
        return rc;
    rc = talk(tcp);
    net_end_by_reset(tcp);
    weft_tcp_close(tcp);
    return rc;
}

/* Files */

static int reads_file(void)
{
    char buffer[512];
    weft_file *file;
    int rc = weft_file_open(&file, "/proc/self/exe", O_RDONLY, 0);
    if (rc < 0)
        return rc;
    ssize_t n = weft_file_read(file, buffer, sizeof(buffer), 64);
    check(n == sizeof(buffer) || n == -WEFT_ECANCELED);
    weft_file_close(file);
    return n < 0 ? (int)n : 0;
}

/* Jobs */

static void *job(void *unused)
{
    atomic_fetch_add(&jobs_begun, 1);
    for (int i = 0; i < 50 && !weft_job_cancelled(); i++)
        sched_yield();
    atomic_fetch_add(&jobs_ended, 1);
    return unused;
}

static int to_thread(void)
{
    return weft_to_thread(job, NULL, NULL);
}

static int to_pool(void)
{
    weft_future_unref(weft_run_in_executor(pool, job, NULL));
    return weft_await(weft_run_in_executor(pool, job, NULL), NULL);
}

/* Timers and groups */

static void *nothing(void *unused)
{
    return unused;
}

static int timers(void)
{
    weft_detach(weft_call_later(WEFT_S(1000), nothing, NULL));
    return weft_await(weft_call_later(WEFT_US(100), nothing, NULL), NULL);
}

static void *sleeps(void *unused)
{
    atomic_fetch_add(&begun, 1);
    int rc = weft_sleep(WEFT_US(50));
    atomic_fetch_add(&ended, 1);
    return rc < 0 ? weft_fail(rc) : unused;
}

static int groups(void)
{
    weft_group group;
    weft_group_options two = {.size = sizeof(two), .max_running = 2};
    int rc = 0;
    weft_group_enter(&group, &two);
    for (int i = 0; i < 6 && rc == 0; i++)
        rc = weft_group_spawn(&group, sleeps, NULL);
    return weft_group_exit(&group, rc);
}

static int waits_in_vain(void)
{
    weft_scope scope;
    weft_future *never = weft_future_new();
    weft_timeout_enter(&scope, WEFT_US(200));
    int rc = weft_await(weft_future_ref(never), NULL);
    rc = weft_timeout_exit(&scope, rc);
    weft_future_unref(never);
    return rc == -WEFT_ETIMEOUT ? 0 : rc;
}

/* Each goes on until it is cancelled; its peers may end first. */
static void *loops(void *arg)
{
    static int (*const kinds[])(void) = {accepts,   connects,     reads_file,
                                         to_thread, to_pool,      timers,
                                         groups,    waits_in_vain};
    size_t kind = (uintptr_t)arg % (sizeof(kinds) / sizeof(*kinds));
    int rc;
    atomic_fetch_add(&begun, 1);
    do
        rc = step(kinds[kind]());
    while (rc == 0 || (kind == 1 && !weft_cancelled() && weft_yield() == 0));
    check(rc == -WEFT_ECANCELED || kind == 1);
    check(weft_cancelled());
    atomic_fetch_add(&ended, 1);
    return NULL;
}

/* The end */

static void *end_it(void *unused)
{
    check_eq(weft_runtime_shutdown(rt), 0);
    return unused;
}

static void *end_from_thread(void *unused)
{
    while (atomic_load(&progress) < enough)
        sched_yield();
    if (way == BY_THREAD)
        end_it(NULL);
    else if (way == BY_TASK)
        weft_future_unref(weft_run_coroutine_threadsafe(rt, end_it, NULL));
    else if (way == BY_CALLBACK)
        weft_future_unref(weft_call_soon_threadsafe(rt, end_it, NULL));
    return unused;
}

static void *serve(void *unused)
{
    weft_future *task[LOOPS];
    int rc = weft_tcp_listen(&listener, "127.0.0.1", 0);
    check(rc == 0 || (rc == -WEFT_ECANCELED && weft_cancelled()));
    if (rc < 0) /* so early */
        return unused;
    check_eq(weft_thread_pool_new(2, &pool), 0);
    for (uintptr_t i = 0; i < LOOPS; i++)
        task[i] = weft_spawn(loops, (void *)i);
    while (rc == 0 && !(way == BY_MAIN && atomic_load(&progress) >= enough))
        rc = weft_sleep(WEFT_US(300));
    if (rc == 0)
        end_it(NULL);
    for (int i = 0; i < LOOPS; i++)
        check_eq(weft_await(task[i], NULL), 0);
    weft_tcp_listener_close(listener);
    check_eq(weft_executor_shutdown(pool), 0);
    return unused;
}

static void one_end(size_t seed)
{
    struct weft_test_balance before = weft_test_balance();
    struct weft_test_random random = {seed};
    weft_counters counters;
    pthread_t thread;
    way = (enum way)(seed % WAYS);
    enough = (long)weft_test_below(&random, 300);
    atomic_store(&progress, 0);
    unsigned workers = 1 + (unsigned)(seed / WAYS % 4);
    cr_assert_eq(weft_test_runtime(workers, &rt), 0);
    weft_future *main = weft_run_coroutine_threadsafe(rt, serve, NULL);
    pthread_create(&thread, NULL, end_from_thread, NULL);
    int rc = weft_wait_blocking(main, WEFT_FOREVER, NULL);
    cr_assert_eq(rc, 0, "seed %zu: %d", seed, rc);
    pthread_join(thread, NULL);
    cr_assert_eq(weft_runtime_shutdown(rt), 0, "seed %zu", seed);
    weft_stats(rt, &counters);
    weft_runtime_unref(rt);
    cr_assert_eq(counters.tasks_spawned, counters.tasks_ended, "seed %zu",
                 seed);
    cr_assert_eq(atomic_load(&begun), atomic_load(&ended), "seed %zu", seed);
    cr_assert_eq(atomic_load(&jobs_begun), atomic_load(&jobs_ended));
    cr_assert_eq(atomic_load(&weft_test_wrong), 0, "seed %zu", seed);
    cr_assert(weft_test_balanced(&before), "seed %zu", seed);
}

Test(shutdown_everywhere_io, at_random_moments, .timeout = 500,
     .init = weft_test_faults_open, .fini = weft_test_faults_close)
{
    size_t first = (size_t)weft_test_number("WEFT_TEST_SEED", 1);
    size_t seeds =
        (size_t)weft_test_number("WEFT_TEST_SEEDS", weft_test_scaled(400));
    for (size_t seed = first; seed < first + seeds; seed++)
        one_end(seed);
}
