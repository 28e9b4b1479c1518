// SPDX-License-Identifier: MIT
/*
 * Errors with words: the slot, causes, words for people, and the way up through
 * awaits.
 */
#include <weft/error.h>

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <weft/inspect.h>

#include "tests/support/run.h"
#include "tests/support/scale.h"
#include "tests/support/test.h"
#include "tests/support/words.h"

#define value(n) weft_test_value(n)
#define CHAIN 32 /* causes that are kept, with the error itself */

/* The slot */

Test(error, fills_the_slot_of_a_thread, .timeout = 30)
{
    weft_test_forget();
    void *result = weft_failf(-ENOSPC, "disk %d is %s", 7, "full");
    const weft_error *error = weft_last_error();
    cr_assert_eq(weft_code(result), -ENOSPC);
    cr_assert(weft_test_says(error, -ENOSPC, "disk 7 is full"));
    cr_expect_not_null(strstr(error->place, "error.c:"), "%s", error->place);
    cr_expect_null(error->task);
    cr_expect_eq(error->task_id, 0);
    cr_expect_null(error->cause);
    cr_expect_null(error->other);
}

Test(error, is_a_plain_function_too, .timeout = 30)
{
    void *(*fail)(int, const char *, ...) = (weft_failf);
    weft_test_forget();
    cr_assert_eq(weft_code(fail(-EIO, "%s", "so")), -EIO);
    cr_assert(weft_test_says(weft_last_error(), -EIO, "so"));
    cr_expect_null(weft_last_error()->place);
}

Test(error, takes_the_codes_that_weft_fail_takes, .timeout = 30)
{
    weft_test_forget();
    weft_failf(-EIO, "first");
    cr_assert_null(weft_failf(0, "no failure"));
    cr_assert(weft_test_says(weft_last_error(), -EIO, "first"));
    cr_assert_eq(weft_code(weft_failf(5, "not a code")), -EINVAL);
    cr_assert(weft_test_says(weft_last_error(), -EINVAL, "not a code"));
    cr_assert_eq(weft_code(weft_failf(-4096, "neither")), -EINVAL);
    cr_assert_eq(weft_code(weft_failf(INT_MIN, "nor that")), -EINVAL);
}

Test(error, keeps_500_bytes, .timeout = 30)
{
    static char text[10001];
    memset(text, 'x', sizeof(text) - 1);
    weft_failf(-EIO, "%s", text);
    cr_assert_eq(strlen(weft_last_error()->message), 500);
    weft_failf(-EIO, "%.500s", text);
    cr_assert_eq(strlen(weft_last_error()->message), 500);
    weft_failf(-EIO, "%s", "");
    cr_assert_str_eq(weft_last_error()->message, "");
}

Test(error, keeps_the_old_one_as_its_cause, .timeout = 30)
{
    weft_test_forget();
    weft_failf(-EIO, "low");
    weft_failf(-EPROTO, "high");
    const weft_error *error = weft_last_error();
    cr_assert(weft_test_says(error, -EPROTO, "high"));
    cr_assert(weft_test_says(error->cause, -EIO, "low"));
    cr_assert_null(error->cause->cause);
}

Test(error, keeps_so_many_causes, .timeout = 30)
{
    char message[16];
    weft_test_forget();
    for (unsigned i = 1; i <= 5 * CHAIN; i++) {
        weft_failf(-EIO, "%u", i);
        cr_assert_eq(weft_test_depth(weft_last_error()), i < CHAIN ? i : CHAIN);
    }
    const weft_error *error = weft_last_error();
    for (unsigned i = 5 * CHAIN; error != NULL; error = error->cause, i--) {
        snprintf(message, sizeof(message), "%u", i);
        cr_assert_str_eq(error->message, message);
    }
}

static void *another_thread(void *unused)
{
    (void)unused;
    if (weft_last_error() != NULL)
        return value(1);
    weft_failf(-EPROTO, "elsewhere");
    return weft_test_says(weft_last_error(), -EPROTO, "elsewhere") ? NULL
                                                                   : value(2);
}

Test(error, each_thread_has_its_own, .timeout = 30)
{
    pthread_t thread;
    void *wrong = value(3);
    weft_failf(-EIO, "here");
    cr_assert_eq(pthread_create(&thread, NULL, another_thread, NULL), 0);
    pthread_join(thread, &wrong);
    cr_assert_null(wrong);
    cr_assert(weft_test_says(weft_last_error(), -EIO, "here"));
}

