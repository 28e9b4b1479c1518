// SPDX-License-Identifier: MIT
/*
 * The timer wheel against a sorted list, and at the places where a wheel of
 * powers of two goes wrong: the edges of ticks, digits and of int64 itself.
 */
#include "sched/wheel.h"

#include <string.h>

#include "tests/support/scale.h"
#include "tests/support/test.h"

#define DAY ((int64_t)86400 * 1000000000)
#define TICK ((int64_t)1 << 14)

static struct weft__wheel wheel;

static const int64_t starts[] = {
    0,
    1,
    TICK - 1,
    TICK,
    64 * TICK - 1,
    ((int64_t)1 << 40) + 12345,
    ((int64_t)1 << 62) - 1,
    INT64_MAX - 1000000,
    -5,
    -3 * DAY,
    INT64_MIN,
};

/* The chain of an advance must be exactly these, in this order. */
static void expect_chain(struct weft__timer *chain, struct weft__timer **want,
                         size_t count)
{
    for (size_t i = 0; i < count; i++) {
        cr_assert_eq(chain, want[i], "at %zu of %zu", i, count);
        cr_assert_eq(chain->armed, 0);
        chain = chain->next;
    }
    cr_assert_null(chain, "more than %zu", count);
}

static void expect_none(int64_t now)
{
    cr_assert_null(weft__wheel_advance(&wheel, now), "early at %jd",
                   (intmax_t)now);
    cr_assert(weft__wheel_check(&wheel));
}

static void expect_one(int64_t now, struct weft__timer *timer)
{
    expect_chain(weft__wheel_advance(&wheel, now), &timer, 1);
    cr_assert(weft__wheel_check(&wheel));
}

Test(wheel, timer_is_small)
{
    cr_assert_leq(sizeof(struct weft__timer), (size_t)40);
}

Test(wheel, empty_has_nothing_to_wait_for)
{
    for (size_t i = 0; i < weft__count_of(starts); i++) {
        weft__wheel_init(&wheel, starts[i]);
        cr_assert_eq(weft__wheel_next(&wheel), INT64_MAX);
        expect_none(starts[i]);
        expect_none(INT64_MAX);
        cr_assert_eq(weft__wheel_next(&wheel), INT64_MAX);
    }
}

/* One timer alone: not a nanosecond early, and the wheel knows when. */
static void exactly(int64_t start, int64_t deadline)
{
    struct weft__timer timer = {0};

    weft__wheel_init(&wheel, start);
    weft__wheel_add(&wheel, &timer, deadline);
    cr_assert_eq(weft__wheel_next(&wheel), deadline);
    if (deadline > start) {
        uint64_t half = ((uint64_t)deadline - (uint64_t)start) / 2;

        expect_none(start);
        expect_none((int64_t)((uint64_t)start + half));
        expect_none(deadline - 1);
        cr_assert_eq(weft__wheel_next(&wheel), deadline);
    }
    expect_one(deadline, &timer);
    cr_assert_eq(weft__wheel_next(&wheel), INT64_MAX);
    cr_assert(!weft__wheel_remove(&wheel, &timer));
}

/* 2^k - 1, 2^k and 2^k + 1; n counts them through for k = 0 to 62. */
#define NEAR_POWERS (63 * 3)

static int64_t near_power(int n)
{
    return ((int64_t)1 << n / 3) - 1 + n % 3;
}

Test(wheel, deadlines_near_powers_of_two, .timeout = 120)
{
    for (int n = 0; n < NEAR_POWERS; n++) {
        for (size_t i = 0; i < weft__count_of(starts); i++)
            exactly(starts[i], near_power(n));
        for (int from = 0; from < NEAR_POWERS; from++)
            exactly(near_power(from), near_power(n));
    }
}

