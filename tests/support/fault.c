// SPDX-License-Identifier: MIT
/* Faults: see fault.h. */
#include "tests/support/fault.h"

#include "future/error.h"
#include "future/local.h"

#include <dirent.h>
#include <errno.h>
#include <execinfo.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define PATIENCE_NS INT64_C(10000000000)

/* What is to go wrong; set while the calls it is about are not under way, or
 * may as well come before. */
static _Atomic(int) armed_call = -1;
static atomic_bool armed_sticky;
static atomic_int armed_code;
static _Atomic(uint64_t) left; /* calls until the fault, it included */
static _Atomic(uint64_t) happened;
static atomic_size_t most;

static _Atomic(uint64_t) counts[WEFT_TEST_CALLS + 1];
static _Atomic(int64_t) allocations, mappings, threads;

static const char *const names[] = {
#define X(name, params, args) #name,
    WEFT__OS_CALLS(X)
#undef X
        "any call",
};

const char *weft_test_call_name(enum weft_test_call call)
{
    return names[call];
}

/* Who asked for what now fails: with WEFT_TEST_FAULT_TRACE in the environment,
 * for who looks for a leak. */
static void tell(void)
{
    void *frames[16];
    if (getenv("WEFT_TEST_FAULT_TRACE") != NULL)
        backtrace_symbols_fd(frames, backtrace(frames, 16), 2);
}

/* Counts one call; 0, or what it fails with. */
static int fault_of(enum weft_test_call call)
{
    int armed = atomic_load(&armed_call);
    atomic_fetch_add(&counts[call], 1);
    atomic_fetch_add(&counts[WEFT_TEST_CALL_ANY], 1);
    if (armed != (int)call && armed != WEFT_TEST_CALL_ANY)
        return 0;
    uint64_t seen = atomic_load(&left);
    while (seen > 0 && !atomic_compare_exchange_weak(&left, &seen, seen - 1))
        ;
    if (seen > 1 || (seen == 0 && !atomic_load(&armed_sticky)))
        return 0;
    atomic_fetch_add(&happened, 1);
    tell();
    return atomic_load(&armed_code);
}

static bool is_made_anyway(enum weft_test_call call)
{
    return call == WEFT_TEST_CALL_close || call == WEFT_TEST_CALL_futex_wake ||
           call == WEFT_TEST_CALL_event_set ||
           call == WEFT_TEST_CALL_thread_join ||
           call == WEFT_TEST_CALL_thread_detach;
}

