// SPDX-License-Identifier: MIT
/*
 * The matrices of product.h, and the innermost loop.
 */
#include "perf/product.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "perf/random.h"

#define LEAF PERF_PRODUCT_LEAF
#define APART 8 /* else the rows of a leaf share a few sets of a cache */

static void fill(double *matrix, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++) {
        matrix[i] = (double)(perf_random_at(seed, i) % 17) - 8;
    }
}

int perf_product_open(struct perf_product *product, uint64_t scale)
{
    size_t size = PERF_PRODUCT_SIZE, entries;
    double *memory;

    for (; scale > 1 && size > 2 * LEAF; scale /= 8) {
        size /= 2;
    }
    entries = size * (size + APART);
    memory = malloc(3 * entries * sizeof(*memory));
    if (memory == NULL) {
        return -ENOMEM;
    }
    memset(memory, 0, entries * sizeof(*memory));
    fill(memory + entries, 2 * entries, 1);
    product->c = memory;
    product->a = memory + entries;
    product->b = memory + 2 * entries;
    product->size = size;
    product->stride = size + APART;
    return 0;
}

void perf_product_close(struct perf_product *product)
{
    free(product->c);
}

uint64_t perf_product_leaves(const struct perf_product *product)
{
    uint64_t side = product->size / LEAF;

    return side * side * side;
}

struct perf_product perf_product_quarter(const struct perf_product *whole,
                                         size_t row, size_t column, size_t k)
{
    size_t half = whole->size / 2, stride = whole->stride;
    struct perf_product quarter = *whole;

    quarter.c += (row * stride + column) * half;
    quarter.a += (row * stride + k) * half;
    quarter.b += (k * stride + column) * half;
    quarter.size = half;
    return quarter;
}

static void multiply(double *restrict c, const double *restrict a,
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

void perf_product_leaf(const struct perf_product *leaf)
{
    multiply(leaf->c, leaf->a, leaf->b, leaf->stride);
}

void perf_product_alone(const struct perf_product *product)
{
    size_t size = product->size, stride = product->stride;

    for (size_t i = 0; i < size; i += LEAF) {
        for (size_t j = 0; j < size; j += LEAF) {
            for (size_t k = 0; k < size; k += LEAF) {
                multiply(product->c + i * stride + j,
                         product->a + i * stride + k,
                         product->b + k * stride + j, stride);
            }
        }
    }
}

/* y = M x */
static void apply(const double *matrix, const struct perf_product *of,
                  const double *x, double *y)
{
    for (size_t i = 0; i < of->size; i++) {
        y[i] = 0;
        for (size_t j = 0; j < of->size; j++) {
            y[i] += matrix[i * of->stride + j] * x[j];
        }
    }
}

/* C x is A (B x), for an x without a zero (Freivalds 1977): a single wrong
 * entry in a row never goes unseen, several seldom do. */
uint64_t perf_product_wrong(const struct perf_product *product)
{
    double x[PERF_PRODUCT_SIZE] = {0}, bx[PERF_PRODUCT_SIZE];
    double abx[PERF_PRODUCT_SIZE], cx[PERF_PRODUCT_SIZE];
    uint64_t wrong = 0;

    for (size_t i = 0; i < product->size; i++) {
        x[i] = (double)(perf_random_at(2, i) % 1000) + 1;
    }
    apply(product->b, product, x, bx);
    apply(product->a, product, bx, abx);
    apply(product->c, product, x, cx);
    for (size_t i = 0; i < product->size; i++) {
        wrong += cx[i] != abx[i];
    }
    return wrong;
}
