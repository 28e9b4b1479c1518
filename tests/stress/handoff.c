// SPDX-License-Identifier: MIT
/*
 * Loops that change hands all the time, at random moments, while tasks spawn,
 * await, wait for locks, timers and each other, fork, and stay where they are
 * pinned: each of them ends, once, with its own result.
 *
 * The monitor does it, with another idea of the system: its ticks are short,
 * and whoever has not begun a step between two of them was computing, or was
 * asleep, or neither, as dice have it.
 */
#define _GNU_SOURCE
#include <weft/fork.h>
#include <weft/group.h>
#include <weft/mutex.h>
#include <weft/task.h>

#include <unistd.h>

#include "sched/runtime.h"
#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/test.h"

#define HANDOFFS 1500
#define TICK 2000000 /* ns: longer than a tick of the monitor */
#define SHORT 10000  /* ns: what it is made to */

/* The system */

static struct weft__os os;
static __thread struct weft_test_random dice;
static __thread int64_t cpu;

static bool is_tick(int64_t until)
{
    return weft__worker_self() == NULL && until != INT64_MAX &&
           until - weft__os_real.now() < TICK;
}

static long wait_little(const void *word, uint32_t seen, int64_t until)
{
    if (!is_tick(until))
        return weft__os_real.futex_wait(word, seen, until);
    return weft__os_real.futex_wait(word, seen, weft__os_real.now() + SHORT);
}

/* Half of them have computed. */
static long cpu_by_dice(int id, int64_t *ns)
{
    (void)id;
    cpu += weft_test_below(&dice, 2) ? INT64_C(1000000000) : 0;
    *ns = cpu;
    return 0;
}

static long state_by_dice(int id)
{
    (void)id;
    return weft_test_below(&dice, 2) ? 'S' : 'R';
}

/* They are not to be slow. */
static long lower_not(int id, int by)
{
    (void)id;
    (void)by;
    return 0;
}

/* Tasks */

static atomic_long begun;
static atomic_long ended;
static atomic_long wrong;
static atomic_int stop;
static weft_mutex mutex;
static long guarded; /* under it */

static void *node(void *depth);

static void *leaf(void *arg)
{
    atomic_fetch_add(&begun, 1);
    atomic_fetch_add(&ended, 1);
    return arg;
}

static void spawns(uintptr_t depth)
{
    weft_future *task[3];
    for (uintptr_t i = 0; i < 3; i++)
        task[i] = weft_spawn(node, weft_test_value(depth - 1));
    for (uintptr_t i = 0; i < 3; i++) {
        void *result = NULL;
        if (weft_await(task[i], &result) != 0 ||
            result != weft_test_value(depth - 1))
            atomic_fetch_add(&wrong, 1);
    }
}

static void awaits_at_once(void)
{
    void *result = NULL;
    if (weft_await(weft_spawn(leaf, &stop), &result) != 0 || result != &stop)
        atomic_fetch_add(&wrong, 1);
}

static void locks(void)
{
    if (weft_mutex_lock(&mutex) != 0)
        return;
    long was = guarded;
    weft_yield();
    if (guarded != was)
        atomic_fetch_add(&wrong, 1);
    guarded = was + 1;
    weft_mutex_unlock(&mutex);
}

static void stays(void)
{
    weft_pin();
    pid_t thread = gettid();
    for (int i = 0; i < 3; i++)
        if (weft_yield() != 0 || gettid() != thread)
            atomic_fetch_add(&wrong, 1);
    if (weft_sleep(WEFT_US(5)) != 0 || gettid() != thread)
        atomic_fetch_add(&wrong, 1);
    weft_unpin();
}

static void *fib(void *n)
{
    uintptr_t value = (uintptr_t)n;
    weft_branch left;
    void *a = NULL;
    if (value < 2)
        return n;
    weft_fork(&left, fib, weft_test_value(value - 1));
    uintptr_t b = (uintptr_t)fib(weft_test_value(value - 2));
    if (weft_join(&left, &a) != 0)
        atomic_fetch_add(&wrong, 1);
    return weft_test_value((uintptr_t)a + b);
}

static void computes(uintptr_t depth)
{
    if ((uintptr_t)fib(weft_test_value(10)) != 55 || depth == 0)
        atomic_fetch_add(&wrong, depth != 0);
}

static void takes_its_time(void)
{
    weft_time until = weft_now() + WEFT_US(20);
    while (weft_now() < until)
        ;
}

/* One of a tree. Its result is its argument. */
static void *node(void *depth)
{
    static __thread struct weft_test_random chance;
    uintptr_t n = (uintptr_t)depth;
    atomic_fetch_add(&begun, 1);
    switch (weft_test_below(&chance, 9)) {
    case 0:
        weft_yield();
        break;
    case 1:
        locks();
        break;
    case 2:
        awaits_at_once();
        break;
    case 3:
        stays();
        break;
    case 4:
        computes(n);
        break;
    case 5:
        if (weft_sleep(WEFT_US(20)) != 0)
            atomic_fetch_add(&wrong, 1);
        break;
    case 6:
        takes_its_time();
        break;
    case 7:
        usleep(1);
        break;
    default:
        break;
    }
    if (n > 0)
        spawns(n);
    atomic_fetch_add(&ended, 1);
    return depth;
}

static void *grower(void *unused)
{
    while (!atomic_load(&stop))
        if (weft_await(weft_spawn(node, weft_test_value(4)), NULL) != 0)
            atomic_fetch_add(&wrong, 1);
    return unused;
}

static uint64_t handoffs(void)
{
    weft_counters sum;
    weft_stats(weft_running_loop(), &sum);
    return sum.handoffs;
}

static void *wood(void *target)
{
    weft_future *task[8];
    for (int i = 0; i < 8; i++)
        task[i] = weft_spawn(grower, NULL);
    while (handoffs() < *(uint64_t *)target)
        if (weft_sleep(WEFT_MS(1)) != 0)
            break;
    atomic_store(&stop, 1);
    for (int i = 0; i < 8; i++)
        if (weft_await(task[i], NULL) != 0)
            atomic_fetch_add(&wrong, 1);
    return NULL;
}

static void change_hands(unsigned workers)
{
    uint64_t target =
        weft_test_scaled(weft_test_number("WEFT_TEST_HANDOFFS", HANDOFFS));
    weft_options options = {.size = sizeof(options), .workers = workers};
    os = weft__os_real;
    os.futex_wait = wait_little;
    os.thread_cpu = cpu_by_dice;
    os.thread_state = state_by_dice;
    os.thread_lower = lower_not;
    weft__os = &os;
    atomic_store(&stop, 0);
    atomic_store(&begun, 0);
    atomic_store(&ended, 0);
    cr_assert_eq(weft_run_with(&options, wood, &target, NULL), 0);
    weft__os = &weft__os_real;
    cr_expect_eq(atomic_load(&wrong), 0);
    cr_expect_eq(atomic_load(&begun), atomic_load(&ended));
}

Test(handoffs, of_the_only_loop, .timeout = 600)
{
    change_hands(1);
}

Test(handoffs, of_two, .timeout = 600)
{
    change_hands(2);
}

Test(handoffs, of_far_more_than_cpus, .timeout = 600)
{
    change_hands(16);
}
