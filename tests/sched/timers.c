// SPDX-License-Identifier: MIT
/*
 * Alarms: an alarm is either disarmed or fires, exactly one of the two, from
 * whatever thread; and arming wakes a loop only if it would sleep past it.
 */
#include "sched/runtime.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "tests/support/scale.h"
#include "tests/support/test.h"

/* A loop without a runtime: nobody runs it but the test. */

static atomic_int wakes;

static void count_wake(struct weft__loop *loop)
{
    (void)loop;
    atomic_fetch_add(&wakes, 1);
}

static const struct weft__driver driver = {.wake = count_wake};
static weft_runtime rt;
static struct weft__worker worker;
static struct weft__loop loop;

static void open_loop(void)
{
    memset(&loop, 0, sizeof(loop));
    memset(&worker, 0, sizeof(worker));
    rt.driver = &driver;
    loop.rt = &rt;
    weft__store_relaxed(&loop.owner, (uintptr_t)&worker);
    weft__wheel_init(&loop.timers.wheel, 1000);
    weft__store_relaxed(&loop.timers.next, INT64_MAX);
    atomic_store(&wakes, 0);
}

struct bell {
    struct weft__alarm alarm;
    atomic_int rung;
    int order;
};

static int rung_in_all;

static void ring(struct weft__alarm *alarm, struct weft__worker *by)
{
    struct bell *bell = weft__container_of(alarm, struct bell, alarm);
    (void)by;
    bell->order = rung_in_all++;
    atomic_fetch_add(&bell->rung, 1);
}

static void ring_other(struct weft__alarm *alarm, struct weft__worker *by)
{
    ring(alarm, by);
}

static void arm(struct bell *bell, int64_t moment)
{
    bell->alarm.fire = ring;
    weft__alarm_arm(&bell->alarm, &loop, moment);
}

Test(timers, fire_when_due_in_order, .init = open_loop)
{
    struct bell bell[10] = {0};
    rung_in_all = 0;
    for (int i = 0; i < 10; i++)
        arm(&bell[i], 10000 * (10 - i / 2 * 2));
    cr_assert_eq(weft__timers_expire(&loop, &worker, 9999), 0);
    cr_assert_eq(weft__timers_expire(&loop, &worker, 40000), 4);
    for (int i = 0; i < 10; i++)
        cr_assert_eq(atomic_load(&bell[i].rung), i >= 6);
    cr_assert_eq(bell[8].order, 0);
    cr_assert_eq(bell[9].order, 1);
    cr_assert_eq(bell[6].order, 2);
    cr_assert_eq(weft__timers_expire(&loop, &worker, INT64_MAX), 6);
    cr_assert_eq(weft__timers_expire(&loop, &worker, INT64_MAX), 0);
    cr_assert_eq(weft__load_relaxed(&loop.timers.next), INT64_MAX);
    cr_assert_eq(weft__load_relaxed(&worker.counters.timers_fired), 10);
}

Test(timers, disarmed_ones_do_not_fire, .init = open_loop)
{
    struct bell a = {0};
    struct bell b = {0};
    arm(&a, 5000);
    arm(&b, 6000);
    cr_assert(weft__alarm_disarm(&a.alarm));
    cr_assert(!weft__alarm_disarm(&a.alarm), "twice");
    cr_assert_eq(weft__timers_expire(&loop, &worker, 10000), 1);
    cr_assert(!weft__alarm_disarm(&b.alarm), "it has fired");
    cr_assert_eq(atomic_load(&a.rung), 0);
    cr_assert_eq(atomic_load(&b.rung), 1);
}

static void arm_again(struct weft__alarm *alarm, struct weft__worker *by)
{
    struct bell *bell = weft__container_of(alarm, struct bell, alarm);
    (void)by;
    if (atomic_fetch_add(&bell->rung, 1) < 5)
        weft__alarm_arm(alarm, &loop, 0); /* in the past: due at once */
}

Test(timers, may_be_armed_again_by_what_they_fire, .init = open_loop)
{
    struct bell bell = {.alarm.fire = arm_again};
    weft__alarm_arm(&bell.alarm, &loop, 0);
    for (int i = 1; i <= 6; i++) {
        cr_assert_eq(weft__timers_expire(&loop, &worker, 2000), 1);
        cr_assert_eq(atomic_load(&bell.rung), i);
    }
    cr_assert_eq(weft__timers_expire(&loop, &worker, 2000), 0);
}

