// SPDX-License-Identifier: MIT
/* Several futures at once: all, the first that succeeds, some, each in turn. */
#include <stdio.h>
#include <weft.h>

static void *after(void *arg)
{
    intptr_t ms = (intptr_t)arg;
    int rc = weft_sleep(WEFT_MS(ms));
    return rc < 0 ? weft_fail(rc) : arg;
}

enum { SHORT = 1, LONG = 3600000 };

static weft_future *start(intptr_t ms)
{
    return weft_spawn(after, (void *)ms);
}

static int all(void)
{
    weft_future *futures[] = {start(1), start(2), start(3)};
    void *results[3];
    int rc = weft_gather(futures, 3, results);
    if (rc == 0)
        printf("all: %ld %ld %ld\n", (long)(intptr_t)results[0],
               (long)(intptr_t)results[1], (long)(intptr_t)results[2]);
    return rc;
}

static int first(void)
{
    weft_future *futures[] = {start(LONG), start(SHORT)};
    size_t winner;
    int rc = weft_race(futures, 2, &winner, NULL);
    if (rc == 0)
        printf("first: number %zu; the other was cancelled\n", winner);
    return rc;
}

static int some(void)
{
    weft_future *futures[] = {start(SHORT), start(LONG)};
    size_t done[2];
    int n = weft_wait(futures, 2, WEFT_WAIT_FIRST, done);
    if (n > 0)
        printf("some: %d done, number %zu\n", n, done[0]);
    weft_cancel(futures[1]); /* weft_wait() leaves them all as they are */
    weft_await(futures[0], NULL);
    weft_await(futures[1], NULL);
    return n < 0 ? n : 0;
}

static int each(void)
{
    weft_future *futures[] = {start(1), start(1), start(1)};
    weft_as_completed completed;
    size_t index;
    long sum = 0;
    int rc = weft_as_completed_enter(&completed, futures, 3);
    if (rc < 0)
        return rc;
    while ((rc = weft_as_completed_next(&completed, &index)) == 1) {
        void *result = NULL;
        if (weft_future_result(futures[index], &result) == 0)
            sum += (long)(intptr_t)result;
    }
    weft_as_completed_exit(&completed);
    int rc2 = weft_gather(futures, 3, NULL); /* drops the references */
    printf("each: %ld\n", sum);
    return rc < 0 ? rc : rc2;
}

static int one_in_time(void)
{
    int rc = weft_wait_for(start(LONG), WEFT_MS(1), NULL);
    printf("one: %s\n", weft_strerror(rc));
    return rc == -WEFT_ETIMEOUT ? 0 : rc;
}

static void *program(void *arg)
{
    int (*const steps[])(void) = {all, first, some, each, one_in_time};
    int rc = 0;
    (void)arg;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && rc == 0; i++)
        rc = steps[i]();
    return weft_fail(rc);
}

int main(void)
{
    return weft_main(program, NULL);
}
