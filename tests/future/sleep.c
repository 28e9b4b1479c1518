// SPDX-License-Identifier: MIT
/* Sleeping: never early, whatever the number; and the clock. */
#include <weft/time.h>

#include <errno.h>

#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/test.h"

/* The clock */

Test(sleep, moments_saturate)
{
    weft_time now = weft_now();
    cr_assert_gt(now, 0);
    cr_assert_geq(weft_now(), now);
    cr_assert_eq(weft_after(WEFT_FOREVER), WEFT_FOREVER);
    cr_assert_eq(weft_after(WEFT_FOREVER - 1), WEFT_FOREVER);
    cr_assert_leq(weft_after(-1), weft_now());
    cr_assert_leq(weft_after(INT64_MIN), weft_now());
    cr_assert_geq(weft_after(INT64_MIN), now);
    cr_assert_geq(weft_after(WEFT_S(1)), now + WEFT_S(1));
}

/* Never early */

struct sleeper {
    weft_ns duration;
    int early;
    int failed;
};

static void *sleep_often(void *arg)
{
    struct sleeper *sleeper = arg;
    for (int i = 0; i < 20; i++) {
        weft_ns duration = sleeper->duration + i * 17;
        weft_time start = weft_now();
        sleeper->failed += weft_sleep(duration) != 0;
        sleeper->early += weft_now() - start < duration;
        start = weft_now();
        sleeper->failed += weft_sleep_until(start + duration) != 0;
        sleeper->early += weft_now() - start < duration;
    }
    return NULL;
}

static void *many_sleepers(void *unused)
{
    enum { MANY = 200 };
    weft_future *task[MANY];
    struct sleeper sleeper[MANY];
    int early = 0;
    int failed = 0;
    (void)unused;
    for (int i = 0; i < MANY; i++) {
        sleeper[i] = (struct sleeper){.duration = i * i * INT64_C(25)};
        task[i] = weft_spawn(sleep_often, &sleeper[i]);
    }
    for (int i = 0; i < MANY; i++) {
        failed += weft_await(task[i], NULL) != 0;
        early += sleeper[i].early;
        failed += sleeper[i].failed;
    }
    cr_expect_eq(early, 0);
    cr_expect_eq(failed, 0);
    return NULL;
}

Test(sleep, is_never_early, .timeout = 60)
{
    for (unsigned workers = 1; workers <= 4; workers++)
        cr_assert_eq(weft_test_run(workers, many_sleepers, NULL), 0);
}

/* Numbers */

static atomic_int others;

static void *another(void *unused)
{
    (void)unused;
    atomic_fetch_add(&others, 1);
    return NULL;
}

/* It returns, and lets the other one run. */
static void at_once(int (*wait)(int64_t), int64_t number)
{
    atomic_store(&others, 0);
    weft_future *task = weft_spawn(another, NULL);
    for (int i = 0; i < 10 && atomic_load(&others) == 0; i++)
        cr_expect_eq(wait(number), 0);
    cr_expect_eq(atomic_load(&others), 1, "not a yield");
    cr_expect_eq(weft_await(task, NULL), 0);
}

static void *past_and_nothing(void *unused)
{
    static const int64_t numbers[] = {0, -1, -WEFT_S(1), INT64_MIN + 1,
                                      INT64_MIN};
    (void)unused;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        at_once(weft_sleep, numbers[i]);
        at_once(weft_sleep_until, numbers[i]);
    }
    at_once(weft_sleep_until, 1);
    return NULL;
}

Test(sleep, of_nothing_is_a_yield, .timeout = 30)
{
    cr_assert_eq(weft_test_run(1, past_and_nothing, NULL), 0);
}

static weft_ns how_long;

static void *sleep_long(void *until)
{
    atomic_fetch_add(&others, 1);
    if (until != NULL)
        return weft_fail(weft_sleep_until(weft_after(how_long)));
    return weft_fail(weft_sleep(how_long));
}

static void *years(void *unused)
{
    static const weft_ns numbers[] = {
        INT64_MAX,         INT64_MAX - 1,      INT64_MAX / 2,
        INT64_C(1) << 62,  INT64_C(1) << 36,   (INT64_C(1) << 36) - 1,
        WEFT_S(3600) * 24, WEFT_S(9223372036), WEFT_S(60),
    };
    (void)unused;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        for (int until = 0; until < 2; until++) {
            atomic_store(&others, 0);
            how_long = numbers[i];
            weft_future *task =
                weft_spawn(sleep_long, until ? &how_long : NULL);
            weft_test_yield_until(&others, 1);
            for (int turns = 0; turns < 10; turns++)
                weft_yield();
            /* Alarms of its neighbours come and go. */
            cr_expect_eq(weft_sleep(1000), 0);
            cr_expect_eq(weft_future_state(task), WEFT_FUTURE_PENDING);
            cr_expect_eq(weft_cancel(task), 0);
            cr_expect_eq(weft_await(task, NULL), -WEFT_ECANCELED);
        }
    }
    return NULL;
}

Test(sleep, of_292_years_ends_when_cancelled, .timeout = 30)
{
    cr_assert_eq(weft_test_run(1, years, NULL), 0);
    cr_assert_eq(weft_test_run(3, years, NULL), 0);
}

Test(sleep, needs_a_coroutine)
{
    cr_assert_eq(weft_sleep(0), -WEFT_ENORUNTIME);
    cr_assert_eq(weft_sleep(WEFT_FOREVER), -WEFT_ENORUNTIME);
    cr_assert_eq(weft_sleep_until(0), -WEFT_ENORUNTIME);
}

/* Equal and different deadlines end in the order of the deadlines, on one
 * worker. */
static int order[64];
static int ended;

static void *note_end(void *n)
{
    int number = (int)(intptr_t)n;
    int rc = weft_sleep_until(how_long + number / 4 * WEFT_US(50));
    order[ended++] = number;
    return weft_fail(rc);
}

static void *in_order(void *unused)
{
    weft_future *task[64];
    (void)unused;
    ended = 0;
    how_long = weft_after(WEFT_MS(200));
    for (intptr_t i = 63; i >= 0; i--)
        task[i] = weft_spawn(note_end, (void *)i);
    for (int i = 0; i < 64; i++)
        cr_expect_eq(weft_await(task[i], NULL), 0);
    for (int i = 0; i < 64; i++)
        cr_expect_eq(order[i] / 4, i / 4, "place %d: %d", i, order[i]);
    return NULL;
}

Test(sleep, ends_in_order, .timeout = 30)
{
    cr_assert_eq(weft_test_run(1, in_order, NULL), 0);
}