/* In words */

static const weft_error third = {.code = -WEFT_ECANCELED, .message = ""};
static const weft_error second = {
    .code = -EIO, .message = "", .task = "b", .other = &third};
static const weft_error whole = {
    .code = -ENOSPC,
    .message = "disk full",
    .place = "x.c:3",
    .task = "a",
    .task_id = 12,
    .cause = &second,
};

#define WHOLE                                                                  \
    "disk full (No space left on device) in task a #12 at x.c:3; because: "    \
    "Input/output error in task b; also: cancelled"

Test(error, is_formatted_as_by_snprintf, .timeout = 30)
{
    char text[sizeof(WHOLE) + 8];
    size_t length = strlen(WHOLE);
    cr_assert_eq(weft_error_format(&whole, NULL, 0), length);
    for (size_t size = 1; size < sizeof(text); size++) {
        size_t kept = size > length ? length : size - 1;
        memset(text, '#', sizeof(text));
        cr_assert_eq(weft_error_format(&whole, text, size), length);
        cr_assert_eq(strlen(text), kept);
        cr_assert_eq(strncmp(text, WHOLE, kept), 0, "%s", text);
        cr_assert_eq(text[size], '#', "beyond its end");
    }
    cr_assert_eq(weft_error_format(NULL, text, sizeof(text)), 0);
    cr_assert_str_eq(text, "");
}

struct row {
    const char *name;
    int number;
    const char *text;
};

static const struct row codes[] = {
#define ROW(name, number, text) {#name, number, text},
    WEFT_CODES(ROW)
#undef ROW
};

Test(error, codes_have_texts_of_their_own, .timeout = 30)
{
    size_t n = sizeof(codes) / sizeof(codes[0]);
    for (size_t i = 0; i < n; i++) {
        cr_expect_geq(codes[i].number, 1001);
        cr_expect_leq(codes[i].number, 1099);
        cr_expect_str_eq(weft_strerror(-codes[i].number), codes[i].text);
        cr_expect_str_eq(weft_strerror(codes[i].number), codes[i].text);
        cr_expect_neq(codes[i].text[0], '\0', "%s", codes[i].name);
        for (size_t j = 0; j < i; j++) {
            cr_expect_neq(codes[i].number, codes[j].number);
            cr_expect_str_neq(codes[i].text, codes[j].text);
        }
    }
    cr_expect_str_eq(weft_strerror(-ENOENT), "No such file or directory");
    cr_expect_str_eq(weft_strerror(-4000), "unknown code 4000");
    cr_expect_not_null(strstr(weft_strerror(INT_MIN), "unknown"));
}

/* Up through awaits */

static void expect_three(const weft_error *error)
{
    char words[512];
    cr_expect_eq(weft_test_depth(error), 3);
    cr_expect(weft_test_says(error, -EIO, "") && weft_test_by(error, "top"));
    const weft_error *cause = error ? error->cause : NULL;
    cr_expect(weft_test_says(cause, -EIO, "") && weft_test_by(cause, "middle"));
    cause = cause ? cause->cause : NULL;
    cr_expect(weft_test_says(cause, -EIO, "block 9") &&
              weft_test_by(cause, "leaf"));
    weft_error_format(error, words, sizeof(words));
    const char *at = strstr(words, "in task top #");
    at = at ? strstr(at, "; because: Input/output error in task middle #") : at;
    at = at ? strstr(at, "because: block 9 (Input/output error) in task leaf #")
            : at;
    cr_expect_not_null(at, "%s", words);
}

static void *three_deep(void *unused)
{
    (void)unused;
    weft_future *task = weft_spawn_named("top", weft_test_top, NULL);
    uint64_t id = weft_task_id(task);
    cr_expect_eq(weft_await(task, NULL), -EIO);
    expect_three(weft_last_error());
    cr_expect_eq(weft_last_error()->task_id, id);
    return NULL;
}

Test(error, three_awaits_deep_names_three_tasks, .timeout = 30)
{
    for (unsigned workers = 1; workers <= 3; workers++)
        cr_assert_eq(weft_test_run(workers, three_deep, NULL), 0);
}

static void *deeper(void *n)
{
    if (n == NULL)
        return weft_failf(-EIO, "the bottom");
    void *less = value((uintptr_t)n - 1);
    return weft_fail(weft_await(weft_spawn(deeper, less), NULL));
}

