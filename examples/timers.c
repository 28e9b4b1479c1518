// SPDX-License-Identifier: MIT
/* A callback soon, one later, one that is cancelled before its moment, and a
 * task that is cancelled in its sleep. */
#include <stdio.h>
#include <weft.h>

static void *say(void *arg)
{
    puts(arg);
    return NULL;
}

static void *sleeper(void *arg)
{
    (void)arg;
    int rc = weft_sleep(WEFT_S(3600));
    printf("the sleeper was woken: %s\n", weft_strerror(rc));
    return weft_fail(rc);
}

static void *timers(void *arg)
{
    (void)arg;
    weft_detach(weft_call_soon(say, "soon"));
    weft_future *later = weft_call_later(WEFT_MS(20), say, "later");
    weft_future *never = weft_call_later(WEFT_S(1), say, "never");
    if (weft_cancel(never) != 0)
        return weft_fail(-WEFT_EALREADY);
    weft_future_unref(never);

    weft_future *task = weft_spawn(sleeper, NULL);
    int rc = weft_await(later, NULL);
    weft_cancel(task);
    if (weft_await(task, NULL) != -WEFT_ECANCELED)
        return weft_fail(-WEFT_EALREADY);
    return weft_fail(rc);
}

int main(void)
{
    return weft_main(timers, NULL);
}
