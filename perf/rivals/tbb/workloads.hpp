// SPDX-License-Identifier: MIT
// What a workload of the oneTBB rival is.
#ifndef WEFT_RIVALS_TBB_WORKLOADS_HPP
#define WEFT_RIVALS_TBB_WORKLOADS_HPP

#include <chrono>
#include <cstdint>

// Operations, and the time of all together.
struct outcome {
    std::uint64_t ops;
    double ns;
};

outcome spawn_join(std::uint64_t scale);
outcome fork_fib(std::uint64_t scale);
outcome skynet(std::uint64_t scale);
outcome nqueens(std::uint64_t scale);
outcome matmul(std::uint64_t scale);
outcome uts(std::uint64_t scale);

// Programs that compute wrong have no time worth telling: ends this one.
void check(std::uint64_t is, std::uint64_t wanted);

// A count divided by the scale.
inline std::uint64_t scaled(std::uint64_t n, std::uint64_t scale)
{
    return n > scale ? n / scale : 1;
}

// How long `work` takes, in nanoseconds.
template <typename Work> double timed(Work work)
{
    auto start = std::chrono::steady_clock::now();

    work();
    return std::chrono::duration<double, std::nano>(
               std::chrono::steady_clock::now() - start)
        .count();
}

#endif
