// SPDX-License-Identifier: MIT
/* A periodic job that keeps its rhythm. A run that takes longer than a period
 * is not caught up with: the moments it missed are skipped, and counted. */
#include <stdio.h>
#include <weft.h>

struct job {
    weft_time start;
    weft_ns period;
    int runs, skipped;
    bool early;
};

/* Sleep until the first moment of the rhythm that is still to come. */
static int next_moment(struct job *job, int64_t *last)
{
    int64_t next = (weft_now() - job->start) / job->period + 1;
    job->skipped += (int)(next - *last - 1);
    *last = next;
    return weft_sleep_until(job->start + next * job->period);
}

static void *work(struct job *job)
{
    job->runs++;
    weft_ns takes = job->runs == 2 ? 3 * job->period : 0; /* an overrun */
    return weft_fail(weft_sleep(takes));
}

static void *periodic(void *arg)
{
    struct job job = {.start = weft_now(), .period = WEFT_MS(5)};
    int64_t moment = 0;
    int rc = 0;
    (void)arg;
    while (rc == 0 && job.runs < 5) {
        rc = next_moment(&job, &moment);
        if (weft_now() < job.start + moment * job.period)
            job.early = true;
        if (rc == 0)
            rc = weft_code(work(&job));
    }
    printf("%d runs, %s, moments skipped: %s\n", job.runs,
           job.early ? "early" : "none early",
           job.skipped >= 2 ? "two or more" : "too few");
    return weft_fail(rc);
}

int main(void)
{
    return weft_main(periodic, NULL);
}
