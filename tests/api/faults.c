// SPDX-License-Identifier: MIT
/*
 * Every call of the operating system fails once, in turn, in a scenario that
 * touches everything: whatever fails comes back as an error or is made good;
 * nothing hangs, nothing leaks, and the next scenario works.
 */
#include "tests/support/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <weft.h>

#include "tests/support/scale.h"
#include "tests/support/test.h"

#define WORKERS 2
#define HANG WEFT_S(20) /* nothing here takes a hundredth of it */

static const char text[] = "warp and weft";

/* Small things */

static void *returns_arg(void *arg)
{
    return arg;
}

static int await_value(weft_future *future, void *want)
{
    void *value = NULL;
    int rc = weft_await(future, &value);
    return rc == 0 && value != want ? -EBADMSG : rc;
}

static int tasks_and_timers(void)
{
    int value;
    int rc = await_value(weft_spawn(returns_arg, &value), &value);
    if (rc == 0)
        rc = weft_sleep(WEFT_US(50));
    if (rc == 0)
        rc = await_value(weft_call_later(WEFT_US(50), returns_arg, &value),
                         &value);
    if (rc == 0)
        rc = await_value(weft_call_soon(returns_arg, &value), &value);
    return rc;
}

static int big_stack(void)
{
    weft_spawn_options options = {.size = sizeof(options),
                                  .stack_size = 1 << 20};
    return weft_await(weft_spawn_with(&options, returns_arg, NULL), NULL);
}

static int future_by_hand(void)
{
    weft_future *future = weft_future_new();
    weft_future_ref(future);
    weft_future_set_result(future, NULL);
    int rc = weft_future_add_done_callback(future, returns_arg, NULL);
    weft_future_unref(future);
    int end = weft_await(future, NULL);
    return rc < 0 ? rc : end;
}

static int jobs(void)
{
    weft_executor *pool;
    int value;
    int rc = weft_to_thread(returns_arg, &value, NULL);
    if (rc == 0)
        rc = weft_thread_pool_new(2, &pool);
    if (rc < 0)
        return rc;
    rc = await_value(weft_run_in_executor(pool, returns_arg, &value), &value);
    int end = weft_executor_shutdown(pool);
    if (end < 0) { /* then nothing was done */
        rc = end;
        end = weft_executor_shutdown(pool);
    }
    return rc < 0 ? rc : end;
}

/* Sockets: a server that takes one connection. If either end fails it closes,
 * and the other learns of it. */

struct server {
    weft_tcp_listener *listener;
    atomic_bool started;
};

static int read_text(weft_tcp *tcp)
{
    char buffer[sizeof(text)];
    size_t got = 0;
    while (got < sizeof(text)) {
        ssize_t rc = weft_tcp_read(tcp, buffer + got, sizeof(text) - got);
        if (rc <= 0)
            return rc < 0 ? (int)rc : -EPIPE;
        got += (size_t)rc;
    }
    return memcmp(buffer, text, sizeof(text)) == 0 ? 0 : -EBADMSG;
}

static int write_text(weft_tcp *tcp)
{
    ssize_t rc = weft_tcp_write(tcp, text, sizeof(text));
    if (rc >= 0 && rc < (ssize_t)sizeof(text))
        return -EPIPE;
    return rc < 0 ? (int)rc : 0;
}

static void *serve_one(void *arg)
{
    struct server *server = arg;
    weft_tcp *tcp;
    atomic_store(&server->started, true);
    int rc = weft_tcp_accept(server->listener, &tcp);
    if (rc < 0)
        return weft_fail(rc);
    rc = read_text(tcp);
    if (rc == 0)
        rc = write_text(tcp);
    weft_tcp_close(tcp);
    return weft_fail(rc);
}

static int talk(uint16_t port)
{
    weft_tcp *tcp;
    int rc = weft_tcp_connect(&tcp, "127.0.0.1", port);
    if (rc < 0)
        return rc;
    rc = write_text(tcp);
    if (rc == 0)
        rc = weft_tcp_shutdown(tcp, WEFT_SHUT_WRITE);
    if (rc == 0)
        rc = read_text(tcp);
    weft_tcp_close(tcp);
    return rc;
}

