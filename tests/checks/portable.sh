#!/bin/sh
# SPDX-License-Identifier: MIT
# The switch of any machine: builds with -DWEFT_CONTEXT=ucontext and runs the
# examples and a few tests on it.
# Usage: portable.sh FOLDER COMPILER
cd "$(dirname "$0")/../.." || exit 1
folder=${1:?a folder to build in}
tests="future/task future/cancel future/foreign"

cmake -S . -B "$folder" -G Ninja -DCMAKE_C_COMPILER="${2:-cc}" \
    -DWEFT_CONTEXT=ucontext -DWEFT_BUILD_PERF=OFF >"$folder.log" 2>&1 &&
    targets=$(for test in $tests; do echo "weft-test-$test" | tr / -; done) &&
    ninja -C "$folder" weft $targets $(cd examples && ls ./*.c |
        sed 's/\.\/\(.*\)\.c/weft-example-\1/') >>"$folder.log" 2>&1 || {
    cat "$folder.log"
    exit 1
}
for program in "$folder"/examples/weft-example-* "$folder"/tests/weft-test-*; do
    [ -x "$program" ] && [ -f "$program" ] || continue
    echo "$program" | sed 's/.*weft-/weft-/'
    CRITERION_JOBS=1 WEFT_TEST_SCALE=10 "$program" >"$folder.log" 2>&1 || {
        cat "$folder.log"
        exit 1
    }
done
