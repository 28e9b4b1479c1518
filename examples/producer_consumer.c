// SPDX-License-Identifier: MIT
/* Producer and consumer, eight places between them, and an orderly end: what
 * was put before it is taken. Made of weft_suspend and weft_ready. */
#include <stdatomic.h>
#include <stdio.h>
#include <weft.h>

enum { PLACES = 8, ITEMS = 1000, END = -1 };

struct pipe {
    int items[PLACES];
    atomic_uint put, taken; /* so many; each is written by one side */
    weft_future *producer, *consumer;
};

static int wait_while(atomic_uint *counter, unsigned value)
{
    int rc = 0;
    while (rc == 0 && atomic_load(counter) == value)
        rc = weft_suspend(); /* a weft_ready() that came before is not lost */
    return rc;
}

static void *consume(void *arg)
{
    struct pipe *pipe = arg;
    intptr_t sum = 0;
    for (unsigned n = 0;; n++) {
        int rc = wait_while(&pipe->put, n);
        if (rc < 0)
            return weft_fail(rc);
        if (pipe->items[n % PLACES] == END)
            return (void *)sum;
        sum += pipe->items[n % PLACES];
        atomic_store(&pipe->taken, n + 1);
        weft_ready(pipe->producer);
    }
}

static void *produce(void *arg)
{
    struct pipe pipe = {.producer = weft_current()};
    int rc = 0;
    pipe.consumer = weft_spawn(consume, &pipe);
    for (unsigned n = 0; n <= ITEMS; n++) {
        if ((rc = wait_while(&pipe.taken, n - PLACES)) < 0)
            break; /* it has waited while all places were full */
        pipe.items[n % PLACES] = n < ITEMS ? (int)n : END;
        atomic_store(&pipe.put, n + 1);
        weft_ready(pipe.consumer);
    }
    int rc2 = weft_await(pipe.consumer, &arg); /* cancelled, if we are */
    printf("%d items, sum %ld\n", ITEMS, (long)(intptr_t)arg);
    return weft_fail(rc < 0 ? rc : rc2);
}

int main(void)
{
    return weft_main(produce, NULL);
}
