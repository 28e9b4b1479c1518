// SPDX-License-Identifier: MIT
/* What stands in docs/from-go.md. */
#include <stdio.h>
#include <weft.h>

static void *work(void *arg)
{
    int *slot = arg;
    int rc = weft_sleep(WEFT_MS(1));
    *slot = 1;
    return weft_fail(rc);
}

/* g, ctx := errgroup.WithContext(ctx); g.SetLimit(4); g.Go(...); g.Wait() */
static int errgroup(int *slots, int n)
{
    weft_group_options limit = {.size = sizeof(limit), .max_running = 4};
    weft_group group;
    int rc = 0;
    weft_group_enter(&group, &limit);
    for (int i = 0; i < n && rc == 0; i++)
        rc = weft_group_spawn(&group, work, &slots[i]);
    return weft_group_exit(&group, rc);
}

/* ctx, cancel := context.WithTimeout(ctx, time.Second); defer cancel() */
static int with_timeout(int *slots, int n)
{
    weft_scope scope;
    weft_timeout_enter(&scope, WEFT_S(60));
    int rc = errgroup(slots, n);
    return weft_timeout_exit(&scope, rc);
}

/* defer close() */
static void *say_closed(void *arg)
{
    puts(arg);
    return NULL;
}

static void *program(void *arg)
{
    int slots[10] = {0};
    int sum = 0;
    int rc = weft_defer(say_closed, arg);
    if (rc == 0)
        rc = with_timeout(slots, 10);
    for (int i = 0; i < 10; i++)
        sum += slots[i];
    printf("%d done\n", sum);
    return weft_fail(rc);
}

int main(void)
{
    return weft_main(program, "closed");
}
