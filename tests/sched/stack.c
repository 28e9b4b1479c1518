// SPDX-License-Identifier: MIT
/*
 * Stacks: there is always a guard below, or an error instead of a stack;
 * classes, reuse, and tops that do not all share the same cache lines.
 */
#include "sched/stack.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/support/run.h"
#include "tests/support/test.h"

#define MADV_GUARD 102

/* Whether the kernel can read a byte: asking does not fault. */
static bool readable(const void *at)
{
    int ends[2];
    char byte;
    cr_assert_eq(pipe(ends), 0);
    bool yes = write(ends[1], at, 1) == 1 && read(ends[0], &byte, 1) == 1;
    close(ends[0]);
    close(ends[1]);
    return yes;
}

static void expect_guarded(const struct weft__stack *stack)
{
    const char *low = stack->low;
    cr_expect(readable(low));
    cr_expect(readable((char *)stack->top - 1));
    cr_expect(!readable(low - 1));
    cr_expect(!readable(low - 4096));
    cr_expect(!readable(low - WEFT__STACK_GUARD));
    cr_expect(weft__stack_guards(stack, low - 1));
    cr_expect(weft__stack_guards(stack, low - WEFT__STACK_GUARD));
    cr_expect(!weft__stack_guards(stack, low));
    cr_expect(!weft__stack_guards(stack, low - WEFT__STACK_GUARD - 1));
}

/* Systems: as it is; without guard markers; without any guard. */

static struct weft__os os;
static atomic_int guards_left;

static long no_markers(void *at, size_t size, int advice)
{
    return advice == MADV_GUARD ? -EINVAL
                                : weft__os_real.advise(at, size, advice);
}

static long few_guards(void *at, size_t size, int prot)
{
    if (atomic_fetch_sub(&guards_left, 1) <= 0)
        return -ENOMEM;
    return weft__os_real.protect(at, size, prot);
}

static void without_markers(void)
{
    os = weft__os_real;
    os.advise = no_markers;
    weft__os = &os;
}

static void with_few_guards(int n)
{
    without_markers();
    os.protect = few_guards;
    atomic_store(&guards_left, n);
}

static void as_it_is(void)
{
    weft__os = &weft__os_real;
}

/* Guards */

static void each_is_guarded(void)
{
    struct weft__depot depot;
    weft__depot_init(&depot);
    for (unsigned kind = 0; kind < WEFT__STACK_CLASSES; kind++)
        for (int i = 0; i < 20; i++) {
            struct weft__stack *stack = weft__depot_take(&depot, kind);
            cr_assert_not_null(stack);
            expect_guarded(stack);
        }
    weft__depot_fini(&depot);
}

Test(stack, has_a_guard)
{
    each_is_guarded();
}

Test(stack, has_a_guard_without_markers, .init = without_markers,
     .fini = as_it_is)
{
    each_is_guarded();
}

Test(stack, is_writable_to_the_last_byte)
{
    struct weft__depot depot;
    weft__depot_init(&depot);
    for (unsigned kind = 0; kind < WEFT__STACK_CLASSES; kind++) {
        struct weft__stack *stack = weft__depot_take(&depot, kind);
        size_t size = (size_t)((char *)stack->top - stack->low);
        cr_assert_geq(size, weft__stack_size(kind));
        memset(stack->low, 0x5a, size);
        cr_assert_eq((uintptr_t)stack->top % 16, 0);
    }
    weft__depot_fini(&depot);
}

/* A guard that cannot be had is an error, never an unguarded stack. */

Test(stack, without_a_guard_there_is_none, .fini = as_it_is)
{
    struct weft__depot depot;
    with_few_guards(5);
    weft__depot_init(&depot);
    cr_assert(!depot.guard_install);
    int got = 0;
    struct weft__stack *stack;
    while (got < 100 &&
           (stack = weft__depot_take(&depot, WEFT__STACK_DEFAULT)) != NULL) {
        expect_guarded(stack);
        got++;
    }
    cr_assert_eq(got, 5);
    weft__depot_fini(&depot);
}

