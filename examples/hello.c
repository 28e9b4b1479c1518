// SPDX-License-Identifier: MIT
/* Two coroutines at once, and what they return. */
#include <stdio.h>
#include <weft.h>

static void *square(void *arg)
{
    intptr_t n = (intptr_t)arg;
    int rc = weft_sleep(WEFT_MS(10 * n)); /* others run meanwhile */
    return rc < 0 ? weft_fail(rc) : (void *)(n * n);
}

static void *hello(void *arg)
{
    void *a;
    void *b;
    (void)arg;
    weft_future *three = weft_spawn(square, (void *)3);
    weft_future *four = weft_spawn(square, (void *)4);
    int rc = weft_await(three, &a);
    int rc2 = weft_await(four, &b);
    if (rc < 0 || rc2 < 0)
        return weft_fail(rc < 0 ? rc : rc2);
    printf("3² + 4² = %ld\n", (long)((intptr_t)a + (intptr_t)b));
    return NULL;
}

int main(void)
{
    return weft_main(hello, NULL);
}
