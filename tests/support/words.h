// SPDX-License-Identifier: MIT
/*
 * For tests of errors: what one says, and tasks that fail with words, three
 * deep.
 */
#ifndef WEFT_TESTS_SUPPORT_WORDS_H
#define WEFT_TESTS_SUPPORT_WORDS_H

#include <errno.h>
#include <string.h>
#include <weft/error.h>
#include <weft/future.h>
#include <weft/task.h>

#include "tests/support/test.h"

/* No error of an earlier test: a failure of which nothing is known. */
static inline void weft_test_forget(void)
{
    weft_future *future = weft_future_new();
    cr_expect_eq(weft_future_set_error(future, -EXFULL), 0);
    cr_expect_eq(weft_wait_blocking(future, 0, NULL), -EXFULL);
    cr_expect_null(weft_last_error());
}

static inline unsigned weft_test_depth(const weft_error *error)
{
    unsigned depth = 0;
    for (; error != NULL; error = error->cause)
        depth++;
    return depth;
}

static inline bool weft_test_says(const weft_error *error, int code,
                                  const char *message)
{
    return error != NULL && error->code == code &&
           strcmp(error->message, message) == 0;
}

static inline bool weft_test_by(const weft_error *error, const char *task)
{
    return error != NULL && error->task != NULL &&
           strcmp(error->task, task) == 0;
}

static inline void *weft_test_leaf(void *unused)
{
    (void)unused;
    return weft_failf(-EIO, "block %d", 9);
}

static inline void *weft_test_middle(void *unused)
{
    (void)unused;
    weft_future *task = weft_spawn_named("leaf", weft_test_leaf, NULL);
    return weft_fail(weft_await(task, NULL));
}

static inline void *weft_test_top(void *unused)
{
    (void)unused;
    weft_future *task = weft_spawn_named("middle", weft_test_middle, NULL);
    return weft_fail(weft_await(task, NULL));
}

#endif
