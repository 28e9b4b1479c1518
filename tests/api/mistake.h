// SPDX-License-Identifier: MIT
/*
 * A mistake that ends the program: made in a child process, with and without
 * WEFT_DEBUG, and what is expected of it.
 */
#ifndef WEFT_TESTS_API_MISTAKE_H
#define WEFT_TESTS_API_MISTAKE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weft/runtime.h>

#include "tests/support/child.h"
#include "tests/support/run.h"
#include "tests/support/test.h"

/* In release builds. */
enum weft_test_without { UNDEFINED = 1, ABORTS = 2 }; /* else: a code */

struct weft_test_mistake {
    const char *name;
    int (*make)(void); /* what the call said */
    const char *sentence;
    int without;
};

#define ROW(mistake, who, what, without)                                       \
    {                                                                          \
#mistake, mistake, "weft: " who ": " what, without                     \
    }

static inline int weft_test_in_main(weft_fn *fn)
{
    return weft_test_run(1, fn, NULL);
}

/* A mistake that is made in a coroutine. */
#define IN_MAIN(name)                                                          \
    static void *name##_in_main(void *unused);                                 \
    static int name(void)                                                      \
    {                                                                          \
        return weft_test_in_main(name##_in_main);                              \
    }                                                                          \
    static void *name##_in_main(void *unused __attribute__((unused)))

static inline int weft_test_make(const struct weft_test_mistake *mistake,
                                 const char *debug)
{
    if (setenv("WEFT_DEBUG", debug, 1) < 0)
        return 2;
    int rc = mistake->make();
    if (mistake->without >= 0 || rc == mistake->without)
        return 0;
    fprintf(stderr, "%d\n", rc);
    return 1;
}

static inline int weft_test_make_in_debug(void *mistake)
{
    return weft_test_make(mistake, "1");
}

static inline int weft_test_make_without(void *mistake)
{
    return weft_test_make(mistake, "0");
}

static struct weft_test_child weft_test_mistaken;

static inline void weft_test_try(const struct weft_test_mistake *mistake,
                                 int (*fn)(void *))
{
    cr_assert(weft_test_child_run(&weft_test_mistaken, fn,
                                  (void *)(uintptr_t)mistake));
}

/* Of one sentence and nothing else. */
static inline void
weft_test_expect_abort(const struct weft_test_mistake *mistake)
{
    size_t size = strlen(mistake->sentence);
    const char *end = strchr(weft_test_mistaken.err, '\n');
    cr_expect_eq(weft_test_child_exit(&weft_test_mistaken), -1 - SIGABRT,
                 "%s: %d\n%s", mistake->name,
                 weft_test_child_exit(&weft_test_mistaken),
                 weft_test_mistaken.err);
    cr_expect(strncmp(weft_test_mistaken.err, mistake->sentence, size) == 0,
              "%s: %s", mistake->name, weft_test_mistaken.err);
    cr_expect(end != NULL && end[1] == '\0', "%s: %s", mistake->name,
              weft_test_mistaken.err);
}

static inline void weft_test_needs_children(void)
{
    if (WEFT_TEST_NO_CHILDREN)
        cr_skip("ThreadSanitizer does not start threads in a child");
}

#endif
