// SPDX-License-Identifier: MIT
/* What stands in docs/from-libuv.md. */
#include <stdio.h>
#include <weft.h>

/* uv_timer_start(&timer, on_timer, 0, 1), stopped after three times */
static void *ticks(void *arg)
{
    int *count = arg;
    int rc = 0;
    while (rc == 0 && *count < 3) {
        ++*count;
        rc = weft_sleep(WEFT_MS(1));
    }
    return weft_fail(rc);
}

/* uv_queue_work(loop, &request, work, after_work) */
static void *work(void *arg)
{
    return arg; /* on a thread of the pool */
}

/* uv_async_send(&async): from any thread */
static void *on_async(void *arg)
{
    *(int *)arg = 1;
    return NULL;
}

static void *program(void *arg)
{
    int count = 0;
    int woken = 0;
    void *result;
    int rc = weft_await(weft_spawn(ticks, &count), NULL);
    if (rc == 0)
        rc = weft_to_thread(work, arg, &result);
    if (rc == 0)
        rc = weft_await(
            weft_call_soon_threadsafe(weft_running_loop(), on_async, &woken),
            NULL);
    if (rc == 0)
        printf("%d ticks, %s, woken: %d\n", count, (char *)result, woken);
    return weft_fail(rc);
}

int main(void)
{
    return weft_main(program, "worked");
}
