// SPDX-License-Identifier: MIT
/*
 * What tasks and futures leave behind: nothing; also when what they drop drops
 * something in turn, or when they never came to be. What each test stands for
 * says conformance.md.
 */
#include <weft.h>

#include <errno.h>
#include <pthread.h>

#include "tests/support/fault.h"
#include "tests/support/run.h"
#include "tests/support/test.h"

#define value(n) weft_test_value(n)

/* A hundred tasks, one after the other, after a hundred others */

static void a_hundred_tasks(void)
{
    for (uintptr_t i = 1; i <= 100; i++) {
        void *result = NULL;
        weft_future *task = weft_spawn(weft_test_echo, value(i));
        cr_expect_eq(weft_await(task, &result), 0);
        cr_expect_eq(result, value(i));
    }
}

static void *spawn_and_count(void *unused)
{
    (void)unused;
    a_hundred_tasks();
    struct weft_test_balance before = weft_test_balance();
    a_hundred_tasks();
    struct weft_test_balance after = weft_test_balance();
    cr_expect_eq(after.allocations, before.allocations);
    cr_expect_eq(after.mappings, before.mappings);
    return NULL;
}

Test(leftovers, of_a_hundred_tasks_are_none, .timeout = 60,
     .init = weft_test_faults_open, .fini = weft_test_faults_close)
{
    struct weft_test_balance before = weft_test_balance();
    cr_assert_eq(weft_test_run(1, spawn_and_count, NULL), 0);
    cr_assert(weft_test_balanced(&before));
}

/* A value whose end drops a future, whose callback has such a value… */

static weft_var *var;
static atomic_int dropped;

static void drop(void *future)
{
    atomic_fetch_add(&dropped, 1);
    weft_future_unref(future);
}

static void make_var(void)
{
    weft_test_faults_open();
    atomic_store(&dropped, 0);
    cr_assert_eq(weft_var_new("keeper", NULL, drop, &var), 0);
}

static void free_var(void)
{
    weft_var_free(var);
    weft_test_faults_close();
}

static void set_to_a_future(void)
{
    cr_expect_eq(weft_var_set(var, weft_future_new()), 0);
}

static void *set_and_end(void *unused)
{
    (void)unused;
    set_to_a_future();
    return NULL;
}

static void *drop_in_tasks(void *unused)
{
    weft_future *task[100];
    (void)unused;
    for (int i = 0; i < 100; i++)
        task[i] = weft_spawn(set_and_end, NULL);
    cr_expect_eq(weft_gather(task, 100, NULL), 0);
    return NULL;
}

Test(leftovers, of_a_task_may_drop_futures, .timeout = 60, .init = make_var,
     .fini = free_var)
{
    struct weft_test_balance before = weft_test_balance();
    cr_assert_eq(weft_test_run(2, drop_in_tasks, NULL), 0);
    cr_assert_eq(atomic_load(&dropped), 100);
    cr_assert(weft_test_balanced(&before));
}

/* Each future's callback has the context in which the next one is kept. */
static void *drop_a_chain(void *unused)
{
    weft_future *last = weft_future_new();
    (void)unused;
    for (int i = 0; i < 100; i++) {
        weft_future *next = weft_future_new();
        cr_expect_eq(weft_var_set(var, last), 0);
        cr_expect_eq(weft_future_add_done_callback(next, weft_test_echo, NULL),
                     0);
        last = next;
    }
    weft_context *empty = weft_context_empty();
    cr_expect_eq(weft_context_restore(empty), 0);
    weft_future_unref(last);
    return NULL;
}

static void *drop_chain_in_task(void *unused)
{
    cr_expect_eq(weft_await(weft_spawn(drop_a_chain, unused), NULL), 0);
    return NULL;
}

Test(leftovers, of_a_future_may_drop_futures, .timeout = 60, .init = make_var,
     .fini = free_var)
{
    struct weft_test_balance before = weft_test_balance();
    cr_assert_eq(weft_test_run(2, drop_chain_in_task, NULL), 0);
    cr_assert_eq(atomic_load(&dropped), 100);
    cr_assert(weft_test_balanced(&before));
}

/* What never came to be answers every call. */

static void *answer(void *future)
{
    int code = weft_future_result(future, NULL);
    cr_expect_eq(weft_future_state(future), WEFT_FUTURE_FAILED);
    cr_expect_eq(weft_future_set_result(future, NULL), -WEFT_EALREADY);
    cr_expect_eq(weft_future_set_error(future, -EIO), -WEFT_EALREADY);
    cr_expect_eq(weft_cancel(future), -WEFT_EALREADY);
    cr_expect_eq(weft_future_remove_done_callback(future, weft_test_echo, NULL),
                 0);
    cr_expect_eq(weft_future_add_done_callback(future, weft_test_echo, NULL),
                 weft_running_loop() ? 0 : -WEFT_ENORUNTIME);
    cr_expect_neq(weft_task_name(future)[0], '\0');
    cr_expect_eq(weft_task_id(future), 0);
    cr_expect_eq(weft_future_ref(future), future);
    weft_future_unref(future);
    return value(-code);
}

