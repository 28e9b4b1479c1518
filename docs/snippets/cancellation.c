// SPDX-License-Identifier: MIT
/* What a cancelled task sees: ordinary calls, joins, releases. */
#include <stdio.h>
#include <weft.h>

/* Ordinary calls fail, and go on failing: nobody can overlook it. */
static void *stubborn(void *arg)
{
    int failures = 0;
    while (failures < 3)
        if (weft_sleep(WEFT_S(60)) == -WEFT_ECANCELED)
            failures++; /* at once, from the second time on */
    printf("stubborn: cancelled %d times over\n", failures);
    return arg;
}

/* A long computation makes no calls that could fail: it asks. */
static int compute(long *steps)
{
    while (!weft_cancelled())
        ++*steps;
    return -WEFT_ECANCELED;
}

static int compute_within(weft_ns limit, long *steps)
{
    weft_scope scope;
    weft_timeout_enter(&scope, limit);
    int rc = compute(steps);
    return weft_timeout_exit(&scope, rc);
}

static void *child(void *arg)
{
    int *local = arg;
    int rc = weft_sleep(WEFT_S(60));
    *local = rc; /* our parent's frame is there: it waits for us */
    return weft_fail(rc);
}

/* A join hands the cancellation down and waits. */
static void *parent(void *arg)
{
    int local = 0;
    int rc = weft_await(weft_spawn(child, &local), NULL);
    printf("parent: %s, child: %s\n", weft_strerror(rc), weft_strerror(local));
    return rc < 0 ? weft_fail(rc) : arg;
}

static void *why(void *arg)
{
    weft_scope scope;
    (void)arg;
    weft_timeout_enter(&scope, 0);
    int rc = weft_sleep(0);
    if (weft_cancel_reason(NULL) == WEFT_REASON_TIMEOUT)
        puts("why: a deadline");
    return weft_fail(weft_timeout_exit(&scope, rc));
}

static int cancel_soon(weft_fn *fn, void *arg)
{
    weft_future *task = weft_spawn(fn, arg);
    int rc = weft_sleep(WEFT_MS(1));
    weft_cancel(task);
    int rc2 = weft_await(task, NULL);
    return rc < 0 ? rc : rc2;
}

static void *program(void *arg)
{
    long steps = 0;
    (void)arg;
    printf("its result: %d\n", cancel_soon(stubborn, NULL));
    cancel_soon(parent, NULL);
    printf("compute: %s\n", weft_strerror(compute_within(WEFT_MS(2), &steps)));
    printf("%s\n", weft_strerror(weft_await(weft_spawn(why, NULL), NULL)));
    return NULL;
}

int main(void)
{
    return weft_main(program, NULL);
}
