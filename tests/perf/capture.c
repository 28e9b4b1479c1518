// SPDX-License-Identifier: MIT
/*
 * Programs run for what they print: all of it, how they ended, and that they
 * do end.
 */
#include "perf/capture.h"

#include <errno.h>

#include "tests/support/test.h"

static char out[16];

static int run(const char *script, weft_ns limit)
{
    const char *const argv[] = {"sh", "-c", script, NULL};

    return perf_capture("/bin/sh", argv, out, sizeof(out), limit);
}

Test(capture, output_and_status)
{
    cr_expect_eq(run("echo one; echo two", WEFT_S(60)), 0);
    cr_expect_str_eq(out, "one\ntwo\n");
    cr_expect_eq(run("echo three; exit 77", WEFT_S(60)), 77);
    cr_expect_str_eq(out, "three\n");
    cr_expect_eq(run("exec >&-", WEFT_S(60)), 0);
    cr_expect_str_eq(out, "");
}

/* More than a pipe holds: the rest is read, so that it can end. */
Test(capture, what_does_not_fit_is_dropped)
{
    cr_expect_eq(run("yes abcdef | head -n 100000", WEFT_S(60)), 0);
    cr_expect_str_eq(out, "abcdef\nabcdef\na");
}

Test(capture, killed)
{
    cr_expect_eq(run("kill -KILL $$", WEFT_S(60)), 128 + 9);
    cr_expect_eq(run("echo so far; exec sleep 1000", WEFT_MS(500)), -ETIMEDOUT);
    cr_expect_eq(run("exec sleep 1000", 0), -ETIMEDOUT);
}

Test(capture, no_such_program)
{
    const char *const argv[] = {"nothing", NULL};

    cr_expect_eq(
        perf_capture("/no/such/program", argv, out, sizeof(out), WEFT_S(60)),
        -ENOENT);
    cr_expect_str_eq(out, "");
}
