// SPDX-License-Identifier: MIT
/*
 * Pools of processes: bytes go in and come out, whatever the job does to its
 * process; who dies takes only its own job along.
 */
#define _GNU_SOURCE
#include "tests/exec/pool.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <weft/process.h>

#include "tests/support/scale.h"

/* The children of a test run this program, too: before any of its tests. */
__attribute__((constructor)) static void enter_children(void)
{
    weft_worker_main(0, NULL);
}

/* Jobs */

WEFT_JOB(echo)
{
    return weft_output_write(out, in, size);
}

WEFT_JOB(backwards)
{
    const char *bytes = in;
    for (size_t i = size; i-- > 0;)
        if (weft_output_write(out, bytes + i, 1) < 0)
            return -ENOMEM;
    return 0;
}

WEFT_JOB(pid)
{
    pid_t pid = getpid();
    return weft_output_write(out, &pid, sizeof(pid));
}

WEFT_JOB(fail)
{
    return weft_code(weft_failf(-EDOM, "no such thing as %.*s", (int)size,
                                (const char *)in));
}

WEFT_JOB(crash)
{
    raise(*(const int *)in);
    return 0;
}

WEFT_JOB(leave)
{
    _exit(*(const int *)in);
}

WEFT_JOB(for_ever)
{
    while (pause() < 0)
        ;
    return 0;
}

WEFT_JOB(deaf)
{
    signal(SIGTERM, SIG_IGN);
    while (pause() < 0)
        ;
    return 0;
}

static int set_up_with;

WEFT_JOB(set_up)
{
    if (size != sizeof(int))
        return -EINVAL;
    memcpy(&set_up_with, in, sizeof(int));
    return set_up_with < 0 ? set_up_with : 0;
}

WEFT_JOB(how_set_up)
{
    return weft_output_write(out, &set_up_with, sizeof(int));
}

struct limits {
    int niceness, privileges;
    rlim_t memory;
};

WEFT_JOB(limits)
{
    struct rlimit memory;
    struct limits limits = {getpriority(PRIO_PROCESS, 0),
                            prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0};
    getrlimit(RLIMIT_AS, &memory);
    limits.memory = memory.rlim_cur;
    return weft_output_write(out, &limits, sizeof(limits));
}

/* Help */

static weft_executor *open_processes(weft_process_pool_options options)
{
    weft_executor *pool = NULL;
    options.size = sizeof(options);
    cr_assert_eq(weft_process_pool_new(&options, &pool), 0);
    return pool;
}

static weft_executor *open_some(unsigned n)
{
    return open_processes((weft_process_pool_options){.max_processes = n});
}

static int call(weft_executor *pool, const char *name, const void *in,
                size_t size, weft_bytes *out)
{
    return finish(weft_submit_job(pool, name, in, size, out), NULL);
}

static pid_t pid_of_child(weft_executor *pool)
{
    weft_bytes out;
    pid_t pid = 0;
    /* The child that it went to may have been killed just now. */
    while (call(pool, "pid", NULL, 0, &out) == -WEFT_ECRASHED)
        ;
    cr_assert_eq(out.size, sizeof(pid));
    memcpy(&pid, out.data, sizeof(pid));
    weft_bytes_free(&out);
    return pid;
}

/* Bytes */

static void bytes(void)
{
    static const size_t sizes[] = {0,     1,     100,   65023,
                                   65024, 65025, 65536, 3 << 20};
    weft_executor *pool = open_some(2);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        weft_bytes out;
        char *in = malloc(sizes[i] + 1);
        for (size_t j = 0; j < sizes[i]; j++)
            in[j] = (char)(j * 31 + i);
        int rc = call(pool, "echo", in, sizes[i], &out);
        cr_assert_eq(rc, 0, "%zu bytes: %s", sizes[i], weft_strerror(rc));
        cr_assert_eq(out.size, sizes[i]);
        cr_assert(sizes[i] == 0 || memcmp(out.data, in, sizes[i]) == 0);
        weft_bytes_free(&out);
        free(in);
    }
    weft_bytes out;
    cr_assert_eq(call(pool, "backwards", "abc", 3, &out), 0);
    cr_assert_eq(memcmp(out.data, "cba", 3), 0);
    weft_bytes_free(&out);
    cr_assert_eq(call(pool, "echo", "abc", 3, NULL), 0);
    cr_assert_eq(weft_executor_shutdown(pool), 0);
}

Test(process, bytes_go_there_and_back, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(bytes);
}

