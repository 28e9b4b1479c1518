// SPDX-License-Identifier: MIT
/* Clean-up that runs on every way out, and may suspend. */
#include <stdio.h>
#include <weft.h>

static void *close_session(void *arg)
{
    int rc = weft_sleep(WEFT_MS(1)); /* behind a shield: it is let finish */
    printf("closed %s: %d\n", (char *)arg, rc);
    return weft_fail(rc);
}

static void *session(void *arg)
{
    int rc = weft_defer(close_session, "first");
    if (rc == 0)
        rc = weft_defer(close_session, "second");
    if (rc == 0)
        rc = weft_sleep(*(weft_ns *)arg);
    return weft_fail(rc);
}

static void *program(void *arg)
{
    weft_ns takes = WEFT_FOREVER;
    (void)arg;
    weft_future *task = weft_spawn(session, &takes);
    int rc = weft_yield();
    weft_cancel(task);
    int rc2 = weft_await(task, NULL);
    printf("session: %s\n", weft_strerror(rc2));
    return weft_fail(rc);
}

int main(void)
{
    return weft_main(program, NULL);
}