/* One wrapper for each call. */
#define X(name, params, args)                                                  \
    static long fault_##name params                                            \
    {                                                                          \
        int code = fault_of(WEFT_TEST_CALL_##name);                            \
        if (code != 0 && !is_made_anyway(WEFT_TEST_CALL_##name))               \
            return code;                                                       \
        long rc = weft__os_real.name args;                                     \
        return code != 0 ? code : rc;                                          \
    }
WEFT__OS_CALLS(X)
#undef X

/* Those that keep account, or move less than they could */

static long counted_alloc(size_t size, size_t align, void **out)
{
    long rc = fault_alloc(size, align, out);
    if (rc == 0)
        atomic_fetch_add(&allocations, 1);
    return rc;
}

static void counted_free(void *memory)
{
    if (memory != NULL)
        atomic_fetch_sub(&allocations, 1);
    weft__os_real.free(memory);
}

static long counted_map(size_t size, size_t align, void **out)
{
    long rc = fault_map(size, align, out);
    if (rc == 0)
        atomic_fetch_add(&mappings, 1);
    return rc;
}

static long counted_share_map(int fd, size_t size, void **out)
{
    long rc = fault_share_map(fd, size, out);
    if (rc == 0)
        atomic_fetch_add(&mappings, 1);
    return rc;
}

static void counted_unmap(void *at, size_t size)
{
    atomic_fetch_sub(&mappings, 1);
    weft__os_real.unmap(at, size);
}

struct thread {
    weft__thread_fn *fn;
    void *arg;
};

static void thread_main(void *arg)
{
    struct thread thread = *(struct thread *)arg;
    free(arg);
    thread.fn(thread.arg);
    atomic_fetch_sub(&threads, 1);
}

static long counted_thread_start(uintptr_t *id, const char *name, size_t stack,
                                 weft__thread_fn *fn, void *arg)
{
    struct thread *thread = malloc(sizeof(*thread));
    if (thread == NULL)
        return -ENOMEM;
    *thread = (struct thread){fn, arg};
    atomic_fetch_add(&threads, 1);
    long rc = fault_thread_start(id, name, stack, thread_main, thread);
    if (rc < 0) {
        atomic_fetch_sub(&threads, 1);
        free(thread);
    }
    return rc;
}

static size_t shortened(size_t size)
{
    size_t limit = atomic_load(&most);
    return limit > 0 && size > limit ? limit : size;
}

static long short_recv(int fd, void *buffer, size_t size, int flags)
{
    return fault_recv(fd, buffer, shortened(size), flags);
}

static long short_send(int fd, const void *buffer, size_t size, int flags)
{
    return fault_send(fd, buffer, shortened(size), flags);
}

static long short_pread(int fd, void *buffer, size_t size, int64_t offset)
{
    return fault_pread(fd, buffer, shortened(size), offset);
}

/* Putting it away cannot fail, and sanitizers rely on it. */
static long chosen_sigaltstack(const stack_t *stack, stack_t *old)
{
    if (stack != NULL && stack->ss_flags & SS_DISABLE)
        return weft__os_real.sigaltstack(stack, old);
    return fault_sigaltstack(stack, old);
}

/* The table */

static struct weft__os table;

void weft_test_faults_open(void)
{
    table = weft__os_real;
#define X(name, params, args) table.name = fault_##name;
    WEFT__OS_CALLS(X)
#undef X
    table.alloc = counted_alloc;
    table.free = counted_free;
    table.map = counted_map;
    table.unmap = counted_unmap;
    table.share_map = counted_share_map;
    table.thread_start = counted_thread_start;
    table.sigaltstack = chosen_sigaltstack;
    table.recv = short_recv;
    table.send = short_send;
    table.pread = short_pread;
    for (int i = 0; i <= WEFT_TEST_CALLS; i++)
        atomic_store(&counts[i], 0);
    atomic_store(&armed_call, -1);
    atomic_store(&most, 0);
    weft__os = &table;
}

/* Threads that nobody joins may still be on their last steps, in this table. */
void weft_test_faults_close(void)
{
    int64_t until = weft__os_real.now() + PATIENCE_NS;
    while (atomic_load(&threads) > 0 && weft__os_real.now() < until)
        sched_yield();
    weft__os = &weft__os_real;
}

void weft_test_fault_arm(enum weft_test_call call, uint64_t nth, int code,
                         bool sticky)
{
    atomic_store(&happened, 0);
    atomic_store(&armed_code, code);
    atomic_store(&armed_sticky, sticky);
    atomic_store(&left, nth);
    atomic_store(&armed_call, (int)call);
}

uint64_t weft_test_fault_disarm(void)
{
    atomic_store(&armed_call, -1);
    return atomic_load(&happened);
}

void weft_test_fault_shorten(size_t bytes)
{
    atomic_store(&most, bytes);
}

uint64_t weft_test_calls(enum weft_test_call call)
{
    return atomic_load(&counts[call]);
}

/* Accounts */

/* The one it is read through is among them, every time. */
static int64_t descriptors(void)
{
    int64_t count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (dir != NULL && readdir(dir) != NULL)
        count++;
    if (dir != NULL)
        closedir(dir);
    return count;
}

/* What this thread heard of last is memory, too. */
static void forget_error(void)
{
    struct weft__local *local = weft__local_peek();
    weft__error_unref(local->error);
    local->error = NULL;
}

struct weft_test_balance weft_test_balance(void)
{
    forget_error();
    return (struct weft_test_balance){
        .allocations = atomic_load(&allocations),
        .mappings = atomic_load(&mappings),
        .threads = atomic_load(&threads),
        .descriptors = descriptors(),
    };
}

static bool is_as(const struct weft_test_balance *before)
{
    struct weft_test_balance now = weft_test_balance();
    return now.allocations == before->allocations &&
           now.mappings == before->mappings && now.threads == before->threads &&
           now.descriptors == before->descriptors;
}

static void tell_balance(const char *when, const struct weft_test_balance *at)
{
    fprintf(stderr,
            "%s: %lld allocations, %lld mappings, %lld threads, "
            "%lld descriptors\n",
            when, (long long)at->allocations, (long long)at->mappings,
            (long long)at->threads, (long long)at->descriptors);
}

bool weft_test_balanced(const struct weft_test_balance *before)
{
    int64_t until = weft__os_real.now() + PATIENCE_NS;
    while (!is_as(before)) {
        if (weft__os_real.now() > until) {
            tell_balance("before", before);
            struct weft_test_balance now = weft_test_balance();
            tell_balance("now", &now);
            return false;
        }
        sched_yield();
    }
    return true;
}
