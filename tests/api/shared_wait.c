// SPDX-License-Identifier: MIT
/* Several waits for one future, each with a reference of its own: one after the
 * other, and at once. None is in another's way. */
#include <weft/task.h>

#include <weft/wait.h>

#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/test.h"

static void *awaits_first(void *made)
{
    return weft_fail(weft_await(made, NULL));
}

/* Whoever waited before, and has gone, is in nobody's way. */
static void *one_after_the_other(void *unused)
{
    (void)unused;
    for (int by = 0; by < 2; by++) {
        weft_future *made = weft_future_new();
        weft_future *first = weft_spawn(awaits_first, weft_future_ref(made));
        for (int i = 0; i < 10; i++)
            weft_yield();
        cr_expect_eq(weft_future_set_result(made, NULL), 0);
        cr_expect_eq(weft_await(first, NULL), 0);
        int rc = by ? weft_gather(&made, 1, NULL) : weft_await(made, NULL);
        cr_expect_eq(rc, 0, "%d", rc);
    }
    return NULL;
}

Test(shared_wait, one_after_the_other, .timeout = 30)
{
    for (unsigned workers = 1; workers <= 3; workers++)
        cr_assert_eq(weft_test_run(workers, one_after_the_other, NULL), 0);
}

/* Completed just when one begins to wait and another one waits already. */

static atomic_int spins, go;

static void *sets(void *made)
{
    atomic_store(&spins, 1);
    weft_test_spin_until(&go, 1);
    weft_future_set_result(made, NULL);
    weft_future_unref(made);
    return NULL;
}

static void *while_one_ends(void *unused)
{
    size_t wrong = 0;
    (void)unused;
    for (size_t i = weft_test_scaled(1000); i > 0; i--) {
        atomic_store(&spins, 0);
        atomic_store(&go, 0);
        weft_future *made = weft_future_new();
        weft_future *first = weft_spawn(awaits_first, weft_future_ref(made));
        for (int turns = 0; turns < 5; turns++)
            weft_yield();
        weft_future *setter = weft_spawn(sets, weft_future_ref(made));
        weft_test_spin_until(&spins, 1); /* on another worker */
        atomic_store(&go, 1);
        wrong += weft_await(made, NULL) != 0;
        wrong += weft_await(first, NULL) != 0;
        wrong += weft_await(setter, NULL) != 0;
    }
    cr_expect_eq(wrong, 0);
    return NULL;
}

Test(shared_wait, while_another_one_ends, .timeout = 60)
{
    cr_assert_eq(weft_test_run(2, while_one_ends, NULL), 0);
    cr_assert_eq(weft_test_run(3, while_one_ends, NULL), 0);
}