static void *hundred_deep(void *unused)
{
    (void)unused;
    cr_expect_eq(weft_await(weft_spawn(deeper, value(100)), NULL), -EIO);
    const weft_error *error = weft_last_error();
    cr_expect_eq(weft_test_depth(error), CHAIN);
    while (error != NULL && error->cause != NULL)
        error = error->cause;
    cr_expect(weft_test_says(error, -EIO, "the bottom"),
              "what happened is kept");
    return NULL;
}

Test(error, a_hundred_deep_still_says_what_happened, .timeout = 30)
{
    cr_assert_eq(weft_test_run(2, hundred_deep, NULL), 0);
}

static void *translated(void *unused)
{
    (void)unused;
    cr_expect_null(weft_last_error(), "a task begins without one");
    cr_expect_eq(weft_await(weft_spawn(weft_test_leaf, NULL), NULL), -EIO);
    return weft_failf(-EPROTO, "no answer");
}

static void *says_it_otherwise(void *unused)
{
    (void)unused;
    weft_failf(-EXFULL, "my own");
    cr_expect_eq(weft_await(weft_spawn(translated, NULL), NULL), -EPROTO);
    const weft_error *error = weft_last_error();
    cr_expect(weft_test_says(error, -EPROTO, "no answer"));
    cr_expect(weft_test_says(error->cause, -EIO, "block 9"));
    cr_expect_eq(weft_test_depth(error), 2,
                 "what was handed up takes the place");
    return NULL;
}

Test(error, another_code_keeps_the_cause, .timeout = 30)
{
    cr_assert_eq(weft_test_run(2, says_it_otherwise, NULL), 0);
}

static void *left_alone(void *unused)
{
    (void)unused;
    weft_failf(-EXFULL, "older");
    const weft_error *error = weft_last_error();
    cr_expect_eq(weft_await(weft_spawn(weft_test_echo, NULL), NULL), 0);
    cr_expect_eq(weft_last_error(), error, "success");
    weft_future *task = weft_spawn(weft_test_forever, NULL);
    weft_cancel(task);
    cr_expect_eq(weft_await(task, NULL), -WEFT_ECANCELED);
    cr_expect_eq(weft_last_error(), error, "a cancellation");
    weft_future *future = weft_future_new();
    cr_expect_eq(weft_future_set_error(future, -EIO), 0);
    cr_expect_eq(weft_await(future, NULL), -EIO);
    cr_expect_null(weft_last_error(), "of that failure nothing is known");
    return NULL;
}

Test(error, success_and_cancellation_leave_it_alone, .timeout = 30)
{
    cr_assert_eq(weft_test_run(2, left_alone, NULL), 0);
}

static void *name_goes_first(void *unused)
{
    char name[] = "short-lived";
    weft_spawn_options options = {.size = sizeof(options), .name = name};
    (void)unused;
    weft_future *task = weft_spawn_with(&options, weft_test_leaf, NULL);
    cr_expect_eq(weft_await(task, NULL), -EIO);
    memset(name, '#', sizeof(name) - 1);
    cr_expect(weft_test_by(weft_last_error(), "short-lived"));
    return NULL;
}

Test(error, outlives_the_name_of_its_task, .timeout = 30)
{
    cr_assert_eq(weft_test_run(1, name_goes_first, NULL), 0);
}

/* Every failure has its own words, whoever runs it. */
static void *fail_in_person(void *n)
{
    if (weft_yield() < 0)
        return weft_fail(-EXFULL);
    return weft_failf(-EIO, "%zu", (size_t)n);
}

static void *many(void *n)
{
    enum { ROUND = 100 };
    weft_future *tasks[ROUND];
    char want[32];
    size_t wrong = 0;
    for (size_t done = 0; done < (size_t)n; done += ROUND) {
        for (size_t i = 0; i < ROUND; i++)
            tasks[i] = weft_spawn(fail_in_person, value(done + i));
        for (size_t i = 0; i < ROUND; i++) {
            snprintf(want, sizeof(want), "%zu", done + i);
            wrong += weft_await(tasks[i], NULL) != -EIO;
            wrong += !weft_test_says(weft_last_error(), -EIO, want);
        }
    }
    return value(wrong);
}

Test(error, none_is_taken_for_another, .timeout = 60)
{
    void *wrong = value(1);
    weft_options options = {.size = sizeof(options), .workers = 3};
    void *n = value(weft_test_scaled(20000));
    cr_assert_eq(weft_run_with(&options, many, n, &wrong), 0);
    cr_assert_null(wrong);
}
