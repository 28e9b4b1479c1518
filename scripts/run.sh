#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What `make run` does: an optimised build, then the main job on real files, for
# ten seconds. ROOT is the tree it reads.
set -euo pipefail
cd "$(dirname "$0")/.."

ROOT=${ROOT:-/usr/lib}
if [ ! -d "$ROOT" ] || [ ! -r "$ROOT" ]; then
    echo "run: ROOT=$ROOT is not a folder that can be read" >&2
    exit 2
fi

began=$SECONDS
mkdir -p build
{ cmake --preset release &&
    cmake --build --preset release --target weft-perf --parallel "$(nproc)"
} >build/release.log 2>&1 || {
    cat build/release.log
    exit 1
}
echo "built in $((SECONDS - began)) s"

exec build/release/perf/weft-perf mixed --sha256 --root "$ROOT" \
    --duration 10 --hogs 4 --light-rate 500 --walkers 2