Test(timers, wake_a_loop_that_would_sleep_past_them, .init = open_loop)
{
    struct bell bell[4] = {0};
    arm(&bell[0], 50000);
    cr_assert_eq(atomic_load(&wakes), 1);
    arm(&bell[1], 60000);
    cr_assert_eq(atomic_load(&wakes), 1, "it wakes up before anyhow");
    arm(&bell[2], 50000);
    cr_assert_eq(atomic_load(&wakes), 1);
    arm(&bell[3], 40000);
    cr_assert_eq(atomic_load(&wakes), 2);
    cr_assert_eq(weft__load_relaxed(&loop.timers.next), 40000);
    cr_assert(weft__alarm_disarm(&bell[3].alarm));
    cr_assert_leq(weft__load_relaxed(&loop.timers.next), 50000);
    for (int i = 0; i < 3; i++)
        cr_assert(weft__alarm_disarm(&bell[i].alarm));
    cr_assert_eq(weft__load_relaxed(&loop.timers.next), INT64_MAX);
}

Test(timers, the_end_fires_one_kind_early, .init = open_loop)
{
    enum { MANY = 300 };
    static struct bell bell[MANY];
    memset(bell, 0, sizeof(bell));
    struct weft_test_random random = {weft_test_seed()};
    for (int i = 0; i < MANY; i++) {
        int64_t moment = (int64_t)(weft_test_next(&random) >>
                                   (1 + weft_test_below(&random, 60)));
        bell[i].alarm.fire = i % 3 ? ring : ring_other;
        weft__alarm_arm(&bell[i].alarm, &loop, moment);
    }
    weft__timers_flush(&loop, ring);
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(atomic_load(&bell[i].rung), i % 3 != 0);
    cr_assert(weft__wheel_check(&loop.timers.wheel));
    cr_assert_eq(weft__timers_expire(&loop, &worker, INT64_MAX), MANY / 3);
}

/* Races */

struct armer {
    pthread_t thread;
    long rounds;
    uint64_t seed;
    long disarmed;
    long fired;
};

static atomic_int armers;
static _Atomic(int64_t) clock_now;

static void ring_quietly(struct weft__alarm *alarm, struct weft__worker *by)
{
    struct bell *bell = weft__container_of(alarm, struct bell, alarm);
    (void)by;
    atomic_fetch_add(&bell->rung, 1); /* the last touch */
}

static void *arm_and_disarm(void *arg)
{
    struct armer *armer = arg;
    struct weft_test_random random = {armer->seed};
    for (long i = 0; i < armer->rounds; i++) {
        struct bell bell = {0};
        bell.alarm.fire = ring_quietly;
        weft__alarm_arm(&bell.alarm, &loop,
                        atomic_load(&clock_now) +
                            (int64_t)weft_test_below(&random, 40000));
        for (uint64_t n = weft_test_below(&random, 64); n > 0; n--)
            weft__pause();
        if (weft_test_below(&random, 64) == 0) /* may cost milliseconds */
            sched_yield();
        if (weft__alarm_disarm(&bell.alarm)) {
            armer->disarmed++;
            armer->fired += atomic_load(&bell.rung) != 0 ? 1000000000 : 0;
            continue;
        }
        while (atomic_load(&bell.rung) == 0)
            sched_yield();
        armer->fired++;
    }
    atomic_fetch_sub(&armers, 1);
    return NULL;
}

Test(timers, disarmed_plus_fired_is_armed, .init = open_loop, .timeout = 60)
{
    struct armer armer[3] = {0};
    long fired = 0;
    atomic_store(&armers, 3);
    atomic_store(&clock_now, 2000);
    for (int i = 0; i < 3; i++) {
        armer[i].rounds = (long)weft_test_scaled(100000);
        armer[i].seed = (uint64_t)i + 1;
        pthread_create(&armer[i].thread, NULL, arm_and_disarm, &armer[i]);
    }
    while (atomic_load(&armers) > 0) {
        int64_t now = atomic_fetch_add(&clock_now, 700) + 700;
        fired += weft__timers_expire(&loop, &worker, now);
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(armer[i].thread, NULL);
        cr_expect_eq(armer[i].disarmed + armer[i].fired, armer[i].rounds);
        fired -= armer[i].fired;
    }
    cr_assert_eq(fired, 0);
    cr_assert(weft__wheel_check(&loop.timers.wheel));
}