static void errors(void)
{
    weft_bytes out;
    weft_executor *pool = open_some(1);
    cr_assert_eq(call(pool, "fail", "this", 4, &out), -EDOM);
    cr_assert_not_null(weft_last_error());
    const weft_error *error = weft_last_error();
    while (error->cause != NULL)
        error = error->cause;
    cr_assert_str_eq(error->message, "no such thing as this");
    cr_assert_null(out.data);
    cr_assert_eq(call(pool, "no such job", NULL, 0, NULL), -EINVAL);
    cr_assert_eq(finish(weft_run_in_executor(pool, count_one, NULL), NULL),
                 -EINVAL);
    cr_assert_eq(weft_executor_shutdown(pool), 0);
}

Test(process, errors_come_back_with_their_words, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(errors);
}

/* Many jobs, few processes, each again and again. */
static void many(void)
{
    enum { N = 300 };
    weft_future *job[N];
    weft_bytes out[N];
    weft_executor *pool = open_some(3);
    for (int i = 0; i < N; i++)
        job[i] = weft_submit_job(pool, "echo", &i, sizeof(i), &out[i]);
    for (int i = 0; i < N; i++) {
        cr_assert_eq(finish(job[i], NULL), 0);
        cr_assert_eq(memcmp(out[i].data, &i, sizeof(i)), 0);
        weft_bytes_free(&out[i]);
    }
    pid_t pid = pid_of_child(pool);
    cr_assert_neq(pid, getpid());
    cr_assert_eq(weft_executor_shutdown(pool), 0);
    cr_assert_eq(kill(pid, 0), -1);
    cr_assert_eq(errno, ESRCH);
}

Test(process, few_processes_serve_many_jobs, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(many);
}

/* Death */

static void expect_crashed(int rc, const char *how)
{
    cr_expect_eq(rc, -WEFT_ECRASHED);
    const weft_error *error = weft_last_error();
    cr_assert_not_null(error);
    while (error->cause != NULL)
        error = error->cause;
    cr_expect_not_null(strstr(error->message, how), "%s", error->message);
}

static void deaths(void)
{
    static const int signals[] = {SIGKILL, SIGUSR1, SIGHUP, SIGTERM};
    int status = 7;
    weft_executor *pool = open_some(2);
    for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
        char how[40];
        snprintf(how, sizeof(how), "was killed by signal %d", signals[i]);
        weft_future *other = weft_submit_job(pool, "echo", how, 3, NULL);
        expect_crashed(call(pool, "crash", &signals[i], sizeof(int), NULL),
                       how);
        cr_expect_eq(finish(other, NULL), 0);
    }
    expect_crashed(call(pool, "leave", &status, sizeof(int), NULL),
                   "ended with exit status 7");
    cr_expect_eq(call(pool, "echo", NULL, 0, NULL), 0);
    cr_assert_eq(weft_executor_shutdown(pool), 0);
}

Test(process, who_dies_takes_its_own_job_along, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(deaths);
}

static void strict(void)
{
    int sig = SIGKILL;
    weft_executor *pool = open_processes(
        (weft_process_pool_options){.max_processes = 2, .strict = true});
    weft_future *stays = weft_submit_job(pool, "for_ever", NULL, 0, NULL);
    cr_expect_eq(call(pool, "crash", &sig, sizeof(sig), NULL), -WEFT_ECRASHED);
    cr_expect_eq(finish(stays, NULL), -WEFT_EBROKEN);
    cr_expect_eq(call(pool, "echo", NULL, 0, NULL), -WEFT_EBROKEN);
    cr_assert_eq(weft_executor_shutdown(pool), 0);
}

Test(process, in_a_strict_pool_with_all_others, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(strict);
}

/* At any moment: each job ends, with its result or the cause. */
static void killed(void)
{
    weft_executor *pool = open_some(2);
    size_t done = 0, crashed = 0;
    for (size_t i = weft_test_scaled(300); i > 0; i--) {
        weft_future *job[8];
        pid_t pid = pid_of_child(pool);
        for (int j = 0; j < 8; j++)
            job[j] = weft_submit_job(pool, "echo", &j, sizeof(j), NULL);
        for (size_t j = i % 7; j > 0; j--)
            give_way();
        kill(pid, SIGKILL);
        for (int j = 0; j < 8; j++) {
            int rc = finish(job[j], NULL);
            done += rc == 0;
            crashed += rc == -WEFT_ECRASHED;
            cr_assert(rc == 0 || rc == -WEFT_ECRASHED, "%s", weft_strerror(rc));
        }
    }
    cr_expect_gt(done, crashed);
    cr_assert_eq(weft_executor_shutdown(pool), 0);
}

