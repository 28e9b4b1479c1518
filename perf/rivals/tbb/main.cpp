// SPDX-License-Identifier: MIT
// The fork/join workloads of weft-perf micro on oneTBB: `tbb WORKLOAD
// [--workers N] [--scale N]` runs one and prints a line of JSON. What oneTBB
// has no idiom for is not here (status 77).
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/info.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>
#include <oneapi/tbb/version.h>

#include "perf/rivals/tbb/workloads.hpp"

namespace
{

struct workload {
    const char *name;
    outcome (*run)(std::uint64_t scale);
};

constexpr workload workloads[] = {
    {"spawn_join", spawn_join}, {"fib", fork_fib},  {"skynet", skynet},
    {"nqueens", nqueens},       {"matmul", matmul}, {"uts", uts},
};

// The number behind an option, or its default.
std::uint64_t option(int argc, char **argv, const char *name,
                     std::uint64_t otherwise)
{
    for (int i = 2; i < argc; i++) {
        if (std::strcmp(argv[i], name) == 0) {
            long value = i + 1 < argc ? std::atol(argv[i + 1]) : 0;

            if (value < 1) {
                std::fprintf(stderr, "tbb: %s: needs a number\n", name);
                std::exit(2);
            }
            return static_cast<std::uint64_t>(value);
        }
    }
    return otherwise;
}

} // namespace

void check(std::uint64_t is, std::uint64_t wanted)
{
    if (is != wanted) {
        std::fprintf(stderr, "tbb: wrong: %llu instead of %llu\n",
                     static_cast<unsigned long long>(is),
                     static_cast<unsigned long long>(wanted));
        std::exit(1);
    }
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        std::fputs("usage: tbb WORKLOAD [--workers N] [--scale N]\n", stderr);
        return 2;
    }
    auto workers =
        option(argc, argv, "--workers",
               static_cast<std::uint64_t>(tbb::info::default_concurrency()));
    auto scale = option(argc, argv, "--scale", 1);
    tbb::global_control limit(tbb::global_control::max_allowed_parallelism,
                              workers);
    tbb::task_arena arena(static_cast<int>(workers));

    for (const workload &work : workloads) {
        if (std::strcmp(work.name, argv[1]) == 0) {
            outcome out = arena.execute([&] { return work.run(scale); });

            std::printf("{\"runtime\":\"tbb\",\"version\":\"%d.%d\","
                        "\"workload\":\"%s\",\"workers\":%llu,\"ops\":%llu,"
                        "\"ns_per_op\":%.3f}\n",
                        TBB_VERSION_MAJOR, TBB_VERSION_MINOR, work.name,
                        static_cast<unsigned long long>(workers),
                        static_cast<unsigned long long>(out.ops),
                        out.ns / static_cast<double>(out.ops));
            return 0;
        }
    }
    return 77;
}
