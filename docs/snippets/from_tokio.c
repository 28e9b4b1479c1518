// SPDX-License-Identifier: MIT
/* What stands in docs/from-tokio.md. */
#include <stdio.h>
#include <weft.h>

static void *answer(void *arg)
{
    int rc = weft_yield();
    return rc < 0 ? weft_fail(rc) : arg;
}

static void *never(void *arg)
{
    int rc = weft_sleep(WEFT_FOREVER);
    return rc < 0 ? weft_fail(rc) : arg;
}

/* select! { a = answer() => ..., b = never() => ... } */
static int select_first(size_t *winner)
{
    weft_future *branches[] = {weft_spawn(answer, NULL),
                               weft_spawn(never, NULL)};
    return weft_race(branches, 2, winner, NULL);
}

/* let (tx, rx) = oneshot::channel() */
static void *send(void *arg)
{
    weft_future *oneshot = arg;
    weft_future_set_result(oneshot, "hello");
    weft_future_unref(oneshot);
    return NULL;
}

static int oneshot(void **message)
{
    weft_future *receiver = weft_future_new();
    weft_detach(weft_spawn(send, weft_future_ref(receiver)));
    return weft_await(receiver, message);
}

static void *program(void *arg)
{
    size_t winner = 9;
    void *message = "";
    (void)arg;
    int rc = select_first(&winner);
    if (rc == 0)
        rc = oneshot(&message);
    printf("branch %zu, message %s\n", winner, (char *)message);
    return weft_fail(rc);
}

int main(void)
{
    return weft_main(program, NULL);
}