static void *answer_inside(void *future)
{
    answer(future);
    return weft_fail(weft_await(future, NULL));
}

Test(leftovers, of_what_was_not_made_answer_every_call, .timeout = 60,
     .init = weft_test_faults_open, .fini = weft_test_faults_close)
{
    weft_future *task = weft_spawn(weft_test_echo, NULL);
    cr_assert_eq(answer(task), value(WEFT_ENORUNTIME));
    cr_assert_eq(weft_test_run(1, answer_inside, task), -WEFT_ENORUNTIME);
    weft_test_fault_arm(WEFT_TEST_CALL_alloc, 1, -ENOMEM, false);
    weft_future *made = weft_future_new();
    cr_assert_eq(weft_test_fault_disarm(), 1);
    cr_assert_eq(answer(made), value(ENOMEM));
    cr_assert_eq(weft_test_run(1, answer_inside, made), -ENOMEM);
}

/* Who submits rings a bell of the runtime at last. What was submitted may have
 * ended by then, and somebody may end the runtime: but not before that ring,
 * or it would go to whoever has the descriptor next. */

#define YIELDS 20000 /* how long the ringer dawdles */

static struct weft__os hooked;
static _Thread_local bool dawdles;
static atomic_int ringing; /* the descriptor, or -1 */
static atomic_int closed;  /* that one was closed meanwhile */
static atomic_int ran;

static long ring(int fd)
{
    if (dawdles) {
        atomic_store(&ringing, fd);
        for (int i = 0; i < YIELDS && !atomic_load(&ran); i++)
            sched_yield();
        for (int i = 0; i < YIELDS && !atomic_load(&closed); i++)
            sched_yield();
    }
    long rc = atomic_load(&closed) ? 0 : weft__os_real.event_set(fd);
    if (dawdles)
        atomic_store(&ringing, -1);
    return rc;
}

static long close_bell(int fd)
{
    if (fd == atomic_load(&ringing))
        atomic_store(&closed, 1);
    return weft__os_real.close(fd);
}

static void *has_run(void *unused)
{
    atomic_store(&ran, 1);
    return unused;
}

/* The timer gets the worker up without the ring. */
static void *set_alarm(void *unused)
{
    weft_detach(weft_call_later(WEFT_MS(2), weft_test_echo, NULL));
    return unused;
}

struct submission {
    weft_runtime *rt;
    bool callback;
};

static void *submit(void *arg)
{
    struct submission *it = arg;
    dawdles = true;
    weft_detach(it->callback
                    ? weft_call_soon_threadsafe(it->rt, has_run, NULL)
                    : weft_run_coroutine_threadsafe(it->rt, has_run, NULL));
    dawdles = false;
    weft_runtime_unref(it->rt);
    return NULL;
}

static void end_during_submission(bool callback)
{
    pthread_t thread;
    struct submission it = {.callback = callback};
    atomic_store(&ran, 0);
    atomic_store(&closed, 0);
    atomic_store(&ringing, -1);
    cr_assert_eq(weft_test_runtime(1, &it.rt), 0);
    cr_assert_eq(weft_wait_blocking(
                     weft_run_coroutine_threadsafe(it.rt, set_alarm, NULL),
                     WEFT_FOREVER, NULL),
                 0);
    weft_runtime_ref(it.rt);
    cr_assert_eq(pthread_create(&thread, NULL, submit, &it), 0);
    weft_test_spin_until(&ran, 1);
    cr_assert_eq(weft_runtime_shutdown(it.rt), 0);
    weft_runtime_unref(it.rt);
    pthread_join(thread, NULL);
    cr_assert_eq(atomic_load(&closed), 0, "closed under the ringer");
}

static void hook_bell(void)
{
    hooked = weft__os_real;
    hooked.event_set = ring;
    hooked.close = close_bell;
    weft__os = &hooked;
}

static void unhook_bell(void)
{
    weft__os = &weft__os_real;
}

Test(leftovers, of_a_submission_is_no_ring_after_the_end, .timeout = 120,
     .init = hook_bell, .fini = unhook_bell)
{
    for (int i = 0; i < 20; i++)
        end_during_submission(i % 2 == 0);
}
