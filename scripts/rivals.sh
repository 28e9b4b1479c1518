#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What `make rivals` does: builds weft-perf optimised and the same workloads in
# other runtimes, then measures them in turn. Arguments go to `weft-perf
# rivals`; what it finds stands in build/rivals.json and build/rivals.html, too.
set -euo pipefail
cd "$(dirname "$0")/.."

began=$SECONDS
mkdir -p build
{ cmake --preset release &&
    cmake --build --preset release --target weft-perf --parallel "$(nproc)" &&
    make -C perf/rivals OUT="$PWD/build/rivals"
} >build/rivals.log 2>&1 || {
    cat build/rivals.log
    exit 1
}
echo "built in $((SECONDS - began)) s"

exec build/release/perf/weft-perf rivals \
    --json build/rivals.json --html build/rivals.html "$@"
