// SPDX-License-Identifier: MIT
/* What one task has written another may read without an atomic, when an edge of
 * the memory model lies between. */
#include <stdio.h>
#include <weft.h>

struct box {
    int in, out; /* plain ints */
    weft_future *ready;
};

static void *doubles(void *arg)
{
    struct box *box = arg;
    box->out = 2 * box->in; /* spawn -> body */
    return NULL;
}

static void *fills(void *arg)
{
    struct box *box = arg;
    box->in = 20;
    weft_future_set_result(box->ready, NULL);
    weft_future_unref(box->ready);
    return NULL;
}

static void *program(void *arg)
{
    struct box box = {.in = 1};
    (void)arg;
    int rc = weft_await(weft_spawn(doubles, &box), NULL);
    if (rc < 0)
        return weft_fail(rc);
    int first = box.out; /* end -> await */

    box.ready = weft_future_new();
    weft_future *seen = weft_future_ref(box.ready);
    weft_future *task = weft_spawn(fills, &box);
    rc = weft_await(seen, NULL);
    int second = box.in; /* set_result -> await */
    int rc2 = weft_await(task, NULL);
    if (rc == 0 && rc2 == 0)
        printf("%d, %d\n", first, second);
    return weft_fail(rc < 0 ? rc : rc2);
}

int main(void)
{
    return weft_main(program, NULL);
}
