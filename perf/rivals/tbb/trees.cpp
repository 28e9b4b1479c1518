// SPDX-License-Identifier: MIT
// Trees of tasks: fork and join with next to no work in a node.
#include <memory>

#include <oneapi/tbb/task_group.h>

#include "perf/rivals/tbb/workloads.hpp"

// 1 000 tasks a round, awaited as oneTBB does it: all at once.
outcome spawn_join(std::uint64_t scale)
{
    constexpr int tasks = 1000;
    std::uint64_t rounds = scaled(2000, scale);

    double ns = timed([&] {
        for (std::uint64_t i = 0; i < rounds; i++) {
            tbb::task_group all;

            for (int j = 0; j < tasks; j++) {
                all.run([] {});
            }
            all.wait();
        }
    });
    return {rounds * tasks, ns};
}

// --- fib ---

namespace
{

std::uint64_t fib(unsigned n)
{
    if (n < 2) {
        return n;
    }
    std::uint64_t forked, other;
    tbb::task_group group;

    group.run([&] { forked = fib(n - 1); });
    other = fib(n - 2);
    group.wait();
    return forked + other;
}

} // namespace

// fib(32), a task a call, or a smaller one.
outcome fork_fib(std::uint64_t scale)
{
    unsigned n = 32;
    std::uint64_t value = 0, next = 1, is = 0;

    for (std::uint64_t s = scale; s > 1 && n > 3; s = s * 10 / 16) {
        n--;
    }
    for (unsigned i = 0; i < n; i++) {
        std::uint64_t sum = value + next;

        value = next;
        next = sum;
    }
    double ns = timed([&] { is = fib(n); });
    check(is, value);
    return {2 * next - 1, ns};
}

// --- skynet ---

namespace
{

std::uint64_t sky(std::uint64_t number, std::uint64_t size)
{
    if (size == 1) {
        return number;
    }
    std::uint64_t sums[10], sum = 0;
    tbb::task_group children;

    size /= 10;
    for (unsigned i = 0; i < 10; i++) {
        children.run([&sums, number, size, i] {
            sums[i] = sky(number + i * size, size);
        });
    }
    children.wait();
    for (std::uint64_t one : sums) {
        sum += one;
    }
    return sum;
}

} // namespace

// A million leaves; an operation is a node, of which there are 1 111 111.
outcome skynet(std::uint64_t scale)
{
    std::uint64_t leaves = 1, nodes = 1, sum = 0;

    while (leaves * 10 <= scaled(1000000, scale)) {
        leaves *= 10;
        nodes += leaves;
    }
    double ns = timed([&] { sum = sky(0, leaves); });
    check(sum, leaves * (leaves - 1) / 2);
    return {nodes, ns};
}

// --- nqueens ---

namespace
{

struct count {
    std::uint64_t boards, solutions;
};

// Columns and diagonals that are taken, a bit each.
count place(unsigned full, unsigned columns, unsigned left, unsigned right)
{
    if (columns == full) {
        return {1, 1};
    }
    count below[32], sum = {1, 0};
    unsigned n = 0, free = full & ~(columns | left | right);
    tbb::task_group group;

    for (; free != 0; free &= free - 1, n++) {
        unsigned bit = free & -free;
        auto next = [=, &below] {
            below[n] = place(full, columns | bit, (left | bit) << 1,
                             (right | bit) >> 1);
        };

        if ((free & (free - 1)) != 0) {
            group.run(next);
        } else {
            next();
        }
    }
    group.wait();
    for (unsigned i = 0; i < n; i++) {
        sum.boards += below[i].boards;
        sum.solutions += below[i].solutions;
    }
    return sum;
}

} // namespace

// nqueens(12), a task a queen that may stand where she does; an operation is
// such a board, the empty one included.
outcome nqueens(std::uint64_t scale)
{
    static constexpr std::uint64_t solutions[] = {
        1, 1, 0, 0, 2, 10, 4, 40, 92, 352, 724, 2680, 14200};
    unsigned n = 12;
    count is = {};

    for (std::uint64_t s = scale; s > 1 && n > 4; s /= 5) {
        n--;
    }
    double ns = timed([&] { is = place((1U << n) - 1, 0, 0, 0); });
    check(is.solutions, solutions[n]);
    return {is.boards, ns};
}

// --- uts ---

namespace
{

constexpr unsigned branches = 8, first = 4000;
constexpr std::uint64_t odds = 8159; // of 65 536: 8 x 0.1245, nearly critical

// splitmix64: from a node and a branch to the node there.
std::uint64_t mix(std::uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

std::uint64_t child(std::uint64_t node, unsigned branch)
{
    return mix(node + branch);
}

unsigned children(std::uint64_t node)
{
    return (node >> 48) < odds ? branches : 0;
}

std::uint64_t walk(std::uint64_t node, unsigned n)
{
    if (n == 0) {
        return 1;
    }
    std::uint64_t few[branches], sum = 1;
    std::unique_ptr<std::uint64_t[]> many(n > branches ? new std::uint64_t[n]
                                                       : nullptr);
    std::uint64_t *sizes = many ? many.get() : few;
    tbb::task_group group;

    for (unsigned i = 0; i < n; i++) {
        auto one = [=] {
            std::uint64_t next = child(node, i);

            sizes[i] = walk(next, children(next));
        };

        if (i + 1 < n) {
            group.run(one);
        } else {
            one();
        }
    }
    group.wait();
    for (unsigned i = 0; i < n; i++) {
        sum += sizes[i];
    }
    return sum;
}

// The same without tasks, to compare with.
std::uint64_t count_nodes(std::uint64_t node, unsigned n)
{
    std::uint64_t sum = 1;

    for (unsigned i = 0; i < n; i++) {
        std::uint64_t next = child(node, i);

        sum += count_nodes(next, children(next));
    }
    return sum;
}

} // namespace

// An unbalanced tree: 4 000 branches at the root, then 8 or none, by the node's
// own number; a task a node, which is an operation.
outcome uts(std::uint64_t scale)
{
    unsigned n = static_cast<unsigned>(scaled(first, scale));
    std::uint64_t nodes = 0;
    double ns = timed([&] { nodes = walk(1, n); });

    check(nodes, count_nodes(1, n));
    return {nodes, ns};
}