static int sockets(void)
{
    struct server server = {0};
    int rc = weft_tcp_listen(&server.listener, "127.0.0.1", 0);
    if (rc < 0)
        return rc;
    weft_future *task = weft_spawn(serve_one, &server);
    /* There may be no stack to start it on. */
    while (!atomic_load(&server.started) &&
           weft_future_state(task) == WEFT_FUTURE_PENDING && rc == 0)
        rc = weft_yield();
    if (rc == 0 && weft_future_state(task) == WEFT_FUTURE_PENDING)
        rc = talk(weft_tcp_listener_port(server.listener));
    if (rc < 0)
        weft_cancel(task);
    int end = weft_await(task, NULL);
    weft_tcp_listener_close(server.listener);
    return rc < 0 ? rc : end;
}

/* Files: the first pages of this program, and its end. */

static int read_some(weft_file *file, uint64_t size)
{
    char buffer[4096];
    uint64_t at = 0;
    while (at < 20000 && at < size) {
        ssize_t rc = weft_file_read(file, buffer, sizeof(buffer), at);
        if (rc <= 0)
            return rc < 0 ? (int)rc : -EBADMSG;
        at += (uint64_t)rc;
    }
    ssize_t rc = weft_file_read(file, buffer, sizeof(buffer), size);
    return rc > 0 ? -EBADMSG : (int)rc;
}

static int files(void)
{
    static const char path[] = "/proc/self/exe";
    weft_file_info info, again;
    weft_file *file;
    int rc = weft_path_stat(path, &info);
    if (rc == 0)
        rc = weft_file_open(&file, path, O_RDONLY, 0);
    if (rc < 0)
        return rc;
    rc = weft_file_stat(file, &again);
    if (rc == 0 && again.inode != info.inode)
        rc = -EBADMSG;
    if (rc == 0)
        rc = read_some(file, info.size);
    weft_file_close(file);
    return rc;
}

/* Who is there, and where this one stands. */
static int look_round(void)
{
    void *frames[8];
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    size_t n = weft_task_backtrace(weft_current(), frames, 8);
    int rc = weft_dump(weft_running_loop(), fd);
    close(fd);
    return n <= 8 ? rc : -EBADMSG;
}

/* All of it */

static void *everything(void *arg)
{
    static int (*const parts[])(void) = {
        tasks_and_timers, big_stack, future_by_hand, jobs,
        sockets,          files,     look_round,
    };
    (void)arg;
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        int rc = parts[i]();
        if (rc < 0)
            return weft_fail(rc);
    }
    return NULL;
}

/* What goes wrong just now, for who reads that it hangs. */
static char fault[80] = "nothing";

static int wait_for(weft_runtime *rt, weft_future *future)
{
    int rc = weft_wait_blocking(future, HANG, NULL);
    if (rc == -WEFT_ETIMEOUT) {
        weft_test_fault_disarm();
        (void)weft_dump(rt, 2);
    }
    cr_assert_neq(rc, -WEFT_ETIMEOUT, "it hangs: %s", fault);
    return rc;
}

/* As a host program: a runtime, submissions from this thread, the end. */
static int as_host(void)
{
    weft_options options = {.size = sizeof(options), .workers = WORKERS};
    weft_runtime *rt;
    int rc = weft_runtime_new(&options, &rt);
    if (rc < 0)
        return rc;
    weft_future *task = weft_run_coroutine_threadsafe(rt, everything, NULL);
    weft_future *call = weft_call_soon_threadsafe(rt, returns_arg, NULL);
    int first = wait_for(rt, task);
    int second = wait_for(rt, call);
    int end = weft_runtime_shutdown(rt);
    weft_runtime_unref(rt);
    return first < 0 ? first : second < 0 ? second : end;
}

static void *little(void *arg)
{
    (void)arg;
    return weft_fail(tasks_and_timers());
}

