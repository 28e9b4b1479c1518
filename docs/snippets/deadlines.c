// SPDX-License-Identifier: MIT
/* Deadlines around a piece of code, one in another, and what is shielded. */
#include <stdio.h>
#include <weft.h>

static int work(weft_ns takes)
{
    return weft_sleep(takes);
}

static int work_within(weft_ns limit, weft_ns takes)
{
    weft_scope scope;
    weft_timeout_enter(&scope, limit);
    int rc = work(takes);
    return weft_timeout_exit(&scope, rc);
}

static int nested(void)
{
    weft_scope outer;
    weft_timeout_enter(&outer, WEFT_MS(5));
    int rc = work_within(WEFT_S(60), WEFT_S(60));
    if (rc == -WEFT_ECANCELED)
        puts("inner: cancelled, not timed out");
    return weft_timeout_exit(&outer, rc);
}

/* Says goodbye also when it is cancelled, but for ten seconds at most. */
static int polite(int (*goodbye)(void))
{
    weft_scope shield;
    int rc = work(WEFT_S(60));
    weft_shield_enter(&shield, WEFT_S(10));
    int rc2 = weft_shield_exit(&shield, goodbye());
    return rc < 0 ? rc : rc2;
}

static int goodbye(void)
{
    int rc = weft_sleep(WEFT_MS(1));
    printf("goodbye: %d\n", rc);
    return rc;
}

/* A deadline that moves: for as long as there is progress. */
static int while_it_lives(int steps)
{
    weft_scope idle;
    int rc = 0;
    weft_timeout_enter(&idle, WEFT_S(30));
    while (rc == 0 && steps-- > 0) {
        rc = work(WEFT_MS(1));
        weft_timeout_reschedule(&idle, WEFT_S(30));
    }
    return weft_timeout_exit(&idle, rc);
}

static void *program(void *arg)
{
    weft_scope scope;
    (void)arg;
    printf("in time: %d\n", work_within(WEFT_S(60), 0));
    printf("too late: %s\n",
           weft_strerror(work_within(WEFT_MS(1), WEFT_S(60))));
    printf("outer: %s\n", weft_strerror(nested()));
    weft_timeout_enter(&scope, WEFT_MS(1));
    int rc = weft_timeout_exit(&scope, polite(goodbye));
    printf("polite: %s\n", weft_strerror(rc));
    printf("alive: %d\n", while_it_lives(3));
    return NULL;
}

int main(void)
{
    return weft_main(program, NULL);
}
