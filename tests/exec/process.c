// SPDX-License-Identifier: MIT
/*
 * Pools of processes: bytes go in and come out, whatever the job does to its
 * process; who dies takes only its own job along.
 */
#define _GNU_SOURCE
#include "tests/exec/processes.h"

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

/* A limit that is not reached is no cause. */
static void crash_in_time(void)
{
    int sig = SIGKILL;
    weft_executor *pool = open_processes((weft_process_pool_options){
        .max_processes = 1, .job_time = WEFT_S(3600), .strict = true});
    expect_crashed(call(pool, "crash", &sig, sizeof(sig), NULL),
                   "was killed by signal 9");
    cr_expect_eq(call(pool, "echo", NULL, 0, NULL), -WEFT_EBROKEN);
    cr_assert_eq(weft_executor_shutdown(pool), 0);
}

Test(process, a_crash_is_no_timeout, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(crash_in_time);
}

/* It has the descriptors of dead children, too. */
Test(process, dies_beside_a_fork_of_its_parent, WITH_ACCOUNT, .timeout = 60)
{
    int sig = SIGKILL;
    weft_executor *pool = open_processes(
        (weft_process_pool_options){.max_processes = 1, .grace = WEFT_S(30)});
    cr_assert_eq(call(pool, "echo", NULL, 0, NULL), 0);
    pid_t fork_of_us = fork();
    if (fork_of_us == 0)
        _exit(sleep(20) == 0); /* longer than the test, if it hangs */
    cr_expect_eq(call(pool, "crash", &sig, sizeof(sig), NULL), -WEFT_ECRASHED);
    cr_expect_eq(call(pool, "echo", NULL, 0, NULL), 0);
    usleep(10000);
    uint64_t looks = weft_test_calls(WEFT_TEST_CALL_poll_wait);
    usleep(50000);
    cr_expect_leq(weft_test_calls(WEFT_TEST_CALL_poll_wait), looks + 2);
    weft_time start = weft_now();
    cr_assert_eq(weft_executor_shutdown(pool), 0);
    cr_expect_lt(weft_now() - start, WEFT_S(20), "it is told to end");
    kill(fork_of_us, SIGKILL);
    cr_assert_eq(waitpid(fork_of_us, NULL, 0), fork_of_us);
}

Test(process, who_cannot_be_watched_is_not_started, WITH_ACCOUNT, .timeout = 60)
{
    struct weft_test_balance before = weft_test_balance();
    for (uint64_t nth = 1; nth <= 2; nth++) {
        weft_executor *pool = open_some(1);
        weft_test_fault_arm(WEFT_TEST_CALL_poll_ctl, nth, -ENOSPC, false);
        cr_expect_eq(call(pool, "echo", NULL, 0, NULL), -ENOSPC);
        cr_expect_eq(weft_test_fault_disarm(), 1);
        cr_expect_eq(call(pool, "echo", NULL, 0, NULL), 0);
        cr_assert_eq(weft_executor_shutdown(pool), 0);
    }
    cr_assert(weft_test_balanced(&before));
}

/* Three children, and theirs none, however they fail. */
Test(process, main_must_let_children_in, WITH_ACCOUNT, .timeout = 60)
{
    static const char *const late[] = {"closes", "pool"};
    for (int i = 0; i < 2; i++) {
        uint64_t spawned = weft_test_calls(WEFT_TEST_CALL_spawn);
        weft_executor *pool = open_some(1);
        setenv("WEFT_TEST_LATE", late[i], 1);
        cr_expect_eq(call(pool, "echo", NULL, 0, NULL), -WEFT_EBROKEN);
        unsetenv("WEFT_TEST_LATE");
        cr_expect_eq(weft_test_calls(WEFT_TEST_CALL_spawn), spawned + 3);
        cr_assert_eq(weft_executor_shutdown(pool), 0);
    }
}

/* Descriptors */

static void two_descriptors(void)
{
    weft_executor *pool = open_some(1);
    for (uint64_t id = 1; id < 20; id++)
        (void)call(pool, "two_descriptors", &id, sizeof(id), NULL);
    cr_assert_eq(weft_executor_shutdown(pool), 0);
}

Test(process, a_packet_brings_one_descriptor, WITH_ACCOUNT, .timeout = 60)
{
    everywhere(two_descriptors);
}

Test(process, a_large_result_needs_a_descriptor, WITH_ACCOUNT, .timeout = 60)
{
    int taken[64], n = 0;
    weft_bytes out;
    weft_executor *pool = open_some(1);
    pid_t pid = pid_of_child(pool);
    struct rlimit old, few = {.rlim_cur = 64};
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    few.rlim_max = old.rlim_max;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    while (n < 64 && (taken[n] = dup(0)) >= 0)
        n++;
    int rc = call(pool, "large", NULL, 0, &out);
    while (n > 0)
        close(taken[--n]);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
    cr_expect_eq(rc, -EMFILE, "%s", weft_strerror(rc));
    cr_expect_eq(pid_of_child(pool), pid);
    cr_assert_eq(weft_executor_shutdown(pool), 0);
}

static void kept(void)
{
    enum { N = 50, SIZE = 100000 };
    static char bytes[SIZE];
    weft_future *job[N];
    weft_executor *pool = open_some(1);
    cr_assert_eq(call(pool, "echo", NULL, 0, NULL), 0);
    int64_t before = weft_test_balance().descriptors;
    for (int i = 0; i < N; i++) {
        job[i] = weft_submit_job(pool, "echo", bytes, SIZE, NULL);
        while (weft_future_state(job[i]) == WEFT_FUTURE_PENDING)
            give_way();
    }
    cr_expect_lt(weft_test_balance().descriptors, before + N / 2);
    for (int i = 0; i < N; i++)
        cr_expect_eq(finish(job[i], NULL), 0);
    cr_assert_eq(weft_executor_shutdown(pool), 0);
}

Test(process, jobs_that_are_done_keep_no_descriptor, WITH_ACCOUNT,
     .timeout = 60)
{
    everywhere(kept);
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