static int as_program(void)
{
    weft_options options = {.size = sizeof(options), .workers = WORKERS};
    return weft_run_with(&options, little, NULL, NULL);
}

static int scenario(void)
{
    int host = as_host();
    int program = as_program();
    return host < 0 ? host : program;
}

/* What the manual pages say that can go wrong. Not EAGAIN for recv, send and
 * accept: an edge-triggered program may believe it. */
static const struct {
    enum weft_test_call call;
    int codes[6];
} documented[] = {
#define CALL(name, ...)                                                        \
    {                                                                          \
        WEFT_TEST_CALL_##name,                                                 \
        {                                                                      \
            __VA_ARGS__                                                        \
        }                                                                      \
    }
    CALL(alloc, ENOMEM),
    CALL(map, ENOMEM),
    CALL(advise, EINVAL, ENOMEM, EAGAIN),
    CALL(protect, ENOMEM, EACCES),
    CALL(thread_start, EAGAIN, ENOMEM),
    CALL(thread_join, ESRCH),
    CALL(thread_detach, ESRCH),
    CALL(thread_id, EINVAL),
    CALL(thread_signal, ESRCH, EAGAIN),
    CALL(thread_cpu, EINVAL, ESRCH),
    CALL(thread_state, ENOENT, EMFILE, EACCES),
    CALL(thread_usage, EINVAL),
    CALL(thread_brisk, EPERM, EINVAL, ENOSYS),
    CALL(thread_lower, EPERM, EINVAL, ESRCH),
    CALL(futex_wait, EINTR, EAGAIN),
    CALL(futex_wake, EFAULT),
    CALL(cpus, EINVAL),
    CALL(close, EINTR, EIO),
    CALL(write, EINTR, EIO, EPIPE, EAGAIN),
    CALL(event_open, EMFILE, ENFILE, ENOMEM),
    CALL(event_set, EAGAIN),
    CALL(event_clear, EAGAIN),
    CALL(poll_open, EMFILE, ENFILE, ENOMEM),
    CALL(poll_ctl, ENOSPC, ENOMEM),
    CALL(poll_ready, ENOMEM),
    CALL(poll_wait, EINTR),
    CALL(socket, EMFILE, ENFILE, ENOBUFS, EACCES, EAFNOSUPPORT),
    CALL(bind, EADDRINUSE, EACCES, EADDRNOTAVAIL),
    CALL(listen, EADDRINUSE),
    CALL(accept, EMFILE, ENFILE, ENOMEM, ECONNABORTED, EINTR, EPROTO),
    CALL(connect, ECONNREFUSED, ENETUNREACH, EADDRNOTAVAIL, EACCES),
    CALL(getsockopt, ENOBUFS),
    CALL(setsockopt, ENOMEM, ENOPROTOOPT),
    CALL(getsockname, ENOBUFS),
    CALL(recv, ECONNRESET, EINTR, ENOMEM, ETIMEDOUT),
    CALL(send, EPIPE, ECONNRESET, EINTR, ENOBUFS),
    CALL(shutdown, ENOTCONN),
    CALL(open, EMFILE, ENFILE, ENOENT, EACCES, ENOMEM),
    CALL(pread, EIO, EISDIR),
    CALL(pwrite, ENOSPC),
    CALL(statx, ENOENT, EACCES, ENOMEM),
    CALL(ring_open, ENOSYS, EPERM, ENOMEM, EMFILE),
    CALL(ring_submit, EAGAIN, EBUSY, EINTR),
    CALL(sigaction, EINVAL),
    CALL(signal_mask, EINVAL),
    CALL(alarm, EINVAL),
    CALL(sigaltstack, ENOMEM),
    CALL(pair_open, EMFILE, ENFILE, ENOMEM),
    CALL(packet_send, ENOBUFS, ENOMEM, EPIPE, ECONNRESET),
    CALL(packet_recv, EINTR, ENOMEM, ECONNRESET),
    CALL(spawn, EAGAIN, ENOMEM, ENOENT, EACCES),
    CALL(process_open, EMFILE, ENFILE, ENOMEM, ENOSYS),
    CALL(process_signal, ESRCH, EPERM),
    CALL(process_wait, ECHILD),
    CALL(process_bury, ECHILD),
    CALL(share_new, EMFILE, ENFILE, ENOMEM, ENOSPC, EPERM),
    CALL(share_map, ENOMEM, EPERM),
#undef CALL
};

