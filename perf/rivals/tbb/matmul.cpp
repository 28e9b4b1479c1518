// SPDX-License-Identifier: MIT
// Matrices of doubles, multiplied by halves: cache-oblivious.
#include <vector>

#include <oneapi/tbb/task_group.h>

#include "perf/rivals/tbb/workloads.hpp"

namespace
{

constexpr unsigned size = 512, leaf = 64;

// A piece of a matrix whose rows are `size` numbers apart.
struct piece {
    unsigned rows, middle, columns;
    const double *a, *b;
    double *c;
};

void multiply_leaf(const piece &p)
{
    for (unsigned i = 0; i < p.rows; i++) {
        for (unsigned k = 0; k < p.middle; k++) {
            double factor = p.a[i * size + k];

            for (unsigned j = 0; j < p.columns; j++) {
                p.c[i * size + j] += factor * p.b[k * size + j];
            }
        }
    }
}

// The longest side in two; two halves of the middle add to the same c, so one
// follows the other.
void multiply(const piece &p)
{
    piece one = p, two = p;

    if (p.rows <= leaf && p.middle <= leaf && p.columns <= leaf) {
        multiply_leaf(p);
        return;
    }
    if (p.middle > p.rows && p.middle > p.columns) {
        one.middle = p.middle / 2;
        two.middle = p.middle - one.middle;
        two.a += one.middle;
        two.b += one.middle * size;
        multiply(one);
        multiply(two);
        return;
    }
    if (p.rows >= p.columns) {
        one.rows = p.rows / 2;
        two.rows = p.rows - one.rows;
        two.a += one.rows * size;
        two.c += one.rows * size;
    } else {
        one.columns = p.columns / 2;
        two.columns = p.columns - one.columns;
        two.b += one.columns;
        two.c += one.columns;
    }
    tbb::task_group group;
    group.run([&one] { multiply(one); });
    multiply(two);
    group.wait();
}

} // namespace

// 512 x 512; an operation is a multiplication with its addition. Small whole
// numbers, so that the sum of all of c is exact: the sum over k of column k of
// a times row k of b.
outcome matmul(std::uint64_t scale)
{
    unsigned n = size;
    std::vector<double> a(size * size), b(size * size), c(size * size);
    double sum = 0, wanted = 0;

    for (std::uint64_t s = scale; s > 1 && n > leaf; s /= 8) {
        n /= 2;
    }
    for (unsigned i = 0; i < size * size; i++) {
        a[i] = i % 7;
        b[i] = i % 11;
    }
    double ns = timed([&] {
        multiply({n, n, n, a.data(), b.data(), c.data()});
    });
    for (unsigned k = 0; k < n; k++) {
        double column = 0, row = 0;

        for (unsigned i = 0; i < n; i++) {
            column += a[i * size + k];
            row += b[k * size + i];
            sum += c[k * size + i];
        }
        wanted += column * row;
    }
    check(static_cast<std::uint64_t>(sum), static_cast<std::uint64_t>(wanted));
    return {std::uint64_t{n} * n * n, ns};
}
