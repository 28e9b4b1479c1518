// SPDX-License-Identifier: MIT
/*
 * The work of tasks.h. It suspends wherever a task does, and may go on on
 * another thread: so it is no step of which the server could tell the length.
 */
#include "perf/tasks.h"

#include <weft/fork.h>
#include <weft/future.h>
#include <weft/task.h>

#include "perf/burn.h"

#define LEAF_US 50
#define CHILDREN 3

struct work {
    double per_us;
    uint64_t us;
    int rc; /* of the joins below it */
};

static void *divide(void *arg)
{
    struct work *work = arg;
    struct work left = {work->per_us, work->us / 2, 0};
    struct work right = {work->per_us, work->us - left.us, 0};
    weft_branch branch;

    if (work->us <= LEAF_US) {
        perf_burn(perf_burn_rounds(work->per_us, work->us));
        return NULL;
    }
    weft_fork(&branch, divide, &left);
    divide(&right);
    work->rc = weft_join(&branch, NULL);
    work->rc = work->rc != 0 ? work->rc : left.rc;
    work->rc = work->rc != 0 ? work->rc : right.rc;
    return NULL;
}

int perf_tasks_fork(double per_us, uint64_t us)
{
    struct work work = {per_us, us, 0};

    divide(&work);
    return work.rc;
}

static void *be_one(void *arg)
{
    (void)arg;
    return (void *)(intptr_t)1;
}

int perf_tasks_children(void)
{
    weft_future *children[CHILDREN];
    int sum = 0, failed = 0;

    for (int i = 0; i < CHILDREN; i++) {
        children[i] = weft_spawn(be_one, NULL);
    }
    for (int i = 0; i < CHILDREN; i++) {
        void *one = NULL;
        int rc = weft_await(children[i], &one);

        sum += (int)(intptr_t)one;
        failed = rc != 0 ? rc : failed;
    }
    return failed != 0 ? failed : sum;
}
