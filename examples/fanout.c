// SPDX-License-Identifier: MIT
/* Fan-out with a limit and a deadline: twelve fetches, at most four at once,
 * all of them within five seconds. */
#include <stdatomic.h>
#include <stdio.h>
#include <weft.h>

enum { JOBS = 12, AT_ONCE = 4 };

struct job {
    int page;
    int bytes; /* the result: written by the child, read after the exit */
};

static atomic_int running;
static atomic_bool too_many;

static void *fetch(void *arg)
{
    struct job *job = arg;
    if (atomic_fetch_add(&running, 1) >= AT_ONCE)
        atomic_store(&too_many, true);
    int rc = weft_sleep(WEFT_MS(2)); /* the network */
    atomic_fetch_sub(&running, 1);
    job->bytes = rc == 0 ? 1000 * job->page : 0;
    return weft_fail(rc);
}

static int fetch_all(struct job *jobs, size_t n)
{
    weft_group_options limit = {.size = sizeof(limit), .max_running = AT_ONCE};
    weft_scope scope;
    weft_group group;
    int rc = 0;
    weft_timeout_enter(&scope, WEFT_S(5));
    weft_group_enter(&group, &limit);
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = weft_group_spawn(&group, fetch, &jobs[i]); /* waits for a place */
    return weft_timeout_exit(&scope, weft_group_exit(&group, rc));
}

static void *fanout(void *arg)
{
    struct job jobs[JOBS];
    int bytes = 0;
    (void)arg;
    for (int i = 0; i < JOBS; i++)
        jobs[i] = (struct job){.page = i};
    int rc = fetch_all(jobs, JOBS);
    for (int i = 0; i < JOBS; i++)
        bytes += jobs[i].bytes;
    printf("%d pages, %d bytes, never more than %d at once: %s\n", JOBS, bytes,
           AT_ONCE, atomic_load(&too_many) ? "no" : "yes");
    return weft_fail(rc);
}

int main(void)
{
    return weft_main(fanout, NULL);
}
