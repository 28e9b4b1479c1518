// SPDX-License-Identifier: MIT
/* When to wait awake: as long as that pays; after waits in vain ever less often,
 * but never never. */
#include "sched/patience.h"

#include "tests/support/test.h"

static int64_t clock_now;

static long now(void)
{
    return clock_now += 100;
}

static struct weft__os fake;

static void fake_clock(void)
{
    fake = weft__os_real;
    fake.now = now;
    weft__os = &fake;
}

static void real_clock(void)
{
    weft__os = &weft__os_real;
}

static int looks;

static bool at_once(void *arg)
{
    (void)arg;
    return true;
}

static bool never(void *arg)
{
    (void)arg;
    looks++;
    return false;
}

static bool third(void *arg)
{
    int *left = arg;
    return --*left == 0;
}

/* Chances sat out before the next one is taken. */
static unsigned sits_out(struct weft__patience *patience)
{
    unsigned out = 0;
    while (!weft__patience_has(patience))
        out++;
    return out;
}

Test(patience, ends_when_it_is_here, .init = fake_clock, .fini = real_clock)
{
    struct weft__patience patience = {0};
    int left = 3;
    cr_expect(weft__patience_wait(&patience, third, &left));
    cr_expect_eq(left, 0);
    cr_expect_eq(sits_out(&patience), 0u);
}

Test(patience, ends_in_vain_after_its_time, .init = fake_clock,
     .fini = real_clock)
{
    struct weft__patience patience = {0};
    int64_t start = clock_now;
    looks = 0;
    cr_expect(!weft__patience_wait(&patience, never, NULL));
    cr_expect_geq(clock_now - start, WEFT__PATIENCE_NS);
    cr_expect_lt(clock_now - start, 2 * WEFT__PATIENCE_NS);
    cr_expect_gt(looks, 0);
}

Test(patience, waits_ever_less_often_but_goes_on, .init = fake_clock,
     .fini = real_clock)
{
    struct weft__patience patience = {0};
    unsigned expected = 0;
    for (int i = 0; i < 20; i++) {
        cr_expect_eq(sits_out(&patience), expected);
        cr_expect(!weft__patience_wait(&patience, never, NULL));
        expected = 2 * expected + 1 < WEFT__PATIENCE_MOST ? 2 * expected + 1
                                                          : WEFT__PATIENCE_MOST;
    }
    cr_expect_eq(expected, (unsigned)WEFT__PATIENCE_MOST);
}

Test(patience, is_as_new_once_it_has_paid, .init = fake_clock,
     .fini = real_clock)
{
    struct weft__patience patience = {0};
    for (int i = 0; i < 5; i++)
        weft__patience_wait(&patience, never, NULL);
    cr_expect_gt(sits_out(&patience), 0u);
    cr_expect(weft__patience_wait(&patience, at_once, NULL));
    for (int i = 0; i < 5; i++)
        cr_expect(weft__patience_has(&patience));
}
