// SPDX-License-Identifier: MIT
/*
 * Options of a program that was built with an older version: what lies behind
 * its structs is not ours, not even the padding at their end.
 */
#include <weft/runtime.h>

#include <errno.h>
#include <string.h>

#include "tests/support/child.h"
#include "tests/support/run.h"
#include "tests/support/test.h"
#include "tests/support/words.h"

#define OLD_OPTIONS offsetof(weft_options, on_report)
#define OLD_SPAWN offsetof(weft_spawn_options, context)

_Static_assert(OLD_OPTIONS == 40 && OLD_SPAWN == 32,
               "new options come behind all of the old struct");

static void *old_spawn(void *unused)
{
    weft_spawn_options options;
    (void)unused;
    memset(&options, 0x5a, sizeof(options));
    options.size = OLD_SPAWN;
    options.name = "old";
    options.stack_size = 0;
    options.pinned = options.keep = false;
    cr_expect_eq(
        weft_await(weft_spawn_with(&options, weft_test_leaf, NULL), NULL),
        -EIO);
    cr_expect_str_eq(weft_last_error()->task, "old");
    weft_detach(weft_spawn_with(&options, weft_test_leaf, NULL));
    return NULL;
}

static int run_old(void *unused)
{
    weft_options options;
    memset(&options, 0x5a, sizeof(options));
    options.size = OLD_OPTIONS;
    options.workers = 2;
    options.engine = WEFT_ENGINE_AUTO;
    options.grace = 0;
    options.submit_limit = 0;
    options.max_threads = 0;
    options.no_signals = options.no_overflow_report = false;
    return weft_run_with(&options, old_spawn, unused, NULL);
}

Test(options, of_an_older_program_end_where_it_says, .timeout = 60)
{
    struct weft_test_child child;
    if (WEFT_TEST_NO_CHILDREN)
        cr_skip("no children under this sanitizer");
    cr_assert(weft_test_child_run(&child, run_old, NULL));
    cr_expect_eq(weft_test_child_exit(&child), 0, "%s", child.err);
    cr_expect(weft_test_child_said(&child, "failure of old #"), "%s",
              child.err);
}
