// SPDX-License-Identifier: MIT
/*
 * What a task is known for after a step, by what that step took. The clock is
 * the test's; what happens to the task then is in background.c.
 */
#include "sched/class.h"

#include <weft/task.h>

#include "sched/runtime.h"
#include "tests/support/test.h"

#define LONG 600000 /* ns: longer than what is a long step */
#define SHORT 400000

static struct weft__os os;
static int64_t moment;
static struct weft_runtime rt;
static struct weft__worker worker;
static struct weft__coro coro;

static int64_t now(void)
{
    return moment;
}

static long usage(struct weft__usage *out)
{
    *out = (struct weft__usage){.at = moment, .cpu = moment};
    return 0;
}

static void begin(void)
{
    os = weft__os_real;
    os.now = now;
    os.thread_usage = usage;
    weft__os = &os;
    worker.rt = &rt;
    coro.rt = &rt;
    coro.home = NULL;
    coro.score = WEFT__SCORE_NEW;
    weft__store_relaxed(&worker.role, WEFT__UP);
}

/* One in which it lost its loop. Returns whether it is for the background. */
static bool overrun(enum weft__verdict verdict, int64_t took)
{
    uint64_t step = weft__load_relaxed(&worker.counters.steps) + 1;
    weft__store_relaxed(&worker.overran, step);
    weft__store_relaxed(&worker.verdict, verdict);
    weft__store_relaxed(&worker.first_at, moment);
    weft__store_relaxed(&worker.first_cpu, moment);
    moment += took;
    weft__class_judge(&worker, &coro, false);
    weft__store_relaxed(&worker.counters.steps, step);
    return coro.home == WEFT__IN_BACKGROUND;
}

static void end(void)
{
    weft__os = &weft__os_real;
}

Test(class, a_long_step_of_who_is_not_known_tells, .init = begin, .fini = end)
{
    for (unsigned score = 1; score <= WEFT__SCORE_NEW; score++) {
        begin();
        coro.score = score & 7;
        cr_expect(overrun(WEFT__COMPUTES, LONG));
        cr_expect_eq(coro.blocks, 0);
        begin();
        coro.score = score & 7;
        cr_expect(overrun(WEFT__BLOCKS, LONG));
        cr_expect_eq(coro.blocks, 1);
    }
}

Test(class, one_that_was_nearly_over_does_not, .init = begin, .fini = end)
{
    for (int i = 0; i < 4; i++) {
        cr_expect(!overrun(WEFT__COMPUTES, SHORT));
        cr_expect(!overrun(WEFT__BLOCKS, SHORT));
    }
    cr_expect_eq(coro.score, 0, "it is known as light");
}

Test(class, nor_one_that_was_announced, .init = begin, .fini = end)
{
    cr_expect(!overrun(WEFT__SAID_SO, LONG));
    cr_expect(!overrun(WEFT__NO_VERDICT, LONG));
}

Test(class, once_is_not_enough_for_who_is_known, .init = begin, .fini = end)
{
    coro.score = 0;
    cr_expect(!overrun(WEFT__COMPUTES, LONG));
    cr_expect(overrun(WEFT__BLOCKS, LONG));
    coro.score = 0;
    coro.home = NULL;
    for (int i = 0; i < 4; i++) {
        cr_expect(!overrun(WEFT__COMPUTES, LONG));
        for (int n = 0; n < 4; n++)
            cr_expect(!overrun(WEFT__NO_VERDICT, SHORT));
    }
}
