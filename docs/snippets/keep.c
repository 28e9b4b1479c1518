// SPDX-License-Identifier: MIT
/* The end of a program: what is cancelled, and what may finish. */
#include <stdio.h>
#include <weft.h>

static void *flush_log(void *arg)
{
    (void)arg;
    int rc = weft_sleep(WEFT_MS(10)); /* main has returned meanwhile */
    printf("flushed: %d\n", rc);
    return weft_fail(rc);
}

static void *heartbeat(void *arg)
{
    int rc;
    while ((rc = weft_sleep(WEFT_S(1))) == 0)
        puts(arg);
    return rc == -WEFT_ECANCELED ? NULL : weft_fail(rc);
}

static void *program(void *arg)
{
    weft_spawn_options keep = {.size = sizeof(keep), .keep = true};
    (void)arg;
    weft_detach(weft_spawn(heartbeat, "alive"));
    weft_detach(weft_spawn_with(&keep, flush_log, NULL));
    puts("main has returned");
    return NULL;
}

int main(void)
{
    return weft_main(program, NULL);
}