Test(process, killed_at_any_moment, WITH_ACCOUNT, .timeout = 120)
{
    everywhere(killed);
}

/* Cancelling and limits */

static void cancelled(void)
{
    static const char *const names[] = {"for_ever", "deaf"};
    weft_executor *pool = open_processes(
        (weft_process_pool_options){.max_processes = 1, .grace = WEFT_MS(50)});
    for (int i = 0; i < 2; i++) {
        pid_t before = pid_of_child(pool);
        weft_future *running = weft_submit_job(pool, names[i], NULL, 0, NULL);
        weft_future *queued = weft_submit_job(pool, "echo", NULL, 0, NULL);
        weft_future *stays = weft_submit_job(pool, "echo", NULL, 0, NULL);
        cr_expect_eq(weft_cancel(queued), 0);
        cr_expect_eq(finish(queued, NULL), -WEFT_ECANCELED);
        cr_expect_eq(weft_cancel(running), 0);
        cr_expect_eq(finish(running, NULL), -WEFT_ECANCELED);
        cr_expect_eq(finish(stays, NULL), 0);
        cr_expect_neq(pid_of_child(pool), before);
    }
    cr_assert_eq(weft_executor_shutdown(pool), 0);
}

Test(process, cancelling_ends_that_child_only, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(cancelled);
}

static void too_long(void)
{
    int sig = SIGKILL;
    weft_executor *pool = open_processes((weft_process_pool_options){
        .max_processes = 1, .job_time = WEFT_MS(300)});
    cr_expect_eq(call(pool, "for_ever", NULL, 0, NULL), -WEFT_ETIMEOUT);
    cr_expect_eq(call(pool, "echo", NULL, 0, NULL), 0);
    cr_expect_eq(call(pool, "crash", &sig, sizeof(sig), NULL), -WEFT_ECRASHED,
                 "in time");
    cr_assert_eq(weft_executor_shutdown(pool), 0);
}

Test(process, a_job_that_takes_too_long_is_killed, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(too_long);
}

static void limited(void)
{
    weft_bytes out;
    struct limits limits;
    size_t memory = (size_t)1 << 47; /* sanitizers map terabytes */
    weft_executor *pool =
        open_processes((weft_process_pool_options){.max_processes = 1,
                                                   .niceness = 3,
                                                   .no_new_privs = true,
                                                   .memory = memory});
    cr_assert_eq(call(pool, "limits", NULL, 0, &out), 0);
    memcpy(&limits, out.data, sizeof(limits));
    weft_bytes_free(&out);
    int mine = getpriority(PRIO_PROCESS, (id_t)getpid());
    cr_expect_eq(limits.niceness, mine + 3 < 19 ? mine + 3 : 19);
    cr_expect_eq(limits.privileges, 1);
    cr_expect_eq(limits.memory, memory);
    cr_assert_eq(weft_executor_shutdown(pool), 0);
}

Test(process, children_have_limits, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(limited);
}

/* Recycling and initialising */

static void recycled(void)
{
    weft_executor *pool = open_processes(
        (weft_process_pool_options){.max_processes = 1, .jobs_per_child = 2});
    pid_t first = pid_of_child(pool);
    cr_expect_eq(pid_of_child(pool), first);
    pid_t second = pid_of_child(pool);
    cr_expect_neq(second, first);
    weft_future *job[20];
    for (int i = 0; i < 20; i++)
        job[i] = weft_submit_job(pool, "echo", NULL, 0, NULL);
    cr_assert_eq(weft_executor_shutdown(pool), 0);
    for (int i = 0; i < 20; i++)
        cr_expect_eq(finish(job[i], NULL), 0);
}

Test(process, children_are_replaced_after_some_jobs, WITH_ACCOUNT,
     .timeout = 60)
{
    everywhere(recycled);
}

