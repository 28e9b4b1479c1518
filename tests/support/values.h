// SPDX-License-Identifier: MIT
/*
 * Values for context variables that know how they fare: each is a number, never
 * used twice, that must be destroyed exactly once, and not while it can be got.
 */
#ifndef WEFT_TESTS_SUPPORT_VALUES_H
#define WEFT_TESTS_SUPPORT_VALUES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weft/context.h>

#define WEFT_TEST_VALUES ((size_t)1 << 20) /* at most, for one test */

static struct {
    atomic_size_t made;
    atomic_uchar ended[WEFT_TEST_VALUES];
} weft_test_values;

/** A new one; NULL, which counts as none, when there are too many. */
static inline void *weft_test_value_new(void)
{
    size_t number = atomic_fetch_add(&weft_test_values.made, 1) + 1;
    return number < WEFT_TEST_VALUES ? (void *)number : NULL;
}

/** For weft_var_new(). */
static inline void weft_test_value_destroy(void *value)
{
    size_t number = (uintptr_t)value;
    if (number > 0 && number < WEFT_TEST_VALUES)
        atomic_fetch_add(&weft_test_values.ended[number], 1);
}

static inline bool weft_test_value_lives(void *value)
{
    size_t number = (uintptr_t)value;
    return number < WEFT_TEST_VALUES &&
           atomic_load(&weft_test_values.ended[number]) == 0;
}

/** How many were not destroyed exactly once; starts anew. */
static inline size_t weft_test_values_wrong(void)
{
    size_t wrong = 0;
    size_t made = atomic_exchange(&weft_test_values.made, 0);
    for (size_t i = 1; i <= made && i < WEFT_TEST_VALUES; i++)
        wrong += atomic_exchange(&weft_test_values.ended[i], 0) != 1;
    return wrong;
}

/** weft_var_set() with a new value; gives it back as well. NULL: it failed. */
static inline void *weft_test_value_set(weft_var *var)
{
    void *value = weft_test_value_new();
    if (weft_var_set(var, value) == 0)
        return value;
    weft_test_value_destroy(value);
    return NULL;
}

#endif
