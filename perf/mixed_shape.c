// SPDX-License-Identifier: MIT
/*
 * The shape of mixed_shape.h.
 */
#include "perf/mixed_shape.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/time.h>

#include "perf/mixed_suite.h"
#include "perf/random.h"

#define US_MAX 60000000
#define LIGHT_PATH_MAX 1000

void perf_shape_options(struct perf_shape *shape, const struct perf_option *own,
                        struct perf_option *out)
{
    const struct perf_option more[] = {
        {"burn-mix", PERF_OPTION_TEXT, &shape->burn_mix, 0, 0, 0,
         "a hog: one of these lengths by chance: us,us,us"},
        {"fork-us", PERF_OPTION_COUNT, &shape->fork_us, 1, US_MAX, 0,
         "a hog: so many us, by fork and join on all workers"},
        {"fresh-hogs", PERF_OPTION_FLAG, &shape->fresh_hogs, 0, 0, 0,
         "each heavy request on a new connection"},
        {"burst", PERF_OPTION_TIME, &shape->burst, WEFT_MS(1), WEFT_S(3600),
         WEFT_MS(1), "hogs all at once, at multiples of this (bare: ms)"},
        {"heavy-every", PERF_OPTION_COUNT, &shape->heavy_every, 2, 1000000, 0,
         "one light request in N is a heavy one instead"},
        {"light-path", PERF_OPTION_TEXT, &shape->light_path, 0, 0, 0,
         "what the light ones ask for (default /)"},
        {"light-closed", PERF_OPTION_FLAG, &shape->light_closed, 0, 0, 0,
         "the light ones not on a schedule but without a pause"},
        {"no-monitor", PERF_OPTION_FLAG, &shape->no_monitor, 0, 0, 0,
         "the server's, to see what that costs"},
        {"shapes", PERF_OPTION_FLAG, &shape->shapes, 0, 0, 0,
         "many shapes of load, one after the other, in one table"},
        {"runs", PERF_OPTION_COUNT, &shape->runs, 1, PERF_SUITE_RUNS_MAX, 0,
         "of each of them; medians count (default 3)"},
        {0},
    };

    while (own->name != NULL) {
        *out++ = *own++;
    }
    memcpy(out, more, sizeof(more));
}

/* "3000,10000,50000" */
static const char *read_mix(struct perf_shape *shape)
{
    char text[256], *rest = NULL;

    if (strlen(shape->burn_mix) >= sizeof(text)) {
        return "--burn-mix: too long a list";
    }
    snprintf(text, sizeof(text), "%s", shape->burn_mix);
    shape->mixed = 0;
    for (char *one = strtok_r(text, ",", &rest); one != NULL;
         one = strtok_r(NULL, ",", &rest)) {
        uint64_t us;

        if (perf_options_count(one, &us) != 0 || us < 1 || us > US_MAX) {
            return "--burn-mix: a list of whole numbers, up to 60000000";
        }
        if (shape->mixed == PERF_SHAPE_MIX_MAX) {
            return "--burn-mix: too long a list";
        }
        snprintf(shape->mix[shape->mixed++], sizeof(shape->mix[0]),
                 "/burn?us=%llu", (unsigned long long)us);
    }
    return shape->mixed > 0 ? NULL : "--burn-mix: an empty list";
}

/* It is to stand in a request line, which has room for no blank. */
static bool is_path(const char *text)
{
    size_t n = strlen(text);

    for (size_t i = 0; i < n; i++) {
        if (text[i] <= ' ' || text[i] > '~') {
            return false;
        }
    }
    return text[0] == '/' && n <= LIGHT_PATH_MAX;
}

const char *perf_shape_prepare(struct perf_shape *shape)
{
    if (shape->light_path != NULL && !is_path(shape->light_path)) {
        return "--light-path: begins with /, and is escaped";
    }
    if (shape->light_closed && shape->heavy_every > 0) {
        return "--heavy-every is of a schedule: not with --light-closed";
    }
    return shape->burn_mix != NULL ? read_mix(shape) : NULL;
}

const char *perf_shape_mix_path(const struct perf_shape *shape, uint64_t seed,
                                uint64_t n)
{
    return shape->mix[perf_random_at(seed, n) % shape->mixed];
}

/* The last of each N: the first of all is a light one. */
bool perf_shape_is_heavy(const struct perf_shape *shape, uint64_t n)
{
    return shape->heavy_every > 0 && (n + 1) % shape->heavy_every == 0;
}
