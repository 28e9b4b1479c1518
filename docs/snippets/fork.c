// SPDX-License-Identifier: MIT
/* docs/guide.md: fork and join. */
#include <stdint.h>
#include <stdio.h>
#include <weft.h>

#define COUNT 100000

struct part {
    const int *numbers;
    size_t n;
    int64_t sum;
};

static void *add(void *arg)
{
    struct part *part = arg;
    if (part->n <= 1000) {
        for (size_t i = 0; i < part->n; i++)
            part->sum += part->numbers[i];
        return NULL;
    }
    size_t half = part->n / 2;
    struct part left = {part->numbers, half, 0};
    struct part right = {part->numbers + half, part->n - half, 0};
    weft_branch branch;
    weft_fork(&branch, add, &left);
    add(&right);
    int rc = weft_join(&branch, NULL);
    part->sum = left.sum + right.sum;
    return weft_fail(rc);
}

static int square(size_t from, size_t to, void *arg)
{
    int *numbers = arg;
    for (size_t i = from; i < to; i++)
        numbers[i] = (int)(i % 1000 * (i % 1000));
    return 0;
}

static void *sums(void *unused)
{
    static int numbers[COUNT];
    (void)unused;
    int rc = weft_parallel_for(0, COUNT, 0, square, numbers);
    if (rc < 0)
        return weft_fail(rc);
    struct part all = {numbers, COUNT, 0};
    add(&all);
    printf("%lld\n", (long long)all.sum);
    return NULL;
}

int main(void)
{
    return weft_main(sums, NULL);
}
