// SPDX-License-Identifier: MIT
/* Pools of processes: what cancels, limits, replaces and sets up their children,
 * and how they end. */
#define _GNU_SOURCE
#include "tests/exec/processes.h"

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

/* What has been told to end, and is ready for the next job, is in its way. */
static void behind(void)
{
    weft_executor *pool = open_processes(
        (weft_process_pool_options){.max_processes = 1, .grace = WEFT_S(30)});
    cr_assert_eq(call(pool, "echo", NULL, 0, NULL), 0);
    weft_future *tidy = weft_submit_job(pool, "tidy", NULL, 0, NULL);
    usleep(10000);
    weft_future *next = weft_submit_job(pool, "echo", NULL, 0, NULL);
    weft_time start = weft_now();
    cr_expect_eq(weft_cancel(tidy), 0);
    (void)finish(tidy, NULL);
    cr_expect_eq(finish(next, NULL), 0);
    cr_expect_lt(weft_now() - start, WEFT_S(20));
    cr_assert_eq(weft_executor_shutdown(pool), 0);
}

Test(process, no_grace_for_who_is_done, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(behind);
}

static void too_long(void)
{
    int sig = SIGKILL;
    weft_executor *pool = open_processes(
        (weft_process_pool_options){.max_processes = 1, .job_time = WEFT_S(2)});
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

static void name_of_init(void)
{
    int with = 42;
    char name[] = "set_up";
    weft_executor *pool =
        open_processes((weft_process_pool_options){.max_processes = 1,
                                                   .init = name,
                                                   .init_bytes = &with,
                                                   .init_size = sizeof(with)});
    memset(name, '-', sizeof(name) - 1);
    cr_expect_eq(call(pool, "echo", NULL, 0, NULL), 0);
    cr_assert_eq(weft_executor_shutdown(pool), 0);
}

Test(process, the_name_of_init_need_not_stay, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(name_of_init);
}

static void *nothing(void *arg)
{
    return arg;
}

/* In a program that has pools of processes, too. */
Test(process, threads_may_have_small_stacks, WITH_ACCOUNT, .timeout = 60)
{
    weft_executor *pool = open_pool((weft_thread_pool_options){
        .max_threads = 1, .stack_size = (size_t)PTHREAD_STACK_MIN});
    cr_expect_eq(finish(weft_run_in_executor(pool, nothing, NULL), NULL), 0);
    cr_assert_eq(weft_executor_shutdown(pool), 0);
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
