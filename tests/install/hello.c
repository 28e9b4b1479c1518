// SPDX-License-Identifier: MIT
/*
 * A program of somebody else's, in the C that is also C++: a coroutine spawns
 * another and awaits it. tests/checks/install.sh builds it outside of the tree.
 */
#include <stdio.h>
#include <weft.h>

static void *twice(void *arg)
{
    int *number = (int *)arg;
    if (weft_yield() < 0)
        return weft_fail(-WEFT_ECANCELED);
    *number *= 2;
    return number;
}

static void *start(void *arg)
{
    int number = 21;
    void *result = NULL;
    (void)arg;

    int rc = weft_await(weft_spawn(twice, &number), &result);
    if (rc < 0)
        return weft_fail(rc);
    if (result != &number || number != 42)
        return weft_fail(-1);
    printf("the answer is %d\n", number);
    return NULL;
}

int main(void)
{
    return weft_main(start, NULL);
}
