// SPDX-License-Identifier: MIT
/*
 * The shape of a mixed load: the mix of lengths, which request is a heavy one,
 * and what makes no sense.
 */
#include "perf/mixed_shape.h"

#include <string.h>

#include "tests/support/test.h"

static struct perf_shape shape;

static const char *prepare_mix(const char *list)
{
    shape = (struct perf_shape){.burn_mix = list};
    return perf_shape_prepare(&shape);
}

Test(mixed_shape, mix_is_read)
{
    cr_expect_null(prepare_mix("3000,10k,50000"));
    cr_expect_eq(shape.mixed, 3);
    cr_expect_str_eq(shape.mix[0], "/burn?us=3000");
    cr_expect_str_eq(shape.mix[1], "/burn?us=10000");
    cr_expect_str_eq(shape.mix[2], "/burn?us=50000");
    cr_expect_null(prepare_mix("60M"));
    cr_expect_str_eq(shape.mix[0], "/burn?us=60000000");
}

Test(mixed_shape, mix_that_is_none)
{
    char long_list[400];

    memset(long_list, '1', sizeof(long_list) - 1);
    long_list[sizeof(long_list) - 1] = '\0';
    cr_expect_not_null(prepare_mix(""));
    cr_expect_not_null(prepare_mix(","));
    cr_expect_not_null(prepare_mix("0"));
    cr_expect_not_null(prepare_mix("3,x"));
    cr_expect_not_null(prepare_mix("60000001"));
    cr_expect_not_null(prepare_mix(long_list));
    cr_expect_null(prepare_mix("1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16"));
    cr_expect_not_null(
        prepare_mix("1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17"));
}

Test(mixed_shape, mix_is_the_seeds)
{
    unsigned seen[3] = {0};

    prepare_mix("3,4,5");
    for (uint64_t n = 0; n < 300; n++) {
        const char *path = perf_shape_mix_path(&shape, 7, n);

        cr_expect_str_eq(path, perf_shape_mix_path(&shape, 7, n));
        for (unsigned i = 0; i < 3; i++) {
            seen[i] += path == shape.mix[i];
        }
    }
    for (unsigned i = 0; i < 3; i++) {
        cr_expect_gt(seen[i], 50);
    }
}

Test(mixed_shape, one_in_so_many_is_heavy)
{
    uint64_t heavy = 0;

    shape = (struct perf_shape){.heavy_every = 20};
    cr_expect(!perf_shape_is_heavy(&shape, 0));
    for (uint64_t n = 0; n < 1000; n++) {
        heavy += perf_shape_is_heavy(&shape, n);
    }
    cr_expect_eq(heavy, 50);
    shape.heavy_every = 0;
    cr_expect(!perf_shape_is_heavy(&shape, 19));
}

static const char *prepare_path(const char *path)
{
    shape = (struct perf_shape){.light_path = path};
    return perf_shape_prepare(&shape);
}

Test(mixed_shape, light_path_is_a_path)
{
    cr_expect_null(prepare_path("/"));
    cr_expect_null(prepare_path("/children"));
    cr_expect_null(prepare_path("/burn?us=10"));
    cr_expect_not_null(prepare_path(""));
    cr_expect_not_null(prepare_path("children"));
    cr_expect_not_null(prepare_path("/a b"));
    cr_expect_not_null(prepare_path("/a\r\nHost: b"));
}

Test(mixed_shape, a_closed_loop_has_no_heavy_ones)
{
    shape = (struct perf_shape){.light_closed = true, .heavy_every = 20};
    cr_expect_not_null(perf_shape_prepare(&shape));
    shape.heavy_every = 0;
    cr_expect_null(perf_shape_prepare(&shape));
}

Test(mixed_shape, options_stand_behind_those_of_the_command)
{
    struct perf_option all[PERF_SHAPE_OPTIONS_MAX];
    const struct perf_option own[] = {
        {"own", PERF_OPTION_COUNT, NULL, 0, 0, 0, "one of its own"}, {0}};
    size_t n = 1;

    perf_shape_options(&shape, own, all);
    cr_expect_str_eq(all[0].name, "own");
    cr_expect_str_eq(all[1].name, "burn-mix");
    while (all[n].name != NULL) {
        n++;
    }
    cr_expect_eq(n, 11);
}
