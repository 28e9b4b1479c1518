// SPDX-License-Identifier: MIT
/* A queue between tasks, and a mutex around what they share. */
#include <stdio.h>
#include <weft.h>

struct totals {
    weft_mutex mutex; /* WEFT_MUTEX_INIT, or zeroed memory */
    long count, sum;
};

static int add(struct totals *totals, long number)
{
    int rc = weft_mutex_lock(&totals->mutex);
    if (rc < 0)
        return rc; /* cancelled: it is not ours */
    totals->count++;
    totals->sum += number;
    return weft_mutex_unlock(&totals->mutex);
}

struct work {
    weft_queue *queue;
    struct totals totals;
};

static void *consume(void *arg)
{
    struct work *work = arg;
    void *item;
    int rc;
    while ((rc = weft_queue_get(work->queue, &item)) == 0)
        if ((rc = add(&work->totals, (intptr_t)item)) < 0)
            break;
    return weft_fail(rc == -WEFT_ECLOSED ? 0 : rc); /* closed, and empty */
}

static int produce(weft_queue *queue)
{
    int rc = 0;
    for (intptr_t i = 1; i <= 1000 && rc == 0; i++)
        rc = weft_queue_put(queue, (void *)i); /* waits while it is full */
    weft_queue_close(queue, NULL);             /* what is in it can be got */
    return rc;
}

static void *program(void *arg)
{
    struct work work = {.totals = {.mutex = WEFT_MUTEX_INIT}};
    weft_group group;
    (void)arg;
    int rc = weft_queue_new(16, &work.queue);
    if (rc < 0)
        return weft_fail(rc);
    weft_group_enter(&group, NULL);
    for (int i = 0; i < 4 && rc == 0; i++)
        rc = weft_group_spawn(&group, consume, &work);
    if (rc == 0)
        rc = produce(work.queue);
    rc = weft_group_exit(&group, rc);
    weft_queue_free(work.queue);
    printf("%ld items, sum %ld\n", work.totals.count, work.totals.sum);
    return weft_fail(rc);
}

int main(void)
{
    return weft_main(program, NULL);
}
