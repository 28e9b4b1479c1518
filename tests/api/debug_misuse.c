// SPDX-License-Identifier: MIT
/*
 * WEFT_DEBUG=1: a table of mistakes. Each, in a process of its own, ends it
 * with one sentence that names the function and says what is wrong. Without
 * WEFT_DEBUG it has its documented code, or the same end where there is no
 * other answer; what is undefined then is not tried.
 */
#include <weft.h>

#include <errno.h>
#include <fcntl.h>

#include "tests/api/mistake.h"

#define GONE                                                                   \
    "no reference stands behind this handle: it was awaited, detached or "     \
    "dropped before, or only borrowed"
#define BUSY "another wait has the only reference: take one for each who waits"
#define CIRCLE "a task would wait for itself, or for an owner that waits for it"
#define OUTSIDE "called where no coroutine runs"
#define NOT_OWNER                                                              \
    "a scope or group is for the task that entered it, until its exit"
#define ENDED "this scope or group has ended before"
#define CLOSED "this was closed before"
#define FOREIGN "this belongs to another runtime"

static weft_future *spawn_forever(void)
{
    return weft_spawn(weft_test_forever, NULL);
}

/* Handles */

IN_MAIN(await_null)
{
    return weft_fail(weft_await(NULL, NULL));
}

IN_MAIN(await_twice)
{
    weft_future *task = weft_spawn(weft_test_echo, NULL);
    weft_await(task, NULL);
    return weft_fail(weft_await(task, NULL));
}

IN_MAIN(unref_after_await)
{
    weft_future *task = weft_spawn(weft_test_echo, NULL);
    weft_await(task, NULL);
    weft_future_unref(task);
    return NULL;
}

/* Another task has the descriptor. */
IN_MAIN(cancel_after_await)
{
    weft_future *task = weft_spawn(weft_test_echo, NULL);
    weft_await(task, NULL);
    weft_future *next = spawn_forever();
    weft_cancel(task);
    return weft_fail(weft_await(next, NULL));
}

/* It runs, and its owner waits for it: the descriptor is the same. */
IN_MAIN(await_after_unref)
{
    weft_future *task = spawn_forever();
    weft_cancel(task);
    weft_future_unref(task);
    return weft_fail(weft_await(task, NULL));
}

IN_MAIN(await_after_detach)
{
    weft_future *task = spawn_forever();
    weft_detach(task);
    return weft_fail(weft_await(task, NULL));
}

/* It is done, and its owner has not looked yet. */
IN_MAIN(await_after_unref_of_done)
{
    weft_future *task = weft_spawn(weft_test_echo, NULL);
    while (weft_future_state(task) == WEFT_FUTURE_PENDING)
        if (weft_yield() < 0)
            return NULL;
    weft_future_unref(task);
    return weft_fail(weft_await(task, NULL));
}

IN_MAIN(cancel_after_unref_of_timer)
{
    weft_future *timer = weft_call_later(WEFT_S(60), weft_test_echo, NULL);
    weft_future_unref(timer);
    return weft_fail(weft_cancel(timer));
}

IN_MAIN(await_after_gather)
{
    weft_future *tasks[] = {weft_spawn(weft_test_echo, NULL), spawn_forever()};
    weft_cancel(tasks[1]);
    weft_gather_collect(tasks, 2, NULL);
    return weft_fail(weft_await(tasks[0], NULL));
}

IN_MAIN(set_after_unref)
{
    weft_future *made = weft_future_new();
    weft_future_unref(made);
    return weft_fail(weft_future_set_result(made, NULL));
}

IN_MAIN(await_job_twice)
{
    weft_future *job = weft_run_in_executor(NULL, weft_test_echo, NULL);
    weft_await(job, NULL);
    return weft_fail(weft_await(job, NULL));
}

static int wait_twice(void)
{
    weft_runtime *rt;
    if (weft_test_runtime(1, &rt) < 0)
        return 1;
    weft_future *task = weft_run_coroutine_threadsafe(rt, weft_test_echo, NULL);
    weft_wait_blocking(task, WEFT_FOREVER, NULL);
    return weft_wait_blocking(task, WEFT_FOREVER, NULL);
}

