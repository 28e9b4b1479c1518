#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# clang-tidy over every C file that the clang preset compiles.
set -euo pipefail
cd "$(dirname "$0")/.."
cmake --preset clang >/dev/null
scripts/sources.sh | grep '\.c$' |
    grep -Fxf <(sed -n "s|^  \"file\": \"$PWD/\(.*\)\".*|\1|p" \
        build/clang/compile_commands.json) |
    xargs -P "$(nproc)" -n 4 clang-tidy --quiet -p build/clang
