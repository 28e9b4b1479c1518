// SPDX-License-Identifier: MIT
/* A library that calls back, from a thread of its own, wrapped into a future in
 * twenty lines: coroutines, threads and callbacks can wait for it. */
#include <errno.h>
#include <stdio.h>
#include <weft.h>

/* Stands for any such library: square() calls done() later, from a thread. */
#include "examples/square.h"

/* The adapter. A future has two ends: one reference for who waits, one for the
 * callback. */
static void done(int status, int value, void *user)
{
    weft_future *future = user;
    if (status < 0)
        weft_future_set_error(future, status);
    else
        weft_future_set_result(future, (void *)(intptr_t)value);
    weft_future_unref(future);
}

static weft_future *square_async(int number)
{
    weft_future *future = weft_future_new();
    int rc = square(number, done, weft_future_ref(future));
    if (rc < 0)
        done(rc, 0, future); /* it will not call back: so we do */
    return future;
}

/* How it is used. */
static void *adapter(void *arg)
{
    weft_future *squares[] = {square_async(3), square_async(4)};
    void *results[2];
    (void)arg;
    int rc = weft_gather(squares, 2, results);
    if (rc < 0)
        return weft_fail(rc);
    printf("9 + 16 = %ld\n",
           (long)((intptr_t)results[0] + (intptr_t)results[1]));
    rc = weft_await(square_async(-1), NULL);
    printf("a negative one: %s\n", weft_strerror(rc));
    return rc == -EDOM ? NULL : weft_fail(rc);
}

int main(void)
{
    return weft_main(adapter, NULL);
}
