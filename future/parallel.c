// SPDX-License-Identifier: MIT
/* weft_parallel_for(): a range, halved until a piece is small enough. */
#include "future/task.h"

#include <weft/fork.h>

#define PIECES 8 /* for each worker, if nobody says how many */

struct range {
    size_t begin, end;
    size_t grain; /* at least 1 */
    int (*fn)(size_t from, size_t to, void *arg);
    void *arg;
};

static int run(const struct range *range);

static void *run_half(void *half)
{
    return weft_fail(run(half));
}

/* The first half here, the second as a branch: its failure comes later. */
static int run_halves(const struct range *range)
{
    size_t middle = range->begin + (range->end - range->begin) / 2;
    struct range first = *range;
    struct range second = *range;
    first.end = middle;
    second.begin = middle;
    weft_branch branch;
    weft_fork(&branch, run_half, &second);
    int rc = run(&first);
    int other = weft_join(&branch, NULL);
    return rc < 0 ? rc : other;
}

static int run(const struct range *range)
{
    weft_future *self = weft__task_current();
    if (self != NULL && weft__task_cancelled(self))
        return -WEFT_ECANCELED;
    if (range->end - range->begin > range->grain)
        return run_halves(range);
    int rc = range->fn(range->begin, range->end, range->arg);
    return rc < 0 ? rc : 0;
}

static size_t grain_for(size_t n)
{
    struct weft__worker *worker = weft__worker_self();
    size_t pieces = PIECES * (worker ? worker->rt->workers : 1);
    return n / pieces + 1;
}

int weft_parallel_for(size_t begin, size_t end, size_t grain,
                      int (*fn)(size_t from, size_t to, void *arg), void *arg)
{
    if (end <= begin)
        return 0;
    struct range range = {begin, end, grain ? grain : grain_for(end - begin),
                          fn, arg};
    return run(&range);
}
