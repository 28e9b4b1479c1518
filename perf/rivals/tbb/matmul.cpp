// SPDX-License-Identifier: MIT
// The matrices of perf/product.h, by quarters.
#include <cstdio>
#include <cstdlib>

#include <oneapi/tbb/task_group.h>

#include "perf/product.h"
#include "perf/rivals/tbb/workloads.hpp"

namespace
{

void multiply(const perf_product &product)
{
    if (product.size == PERF_PRODUCT_LEAF) {
        perf_product_leaf(&product);
        return;
    }
    for (std::size_t k = 0; k < 2; k++) {
        tbb::task_group group;

        for (std::size_t i = 0; i < 3; i++) {
            group.run([quarter = perf_product_quarter(&product, i / 2, i % 2,
                                                      k)] {
                multiply(quarter);
            });
        }
        multiply(perf_product_quarter(&product, 1, 1, k));
        group.wait();
    }
}

} // namespace

// 512 x 512; three quarters of a term by tasks, the fourth by a call; an
// operation is a product of leaves.
outcome matmul(std::uint64_t scale)
{
    perf_product product;

    if (perf_product_open(&product, scale) != 0) {
        std::fputs("tbb: no memory\n", stderr);
        std::exit(1);
    }
    double ns = timed([&] { multiply(product); });
    std::uint64_t leaves = perf_product_leaves(&product);
    check(perf_product_wrong(&product), 0);
    perf_product_close(&product);
    return {leaves, ns};
}
