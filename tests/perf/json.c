// SPDX-License-Identifier: MIT
/*
 * The JSON writer: escapes, commas, and a buffer that is too small.
 */
#include "perf/json.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "tests/support/test.h"

static char buffer[512];
static struct perf_json json;

static void begin(void)
{
    perf_json_init(&json, buffer, sizeof(buffer));
    perf_json_open(&json, NULL);
}

Test(json, all_kinds)
{
    begin();
    perf_json_text(&json, "t", "x");
    perf_json_count(&json, "c", UINT64_MAX);
    perf_json_real(&json, "r", -1.5);
    perf_json_flag(&json, "f", true);
    perf_json_open(&json, "o");
    perf_json_close(&json);
    perf_json_open(&json, "p");
    perf_json_count(&json, "a", 1);
    perf_json_count(&json, "b", 2);
    perf_json_close(&json);
    perf_json_reals(&json, "q", (double[]){1, 2.5}, 2);
    perf_json_reals(&json, "e", NULL, 0);
    perf_json_value(&json, "v", "{}");
    perf_json_text(&json, "n", NULL);
    perf_json_close(&json);
    cr_expect_str_eq(buffer,
                     "{\"t\":\"x\",\"c\":18446744073709551615,"
                     "\"r\":-1.500,\"f\":true,\"o\":{},"
                     "\"p\":{\"a\":1,\"b\":2},"
                     "\"q\":[1.000,2.500],\"e\":[],\"v\":{},\"n\":null}");
    cr_expect(!json.full);
}

static void expect_text(const char *value, const char *wanted)
{
    begin();
    perf_json_text(&json, "a", value);
    cr_expect_str_eq(buffer + strlen("{\"a\":"), wanted);
}

Test(json, escapes)
{
    expect_text("a\"b\\c\n", "\"a\\\"b\\\\c\\n\"");
    expect_text("\x01\x1f\x7f", "\"\\u0001\\u001f\\u007f\"");
    expect_text("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x91",
                "\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x91\"");
    expect_text("\xff", "\"\\ufffd\"");
    expect_text("\xc3", "\"\\ufffd\"");
    expect_text("\xe2\x82", "\"\\ufffd\\ufffd\"");
    expect_text("\x80x", "\"\\ufffdx\"");
}

Test(json, numbers_that_are_none)
{
    begin();
    perf_json_real(&json, "a", (double)NAN);
    perf_json_real(&json, "b", (double)INFINITY);
    perf_json_close(&json);
    cr_expect_str_eq(buffer, "{\"a\":null,\"b\":null}");
}

Test(json, a_buffer_that_is_too_small)
{
    for (size_t size = 1; size < 16; size++) {
        memset(buffer, 'x', sizeof(buffer));
        perf_json_init(&json, buffer, size);
        perf_json_open(&json, NULL);
        perf_json_text(&json, "abc", "def");
        perf_json_close(&json);
        cr_expect_eq(json.full, size < 14, "%zu", size);
        cr_expect_lt(strlen(buffer), size);
        cr_expect_eq(buffer[size], 'x');
        cr_expect_eq(perf_json_print(&json, stdout), size < 14 ? -ENOSPC : 0);
    }
}