_Static_assert(sizeof(documented) / sizeof(*documented) == WEFT_TEST_CALLS,
               "every call of the table");

/* Errors that are the other end's view of one that happened here. */
static bool is_answer(int rc, int injected)
{
    return rc == 0 || rc == injected || rc == -EPIPE || rc == -ECONNRESET ||
           rc == -ENOTCONN || rc == -ENOMEM || rc == -EAGAIN ||
           rc == -WEFT_ENOTSUP || rc == -WEFT_ECANCELED;
}

/* One run with one fault; false if the fault did not come. */
static bool one_fault(enum weft_test_call call, uint64_t nth, int code,
                      bool sticky)
{
    snprintf(fault, sizeof(fault), "%s %zu with %s%s",
             weft_test_call_name(call), (size_t)nth, weft_strerror(code),
             sticky ? ", and all after it" : "");
    struct weft_test_balance before = weft_test_balance();
    weft_test_fault_arm(call, nth, code, sticky);
    int rc = scenario();
    bool came = weft_test_fault_disarm() > 0;
    cr_assert(weft_test_balanced(&before), "%s: a leak", fault);
    cr_assert(is_answer(rc, code), "%s gave %s", fault, weft_strerror(rc));
    return came;
}

static void expect_usable(void)
{
    int rc = scenario();
    cr_assert_eq(rc, 0, "afterwards: %s", weft_strerror(rc));
}

static void fail_each(size_t which)
{
    enum weft_test_call call = documented[which].call;
    for (size_t i = 0; i < 6 && documented[which].codes[i] != 0; i++) {
        uint64_t nth = 1;
        while (one_fault(call, nth, -documented[which].codes[i], false))
            nth++;
        expect_usable();
    }
}

/* The first backtrace of a process opens what stays open: libunwind's pipe. */
static void open_faults(void)
{
    weft_test_faults_open();
    expect_usable();
}

#define WITH_FAULTS .init = open_faults, .fini = weft_test_faults_close

Test(faults, none, WITH_FAULTS, .timeout = 60)
{
    struct weft_test_balance before = weft_test_balance();
    expect_usable();
    expect_usable();
    cr_assert(weft_test_balanced(&before));
    cr_assert_gt(weft_test_calls(WEFT_TEST_CALL_alloc), 0);
    cr_assert_gt(weft_test_calls(WEFT_TEST_CALL_accept), 0);
}

Test(faults, each_call_fails_once, WITH_FAULTS, .timeout = 280)
{
    expect_usable();
    for (size_t i = 0; i < WEFT_TEST_CALLS; i++) {
        cr_assert_eq(documented[i].call, i);
        fail_each(i);
    }
}

/* From the n-th on, all of them. */
static void fail_for_good(enum weft_test_call call, int code)
{
    uint64_t nth = 1;
    while (one_fault(call, nth, code, true))
        nth++;
    expect_usable();
}

Test(faults, from_some_moment_on_there_is_no_memory, WITH_FAULTS,
     .timeout = 120)
{
    fail_for_good(WEFT_TEST_CALL_map, -ENOMEM);
}

Test(faults, from_some_moment_on_there_are_no_threads, WITH_FAULTS,
     .timeout = 120)
{
    fail_for_good(WEFT_TEST_CALL_thread_start, -EAGAIN);
}

/* Short counts are no faults at all. */
Test(faults, transfers_of_few_bytes, WITH_FAULTS, .timeout = 120)
{
    for (size_t most = 1; most <= sizeof(text); most++) {
        weft_test_fault_shorten(most);
        expect_usable();
    }
    weft_test_fault_shorten(0);
}