Test(stack, their_number_is_limited_without_markers, .init = without_markers,
     .fini = as_it_is)
{
    struct weft__depot depot;
    weft__depot_init(&depot);
    cr_assert_lt(depot.limit, 65530 / 2, "two mappings each");
    depot.limit = 70;
    struct weft__stack *first = weft__depot_take(&depot, 0);
    for (int i = 1; i < 70; i++)
        cr_assert_not_null(weft__depot_take(&depot, (unsigned)i % 2));
    cr_assert_null(weft__depot_take(&depot, 0));
    cr_assert_null(weft__depot_take(&depot, 2));
    weft__depot_give(&depot, first, first);
    cr_assert_eq(weft__depot_take(&depot, 0), first, "what is free is not new");
    weft__depot_fini(&depot);
}

static int failed;

static void *too_many(void *unused)
{
    enum { MANY = 100 };
    weft_future *task[MANY];
    (void)unused;
    for (int i = 0; i < MANY; i++)
        task[i] = weft_spawn(weft_test_forever, NULL);
    for (int i = 0; i < 200; i++)
        weft_yield();
    for (int i = 0; i < MANY; i++) {
        weft_cancel(task[i]);
        int rc = weft_await(task[i], NULL);
        failed += rc == -ENOMEM;
        cr_expect(rc == -ENOMEM || rc == -WEFT_ECANCELED, "%d", rc);
    }
    return NULL;
}

Test(stack, a_task_without_one_fails, .timeout = 30, .fini = as_it_is)
{
    with_few_guards(50);
    failed = 0;
    cr_assert_eq(weft_test_run(2, too_many, NULL), 0);
    cr_assert_gt(failed, 0);
    cr_assert_lt(failed, 100);
}

/* Classes */

struct wanted {
    size_t size;
    int kind;
};

Test(stack, the_least_class_that_fits)
{
    static const size_t kib = 1024;
    const struct wanted table[] = {
        {0, WEFT__STACK_DEFAULT},
        {1, WEFT__STACK_DEFAULT},
        {192 * kib, WEFT__STACK_DEFAULT},
        {192 * kib + 1, WEFT__STACK_LARGE},
        {1024 * kib, WEFT__STACK_LARGE},
        {1024 * kib + 1, WEFT__STACK_HUGE},
        {8192 * kib, WEFT__STACK_HUGE},
        {8192 * kib + 1, -1},
        {SIZE_MAX, -1},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        int kind = weft__stack_class(table[i].size);
        cr_expect_eq(kind, table[i].kind, "%zu: %d", table[i].size, kind);
        if (kind >= 0)
            cr_expect_geq(weft__stack_size((unsigned)kind), table[i].size);
    }
}

/* Reuse and colours */

Test(stack, comes_back_last_in_first_out)
{
    struct weft__depot depot;
    weft__depot_init(&depot);
    struct weft__stack *a = weft__depot_take(&depot, WEFT__STACK_DEFAULT);
    struct weft__stack *b = weft__depot_take(&depot, WEFT__STACK_DEFAULT);
    struct weft__stack *large = weft__depot_take(&depot, WEFT__STACK_LARGE);
    size_t count = depot.guards;
    weft__depot_give(&depot, a, a);
    weft__depot_give(&depot, b, b);
    weft__depot_give(&depot, large, large);
    cr_assert_eq(weft__depot_take(&depot, WEFT__STACK_DEFAULT), b);
    cr_assert_eq(weft__depot_take(&depot, WEFT__STACK_DEFAULT), a);
    cr_assert_eq(weft__depot_take(&depot, WEFT__STACK_LARGE), large);
    cr_assert_eq(depot.guards, count);
    a->next = b;
    weft__depot_give(&depot, a, b);
    cr_assert_eq(weft__depot_take(&depot, WEFT__STACK_DEFAULT), a);
    cr_assert_eq(weft__depot_take(&depot, WEFT__STACK_DEFAULT), b);
    weft__depot_fini(&depot);
}

Test(stack, tops_differ_in_colour)
{
    struct weft__depot depot;
    uint64_t lines = 0; /* of the 64 lines of a page: where a top lies */
    int colours = 0;
    weft__depot_init(&depot);
    for (int i = 0; i < 16; i++) {
        struct weft__stack *stack =
            weft__depot_take(&depot, WEFT__STACK_DEFAULT);
        lines |= UINT64_C(1) << (uintptr_t)stack->top % 4096 / 64;
    }
    for (; lines != 0; lines &= lines - 1)
        colours++;
    cr_assert_geq(colours, 8);
    weft__depot_fini(&depot);
}

