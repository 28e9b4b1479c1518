// SPDX-License-Identifier: MIT
/* Any function may suspend, and may be called as any other. */
#include <stdio.h>
#include <weft.h>

static int pause_and_add(int a, int b)
{
    int rc = weft_sleep(WEFT_MS(1));
    return rc < 0 ? rc : a + b;
}

static void *program(void *arg)
{
    (void)arg;
    int sum = pause_and_add(1, 2); /* this task sleeps, its worker does not */
    if (sum < 0)
        return weft_fail(sum);
    printf("1 + 2 = %d\n", sum);
    return NULL;
}

int main(void)
{
    return weft_main(program, NULL);
}
