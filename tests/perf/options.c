// SPDX-License-Identifier: MIT
/*
 * Options: both ways to write a value, units, limits, and mistakes. (Mistakes
 * are told on standard error: the lines there are meant to be.)
 */
#include "perf/options.h"

#include <errno.h>
#include <string.h>

#include "tests/support/test.h"

static bool flag;
static const char *text;
static uint64_t count;
static int64_t duration;

static const struct perf_option options[] = {
    {"flag", PERF_OPTION_FLAG, &flag, 0, 0, 0, "a flag"},
    {"text", PERF_OPTION_TEXT, &text, 0, 0, 0, "a text"},
    {"count", PERF_OPTION_COUNT, &count, 1, 5000, 0, "a count"},
    {"time", PERF_OPTION_TIME, &duration, 0, 0, 1000000000, "a time"},
    {0},
};

static struct perf_word letters(size_t n)
{
    static const struct perf_word all[] = {{"a", "first"}, {"b", ""}, {0}};

    return all[n];
}

static struct perf_command command = {"test", "X ...", "Tests.", options, NULL};

#define PARSE(...) parse((const char *[]){__VA_ARGS__, NULL})

static char *arguments[16];

static int parse(const char *const *from)
{
    int n = 0;

    flag = false;
    text = NULL;
    count = 0;
    duration = 0;
    for (; from[n] != NULL; n++) {
        arguments[n] = (char *)(uintptr_t)from[n];
    }
    return perf_options_parse(&command, n, arguments);
}

Test(options, both_ways)
{
    cr_expect_eq(PARSE("--flag", "--text", "a", "--count=7", "--time", "2"), 0);
    cr_expect(flag);
    cr_expect_str_eq(text, "a");
    cr_expect_eq(count, 7);
    cr_expect_eq(duration, 2000000000);
    cr_expect_eq(PARSE("--text=--flag", "--count", "2k"), 0);
    cr_expect_str_eq(text, "--flag");
    cr_expect_eq(count, 2000);
    cr_expect(!flag);
    cr_expect_eq(PARSE("--text="), 0);
    cr_expect_str_eq(text, "");
}

Test(options, others_come_to_the_front)
{
    cr_assert_eq(PARSE("a", "--flag", "b", "-", "--count", "3", "c"), 4);
    cr_expect_str_eq(arguments[0], "a");
    cr_expect_str_eq(arguments[1], "b");
    cr_expect_str_eq(arguments[2], "-");
    cr_expect_str_eq(arguments[3], "c");
    cr_assert_eq(PARSE("a", "--", "--flag", "-x"), 3);
    cr_expect_str_eq(arguments[1], "--flag");
    cr_expect(!flag);
}

Test(options, mistakes)
{
    cr_expect_eq(PARSE("--nothing"), -EINVAL);
    cr_expect_eq(PARSE("--fla"), -EINVAL);
    cr_expect_eq(PARSE("--flags"), -EINVAL);
    cr_expect_eq(PARSE("-f"), -EINVAL);
    cr_expect_eq(PARSE("--flag=1"), -EINVAL);
    cr_expect_eq(PARSE("--count"), -EINVAL);
    cr_expect_eq(PARSE("--count=x"), -EINVAL);
    cr_expect_eq(PARSE("--count=0"), -EINVAL);
    cr_expect_eq(PARSE("--count=5001"), -EINVAL);
    cr_expect_eq(PARSE("--time=3 s"), -EINVAL);
    cr_expect_eq(perf_options_status(-EINVAL), 2);
}

Test(options, help)
{
    cr_expect_eq(PARSE("--help", "--nothing"), PERF_OPTIONS_HELPED);
    cr_expect_eq(PARSE("-h"), PERF_OPTIONS_HELPED);
    cr_expect_eq(perf_options_status(PERF_OPTIONS_HELPED), 0);
}

static void want_letters(void)
{
    command.workloads = letters;
}

static void want_anything(void)
{
    command.workloads = NULL;
}

Test(options, workloads, .init = want_letters, .fini = want_anything)
{
    cr_expect_eq(PARSE("b", "--flag", "a", "a"), 3);
    cr_expect_eq(PARSE("--flag"), 0);
    cr_expect_eq(PARSE("a", "c"), -EINVAL);
    cr_expect_eq(PARSE("--", "--flag"), -EINVAL);
    cr_expect_eq(PARSE("c", "--help"), PERF_OPTIONS_HELPED);
    cr_expect(perf_options_has(letters, "b"));
    cr_expect(!perf_options_has(letters, "c"));
    cr_expect(!perf_options_has(letters, ""));
}

static void expect_count(const char *from, int rc, uint64_t wanted)
{
    uint64_t n = 0;

    cr_expect_eq(perf_options_count(from, &n), rc, "%s", from);
    cr_expect_eq(n, wanted, "%s", from);
}

Test(options, counts)
{
    expect_count("0", 0, 0);
    expect_count("10", 0, 10);
    expect_count("1.5k", 0, 1500);
    expect_count("2M", 0, 2000000);
    expect_count("0010", 0, 10);
    expect_count("1.5", -EINVAL, 0);
    expect_count("-1", -EINVAL, 0);
    expect_count("+1", -EINVAL, 0);
    expect_count(" 1", -EINVAL, 0);
    expect_count("1 ", -EINVAL, 0);
    expect_count("", -EINVAL, 0);
    expect_count("0x10", -EINVAL, 0);
    expect_count("inf", -EINVAL, 0);
    expect_count("1e400", -EINVAL, 0);
    expect_count("99999999999999999999", -EINVAL, 0);
    expect_count("1G", -EINVAL, 0);
}

static void expect_time(const char *from, int64_t unit, int rc, int64_t wanted)
{
    int64_t ns = 0;

    cr_expect_eq(perf_options_time(from, unit, &ns), rc, "%s", from);
    cr_expect_eq(ns, wanted, "%s", from);
}

Test(options, times)
{
    expect_time("5", 1000, 0, 5000);
    expect_time("5ns", 1000, 0, 5);
    expect_time("1.5us", 1, 0, 1500);
    expect_time("250ms", 1, 0, 250000000);
    expect_time("0.25s", 1, 0, 250000000);
    expect_time("2m", 1, 0, 120000000000);
    expect_time("1h", 1, 0, 3600000000000);
    expect_time("5x", 1, -EINVAL, 0);
    expect_time("5 s", 1, -EINVAL, 0);
    expect_time("-5s", 1, -EINVAL, 0);
    expect_time("s", 1, -EINVAL, 0);
    expect_time("9999999999h", 1, -EINVAL, 0);
}
