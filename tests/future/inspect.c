// SPDX-License-Identifier: MIT
/*
 * Looking at tasks: each is seen once, has a number and a name of its own, and
 * a backtrace, whether it sleeps or runs.
 */
#include <weft/inspect.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "sched/atomic.h"
#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/test.h"

#define MOST 10000

static weft_runtime *rt;
static weft_future *gate; /* what everybody waits for */
static atomic_int parking;
static atomic_int parked;
static atomic_int stop;

static void open_runtime(void)
{
    cr_assert_eq(weft_test_runtime(3, &rt), 0);
    gate = weft_future_new();
    atomic_store(&parking, 0);
    atomic_store(&parked, 0);
    atomic_store(&stop, 0);
}

static void close_runtime(void)
{
    weft_future_unref(gate);
    weft_runtime_unref(rt);
}

/* Each exactly once, while others come and go */

static uint64_t numbers[MOST]; /* of those that are there, ascending */
static unsigned seen[MOST];
static size_t count;

static void *wait_at_gate(void *unused)
{
    (void)unused;
    numbers[atomic_fetch_add(&parking, 1)] = weft_task_id(weft_current());
    atomic_fetch_add(&parked, 1);
    return weft_fail(weft_await(weft_future_ref(gate), NULL));
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void *come_and_go(void *unused)
{
    (void)unused;
    while (!atomic_load(&stop))
        for (int i = 0; i < 50; i++) {
            weft_future *task = weft_spawn(weft_test_echo, NULL);
            weft_future *call = weft_call_soon(weft_test_echo, NULL);
            cr_expect_eq(weft_await(task, NULL), 0);
            cr_expect_eq(weft_await(call, NULL), 0);
        }
    return NULL;
}

static void note(const weft_task_info *info, void *strangers)
{
    uint64_t *at =
        bsearch(&info->id, numbers, count, sizeof(*numbers), by_number);
    if (at != NULL)
        seen[at - numbers]++;
    else
        ++*(size_t *)strangers;
}

static void look(void)
{
    size_t strangers = 0;
    memset(seen, 0, sizeof(seen));
    size_t all = weft_all_tasks(rt, note, &strangers);
    cr_expect_eq(all, count + strangers);
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(seen[i], 1, "task %zu: %u times", i, seen[i]);
}

static void *park_all(void *unused)
{
    weft_future *task[4];
    (void)unused;
    for (size_t i = 0; i < count; i++)
        weft_detach(weft_spawn(wait_at_gate, NULL));
    for (int i = 0; i < 4; i++)
        task[i] = weft_spawn(come_and_go, NULL);
    for (int i = 0; i < 4; i++)
        weft_await(task[i], NULL);
    return NULL;
}

Test(inspect, each_that_stays_is_seen_exactly_once, .init = open_runtime,
     .fini = close_runtime, .timeout = 120)
{
    count = weft_test_scaled(MOST);
    weft_future *task = weft_run_coroutine_threadsafe(rt, park_all, NULL);
    weft_test_spin_until(&parked, (int)count);
    qsort(numbers, count, sizeof(*numbers), by_number);
    for (size_t i = 1; i < count; i++)
        cr_assert_neq(numbers[i - 1], numbers[i]);
    for (int i = 0; i < 20; i++)
        look();
    atomic_store(&stop, 1);
    cr_assert_eq(weft_future_set_result(gate, NULL), 0);
    cr_assert_eq(weft_wait_blocking(task, WEFT_FOREVER, NULL), 0);
}

static void *look_inside(void *unused)
{
    (void)unused;
    look();
    return NULL;
}

Test(inspect, also_from_a_task, .init = open_runtime, .fini = close_runtime,
     .timeout = 120)
{
    count = weft_test_scaled(MOST / 10);
    weft_future *task = weft_run_coroutine_threadsafe(rt, park_all, NULL);
    weft_test_spin_until(&parked, (int)count);
    qsort(numbers, count, sizeof(*numbers), by_number);
    weft_future *looker = weft_run_coroutine_threadsafe(rt, look_inside, NULL);
    cr_assert_eq(weft_wait_blocking(looker, WEFT_FOREVER, NULL), 0);
    atomic_store(&stop, 1);
    cr_assert_eq(weft_future_set_result(gate, NULL), 0);
    cr_assert_eq(weft_wait_blocking(task, WEFT_FOREVER, NULL), 0);
}

/* What is said of one */

struct wanted {
    uint64_t id;
    weft_task_info info;
    int times;
};

static void find(const weft_task_info *info, void *arg)
{
    struct wanted *wanted = arg;
    if (info->id != wanted->id)
        return;
    wanted->info = *info;
    wanted->times++;
}

static weft_task_info info_of(weft_future *task)
{
    struct wanted wanted = {.id = weft_task_id(task)};
    weft_all_tasks(weft_running_loop(), find, &wanted);
    cr_expect_eq(wanted.times, 1);
    cr_expect_eq(wanted.info.size, sizeof(weft_task_info));
    return wanted.info;
}

static void yield_until(weft_future *task, enum weft_task_state state)
{
    while (info_of(task).state != state)
        weft_yield();
}

static void *waits_for(void *future)
{
    return weft_fail(weft_await(future, NULL));
}

static void *sleeps(void *unused)
{
    (void)unused;
    return weft_fail(weft_sleep(WEFT_S(3600)));
}

static void *rows(void *unused)
{
    weft_spawn_options keep = {
        .size = sizeof(keep), .name = "kept", .keep = true};
    weft_future *first = weft_spawn_named("first", wait_at_gate, NULL);
    weft_future *second = weft_spawn(waits_for, weft_future_ref(first));
    weft_future *third = weft_spawn_with(&keep, sleeps, NULL);
    uint64_t me = weft_task_id(weft_current());
    (void)unused;
    yield_until(first, WEFT_TASK_SUSPENDED);
    yield_until(second, WEFT_TASK_SUSPENDED);
    yield_until(third, WEFT_TASK_SUSPENDED);
    weft_task_info info = info_of(first);
    cr_expect_str_eq(info.name, "first");
    cr_expect_eq(info.parent, me);
    cr_expect_eq(info.waits, WEFT_WAITS_FUTURE);
    cr_expect_eq(info.object, 0);
    cr_expect(!info.cancelled && !info.keep && info.age >= 0);
    info = info_of(second);
    cr_expect_eq(info.waits, WEFT_WAITS_FUTURE);
    cr_expect_eq(info.object, weft_task_id(first));
    info = info_of(third);
    cr_expect_str_eq(info.name, "kept");
    cr_expect_eq(info.waits, WEFT_WAITS_TIME);
    cr_expect(info.keep);
    info = info_of(weft_current());
    cr_expect_eq(info.state, WEFT_TASK_RUNNABLE);
    cr_expect_eq(info.waits, WEFT_WAITS_NOTHING);
    cr_expect_eq(weft_cancel(third), 0);
    cr_expect_eq(weft_await(third, NULL), -WEFT_ECANCELED);
    cr_expect_eq(weft_future_set_result(gate, NULL), 0);
    cr_expect_eq(weft_await(second, NULL), 0);
    cr_expect_eq(weft_await(first, NULL), 0);
    return NULL;
}

Test(inspect, a_row_says_what_is_known, .init = open_runtime,
     .fini = close_runtime, .timeout = 60)
{
    weft_future *task = weft_run_coroutine_threadsafe(rt, rows, NULL);
    cr_assert_eq(weft_wait_blocking(task, WEFT_FOREVER, NULL), 0);
}

/* Age is the passing of time: here, of 20 ms of it. */
static void *grows_old(void *unused)
{
    weft_future *task = weft_spawn(wait_at_gate, NULL);
    (void)unused;
    cr_expect_eq(weft_sleep(WEFT_MS(20)), 0);
    weft_ns age = info_of(task).age;
    cr_expect_geq(age, WEFT_MS(15));
    cr_expect_lt(age, WEFT_S(3600));
    cr_expect_eq(weft_future_set_result(gate, NULL), 0);
    cr_expect_eq(weft_await(task, NULL), 0);
    return NULL;
}

Test(inspect, age_counts_from_the_spawn, .init = open_runtime,
     .fini = close_runtime, .timeout = 60)
{
    weft_future *task = weft_run_coroutine_threadsafe(rt, grows_old, NULL);
    cr_assert_eq(weft_wait_blocking(task, WEFT_FOREVER, NULL), 0);
}

/* Numbers and names */

static void *note_number(void *at)
{
    *(uint64_t *)at = weft_task_id(weft_current());
    return NULL;
}

static void *many_numbers(void *unused)
{
    (void)unused;
    for (size_t i = 0; i < count; i += 2) {
        weft_future *task = weft_spawn(note_number, &numbers[i]);
        weft_future *call = weft_call_soon(weft_test_echo, NULL);
        numbers[i + 1] = weft_task_id(call);
        weft_detach(call);
        uint64_t number = weft_task_id(task);
        cr_expect_eq(weft_await(weft_future_ref(task), NULL), 0);
        cr_expect_eq(weft_task_id(task), number);
        cr_expect_eq(numbers[i], number);
        weft_future_unref(task);
    }
    return NULL;
}

Test(inspect, numbers_are_never_used_again, .timeout = 60)
{
    count = 1000;
    cr_assert_eq(weft_test_run(2, many_numbers, NULL), 0);
    qsort(numbers, count, sizeof(*numbers), by_number);
    cr_assert_neq(numbers[0], 0);
    for (size_t i = 1; i < count; i++)
        cr_assert_neq(numbers[i - 1], numbers[i]);
    weft_future *made = weft_future_new();
    cr_assert_eq(weft_task_id(made), 0);
    weft_future_unref(made);
}

static void *names(void *unused)
{
    weft_future *named = weft_spawn_named("mine", weft_test_echo, NULL);
    weft_future *task = weft_spawn(weft_test_echo, NULL);
    const char *name = weft_task_name(task);
    (void)unused;
    cr_expect_str_eq(weft_task_name(named), "mine");
    cr_expect_eq(strncmp(name, "weft_test_echo@", 15), 0, "%s", name);
    cr_expect_not_null(strstr(name, "inspect.c:"), "%s", name);
    cr_expect_eq(weft_task_set_name(NULL), -EINVAL);
    cr_expect_eq(weft_task_set_name("other"), 0);
    cr_expect_str_eq(weft_task_name(weft_current()), "other");
    cr_expect_str_eq(info_of(weft_current()).name, "other");
    cr_expect_eq(weft_await(named, NULL), 0);
    cr_expect_eq(weft_await(task, NULL), 0);
    return NULL;
}

Test(inspect, a_name_is_given_or_the_place_of_the_spawn, .timeout = 60)
{
    cr_assert_eq(weft_test_run(1, names, NULL), 0);
    cr_assert_eq(weft_task_set_name("nobody"), -WEFT_ENORUNTIME);
    weft_future *made = weft_future_new();
    cr_assert_not_null(weft_task_name(made));
    weft_future_unref(made);
}

/* Backtraces: five functions, each of which notes where it will go on. */

#define DEEP 5

static void *expected[DEEP];
static atomic_int spinning;

#define RETURNS(n) (expected[n] = __builtin_return_address(0))

static __attribute__((noinline)) int fifth(void)
{
    RETURNS(4);
    int rc = weft_await(weft_future_ref(gate), NULL);
    __asm__ volatile("" ::: "memory");
    return rc;
}

#define CALLS(name, n, callee)                                                 \
    static __attribute__((noinline)) int name(void)                            \
    {                                                                          \
        RETURNS(n);                                                            \
        int rc = callee();                                                     \
        __asm__ volatile("" ::: "memory");                                     \
        return rc;                                                             \
    }

CALLS(fourth, 3, fifth)
CALLS(third, 2, fourth)
CALLS(second, 1, third)
CALLS(first, 0, second)

static void *sleeps_deep(void *unused)
{
    (void)unused;
    int rc = first();
    __asm__ volatile("" ::: "memory");
    return weft_fail(rc);
}

/* All that are expected, innermost first, others between them or not. */
static bool has_expected(void *const *frames, size_t n, int deep)
{
    for (size_t i = 0; i < n && deep > 0; i++)
        deep -= frames[i] == expected[deep - 1];
    return deep == 0;
}

static void wait_until_asleep(weft_future *task)
{
    struct wanted wanted = {.id = weft_task_id(task)};
    while (wanted.info.state != WEFT_TASK_SUSPENDED) {
        sched_yield();
        weft_all_tasks(rt, find, &wanted);
    }
}

Test(inspect, a_sleeping_task_shows_its_callers, .init = open_runtime,
     .fini = close_runtime, .timeout = 60)
{
    void *frames[64];
    weft_future *task = weft_run_coroutine_threadsafe(rt, sleeps_deep, NULL);
    wait_until_asleep(task);
    for (int i = 0; i < 100; i++) {
        size_t n = weft_task_backtrace(task, frames, 64);
        cr_assert(has_expected(frames, n, DEEP), "%zu frames", n);
    }
    cr_assert_eq(weft_task_backtrace(task, frames, 1), 1);
    cr_assert_eq(weft_task_backtrace(task, frames, 0), 0);
    cr_assert_eq(weft_task_backtrace(gate, frames, 64), 0);
    cr_assert_eq(weft_future_set_result(gate, NULL), 0);
    cr_assert_eq(weft_wait_blocking(weft_future_ref(task), WEFT_FOREVER, NULL),
                 0);
    cr_assert_eq(weft_task_backtrace(task, frames, 64), 0);
    weft_future_unref(task);
}

static __attribute__((noinline)) int spin(void)
{
    RETURNS(0);
    atomic_store(&spinning, 1);
    while (!atomic_load(&stop))
        ;
    return 0;
}

static void *runs(void *unused)
{
    (void)unused;
    int rc = spin();
    __asm__ volatile("" ::: "memory");
    return weft_fail(rc);
}

Test(inspect, a_running_task_is_asked, .init = open_runtime,
     .fini = close_runtime, .timeout = 60)
{
    void *frames[64];
    weft_future *task = weft_run_coroutine_threadsafe(rt, runs, NULL);
    weft_test_spin_until(&spinning, 1);
    size_t n = weft_task_backtrace(task, frames, 64);
#ifdef WEFT__TSAN /* holds signals back until the next system call */
    cr_expect(n == 0 || has_expected(frames, n, 1));
#else
    cr_expect(has_expected(frames, n, 1), "%zu frames", n);
#endif
    atomic_store(&stop, 1);
    cr_assert_eq(weft_wait_blocking(task, WEFT_FOREVER, NULL), 0);
}

static void *asks_itself(void *unused)
{
    void *frames[64];
    (void)unused;
    size_t n = weft_task_backtrace(weft_current(), frames, 64);
#ifndef WEFT__TSAN
    cr_expect_gt(n, 1);
#endif
    cr_expect_leq(n, 64);
    return NULL;
}

Test(inspect, a_task_may_ask_about_itself, .timeout = 60)
{
    cr_assert_eq(weft_test_run(2, asks_itself, NULL), 0);
}

/* Others look all the time while tasks sleep, are woken and end: nobody loses
 * a wake, and what is seen of a sleeper is right. */

static atomic_int rounds;

static void *ping(void *arg)
{
    weft_future **task = arg;
    weft_test_yield_until(&parked, 1); /* both are known */
    for (int i = atomic_load(&rounds); i > 0; i--) {
        cr_expect_eq(weft_suspend(), 0);
        cr_expect_eq(weft_ready(*task), 0);
    }
    return NULL;
}

static void *play(void *arg)
{
    weft_future **task = arg;
    weft_test_yield_until(&parked, 1);
    for (int i = atomic_load(&rounds); i > 0; i--) {
        cr_expect_eq(weft_ready(*task), 0);
        cr_expect_eq(weft_suspend(), 0);
    }
    return NULL;
}

static weft_future *player[2];

static void *look_at_players(void *unused)
{
    void *frames[64];
    (void)unused;
    while (!atomic_load(&stop))
        for (int i = 0; i < 2; i++)
            cr_expect_leq(weft_task_backtrace(player[i], frames, 64), 64);
    return NULL;
}

static void *match(void *unused)
{
    (void)unused;
    player[0] = weft_spawn(ping, &player[1]);
    player[1] = weft_spawn(play, &player[0]);
    atomic_store(&parked, 1);
    for (int i = 0; i < 2; i++)
        cr_expect_eq(weft_await(weft_future_ref(player[i]), NULL), 0);
    return NULL;
}

Test(inspect, looking_loses_no_wake, .init = open_runtime,
     .fini = close_runtime, .timeout = 120)
{
    pthread_t looker[2];
    atomic_store(&rounds, (int)weft_test_scaled(20000));
    weft_future *task = weft_run_coroutine_threadsafe(rt, match, NULL);
    weft_test_spin_until(&parked, 1);
    for (int i = 0; i < 2; i++)
        pthread_create(&looker[i], NULL, look_at_players, NULL);
    cr_assert_eq(weft_wait_blocking(task, WEFT_FOREVER, NULL), 0);
    atomic_store(&stop, 1);
    for (int i = 0; i < 2; i++) {
        pthread_join(looker[i], NULL);
        weft_future_unref(player[i]);
    }
}
