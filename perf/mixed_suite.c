// SPDX-License-Identifier: MIT
/*
 * Runs the shapes of mixed_suite.h: each is a `weft-perf mixed` of its own. In
 * turn, and all again: what disturbs the machine for a while disturbs a run of
 * each, not all runs of one.
 */
#include "perf/mixed_suite.h"

#include <stdio.h>
#include <string.h>

#include <weft/time.h>

#include "perf/capture.h"

#define ARGUMENTS_MAX 100
#define RUN_LIMIT WEFT_S(3600)

/* The light load, before what the caller has to say of it. */
#define LIGHT "--light-rate 2000 --light-connections 32 --duration 6s"

static const struct perf_suite_shape shapes[] = {
    {"none", "nothing", "--hogs 0"},
    {"hogs", "16 hogs of 10 ms", "--hogs 16 --burn-us 10000"},
    {"short_hogs", "16 hogs of 3 ms", "--hogs 16 --burn-us 3000"},
    {"long_hogs", "16 hogs of 50 ms", "--hogs 16 --burn-us 50000"},
    {"endless_hogs", "16 hogs of 300 ms", "--hogs 16 --burn-us 300000"},
    {"mix", "16 hogs of 3, 10 or 50 ms",
     "--hogs 16 --burn-mix 3000,10000,50000"},
    {"bursts", "64 hogs of 10 ms at once, each second",
     "--hogs 64 --burn-us 10000 --burst 1s"},
    {"forks", "16 hogs of 10 ms, fork and join", "--hogs 16 --fork-us 10000"},
    {"children", "16 hogs of 10 ms, lights with 3 children",
     "--hogs 16 --burn-us 10000 --light-path /children"},
    {"among", "one light in 20 takes 10 ms",
     "--hogs 0 --burn-us 10000 --heavy-every 20"},
    {"blockers_16", "16 that block for 10 ms", "--hogs 16 --block-us 10000"},
    {"blockers_64", "64 that block for 10 ms", "--hogs 64 --block-us 10000"},
    {"fresh_16", "16 that block, on new connections",
     "--hogs 16 --block-us 10000 --fresh-hogs"},
    {"fresh_64", "64 that block, on new connections",
     "--hogs 64 --block-us 10000 --fresh-hogs"},
    {"closed", "16 hogs of 10 ms, lights without a pause",
     "--hogs 16 --burn-us 10000 --light-closed"},
};

#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

_Static_assert(SHAPES <= PERF_SUITE_SHAPES_MAX, "they have rows");

struct arguments {
    const char *of[ARGUMENTS_MAX + 1]; /* NULL at the end */
    int count;
};

static bool append(struct arguments *arguments, const char *one)
{
    if (arguments->count == ARGUMENTS_MAX) {
        return false;
    }
    arguments->of[arguments->count++] = one;
    return true;
}

/* The words of a text, which is cut up. */
static bool append_words(struct arguments *arguments, char *text)
{
    char *rest = NULL;
    bool fits = true;

    for (char *word = strtok_r(text, " ", &rest); word != NULL && fits;
         word = strtok_r(NULL, " ", &rest)) {
        fits = append(arguments, word);
    }
    return fits;
}

/* What the caller gave, but what has brought us here. */
static bool append_given(struct arguments *arguments,
                         const struct perf_suite *suite)
{
    bool fits = true;

    for (int i = 0; i < suite->option_count && fits; i++) {
        const char *one = suite->options[i];

        if (strcmp(one, "--runs") == 0) {
            i++; /* its value is the next */
        } else if (strcmp(one, "--shapes") != 0 &&
                   strncmp(one, "--runs=", 7) != 0) {
            fits = append(arguments, one);
        }
    }
    return fits;
}

/* The last of several options of one name counts: the shape's own. */
static void run_shape(const struct perf_suite *suite,
                      struct perf_suite_row *row)
{
    static char out[32768]; /* there is one thread here */
    struct arguments arguments = {0};
    char light[] = "weft-perf mixed --json " LIGHT, own[256];
    int status = -1;

    snprintf(own, sizeof(own), "%s", row->shape->options);
    out[0] = '\0';
    if (append_words(&arguments, light) && append_given(&arguments, suite) &&
        append_words(&arguments, own)) {
        status = perf_capture("/proc/self/exe", arguments.of, out, sizeof(out),
                              RUN_LIMIT);
    }
    perf_suite_count(row, out);
    if (status != 0) {
        fprintf(stderr, "weft-perf mixed: %s: status %d\n", row->shape->name,
                status);
    }
}

int perf_suite_run(struct perf_suite *suite)
{
    suite->count = SHAPES;
    for (size_t i = 0; i < SHAPES; i++) {
        suite->rows[i].shape = &shapes[i];
    }
    for (uint64_t run = 0; run < suite->runs; run++) {
        for (size_t i = 0; i < SHAPES; i++) {
            fprintf(stderr, "run %llu of %llu: %s (%zu of %zu)\n",
                    (unsigned long long)run + 1,
                    (unsigned long long)suite->runs, shapes[i].title, i + 1,
                    SHAPES);
            run_shape(suite, &suite->rows[i]);
        }
    }
    if (perf_suite_report(suite) != 0) {
        return 1;
    }
    return perf_suite_is_fine(suite) ? 0 : 1;
}
