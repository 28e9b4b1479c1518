// SPDX-License-Identifier: MIT
/* weft/typed.h at run time: what arrives, and numbers as results. That wrong
 * use does not compile is shown by checks/typed.sh. */
#include "tests/support/test.h"

#include <errno.h>
#include <limits.h>
#include <weft.h>

struct pair {
    int a, b;
};

static void *add(struct pair *pair)
{
    return weft_from_int(pair->a + pair->b);
}
WEFT_TYPED(add, struct pair *);

static void *store(struct pair *pair)
{
    pair->a = 7;
    return NULL;
}
WEFT_TYPED(store, struct pair *);

static void *spawns(void *arg)
{
    struct pair pair = {3, 4};
    intptr_t sum;
    (void)arg;
    cr_assert_eq(weft_await_int(weft_spawn_typed(add, &pair), &sum), 0);
    cr_assert_eq(sum, 7);
    pair.b = -20;
    cr_assert_eq(weft_await_int(weft_spawn_typed(add, &pair), &sum), -17);
    cr_assert_eq(sum, 0);
    cr_assert_eq(weft_await_int(weft_spawn_typed(add, &pair), NULL), -17);
    return NULL;
}

Test(typed, spawn_and_number)
{
    cr_assert_eq(weft_run(spawns, NULL, NULL), 0);
}

static void *groups(void *arg)
{
    struct pair pair = {3, 4};
    weft_group group;
    (void)arg;
    weft_group_enter(&group, NULL);
    int rc = weft_group_spawn_typed(&group, store, &pair);
    cr_assert_eq(weft_group_exit(&group, rc), 0);
    cr_assert_eq(pair.a, 7);
    return NULL;
}

Test(typed, group_spawn)
{
    cr_assert_eq(weft_run(groups, NULL, NULL), 0);
}

static void *other_calls(void *arg)
{
    struct pair pair = {3, 4};
    void *result;
    (void)arg;
    int rc =
        weft_to_thread(WEFT_TYPED_FN(add), WEFT_TYPED_ARG(add, &pair), &result);
    cr_assert_eq(rc, 0);
    cr_assert_eq(weft_to_int(result), 7);
    return NULL;
}

Test(typed, parts_for_other_calls)
{
    cr_assert_eq(weft_run(other_calls, NULL, NULL), 0);
}

Test(typed, numbers_come_back)
{
    const intptr_t same[] = {
        0,     1, 4095, 4096, INT_MAX, INTPTR_MAX, -1, -ENOENT, -WEFT_ECANCELED,
        -4095,
    };
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        void *result = weft_from_int(same[i]);
        cr_assert_eq(weft_to_int(result), same[i]);
        cr_assert_eq(weft_code(result), same[i] < 0 ? (int)same[i] : 0);
    }
}

Test(typed, numbers_that_are_no_codes)
{
    cr_assert_eq(weft_code(weft_from_int(-4096)), -EINVAL);
    cr_assert_eq(weft_code(weft_from_int(INT_MIN)), -EINVAL);
    cr_assert_eq(weft_code(weft_from_int(INTPTR_MIN)), -EINVAL);
}