/* The same all at once: one jump, then timer by timer. */
static void near_powers_from(int64_t start, bool jump)
{
    static struct weft__timer timers[NEAR_POWERS];
    static struct weft__timer *want[NEAR_POWERS];

    memset(timers, 0, sizeof(timers));
    weft__wheel_init(&wheel, start);
    for (int n = NEAR_POWERS - 1; n >= 0; n--)
        weft__wheel_add(&wheel, &timers[n], near_power(n));
    cr_assert(weft__wheel_check(&wheel));
    /* 0 1 2, 1 2 3, 3 4 5: the small ones overlap. Later n were added first. */
    size_t sorted = 0;
    for (int64_t at = 0; at <= 5; at++)
        for (int n = 8; n >= 0; n--)
            if (near_power(n) == at)
                want[sorted++] = &timers[n];
    for (int n = 9; n < NEAR_POWERS; n++)
        want[sorted++] = &timers[n];
    if (jump) {
        expect_chain(weft__wheel_advance(&wheel, INT64_MAX), want, sorted);
        return;
    }
    size_t got = 0;
    while (got < sorted) {
        int64_t next = weft__wheel_next(&wheel);
        struct weft__timer *chain = weft__wheel_advance(&wheel, next);

        cr_assert_not_null(chain, "woken for nothing at %jd", (intmax_t)next);
        for (; chain != NULL; chain = chain->next)
            cr_assert_eq(chain, want[got++]);
    }
}

Test(wheel, all_of_them_in_order, .timeout = 60)
{
    for (size_t i = 0; i < weft__count_of(starts); i++) {
        near_powers_from(starts[i], true);
        near_powers_from(starts[i], false);
    }
}

Test(wheel, extreme_deadlines)
{
    struct weft__timer t[5] = {{0}};
    struct weft__timer *past[] = {&t[1], &t[2], &t[0]};

    weft__wheel_init(&wheel, 1000);
    weft__wheel_add(&wheel, &t[0], 0);
    weft__wheel_add(&wheel, &t[1], INT64_MIN);
    weft__wheel_add(&wheel, &t[2], -1);
    weft__wheel_add(&wheel, &t[3], INT64_MAX);
    weft__wheel_add(&wheel, &t[4], INT64_MAX - 1);
    cr_assert(weft__wheel_check(&wheel));
    cr_assert_leq(weft__wheel_next(&wheel), INT64_MIN);
    expect_chain(weft__wheel_advance(&wheel, 1000), past, 3);
    cr_assert_eq(weft__wheel_next(&wheel), INT64_MAX - 1);
    expect_none(INT64_MAX - 2);
    expect_one(INT64_MAX - 1, &t[4]);
    expect_one(INT64_MAX, &t[3]);
}

Test(wheel, now_never_goes_back)
{
    struct weft__timer t[2] = {{0}};

    weft__wheel_init(&wheel, DAY);
    expect_none(2 * DAY);
    weft__wheel_add(&wheel, &t[0], 2 * DAY + 5);
    expect_none(-DAY);
    expect_none(0);
    cr_assert_eq(wheel.now, 2 * DAY);
    weft__wheel_add(&wheel, &t[1], DAY);
    expect_one(0, &t[1]);
    expect_one(2 * DAY + 5, &t[0]);
}

Test(wheel, expires_within_a_tick_by_the_nanosecond)
{
    static struct weft__timer timers[1000];

    memset(timers, 0, sizeof(timers));
    weft__wheel_init(&wheel, 0);
    for (int i = 999; i >= 0; i--)
        weft__wheel_add(&wheel, &timers[i], 5 * TICK + i);
    expect_none(5 * TICK - 1);
    for (int i = 0; i < 1000; i++) {
        cr_assert_eq(weft__wheel_next(&wheel), 5 * TICK + i);
        expect_one(5 * TICK + i, &timers[i]);
    }
}

/* Equal deadlines, armed from ever closer by: the first of them cascades down
 * through all levels and must still come out before the last. */
Test(wheel, equal_deadlines_in_order_of_registration)
{
    static struct weft__timer timers[300], *want[300];
    int64_t deadline = 300 * DAY + 77, now = 0;

    memset(timers, 0, sizeof(timers));
    weft__wheel_init(&wheel, now);
    for (int i = 0; i < 300; i++) {
        want[i] = &timers[i];
        weft__wheel_add(&wheel, &timers[i], deadline);
        now += (deadline - now) / 8;
        expect_none(now);
    }
    cr_assert_eq(now, deadline - 7);
    expect_chain(weft__wheel_advance(&wheel, deadline), want, 300);
}

