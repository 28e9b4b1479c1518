// SPDX-License-Identifier: MIT
/*
 * The problem of matmul, for every runtime that solves it: C += A B of square
 * matrices of doubles, cache-oblivious, by quarters of quarters down to leaves
 * of 64 x 64. What is here is the same machine code for all of them; which
 * quarter is computed when and where is what they differ in. C and C++.
 */
#ifndef WEFT_PERF_PRODUCT_H
#define WEFT_PERF_PRODUCT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PERF_PRODUCT_SIZE 512
#define PERF_PRODUCT_LEAF 64

/** The rows of all three are `stride` apart. */
struct perf_product {
    double *c;
    const double *a, *b;
    size_t size, stride;
};

/** Matrices in memory of their own, C all zeros; half the size for an eighth of
 * the scale. 0 or -ENOMEM. */
int perf_product_open(struct perf_product *, uint64_t scale);
void perf_product_close(struct perf_product *);

/** How many products of leaves it takes: an operation each. */
uint64_t perf_product_leaves(const struct perf_product *);

/** One of the two terms (k = 0, 1) of a quarter; those of one quarter must not
 * be added at the same time. */
struct perf_product perf_product_quarter(const struct perf_product *,
                                         size_t row, size_t column, size_t k);

/** The whole of a product that is a leaf. */
void perf_product_leaf(const struct perf_product *);

/** The whole of any, by a plain loop over its leaves. */
void perf_product_alone(const struct perf_product *);

/** Rows of C that are not those of A B, if it was zero: exact, as the entries
 * are small whole numbers, so that every order of additions comes to the same. */
uint64_t perf_product_wrong(const struct perf_product *);

#ifdef __cplusplus
}
#endif

#endif
