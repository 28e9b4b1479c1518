// SPDX-License-Identifier: MIT
/* Values, failures, and results that are larger than a pointer. */
#include <errno.h>
#include <stdio.h>
#include <weft.h>

struct division {
    int a, b;
    int quotient, rest; /* the result */
};

static void *divide(void *arg)
{
    struct division *d = arg;
    if (d->b == 0)
        return weft_fail(-EDOM);
    d->quotient = d->a / d->b;
    d->rest = d->a % d->b;
    return NULL;
}

static int show(int a, int b)
{
    struct division d = {.a = a, .b = b};
    int rc = weft_await(weft_spawn(divide, &d), NULL);
    if (rc < 0)
        printf("%d / %d: %s\n", a, b, weft_strerror(rc));
    else
        printf("%d / %d: %d, rest %d\n", a, b, d.quotient, d.rest);
    return rc;
}

static void *program(void *arg)
{
    (void)arg;
    show(17, 5);
    show(17, 0);
    return NULL;
}

int main(void)
{
    return weft_main(program, NULL);
}