static weft_future *kept;

static void *keeps_itself(void *unused)
{
    kept = weft_current();
    return unused;
}

static int name_after_the_end(void)
{
    if (weft_test_in_main(keeps_itself) < 0)
        return 1;
    return weft_task_name(kept) == NULL;
}

/* Who waits for whom */

static atomic_int waits;

static void *awaits(void *future)
{
    atomic_store(&waits, 1);
    return weft_fail(weft_await(future, NULL));
}

/* There is one worker: who has set the flag waits when we run again. */
static weft_future *spawn_awaiter(weft_future *future)
{
    weft_future *awaiter = weft_spawn(awaits, future);
    weft_test_yield_until(&waits, 1);
    return awaiter;
}

static void *end_both(weft_future *future, weft_future *awaiter, int rc)
{
    weft_cancel(future);
    weft_await(awaiter, NULL);
    return weft_fail(rc);
}

IN_MAIN(await_by_two)
{
    weft_future *task = spawn_forever();
    weft_future *awaiter = spawn_awaiter(task);
    return end_both(task, awaiter, weft_await(task, NULL));
}

IN_MAIN(gather_by_two)
{
    weft_future *task = spawn_forever();
    weft_future *tasks[] = {task};
    weft_future *awaiter = spawn_awaiter(task);
    return end_both(task, awaiter, weft_gather(tasks, 1, NULL));
}

IN_MAIN(await_itself)
{
    weft_future *self = weft_future_ref(weft_current());
    int rc = weft_await(self, NULL);
    weft_future_unref(self);
    return weft_fail(rc);
}

IN_MAIN(await_owner)
{
    weft_future *self = weft_future_ref(weft_current());
    int rc = weft_await(weft_spawn(awaits, self), NULL);
    weft_future_unref(self);
    return weft_fail(rc);
}

IN_MAIN(wait_for_itself)
{
    weft_future *self[] = {weft_current()};
    return weft_fail(weft_wait(self, 1, WEFT_WAIT_ALL, NULL));
}

/* The wrong kind of future */

IN_MAIN(complete_task)
{
    weft_future *task = weft_spawn(weft_test_echo, NULL);
    int rc = weft_future_set_result(task, NULL);
    weft_await(task, NULL);
    return weft_fail(rc);
}

IN_MAIN(ready_made)
{
    weft_future *made = weft_future_new();
    int rc = weft_ready(made);
    weft_future_unref(made);
    return weft_fail(rc);
}

IN_MAIN(unpin_unpinned)
{
    return weft_fail(weft_unpin());
}

/* The wrong thread */

static int code_of(weft_future *future)
{
    return weft_wait_blocking(future, 0, NULL);
}

static int spawn_outside(void)
{
    return code_of(weft_spawn(weft_test_echo, NULL));
}

static int call_outside(void)
{
    return code_of(weft_call_soon(weft_test_echo, NULL));
}

static int executor_outside(void)
{
    return code_of(weft_run_in_executor(NULL, weft_test_echo, NULL));
}

static int sleep_outside(void)
{
    return weft_sleep(1);
}

static int await_outside(void)
{
    return weft_await(weft_future_new(), NULL);
}

static void *sleeps(void *unused)
{
    (void)unused;
    return weft_fail(weft_sleep(1));
}

IN_MAIN(sleep_in_job)
{
    return weft_fail(weft_to_thread(sleeps, NULL, NULL));
}

IN_MAIN(block_worker)
{
    weft_future *task = weft_spawn(weft_test_echo, NULL);
    int rc = weft_wait_blocking(task, WEFT_FOREVER, NULL);
    weft_await(task, NULL);
    return weft_fail(rc);
}

/* The wrong runtime */

static weft_runtime *other;

static void *shuts_down(void *rt)
{
    return weft_fail(weft_runtime_shutdown(rt));
}

