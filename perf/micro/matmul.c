// SPDX-License-Identifier: MIT
/*
 * matmul: the product of two matrices of 512 x 512 doubles, by quarters of
 * quarters, three forked and one called, down to 64 x 64; per product of two
 * such leaves.
 */
#include "perf/micro/micro.h"

#include <string.h>

#include <weft/fork.h>
#include <weft/time.h>

#include "perf/product.h"

struct job {
    struct perf_micro *micro;
    struct perf_product whole;
    double alone; /* ns, of a single thread */
};

static void *multiply(void *product);

/* One of the two terms of each quarter. */
static void multiply_half(const struct perf_product *product, size_t k)
{
    struct perf_product quarters[4];
    weft_branch branches[3];

    for (size_t i = 0; i < 3; i++) {
        quarters[i] = perf_product_quarter(product, i / 2, i % 2, k);
        weft_fork(&branches[i], multiply, &quarters[i]);
    }
    quarters[3] = perf_product_quarter(product, 1, 1, k);
    multiply(&quarters[3]);
    for (size_t i = 3; i > 0; i--) {
        weft_join(&branches[i - 1], NULL);
    }
}

static void *multiply(void *arg)
{
    const struct perf_product *product = arg;

    if (product->size == PERF_PRODUCT_LEAF) {
        perf_product_leaf(product);
        return NULL;
    }
    multiply_half(product, 0);
    multiply_half(product, 1);
    return NULL;
}

static int expect_right(const struct job *job)
{
    return perf_micro_expect("matmul: wrong rows",
                             perf_product_wrong(&job->whole), 0);
}

static void *run(void *arg)
{
    struct job *job = arg;
    struct perf_micro *micro = job->micro;
    weft_time start = weft_now();

    multiply(&job->whole);
    micro->ns = (double)(weft_now() - start);
    micro->ops = perf_product_leaves(&job->whole);
    perf_micro_against(micro, job->alone);
    return NULL;
}

static int multiply_twice(struct job *job)
{
    struct perf_product *whole = &job->whole;
    weft_time start = weft_now();
    int rc;

    perf_product_alone(whole);
    job->alone = (double)(weft_now() - start);
    rc = expect_right(job);
    memset(whole->c, 0, whole->size * whole->stride * sizeof(*whole->c));
    if (rc == 0) {
        rc = perf_micro_in_runtime(job->micro, run, job);
    }
    return rc != 0 ? rc : expect_right(job);
}

int perf_micro_matmul(struct perf_micro *micro)
{
    struct job job = {.micro = micro};
    int rc = perf_product_open(&job.whole, micro->scale);

    if (rc != 0) {
        return rc;
    }
    rc = multiply_twice(&job);
    perf_product_close(&job.whole);
    return rc;
}
