// SPDX-License-Identifier: MIT
/*
 * Paths: what comes through, what does not, and there and back again.
 */
#include "perf/path.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "tests/support/test.h"

static void expect(const char *from, const char *wanted)
{
    char path[256];
    ssize_t rc = perf_path_decode(from, strlen(from), path, sizeof(path));

    cr_expect_eq(rc, (ssize_t)strlen(wanted), "%zd for <%s>", rc, from);
    cr_expect_str_eq(path, wanted);
}

static void refuse(const char *from, ssize_t wanted)
{
    char path[256];
    ssize_t rc = perf_path_decode(from, strlen(from), path, sizeof(path));

    cr_expect_eq(rc, wanted, "%zd for <%s>", rc, from);
}

Test(path, plain)
{
    expect("a", "a");
    expect("a/b.c", "a/b.c");
    expect("a%20b", "a b");
    expect("%61%2Fb%2fc", "a/b/c");
    expect("...", "...");
    expect("..a/b..", "..a/b..");
    expect("a/.../b", "a/.../b");
    expect("%252e%252e/x", "%2e%2e/x");
}

Test(path, hostile)
{
    refuse("..", -400);
    refuse("../x", -400);
    refuse("a/..", -400);
    refuse("a/../../x", -400);
    refuse("%2e%2e/x", -400);
    refuse("%2E./x", -400);
    refuse("a/.%2e", -400);
    refuse("..%2fx", -400);
    refuse("a%2f..%2fx", -400);
    refuse("/etc/passwd", -400);
    refuse("%2fetc/passwd", -400);
    refuse("//x", -400);
    refuse("a%00", -400);
    refuse("%00", -400);
}

Test(path, wrong_escapes)
{
    refuse("%", -400);
    refuse("a%2", -400);
    refuse("%zz", -400);
    refuse("%2", -400);
    refuse("% 20", -400);
    refuse("", -404);
}

Test(path, raw_nul)
{
    char path[16];

    cr_expect_eq(perf_path_decode("a\0b", 3, path, sizeof(path)), -400);
}

Test(path, too_long)
{
    char path[4];

    cr_expect_eq(perf_path_decode("abc", 3, path, sizeof(path)), 3);
    cr_expect_eq(perf_path_decode("abcd", 4, path, sizeof(path)), -414);
    cr_expect_eq(perf_path_decode("%61%62%63", 9, path, sizeof(path)), 3);
}

Test(path, there_and_back)
{
    char name[256], escaped[1024], path[256];

    for (int i = 1; i < 256; i++) {
        name[i - 1] = (char)i;
    }
    name[255] = '\0';
    name[0x2f - 1] = 'x'; /* a slash behind a dot is fine; keep it simple */
    cr_assert_gt(perf_path_encode(name, escaped, sizeof(escaped)), 0);
    cr_assert_null(strpbrk(escaped, " ?#\"<>\\^`{|}"));
    cr_expect_eq(perf_path_decode(escaped, strlen(escaped), path, sizeof(path)),
                 255);
    cr_expect_str_eq(path, name);
    cr_expect_eq(perf_path_encode("a b", escaped, 5), -ENOSPC);
}
