// SPDX-License-Identifier: MIT
/* Groups: the exit waits for all, the first failure cancels the others. */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <weft.h>

static void *load(void *arg)
{
    int *part = arg;
    int rc = weft_sleep(WEFT_MS(1));
    *part = 100;
    return weft_fail(rc);
}

static int load_both(int *left, int *right)
{
    weft_group group;
    weft_group_enter(&group, NULL);
    int rc = weft_group_spawn(&group, load, left);
    if (rc == 0)
        rc = weft_group_spawn(&group, load, right);
    return weft_group_exit(&group, rc); /* here both have ended */
}

static atomic_int tidied_up;

static void *endless(void *arg)
{
    (void)arg;
    int rc = weft_sleep(WEFT_FOREVER);
    atomic_fetch_add(&tidied_up, 1);
    return weft_fail(rc);
}

static void *broken(void *arg)
{
    (void)arg;
    return weft_fail(-EIO);
}

static int one_fails(void)
{
    weft_group group;
    weft_group_enter(&group, NULL);
    int rc = weft_group_spawn(&group, endless, NULL);
    if (rc == 0)
        rc = weft_group_spawn(&group, broken, NULL);
    if (rc == 0)
        rc = weft_sleep(WEFT_FOREVER);  /* the body is cancelled as well */
    return weft_group_exit(&group, rc); /* -EIO, not -WEFT_ECANCELED */
}

static void *counts(void *arg)
{
    atomic_fetch_add((atomic_int *)arg, 1);
    return NULL;
}

static int at_most_three(atomic_int *count)
{
    weft_group_options options = {.size = sizeof(options), .max_running = 3};
    weft_group group;
    int rc = 0;
    weft_group_enter(&group, &options);
    for (int i = 0; i < 100 && rc == 0; i++)
        rc = weft_group_spawn(&group, counts, count); /* waits for a place */
    return weft_group_exit(&group, rc);
}

static void *program(void *arg)
{
    int left = 0;
    int right = 0;
    atomic_int count = 0;
    (void)arg;
    int rc = load_both(&left, &right);
    printf("both: %d, %d + %d\n", rc, left, right);
    rc = one_fails();
    printf("one fails: %s, tidied up: %d\n", weft_strerror(rc),
           atomic_load(&tidied_up));
    rc = at_most_three(&count);
    printf("limited: %d, %d\n", rc, atomic_load(&count));
    return NULL;
}

int main(void)
{
    return weft_main(program, NULL);
}
