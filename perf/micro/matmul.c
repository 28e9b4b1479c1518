// SPDX-License-Identifier: MIT
/*
 * matmul: the product of two matrices of 1024 x 1024 doubles, cache-oblivious:
 * quarters of quarters, three forked and one called, down to 64 x 64; per
 * product of two such leaves. The entries are small whole numbers, so that
 * every order of additions comes to the same.
 */
#include "perf/micro/micro.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <weft/fork.h>
#include <weft/time.h>

#include "perf/random.h"

#define SIZE 1024
#define LEAF 64
#define SAMPLES 64

/* C += A B; the rows of all three are `stride` apart. */
struct product {
    double *c;
    const double *a, *b;
    size_t size, stride;
};

struct job {
    struct perf_micro *micro;
    struct product whole;
    double *alone; /* the product as a single thread has it */
    double alone_ns;
};

static void multiply_leaf(double *restrict c, const double *restrict a,
                          const double *restrict b, size_t stride)
{
    for (size_t i = 0; i < LEAF; i++) {
        for (size_t k = 0; k < LEAF; k++) {
            double factor = a[i * stride + k];

            for (size_t j = 0; j < LEAF; j++) {
                c[i * stride + j] += factor * b[k * stride + j];
            }
        }
    }
}

static struct product quarter_of(const struct product *whole, size_t row,
                                 size_t column, size_t k)
{
    size_t half = whole->size / 2, stride = whole->stride;
    struct product quarter = *whole;

    quarter.c += (row * stride + column) * half;
    quarter.a += (row * stride + k) * half;
    quarter.b += (k * stride + column) * half;
    quarter.size = half;
    return quarter;
}

static void *multiply(void *product);

/* One of the two terms of each quarter. */
static void multiply_half(const struct product *product, size_t k)
{
    struct product quarters[4];
    weft_branch branches[3];

    for (size_t i = 0; i < 3; i++) {
        quarters[i] = quarter_of(product, i / 2, i % 2, k);
        weft_fork(&branches[i], multiply, &quarters[i]);
    }
    quarters[3] = quarter_of(product, 1, 1, k);
    multiply(&quarters[3]);
    for (size_t i = 3; i > 0; i--) {
        weft_join(&branches[i - 1], NULL);
    }
}

static void *multiply(void *arg)
{
    const struct product *product = arg;

    if (product->size == LEAF) {
        multiply_leaf(product->c, product->a, product->b, product->stride);
        return NULL;
    }
    multiply_half(product, 0);
    multiply_half(product, 1);
    return NULL;
}

/* The plain loop over the same leaves. */
static void multiply_alone(const struct product *product)
{
    size_t size = product->size, stride = product->stride;

    for (size_t i = 0; i < size; i += LEAF) {
        for (size_t j = 0; j < size; j += LEAF) {
            for (size_t k = 0; k < size; k += LEAF) {
                multiply_leaf(product->c + i * stride + j,
                              product->a + i * stride + k,
                              product->b + k * stride + j, stride);
            }
        }
    }
}

/* Entries of the plain product that are not the sum that defines them. */
static uint64_t count_wrong(const struct job *job)
{
    const struct product *whole = &job->whole;
    size_t size = whole->size, stride = whole->stride;
    uint64_t wrong = 0;

    for (uint64_t n = 0; n < SAMPLES; n++) {
        size_t row = perf_random_at(3, 2 * n) % size;
        size_t column = perf_random_at(3, 2 * n + 1) % size;
        double sum = 0;

        for (size_t k = 0; k < size; k++) {
            sum += whole->a[row * stride + k] * whole->b[k * stride + column];
        }
        wrong += job->alone[row * stride + column] != sum;
    }
    return wrong;
}

static void *run(void *arg)
{
    struct job *job = arg;
    struct perf_micro *micro = job->micro;
    size_t leaves = job->whole.size / LEAF;
    size_t bytes = job->whole.size * job->whole.stride * sizeof(double);
    weft_time start = weft_now();
    uint64_t wrong;

    multiply(&job->whole);
    micro->ns = (double)(weft_now() - start);
    micro->ops = leaves * leaves * leaves;
    perf_micro_against(micro, job->alone_ns);
    wrong = count_wrong(job) + (memcmp(job->whole.c, job->alone, bytes) != 0);
    return weft_fail(perf_micro_expect("matmul: wrong entries", wrong, 0));
}

static int multiply_twice(struct job *job)
{
    struct product alone = job->whole;
    weft_time start;

    alone.c = job->alone;
    start = weft_now();
    multiply_alone(&alone);
    job->alone_ns = (double)(weft_now() - start);
    return perf_micro_in_runtime(job->micro, run, job);
}

static void fill(double *matrix, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++) {
        matrix[i] = (double)(perf_random_at(seed, i) % 17) - 8;
    }
}

int perf_micro_matmul(struct perf_micro *micro)
{
    struct job job = {.micro = micro};
    size_t size = SIZE, stride, entries;
    double *memory;
    int rc;

    /* Half the size is an eighth of the work. */
    for (uint64_t s = micro->scale; s > 1 && size > 2 * LEAF; s /= 8) {
        size /= 2;
    }
    stride = size + 8; /* else the rows of a leaf share a few sets of a cache */
    entries = size * stride;
    memory = malloc(4 * entries * sizeof(*memory));
    if (memory == NULL) {
        return -ENOMEM;
    }
    fill(memory, entries, 1);
    fill(memory + entries, entries, 2);
    memset(memory + 2 * entries, 0, 2 * entries * sizeof(*memory));
    job.whole = (struct product){memory + 2 * entries, memory, memory + entries,
                                 size, stride};
    job.alone = memory + 3 * entries;
    rc = multiply_twice(&job);
    free(memory);
    return rc;
}
