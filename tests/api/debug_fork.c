// SPDX-License-Identifier: MIT
/*
 * WEFT_DEBUG=1 and branches: what would leave a queue with an address in a dead
 * frame ends the process with one sentence. Without WEFT_DEBUG it is undefined.
 */
#include <weft.h>

#include "tests/api/mistake.h"

IN_MAIN(join_out_of_order)
{
    weft_branch first, second;
    weft_fork(&first, weft_test_echo, NULL);
    weft_fork(&second, weft_test_echo, NULL);
    weft_join(&first, NULL);
    weft_join(&second, NULL);
    return NULL;
}

static void *joins(void *branch)
{
    return weft_fail(weft_join(branch, NULL));
}

IN_MAIN(join_in_another)
{
    weft_branch branch;
    weft_fork(&branch, weft_test_echo, NULL);
    weft_future *other = weft_spawn(joins, &branch);
    weft_await(other, NULL);
    return weft_fail(weft_join(&branch, NULL));
}

static void *forgets_to_join(void *branch)
{
    weft_fork(branch, weft_test_echo, NULL);
    return NULL;
}

IN_MAIN(return_with_branch)
{
    static weft_branch branch;
    return weft_fail(weft_await(weft_spawn(forgets_to_join, &branch), NULL));
}

static void *sums(void *depth)
{
    if (depth == NULL)
        return NULL;
    weft_branch branch;
    weft_fork(&branch, sums, (char *)depth - 1);
    void *mine = sums((char *)depth - 1);
    int rc = weft_join(&branch, NULL);
    return rc < 0 ? weft_fail(rc) : mine;
}

IN_MAIN(right)
{
    return sums((void *)10);
}

// clang-format off
static const struct weft_test_mistake mistakes[] = {
    ROW(join_out_of_order, "weft_join", "branches are joined in reverse order", UNDEFINED),
    ROW(join_in_another, "weft_join", "another task has forked this", UNDEFINED),
    ROW(return_with_branch, "return", "a task has returned before it joined a branch", UNDEFINED),
};
// clang-format on

Test(debug_fork, each_aborts_with_a_sentence, .init = weft_test_needs_children,
     .timeout = 60)
{
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        weft_test_try(&mistakes[i], weft_test_make_in_debug);
        weft_test_expect_abort(&mistakes[i]);
    }
}

Test(debug_fork, what_is_right_passes, .init = weft_test_needs_children,
     .timeout = 60)
{
    static const struct weft_test_mistake none = ROW(right, "", "", 0);
    weft_test_try(&none, weft_test_make_in_debug);
    cr_expect_eq(weft_test_child_exit(&weft_test_mistaken), 0);
}