static int in_other(weft_fn *fn, void *arg)
{
    if (weft_test_runtime(1, &other) < 0)
        return 1;
    weft_future *task = weft_run_coroutine_threadsafe(other, fn, arg);
    int rc = weft_await(task, NULL);
    weft_runtime_unref(other);
    return rc;
}

IN_MAIN(shut_down_other)
{
    return weft_fail(in_other(shuts_down, weft_running_loop()));
}

static void *reads(void *tcp)
{
    char byte;
    return weft_fail((int)weft_tcp_read(tcp, &byte, 1));
}

static weft_tcp_listener *listen_here(void)
{
    weft_tcp_listener *listener;
    return weft_tcp_listen(&listener, "127.0.0.1", 0) < 0 ? NULL : listener;
}

static weft_tcp *connect_here(weft_tcp_listener *listener)
{
    weft_tcp *tcp;
    int rc =
        weft_tcp_connect(&tcp, "127.0.0.1", weft_tcp_listener_port(listener));
    return rc < 0 ? NULL : tcp;
}

IN_MAIN(read_from_other)
{
    return weft_fail(in_other(reads, connect_here(listen_here())));
}

static void *runs_job(void *executor)
{
    return weft_fail(
        weft_await(weft_run_in_executor(executor, weft_test_echo, NULL), NULL));
}

IN_MAIN(run_in_others)
{
    weft_executor *executor;
    int rc = weft_thread_pool_new(1, &executor);
    return weft_fail(rc < 0 ? rc : in_other(runs_job, executor));
}

/* Closed twice */

IN_MAIN(close_connection_twice)
{
    weft_tcp *tcp = connect_here(listen_here());
    weft_tcp_close(tcp);
    weft_tcp_close(tcp);
    return NULL;
}

IN_MAIN(close_listener_twice)
{
    weft_tcp_listener *listener = listen_here();
    weft_tcp_listener_close(listener);
    weft_tcp_listener_close(listener);
    return NULL;
}

IN_MAIN(close_file_twice)
{
    weft_file *file;
    int rc = weft_file_open(&file, "/dev/null", O_RDONLY, 0);
    if (rc < 0)
        return weft_fail(rc);
    weft_file_close(file);
    weft_file_close(file);
    return NULL;
}

IN_MAIN(shut_executor_twice)
{
    weft_executor *executor;
    int rc = weft_thread_pool_new(1, &executor);
    if (rc == 0)
        rc = weft_executor_shutdown(executor);
    return weft_fail(rc < 0 ? rc : weft_executor_shutdown(executor));
}

/* Scopes */

IN_MAIN(exit_out_of_order)
{
    weft_scope outer, inner;
    weft_timeout_enter(&outer, WEFT_S(60));
    weft_timeout_enter(&inner, WEFT_S(60));
    return weft_fail(weft_timeout_exit(&outer, 0));
}

static void *exits(void *scope)
{
    return weft_fail(weft_timeout_exit(scope, 0));
}

IN_MAIN(exit_in_another)
{
    weft_scope scope;
    weft_timeout_enter(&scope, WEFT_S(60));
    return weft_fail(weft_await(weft_spawn(exits, &scope), NULL));
}

IN_MAIN(exit_shield_twice)
{
    weft_scope shield;
    weft_shield_enter(&shield, WEFT_S(60));
    int rc = weft_shield_exit(&shield, 0);
    return weft_fail(weft_shield_exit(&shield, rc));
}

static void *moves(void *scope)
{
    return weft_fail(weft_timeout_reschedule(scope, WEFT_S(1)));
}

IN_MAIN(move_in_another)
{
    weft_scope scope;
    weft_timeout_enter(&scope, WEFT_S(60));
    int rc = weft_await(weft_spawn(moves, &scope), NULL);
    return weft_fail(weft_timeout_exit(&scope, rc));
}

IN_MAIN(cancel_ended_scope)
{
    weft_scope scope;
    weft_timeout_enter(&scope, WEFT_S(60));
    weft_timeout_exit(&scope, 0);
    return weft_fail(weft_scope_cancel(&scope));
}