Test(wheel, remove_says_whether_it_was_armed, .timeout = 60)
{
    struct weft__timer t[4] = {{0}};
    struct weft__timer *want[] = {&t[3], &t[1]};

    weft__wheel_init(&wheel, 0);
    cr_assert(!weft__wheel_remove(&wheel, &t[0]));
    for (int i = 0; i < 3; i++)
        weft__wheel_add(&wheel, &t[i], DAY);
    cr_assert(weft__wheel_remove(&wheel, &t[0])); /* the first in its slot */
    cr_assert(weft__wheel_remove(&wheel, &t[2])); /* the last */
    cr_assert(!weft__wheel_remove(&wheel, &t[2]));
    cr_assert(weft__wheel_check(&wheel));
    weft__wheel_add(&wheel, &t[3], DAY - 1);
    expect_chain(weft__wheel_advance(&wheel, DAY), want, 2);
    for (int i = 0; i < 4; i++)
        cr_assert(!weft__wheel_remove(&wheel, &t[i]));
    weft__wheel_add(&wheel, &t[0], 2 * DAY);
    cr_assert(weft__wheel_remove(&wheel, &t[0]));
    cr_assert_eq(weft__wheel_next(&wheel), INT64_MAX);
}

/* A removed timer may cost one wake-up, but not a loop of them. */
Test(wheel, stale_next_heals)
{
    struct weft__timer t[2] = {{0}};

    weft__wheel_init(&wheel, 0);
    weft__wheel_add(&wheel, &t[0], 100);
    weft__wheel_add(&wheel, &t[1], 200);
    weft__wheel_remove(&wheel, &t[0]);
    cr_assert_leq(weft__wheel_next(&wheel), 200);
    expect_none(100);
    cr_assert_eq(weft__wheel_next(&wheel), 200);
}

Test(wheel, expired_timers_may_be_armed_again_at_once, .timeout = 60)
{
    static struct weft__timer timers[100];
    int64_t now = 0;
    int fired = 0;

    memset(timers, 0, sizeof(timers));
    weft__wheel_init(&wheel, now);
    for (int i = 0; i < 100; i++)
        weft__wheel_add(&wheel, &timers[i], (i % 7) * TICK);
    while (fired < 10000) {
        struct weft__timer *next, *timer;

        now = weft__wheel_next(&wheel);
        timer = weft__wheel_advance(&wheel, now);
        cr_assert_not_null(timer, "woken for nothing");
        for (; timer != NULL; timer = next) {
            next = timer->next;
            cr_assert_leq(timer->deadline, now);
            weft__wheel_add(&wheel, timer, now + 1 + fired++ * INT64_C(991));
        }
        cr_assert(weft__wheel_check(&wheel));
    }
}

/*
 * The oracle: all armed timers in an array, by deadline and then by
 * registration. `slack` is set when a remove may have left a next() behind.
 */
#define LIVE 64

static struct weft__timer pool[LIVE];
static struct weft__timer *sorted[LIVE];
static size_t live;
static bool slack;
static unsigned reach = 63; /* the bits of the longest span of this round */
static struct weft_test_random rng;

static int64_t plus(int64_t a, int64_t b)
{
    int64_t sum;

    if (__builtin_add_overflow(a, b, &sum))
        return b > 0 ? INT64_MAX : INT64_MIN;
    return sum;
}

/* All magnitudes alike; half of them near a power of two. */
static int64_t random_span(void)
{
    unsigned bits = (unsigned)weft_test_below(&rng, reach);
    uint64_t span = UINT64_C(1) << bits;

    if (weft_test_below(&rng, 2) == 0)
        return (int64_t)(span - 1 + weft_test_below(&rng, 3));
    return (int64_t)(span + weft_test_below(&rng, span));
}

static int64_t random_deadline(void)
{
    switch (weft_test_below(&rng, 8)) {
    case 0:
        return plus(wheel.now, -random_span());
    case 1:
    case 2:
        return live > 0 ? sorted[weft_test_below(&rng, live)]->deadline : 0;
    case 3: /* the edge of a tick or of a digit somewhere */
        return plus(plus(wheel.now, random_span()) &
                        -(INT64_C(1) << weft_test_below(&rng, 62)),
                    (int64_t)weft_test_below(&rng, 3) - 1);
    default:
        return plus(wheel.now, random_span());
    }
}