/* Giving back: as if the alarm had been set when the last was given, and had
 * rung. */

static void give_back_all(struct weft__depot *depot)
{
    for (unsigned kind = 0; kind < WEFT__STACK_CLASSES; kind++)
        depot->shelf[kind].least = SIZE_MAX;
    depot->quiet.fire(&depot->quiet, NULL);
    while (weft__depot_tidy(depot, NULL))
        ;
}

static void goes_and_comes(unsigned kind)
{
    enum { MANY = 300 };
    struct weft__stack *stack[MANY];
    struct weft__depot depot;
    weft__depot_init(&depot);
    for (int i = 0; i < MANY; i++) {
        cr_assert_not_null(stack[i] = weft__depot_take(&depot, kind));
        memset((char *)stack[i]->top - 9000, 0x5a, 9000);
    }
    for (int i = 0; i < MANY; i++)
        if (i % 100 != 0)
            weft__depot_give(&depot, stack[i], stack[i]);
    give_back_all(&depot);
    cr_assert_leq(depot.shelf[kind].count, 64);
    cr_assert_eq(depot.shelf[kind].surplus, 0);
    cr_assert_leq(depot.guards, MANY);
    for (int i = 0; i < MANY; i++) {
        if (i % 100 != 0)
            cr_assert_not_null(stack[i] = weft__depot_take(&depot, kind));
        expect_guarded(stack[i]);
        for (int j = 0; j < i; j++)
            cr_assert_neq(stack[i], stack[j]);
    }
    for (int i = 0; i < MANY; i += 100)
        cr_expect_eq(((char *)stack[i]->top)[-9000], 0x5a, "in use");
    weft__depot_fini(&depot);
}

Test(stack, goes_back_and_comes_again)
{
    for (unsigned kind = 0; kind < WEFT__STACK_CLASSES; kind++)
        goes_and_comes(kind);
}

Test(stack, goes_back_without_markers, .init = without_markers,
     .fini = as_it_is)
{
    for (unsigned kind = 0; kind < WEFT__STACK_CLASSES; kind++)
        goes_and_comes(kind);
}

Test(stack, goes_back_only_if_nobody_wanted_it)
{
    enum { MANY = 300 };
    struct weft__stack *stack[MANY];
    struct weft__depot depot;
    weft__depot_init(&depot);
    for (int i = 0; i < MANY; i++)
        stack[i] = weft__depot_take(&depot, 0);
    for (int i = 0; i < MANY; i++)
        weft__depot_give(&depot, stack[i], stack[i]);
    depot.shelf[0].least = SIZE_MAX; /* the alarm is set */
    for (int i = 0; i < 100; i++)
        stack[i] = weft__depot_take(&depot, 0);
    for (int i = 0; i < 100; i++)
        weft__depot_give(&depot, stack[i], stack[i]);
    cr_assert_eq(depot.shelf[0].least, MANY - 100);
    depot.quiet.fire(&depot.quiet, NULL);
    cr_assert_eq(depot.shelf[0].surplus, MANY - 100 - 64);
    weft__depot_fini(&depot);
}

/* Mappings: side by side, and one for the kernel; guards do not split them. */

static int mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    int lines = 0;
    int c;
    while ((c = getc(maps)) != EOF)
        lines += c == '\n';
    fclose(maps);
    return lines;
}

Test(stack, slabs_lie_side_by_side)
{
    enum { SLABS = 50, IN_EACH = 64 };
    struct weft__depot depot;
    void *other[SLABS];
    weft__depot_init(&depot);
    int before = mappings();
    for (int i = 0; i < SLABS; i++) {
        for (int j = 0; j < IN_EACH; j++)
            cr_assert_not_null(weft__depot_take(&depot, WEFT__STACK_DEFAULT));
        cr_assert_eq(weft__os->map(65536, 65536, &other[i]), 0);
        cr_assert_eq((uintptr_t)other[i] % 65536, 0);
    }
    /* ThreadSanitizer maps for each stack; Linux before 6.7 for the others. */
    if (depot.guard_install && weft__depot_take(&depot, 0)->fiber == NULL)
        cr_expect_leq(mappings() - before, SLABS / 2);
    for (int i = 0; i < SLABS; i++)
        weft__os->unmap(other[i], 65536);
    weft__depot_fini(&depot);
}
