// SPDX-License-Identifier: MIT
/*
 * What a test file is written against: a subset of Criterion 2.4's macros, by
 * Criterion itself or, with WEFT_PLAIN_RUNNER, by runner.c. The latter is for
 * where Criterion cannot go (it does not start under ThreadSanitizer, and a
 * cross build has none). The subset:
 *
 *   Test(suite, name, .timeout, .signal, .init, .fini, .disabled, .description)
 *   cr_assert, cr_expect          condition
 *   ..._eq _neq _lt _leq _gt _geq two numbers or pointers
 *   ..._null _not_null            a pointer
 *   ..._str_eq _str_neq           two strings
 *   cr_skip                       leave the test, with a reason
 *
 * Every assertion may be followed by a printf format and its arguments. An
 * assert leaves the test, an expect goes on. Both work on any thread, but only
 * the thread and stack that the test was called on can be left: elsewhere (in
 * a coroutine) use expect, or the plain runner ends the whole program.
 */
#ifndef WEFT_TESTS_SUPPORT_TEST_H
#define WEFT_TESTS_SUPPORT_TEST_H

#ifndef WEFT_PLAIN_RUNNER
#include <criterion/criterion.h>
#else

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct weft_test {
    const char *suite, *name;
    void (*run)(void);
    void (*init)(void), (*fini)(void);
    int signal;
    double timeout; /* s */
    bool disabled;
    const char *description;
    int last; /* ends the options, so that there is always one */
    struct weft_test *next;
};

/** Called before main, once for each Test(). */
void weft_test_register(struct weft_test *test);

/** A failed assertion; comes back only if it is not fatal. What follows the
 * format may be one argument longer than it says. */
void weft_test_fail(bool fatal, const char *file, int line, const char *what,
                    const char *format, ...);

__attribute__((noreturn)) void weft_test_skip(const char *format, ...);

#define Test(...) WEFT_TEST_DEFINE(__VA_ARGS__, .last = 0)

#define WEFT_TEST_DEFINE(suite_, name_, ...)                                   \
    static void suite_##_##name_##_run(void);                                  \
    static struct weft_test suite_##_##name_##_test = {                        \
        .suite = #suite_,                                                      \
        .name = #name_,                                                        \
        .run = suite_##_##name_##_run,                                         \
        __VA_ARGS__,                                                           \
    };                                                                         \
    __attribute__((constructor)) static void suite_##_##name_##_register(void) \
    {                                                                          \
        weft_test_register(&suite_##_##name_##_test);                          \
    }                                                                          \
    static void suite_##_##name_##_run(void)

/* `what` is the assertion as it was written; the "" at the end of each is the
 * message when there is no other. */
#define WEFT_TEST_THAT(fatal, what, cond, ...)                                 \
    do {                                                                       \
        if (!(cond)) {                                                         \
            weft_test_fail(fatal, __FILE__, __LINE__, what, __VA_ARGS__);      \
        }                                                                      \
    } while (0)
#define WEFT_TEST_COMPARE(fatal, op, what, a, b, ...)                          \
    WEFT_TEST_THAT(fatal, what, (a)op(b), __VA_ARGS__)
#define WEFT_TEST_NULL(fatal, op, what, a, ...)                                \
    WEFT_TEST_THAT(fatal, what, (a)op NULL, __VA_ARGS__)
#define WEFT_TEST_STRING(fatal, op, what, a, b, ...)                           \
    WEFT_TEST_THAT(fatal, what, strcmp((a), (b)) op 0, __VA_ARGS__)

// clang-format off
#define cr_assert(...) WEFT_TEST_THAT(true, #__VA_ARGS__, __VA_ARGS__, "")
#define cr_assert_eq(...) WEFT_TEST_COMPARE(true, ==, "eq: " #__VA_ARGS__, __VA_ARGS__, "")
#define cr_assert_neq(...) WEFT_TEST_COMPARE(true, !=, "neq: " #__VA_ARGS__, __VA_ARGS__, "")
#define cr_assert_lt(...) WEFT_TEST_COMPARE(true, <, "lt: " #__VA_ARGS__, __VA_ARGS__, "")
#define cr_assert_leq(...) WEFT_TEST_COMPARE(true, <=, "leq: " #__VA_ARGS__, __VA_ARGS__, "")
#define cr_assert_gt(...) WEFT_TEST_COMPARE(true, >, "gt: " #__VA_ARGS__, __VA_ARGS__, "")
#define cr_assert_geq(...) WEFT_TEST_COMPARE(true, >=, "geq: " #__VA_ARGS__, __VA_ARGS__, "")
#define cr_assert_null(...) WEFT_TEST_NULL(true, ==, "null: " #__VA_ARGS__, __VA_ARGS__, "")
#define cr_assert_not_null(...) WEFT_TEST_NULL(true, !=, "not_null: " #__VA_ARGS__, __VA_ARGS__, "")
#define cr_assert_str_eq(...) WEFT_TEST_STRING(true, ==, "str_eq: " #__VA_ARGS__, __VA_ARGS__, "")
#define cr_assert_str_neq(...) WEFT_TEST_STRING(true, !=, "str_neq: " #__VA_ARGS__, __VA_ARGS__, "")
#define cr_expect(...) WEFT_TEST_THAT(false, #__VA_ARGS__, __VA_ARGS__, "")
#define cr_expect_eq(...) WEFT_TEST_COMPARE(false, ==, "eq: " #__VA_ARGS__, __VA_ARGS__, "")
#define cr_expect_neq(...) WEFT_TEST_COMPARE(false, !=, "neq: " #__VA_ARGS__, __VA_ARGS__, "")
#define cr_expect_lt(...) WEFT_TEST_COMPARE(false, <, "lt: " #__VA_ARGS__, __VA_ARGS__, "")
#define cr_expect_leq(...) WEFT_TEST_COMPARE(false, <=, "leq: " #__VA_ARGS__, __VA_ARGS__, "")
#define cr_expect_gt(...) WEFT_TEST_COMPARE(false, >, "gt: " #__VA_ARGS__, __VA_ARGS__, "")
#define cr_expect_geq(...) WEFT_TEST_COMPARE(false, >=, "geq: " #__VA_ARGS__, __VA_ARGS__, "")
#define cr_expect_null(...) WEFT_TEST_NULL(false, ==, "null: " #__VA_ARGS__, __VA_ARGS__, "")
#define cr_expect_not_null(...) WEFT_TEST_NULL(false, !=, "not_null: " #__VA_ARGS__, __VA_ARGS__, "")
#define cr_expect_str_eq(...) WEFT_TEST_STRING(false, ==, "str_eq: " #__VA_ARGS__, __VA_ARGS__, "")
#define cr_expect_str_neq(...) WEFT_TEST_STRING(false, !=, "str_neq: " #__VA_ARGS__, __VA_ARGS__, "")
// clang-format on

#define cr_skip(...) weft_test_skip("" __VA_ARGS__)

#endif
#endif
