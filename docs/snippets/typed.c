// SPDX-License-Identifier: MIT
/* Arguments that the compiler checks, and numbers as results. */
#include <stdio.h>
#include <weft.h>

struct range {
    int from, to;
};

static void *add_up(struct range *range)
{
    intptr_t sum = 0;
    for (int i = range->from; i < range->to; i++)
        sum += i;
    return weft_from_int(sum);
}
WEFT_TYPED(add_up, struct range *);

static void *program(void *arg)
{
    struct range range = {0, 10};
    intptr_t sum;
    (void)arg;
    int rc = weft_await_int(weft_spawn_typed(add_up, &range), &sum);
    if (rc < 0)
        return weft_fail(rc);
    printf("0 + … + 9 = %ld\n", (long)sum);
    return NULL;
}

int main(void)
{
    return weft_main(program, NULL);
}
