// SPDX-License-Identifier: MIT
// Trees of tasks: fork and join with next to no work in a node.
#include <oneapi/tbb/task_group.h>

#include "perf/fib.h"
#include "perf/queens.h"
#include "perf/rivals/tbb/workloads.hpp"
#include "perf/uts.h"

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

// fib(32), a task for one branch of each call, or a smaller one.
outcome fork_fib(std::uint64_t scale)
{
    unsigned n = perf_fib_within(scaled(perf_fib_calls(PERF_FIB_N), scale));
    std::uint64_t is = 0;
    double ns = timed([&] { is = fib(n); });

    check(is, perf_fib(n));
    return {perf_fib_calls(n), ns};
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
    std::uint64_t leaves = 10, nodes = 11, sum = 0;

    while (leaves < scaled(1000000, scale)) {
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

count place(const perf_board &board);

// A task for each board but the last, which is a call.
count place_each(const perf_board &board, std::uint32_t free)
{
    count below[PERF_QUEENS], sum = {1, 0};
    unsigned n = 0;
    tbb::task_group group;

    for (; (free & (free - 1)) != 0; free &= free - 1, n++) {
        group.run([next = perf_board_with(&board, free & -free),
                   out = &below[n]] { *out = place(next); });
    }
    below[n++] = place(perf_board_with(&board, free));
    group.wait();
    for (unsigned i = 0; i < n; i++) {
        sum.boards += below[i].boards;
        sum.solutions += below[i].solutions;
    }
    return sum;
}

// Without a group where there is nothing to share: it is not for free.
count place(const perf_board &board)
{
    std::uint32_t free = perf_board_free(&board);

    if (free == 0) {
        return {1, perf_board_is_full(&board)};
    }
    if ((free & (free - 1)) == 0) {
        count one = place(perf_board_with(&board, free));

        one.boards++;
        return one;
    }
    return place_each(board, free);
}

} // namespace

// nqueens(12); an operation is a board, the empty one included.
outcome nqueens(std::uint64_t scale)
{
    unsigned n = perf_queens_within(scale);
    count is = {};
    double ns = timed([&] { is = place(perf_board_empty(n)); });

    check(is.boards, perf_queens_boards(n));
    check(is.solutions, perf_queens_solutions(n));
    return {is.boards, ns};
}

// --- uts ---

namespace
{

std::uint64_t walk(const perf_uts_node &node)
{
    constexpr unsigned last = PERF_UTS_CHILDREN - 1;
    std::uint64_t counts[last], sum = 1;

    if (!perf_uts_has_children(&node)) {
        return sum;
    }
    tbb::task_group group;

    for (unsigned i = 0; i < last; i++) {
        group.run([child = perf_uts_child(&node, i), out = &counts[i]] {
            *out = walk(child);
        });
    }
    sum += walk(perf_uts_child(&node, last));
    group.wait();
    for (std::uint64_t count : counts) {
        sum += count;
    }
    return sum;
}

} // namespace

// The tree of perf/uts.h: a task for each child but the last; an operation is a
// node.
outcome uts(std::uint64_t scale)
{
    perf_uts_node root = perf_uts_root(scale);
    std::uint64_t nodes = 0;
    double ns = timed([&] { nodes = walk(root); });

    check(nodes, root.full == PERF_UTS_FULL ? PERF_UTS_NODES
                                            : perf_uts_count(root));
    return {nodes, ns};
}
