// SPDX-License-Identifier: MIT
/*
 * The rounds of rivals.h: in each, every runtime runs once, as a process of its
 * own that inherits nothing.
 */
#include "perf/rivals/rivals.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <weft/error.h>

#include "perf/capture.h"

#define RUN_LIMIT WEFT_S(300)

/* What stands behind "key": in a flat object; NULL: nothing. */
static const char *find(const char *json, const char *key)
{
    size_t length = strlen(key);

    for (const char *at = strchr(json, '"'); at != NULL;
         at = strchr(at + 1, '"')) {
        if (strncmp(at + 1, key, length) == 0 && at[length + 1] == '"') {
            const char *value = at + length + 2;

            value += strspn(value, " ");
            if (*value == ':') {
                return value + 1 + strspn(value + 1, " ");
            }
        }
    }
    return NULL;
}

bool perf_rivals_number(const char *json, const char *key, double *out)
{
    const char *value = find(json, key);
    char *end;

    if (value == NULL) {
        return false;
    }
    *out = strtod(value, &end);
    return end != value && isfinite(*out);
}

bool perf_rivals_text(const char *json, const char *key, char *out, size_t size)
{
    const char *value = find(json, key);
    size_t length;

    if (value == NULL || *value != '"') {
        return false;
    }
    length = strcspn(value + 1, "\"\\");
    if (value[1 + length] != '"' || length >= size) {
        return false;
    }
    memcpy(out, value + 1, length);
    out[length] = '\0';
    return true;
}

static int complain(enum perf_runner runner, const char *workload,
                    const char *what)
{
    fprintf(stderr, "weft-perf rivals: %s: %s: %s\n",
            perf_runner_names[runner].title, workload, what);
    return -EPROTO;
}

/* What is run, and its status. */
static int run_program(const struct perf_rivals *rivals,
                       enum perf_runner runner, const char *workload, char *out,
                       size_t size)
{
    char path[4096], workers[24], scale[24];
    const char *const ours[] = {"weft-perf", "micro",     "--json", "--repeat",
                                "1",         "--workers", workers,  "--scale",
                                scale,       workload,    NULL};
    const char *const theirs[] = {perf_runner_names[runner].program,
                                  workload,
                                  "--workers",
                                  workers,
                                  "--scale",
                                  scale,
                                  NULL};

    snprintf(workers, sizeof(workers), "%llu",
             (unsigned long long)rivals->workers);
    snprintf(scale, sizeof(scale), "%llu", (unsigned long long)rivals->scale);
    if (runner == PERF_RUNNER_WEFT) {
        return perf_capture("/proc/self/exe", ours, out, size, RUN_LIMIT);
    }
    snprintf(path, sizeof(path), "%s/%s", rivals->programs,
             perf_runner_names[runner].program);
    return perf_capture(path, theirs, out, size, RUN_LIMIT);
}

/* One run; 0, PERF_RIVALS_HAS_NOT or a negative code. */
static int run_once(struct perf_rivals *rivals, enum perf_runner runner,
                    const char *workload, double *ns)
{
    char out[4096], what[64];
    int status = run_program(rivals, runner, workload, out, sizeof(out));

    if (status == PERF_RIVALS_HAS_NOT && runner != PERF_RUNNER_WEFT) {
        return status;
    }
    if (status < 0) {
        return complain(runner, workload, weft_strerror(status));
    }
    if (status > 0) {
        snprintf(what, sizeof(what), "ended with status %d", status);
        return complain(runner, workload, what);
    }
    if (!perf_rivals_number(out, "ns_per_op", ns) || *ns <= 0) {
        return complain(runner, workload, "did not say how long it took");
    }
    perf_rivals_text(out, "version", rivals->version[runner],
                     sizeof(rivals->version[runner]));
    return 0;
}

static int run_round(struct perf_rivals *rivals, struct perf_rivals_row *row,
                     uint64_t round)
{
    for (uint64_t i = 0; i < PERF_RUNNERS; i++) {
        enum perf_runner runner = (round + i) % PERF_RUNNERS;
        int rc;

        if (!row->has[runner]) {
            continue;
        }
        rc = run_once(rivals, runner, row->workload, &row->ns[runner][round]);
        if (rc == PERF_RIVALS_HAS_NOT && round == 0) {
            row->has[runner] = false;
        } else if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

/* The medians, and weft beside the best of the required. */
static void conclude(const struct perf_rivals *rivals,
                     struct perf_rivals_row *row)
{
    const double *theirs[PERF_RUNNERS];
    size_t n = 0;

    for (int i = 0; i < PERF_RUNNERS; i++) {
        double sorted[PERF_RIVALS_PAIRS_MAX];

        if (!row->has[i]) {
            continue;
        }
        memcpy(sorted, row->ns[i], rivals->pairs * sizeof(*sorted));
        row->median[i] = perf_median(sorted, rivals->pairs);
        if (i > PERF_RUNNER_WEFT && i <= PERF_RIVALS_REQUIRED) {
            theirs[n++] = row->ns[i];
        }
    }
    row->compared = n > 0;
    if (row->compared) {
        row->ratio =
            perf_ratio(row->ns[PERF_RUNNER_WEFT], theirs, n, rivals->pairs);
    }
}

int perf_rivals_measure(struct perf_rivals *rivals, struct perf_rivals_row *row)
{
    memcpy(row->has, rivals->present, sizeof(row->has));
    for (uint64_t round = 0; round < rivals->pairs; round++) {
        int rc = run_round(rivals, row, round);

        if (rc != 0) {
            return rc;
        }
    }
    conclude(rivals, row);
    row->measured = true;
    return 0;
}
