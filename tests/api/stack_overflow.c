// SPDX-License-Identifier: MIT
/* A stack overflow ends at the guard and is reported by name; what lies beside
 * that stack is untouched until then. */
#include <weft/task.h>

#include <alloca.h>
#include <stdio.h>

#include "tests/support/child.h"
#include "tests/support/run.h"
#include "tests/support/test.h"

static __attribute__((noinline)) long recurse(long depth)
{
    volatile char frame[512];
    frame[0] = (char)depth;
    return depth < 0 ? 0 : recurse(depth + 1) + frame[0];
}

static __attribute__((noinline)) long big_frames(long depth)
{
    volatile char frame[64 << 10];
    frame[sizeof(frame) - 1] = (char)depth;
    frame[0] = (char)depth;
    return depth < 0 ? 0 : big_frames(depth + 1) + frame[0];
}

static __attribute__((noinline)) long big_alloca(long size)
{
    volatile char *area = alloca((size_t)size);
    for (long i = size - 1; i >= 0; i -= 512)
        area[i] = 1; /* from its top, as code that fills it would */
    return area[0];
}

static volatile long sink;

static void *dive_by_recursion(void *unused)
{
    sink = recurse(0);
    return unused;
}

static void *dive_by_frames(void *unused)
{
    sink = big_frames(0);
    return unused;
}

static void *dive_by_alloca(void *unused)
{
    sink = big_alloca(300 << 10);
    return unused;
}

/* Neighbours keep a pattern on their stacks; a handler below ours in the chain
 * looks at it when the overflow is passed on. */

#define NEIGHBOURS 40
#define PATTERN 2048

static volatile unsigned char *area[NEIGHBOURS];
static atomic_int settled;

static void *neighbour(void *n)
{
    volatile unsigned char mine[PATTERN];
    for (int i = 0; i < PATTERN; i++)
        mine[i] = (unsigned char)((uintptr_t)n + (unsigned)i);
    area[(uintptr_t)n] = mine;
    atomic_fetch_add(&settled, 1);
    return weft_fail(weft_sleep(WEFT_FOREVER));
}

static void look_at_neighbours(int signo)
{
    static const char intact[] = "neighbours intact\n";
    static const char hurt[] = "neighbours hurt\n";
    bool same = true;
    for (unsigned n = 0; n < NEIGHBOURS; n++)
        for (unsigned i = 0; i < PATTERN; i++)
            same = same && area[n][i] == (unsigned char)(n + i);
    if (write(2, same ? intact : hurt,
              same ? sizeof(intact) - 1 : sizeof(hurt) - 1) < 0)
        _exit(1);
    signal(signo, SIG_DFL); /* it faults again */
}

static void *dive_among_neighbours(void *dive)
{
    weft_spawn_options named = {.size = sizeof(named), .name = "the diver"};
    for (uintptr_t i = 0; i < NEIGHBOURS; i++)
        weft_detach(weft_spawn(neighbour, (void *)i));
    weft_test_yield_until(&settled, NEIGHBOURS);
    weft_fn *fn = *(weft_fn **)dive;
    return weft_fail(weft_await(weft_spawn_with(&named, fn, NULL), NULL));
}

static int dive(void *fn)
{
    struct sigaction action = {.sa_handler = look_at_neighbours,
                               .sa_flags = SA_ONSTACK};
    if (!WEFT_TEST_ASAN)
        sigaction(SIGSEGV, &action, NULL);
    return weft_test_run(2, dive_among_neighbours, fn) == 0 ? 0 : 1;
}

static void expect_named(weft_fn *fn)
{
    struct weft_test_child child;
    if (WEFT_TEST_NO_CHILDREN)
        cr_skip("no children under this sanitizer");
    cr_assert(weft_test_child_run(&child, dive, &fn));
    if (WEFT_TEST_ASAN) {
        cr_assert_neq(child.status, 0, "%s", child.err);
        return;
    }
    cr_expect_eq(weft_test_child_exit(&child), -1 - SIGSEGV, "%d: %s",
                 weft_test_child_exit(&child), child.err);
    cr_expect(weft_test_child_said(&child, "stack overflow in task the diver"),
              "%s", child.err);
    cr_expect(weft_test_child_said(&child, "neighbours intact"), "%s",
              child.err);
}

Test(stack_overflow, by_recursion, .timeout = 60)
{
    expect_named(dive_by_recursion);
}

Test(stack_overflow, by_big_frames, .timeout = 60)
{
    expect_named(dive_by_frames);
}

Test(stack_overflow, by_alloca, .timeout = 60)
{
    expect_named(dive_by_alloca);
}

/* Other faults are not taken for overflows. */

static void *fault_elsewhere(void *unused)
{
    *(volatile int *)unused = 1;
    return NULL;
}

static int fault(void *unused)
{
    return weft_test_run(1, fault_elsewhere, unused);
}

Test(stack_overflow, is_not_any_fault, .timeout = 60)
{
    struct weft_test_child child;
    if (WEFT_TEST_NO_CHILDREN)
        cr_skip("no children under this sanitizer");
    cr_assert(weft_test_child_run(&child, fault, NULL));
    cr_assert_neq(child.status, 0);
    cr_assert(!weft_test_child_said(&child, "weft: stack overflow"), "%s",
              child.err);
    if (!WEFT_TEST_ASAN)
        cr_assert_eq(weft_test_child_exit(&child), -1 - SIGSEGV);
}