static void add_one(void)
{
    struct weft__timer *timer = pool;
    int64_t deadline = random_deadline();
    size_t at = live;

    while (timer->armed)
        timer++;
    weft__wheel_add(&wheel, timer, deadline);
    for (; at > 0 && sorted[at - 1]->deadline > deadline; at--)
        sorted[at] = sorted[at - 1];
    sorted[at] = timer;
    live++;
}

static void remove_one(void)
{
    size_t at = weft_test_below(&rng, live);

    cr_assert(weft__wheel_remove(&wheel, sorted[at]));
    cr_assert(!weft__wheel_remove(&wheel, sorted[at]));
    live--;
    memmove(&sorted[at], &sorted[at + 1], (live - at) * sizeof(sorted[0]));
    slack = live > 0;
}

static void advance_to(int64_t now)
{
    int64_t then = now > wheel.now ? now : wheel.now;
    size_t due = 0;

    while (due < live && sorted[due]->deadline <= then)
        due++;
    expect_chain(weft__wheel_advance(&wheel, now), sorted, due);
    cr_assert_eq(wheel.now, then);
    live -= due;
    memmove(sorted, &sorted[due], live * sizeof(sorted[0]));
    slack = slack && live > 0;
    cr_assert(live == 0 || weft__wheel_next(&wheel) > then);
}

static void advance_somehow(void)
{
    uint64_t kind = weft_test_below(&rng, 16);
    size_t before = live;

    if (kind == 0) {
        advance_to(plus(wheel.now, random_span() - 2));
    } else if (kind < 8) {
        advance_to(plus(wheel.now, (int64_t)weft_test_below(&rng, 4 * TICK)));
    } else if (live > 0) { /* what a worker does: no wake-up for nothing */
        advance_to(weft__wheel_next(&wheel));
        cr_assert(live < before || slack, "woken for nothing");
    }
}

static void start_over(void)
{
    advance_to(INT64_MAX);
    memset(pool, 0, sizeof(pool));
    live = 0;
    slack = false;
    reach = 63;
    weft__wheel_init(&wheel,
                     weft_test_below(&rng, 2) ? random_span() : -random_span());
    reach = 16 + (unsigned)weft_test_below(&rng, 48);
}

static void check_next(void)
{
    int64_t least = live > 0 ? sorted[0]->deadline : INT64_MAX;
    int64_t next = weft__wheel_next(&wheel);

    cr_assert(next <= least && (slack || next == least), "%jd, not %jd",
              (intmax_t)next, (intmax_t)least);
}

Test(wheel, random_operations_agree_with_a_sorted_list, .timeout = 240)
{
    size_t operations = weft_test_scaled(10000000);

    rng.state = weft_test_seed();
    weft__wheel_init(&wheel, 0);
    start_over();
    for (size_t i = 0; i < operations; i++) {
        uint64_t kind = weft_test_below(&rng, 32);

        if (kind < 20 && live < LIVE)
            add_one();
        else if (kind < 23 && live > 0)
            remove_one();
        else if (wheel.now < INT64_MAX - 4 * TICK &&
                 weft_test_below(&rng, 4096) != 0)
            advance_somehow();
        else
            start_over();
        check_next();
        if (i % 64 == 0)
            cr_assert(weft__wheel_check(&wheel));
    }
}

/* Many at once: the sort, long chains, whole slots of high levels. */
Test(wheel, a_hundred_years_in_one_jump)
{
    size_t count = weft_test_scaled(100000) + 10;
    struct weft__timer *timers = calloc(count, sizeof(*timers));
    int64_t last = INT64_MIN;
    size_t got = 0;

    cr_assert_not_null(timers);
    rng.state = weft_test_seed();
    weft__wheel_init(&wheel, 0);
    for (size_t i = 0; i < count; i++)
        weft__wheel_add(&wheel, &timers[i],
                        (int64_t)weft_test_below(&rng, 100) * 365 * DAY +
                            (int64_t)weft_test_below(&rng, 50));
    struct weft__timer *before = NULL;
    for (struct weft__timer *timer = weft__wheel_advance(&wheel, 36500 * DAY);
         timer != NULL; timer = timer->next, got++) {
        cr_assert_geq(timer->deadline, last);
        cr_assert(timer->deadline > last || timer > before);
        last = timer->deadline;
        before = timer;
    }
    cr_assert_eq(got, count);
    cr_assert_eq(weft__wheel_next(&wheel), INT64_MAX);
    free(timers);
}