/* The compiler would be right to complain of it. */
static weft_scope forgotten;

IN_MAIN(return_inside)
{
    weft_timeout_enter(&forgotten, WEFT_S(60));
    return NULL;
}

/* Groups */

IN_MAIN(exit_group_around_scope)
{
    weft_group group;
    weft_scope scope;
    weft_group_enter(&group, NULL);
    weft_timeout_enter(&scope, WEFT_S(60));
    return weft_fail(weft_group_exit(&group, 0));
}

static void *exits_group(void *group)
{
    return weft_fail(weft_group_exit(group, 0));
}

IN_MAIN(exit_group_in_child)
{
    weft_group group;
    weft_group_enter(&group, NULL);
    int rc = weft_group_spawn(&group, exits_group, &group);
    return weft_fail(weft_group_exit(&group, rc));
}

IN_MAIN(spawn_after_exit)
{
    weft_group group;
    weft_group_enter(&group, NULL);
    int rc = weft_group_exit(&group, 0);
    if (rc == 0)
        rc = weft_group_spawn(&group, weft_test_echo, NULL);
    return weft_fail(rc);
}

static void *defers(void *group)
{
    return weft_fail(weft_group_defer(group, weft_test_echo, NULL));
}

IN_MAIN(defer_in_child)
{
    weft_group group;
    weft_group_enter(&group, NULL);
    int rc = weft_group_spawn(&group, defers, &group);
    return weft_fail(weft_group_exit(&group, rc));
}

IN_MAIN(next_after_exit)
{
    weft_as_completed it;
    size_t index;
    int rc = weft_as_completed_enter(&it, NULL, 0);
    if (rc < 0)
        return weft_fail(rc);
    weft_as_completed_exit(&it);
    return weft_fail(weft_as_completed_next(&it, &index));
}

/* The table */