static void set_up_children(void)
{
    weft_bytes out;
    int with = 42;
    weft_process_pool_options options = {.max_processes = 1,
                                         .init = "set_up",
                                         .init_bytes = &with,
                                         .init_size = sizeof(with)};
    weft_executor *pool = open_processes(options);
    cr_assert_eq(call(pool, "how_set_up", NULL, 0, &out), 0);
    cr_assert_eq(memcmp(out.data, &with, sizeof(with)), 0);
    weft_bytes_free(&out);
    cr_assert_eq(weft_executor_shutdown(pool), 0);
    with = -EXDEV;
    pool = open_processes(options);
    weft_future *job[10];
    for (int i = 0; i < 10; i++)
        job[i] = weft_submit_job(pool, "echo", NULL, 0, NULL);
    for (int i = 0; i < 10; i++) {
        cr_expect_eq(finish(job[i], NULL), -WEFT_EBROKEN);
        cr_assert_not_null(weft_last_error()->cause);
        cr_expect_eq(weft_last_error()->cause->code, -EXDEV);
    }
    cr_expect_eq(call(pool, "echo", NULL, 0, NULL), -WEFT_EBROKEN);
    cr_assert_eq(weft_executor_shutdown(pool), 0);
}

Test(process, init_runs_first_or_breaks_the_pool, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(set_up_children);
}

/* One that dies before it is ready is replaced, but not for ever. */
static void never_ready(void)
{
    int status = 3;
    weft_executor *pool = open_processes(
        (weft_process_pool_options){.max_processes = 2,
                                    .init = "leave",
                                    .init_bytes = &status,
                                    .init_size = sizeof(status)});
    weft_future *job[4];
    for (int i = 0; i < 4; i++)
        job[i] = weft_submit_job(pool, "echo", NULL, 0, NULL);
    for (int i = 0; i < 4; i++)
        cr_expect_eq(finish(job[i], NULL), -WEFT_EBROKEN);
    cr_assert_eq(weft_executor_shutdown(pool), 0);
}

Test(process, children_that_never_get_ready_break_the_pool, WITH_ACCOUNT,
     .timeout = 60)
{
    everywhere(never_ready);
}

/* The end */

static void ended(void)
{
    weft_shutdown_options in_time = {.size = sizeof(in_time),
                                     .timeout = WEFT_MS(20)};
    weft_shutdown_options dropping = {.size = sizeof(dropping),
                                      .drop_queued = true};
    weft_executor *pool = open_some(1);
    cr_assert_eq(weft_executor_shutdown(pool), 0, "without a job");
    pool = open_processes(
        (weft_process_pool_options){.max_processes = 1, .grace = WEFT_MS(50)});
    weft_future *deaf = weft_submit_job(pool, "deaf", NULL, 0, NULL);
    weft_future *queued = weft_submit_job(pool, "echo", NULL, 0, NULL);
    cr_expect_eq(weft_executor_shutdown_with(pool, &in_time), -WEFT_ETIMEOUT);
    cr_expect_eq(finish(queued, NULL), -WEFT_ECANCELED);
    cr_expect_eq(finish(deaf, NULL), -WEFT_ECANCELED);
    pool = open_some(1);
    weft_future *job[5];
    for (int i = 0; i < 5; i++)
        job[i] = weft_submit_job(pool, "echo", NULL, 0, NULL);
    cr_assert_eq(weft_executor_shutdown_with(pool, &dropping), 0);
    for (int i = 0; i < 5; i++) {
        int rc = finish(job[i], NULL);
        cr_expect(rc == 0 || rc == -WEFT_ECANCELED);
    }
}

Test(process, pools_end_in_every_state, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(ended);
}

/* However the parent ends, its children do, in whatever job they are. */

static void be_a_parent(int out)
{
    weft_executor *pool = open_some(2);
    pid_t pid = pid_of_child(pool);
    weft_future_unref(weft_submit_job(pool, "deaf", NULL, 0, NULL));
    weft_future_unref(weft_submit_job(pool, "deaf", NULL, 0, NULL));
    cr_assert_eq(write(out, &pid, sizeof(pid)), sizeof(pid));
    raise(SIGKILL);
}

Test(process, children_end_with_their_parent, .timeout = 30)
{
    int fds[2];
    pid_t grandchild = 0;
    cr_assert_eq(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
    cr_assert_eq(pipe(fds), 0);
    pid_t parent = fork();
    if (parent == 0)
        be_a_parent(fds[1]);
    cr_assert_eq(read(fds[0], &grandchild, sizeof(grandchild)),
                 sizeof(grandchild));
    cr_assert_eq(waitpid(parent, NULL, 0), parent);
    cr_assert_eq(waitpid(grandchild, NULL, 0), grandchild);
    while (waitpid(-1, NULL, 0) > 0) /* the other one */
        ;
}
