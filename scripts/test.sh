#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds presets and runs their tests, once for each engine:
#
#   scripts/test.sh dev            what `make test` does
#   scripts/test.sh asan tsan      what `make sanitize` does
#
# Where the kernel gives out no io_uring, those runs are skipped, and said so.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/stages.sh

jobs=$(nproc)

# ThreadSanitizers of this age cannot live with much address randomisation.
run_tests() {
    local steady=()
    if [[ $1 == tsan* ]] && setarch -R true 2>/dev/null; then
        steady=(setarch -R)
    fi
    "${steady[@]}" ctest --preset "$1-$2" --parallel "$jobs"
}

build() {
    cmake --preset "$1" >"build/$1.log" 2>&1 || {
        cat "build/$1.log"
        return 1
    }
    cmake --build --preset "$1" --parallel "$jobs"
}

mkdir -p build
for preset in "$@"; do
    stage "$preset: build" build "$preset" || continue
    stage "$preset: epoll" run_tests "$preset" epoll || true
    if reason=$("build/$preset/tests/weft-has-uring"); then
        stage "$preset: io_uring" run_tests "$preset" uring || true
    else
        stage_skipped "$preset: io_uring" "$reason"
    fi
done
stages_end
