// SPDX-License-Identifier: MIT
/* Four workers take jobs from one list; who finds the answer cancels the rest.
 * None of them outlives the group's exit. */
#include <stdatomic.h>
#include <stdio.h>
#include <weft.h>

enum { WORKERS = 4, JOBS = 100000, PRIME = 100003 };

struct pool {
    weft_group group;
    atomic_int next;  /* the job that nobody has taken yet */
    atomic_int found; /* the answer */
    atomic_int ended; /* workers that have tidied up */
};

/* A job: is this the smaller square root of 10 modulo a prime? */
static bool is_root(int64_t n)
{
    return n * n % PRIME == 10 && n < PRIME / 2;
}

static void *work(void *arg)
{
    struct pool *pool = arg;
    int rc = 0;
    while (rc == 0) {
        int job = atomic_fetch_add(&pool->next, 1);
        if (job >= JOBS)
            break;
        if (is_root(job)) {
            atomic_store(&pool->found, job);
            weft_group_cancel(&pool->group); /* siblings, and this task too */
        }
        rc = weft_yield(); /* in a cancelled task it fails */
    }
    atomic_fetch_add(&pool->ended, 1);
    return weft_fail(rc);
}

static void *search(void *arg)
{
    struct pool pool = {.found = -1};
    int started = 0;
    int rc = 0;
    (void)arg;
    weft_group_enter(&pool.group, NULL);
    while (rc == 0 && started < WORKERS)
        if ((rc = weft_group_spawn(&pool.group, work, &pool)) == 0)
            started++;
    rc = weft_group_exit(&pool.group, rc);
    printf("found %d, workers still there: %d\n", atomic_load(&pool.found),
           started - atomic_load(&pool.ended));
    return rc == -WEFT_ECANCELED && !weft_cancelled() ? NULL : weft_fail(rc);
}

int main(void)
{
    return weft_main(search, NULL);
}
