// SPDX-License-Identifier: MIT
/*
 * What page.h looks at.
 */
#include "tests/perf/page.h"

#include <string.h>

#include "tests/support/test.h"

struct open {
    char names[32][16];
    int depth;
};

static void check_tag(struct open *open, const char *tag, size_t length)
{
    size_t n = strcspn(tag, " />");

    if (tag[0] == '!' || tag[length - 1] == '/') {
        return;
    }
    if (tag[0] == '/') {
        cr_assert_gt(open->depth, 0);
        open->depth--;
        cr_assert_eq(strncmp(open->names[open->depth], tag + 1, length - 1), 0,
                     "<%.*s> ends <%s>", (int)length, tag,
                     open->names[open->depth]);
        return;
    }
    cr_assert(n < sizeof(open->names[0]) && open->depth < 32);
    memcpy(open->names[open->depth], tag, n);
    open->names[open->depth++][n] = '\0';
}

/* Each element ends where it should. */
static void check_elements(const char *text)
{
    struct open open = {.depth = 0};

    for (const char *at = strchr(text, '<'); at != NULL;
         at = strchr(at + 1, '<')) {
        const char *end = strchr(at, '>');

        cr_assert_not_null(end);
        cr_assert_gt(end, at + 1);
        check_tag(&open, at + 1, (size_t)(end - at - 1));
    }
    cr_expect_eq(open.depth, 0);
}

void test_page(const char *text)
{
    /* "unanswered" is no number. */
    static const char *const wrong[] = {"<script", "http", "url(",
                                        "\"nan",   ">nan", ",nan",
                                        " nan",    "-nan", "inf"};

    check_elements(text);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        cr_expect_null(strstr(text, wrong[i]), "there is %s", wrong[i]);
    }
}
