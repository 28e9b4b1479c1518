#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What `make rivals` and `make mixed` do: builds weft-perf optimised and the
# programs in other runtimes, then measures them in turn.
#
#   scripts/rivals.sh rivals [...]  the micro workloads, `weft-perf rivals`
#   scripts/rivals.sh mixed [...]   the servers, `weft-perf mixed --rivals`
#
# Further arguments go to that; what it finds stands in build/rivals.json and
# .html, or build/mixed.json and .html, too.
set -euo pipefail
cd "$(dirname "$0")/.."

what=${1:-}
case $what in
rivals) command=(rivals) programs=all ;;
mixed) command=(mixed --rivals) programs=servers ;;
*)
    echo "usage: $0 rivals|mixed [argument...]" >&2
    exit 2
    ;;
esac
shift

began=$SECONDS
mkdir -p build
{ cmake --preset release &&
    cmake --build --preset release --target weft-perf --parallel "$(nproc)" &&
    make -C perf/rivals OUT="$PWD/build/rivals" "$programs"
} >"build/$what.log" 2>&1 || {
    cat "build/$what.log"
    exit 1
}
echo "built in $((SECONDS - began)) s"

exec build/release/perf/weft-perf "${command[@]}" \
    --json "build/$what.json" --html "build/$what.html" "$@"