// clang-format off
static const struct weft_test_mistake mistakes[] = {
    ROW(await_null, "weft_await", "NULL is not a future", UNDEFINED),
    ROW(await_twice, "weft_await", GONE, UNDEFINED),
    ROW(unref_after_await, "weft_future_unref", GONE, UNDEFINED),
    ROW(cancel_after_await, "weft_cancel", GONE, UNDEFINED),
    ROW(await_after_unref, "weft_await", GONE, UNDEFINED),
    ROW(await_after_detach, "weft_await", GONE, UNDEFINED),
    ROW(await_after_unref_of_done, "weft_await", GONE, UNDEFINED),
    ROW(cancel_after_unref_of_timer, "weft_cancel", GONE, UNDEFINED),
    ROW(await_after_gather, "weft_await", GONE, UNDEFINED),
    ROW(set_after_unref, "weft_future_set_result", GONE, UNDEFINED),
    ROW(await_job_twice, "weft_await", GONE, UNDEFINED),
    ROW(wait_twice, "weft_wait_blocking", GONE, UNDEFINED),
    ROW(name_after_the_end, "weft_task_name", GONE, UNDEFINED),
    ROW(await_by_two, "weft_await", BUSY, -WEFT_EBUSY),
    ROW(gather_by_two, "weft_gather", BUSY, -WEFT_EBUSY),
    ROW(await_itself, "weft_await", CIRCLE, -WEFT_EDEADLK),
    ROW(await_owner, "weft_await", CIRCLE, -WEFT_EDEADLK),
    ROW(wait_for_itself, "weft_wait", CIRCLE, -WEFT_EDEADLK),
    ROW(complete_task, "weft_future_set_result", "a task, callback or job completes itself", -EINVAL),
    ROW(ready_made, "weft_ready", "this is neither task nor callback", -EINVAL),
    ROW(unpin_unpinned, "weft_unpin", "this task is not pinned", -EINVAL),
    ROW(spawn_outside, "weft_spawn", OUTSIDE, -WEFT_ENORUNTIME),
    ROW(call_outside, "weft_call_soon", OUTSIDE, -WEFT_ENORUNTIME),
    ROW(executor_outside, "weft_run_in_executor", OUTSIDE, -WEFT_ENORUNTIME),
    ROW(sleep_outside, "weft_sleep", OUTSIDE, -WEFT_ENORUNTIME),
    ROW(await_outside, "weft_await", OUTSIDE, -WEFT_ENORUNTIME),
    ROW(sleep_in_job, "weft_sleep", OUTSIDE, -WEFT_ENORUNTIME),
    ROW(block_worker, "weft_wait_blocking", "this would block a worker: weft_await() it", -WEFT_EDEADLK),
    ROW(shut_down_other, "weft_runtime_shutdown", "this would block a worker of another runtime", -WEFT_EDEADLK),
    ROW(read_from_other, "weft_tcp_read", FOREIGN, UNDEFINED),
    ROW(run_in_others, "weft_run_in_executor", FOREIGN, UNDEFINED),
    ROW(close_connection_twice, "weft_tcp_close", CLOSED, UNDEFINED),
    ROW(close_listener_twice, "weft_tcp_listener_close", CLOSED, UNDEFINED),
    ROW(close_file_twice, "weft_file_close", CLOSED, UNDEFINED),
    ROW(shut_executor_twice, "weft_executor_shutdown", CLOSED, UNDEFINED),
    ROW(exit_out_of_order, "weft_timeout_exit", "a scope or group inside has not ended", ABORTS),
    ROW(exit_in_another, "weft_timeout_exit", NOT_OWNER, ABORTS),
    ROW(exit_shield_twice, "weft_shield_exit", ENDED, ABORTS),
    ROW(move_in_another, "weft_timeout_reschedule", NOT_OWNER, -EINVAL),
    ROW(cancel_ended_scope, "weft_scope_cancel", ENDED, UNDEFINED),
    ROW(return_inside, "return", "a task has returned inside a scope or group", ABORTS),
    ROW(exit_group_around_scope, "weft_group_exit", "a scope or group inside has not ended", ABORTS),
    ROW(exit_group_in_child, "weft_group_exit", NOT_OWNER, ABORTS),
    ROW(spawn_after_exit, "weft_group_spawn", ENDED, -WEFT_EALREADY),
    ROW(defer_in_child, "weft_group_defer", NOT_OWNER, -EINVAL),
    ROW(next_after_exit, "weft_as_completed_next", "the iteration has ended, or is another task's", UNDEFINED),
};
// clang-format on

#define COUNT (sizeof(mistakes) / sizeof(mistakes[0]))

Test(debug_misuse, each_aborts_with_a_sentence,
     .init = weft_test_needs_children, .timeout = 120)
{
    cr_expect_geq(COUNT, 20);
    for (size_t i = 0; i < COUNT; i++) {
        weft_test_try(&mistakes[i], weft_test_make_in_debug);
        weft_test_expect_abort(&mistakes[i]);
    }
}

Test(debug_misuse, without_it_has_its_code, .init = weft_test_needs_children,
     .timeout = 120)
{
    for (size_t i = 0; i < COUNT; i++) {
        if (mistakes[i].without == UNDEFINED)
            continue;
        weft_test_try(&mistakes[i], weft_test_make_without);
        if (mistakes[i].without == ABORTS)
            weft_test_expect_abort(&mistakes[i]);
        else
            cr_expect_eq(weft_test_child_exit(&weft_test_mistaken), 0,
                         "%s: %d\n%s", mistakes[i].name,
                         weft_test_child_exit(&weft_test_mistaken),
                         weft_test_mistaken.err);
    }
}

/* It says where. */
IN_MAIN(named)
{
    weft_task_set_name("baker");
    return weft_fail(weft_unpin());
}

Test(debug_misuse, names_the_task, .init = weft_test_needs_children,
     .timeout = 60)
{
    static const struct weft_test_mistake mistake = ROW(
        named, "weft_unpin", "this task is not pinned (in baker)\n", ABORTS);
    weft_test_try(&mistake, weft_test_make_in_debug);
    weft_test_expect_abort(&mistake);
}
