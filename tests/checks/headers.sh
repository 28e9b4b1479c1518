#!/bin/sh
# SPDX-License-Identifier: MIT
# Each public header compiles alone, without a warning, as strict C and C++.
cd "$(dirname "$0")/../.." || exit 1
for compiler in gcc clang g++ clang++; do
    command -v $compiler >/dev/null || { echo "no $compiler"; exit 77; }
done

status=0
count=0
try() { # compiler language standard header
    printf '#include <%s>\n' "$4" |
        "$1" -x "$2" -std="$3" -fsyntax-only -Iinclude -Wall -Wextra \
            -Wpedantic -Wshadow -Wundef -Werror - || {
        echo "$4: $1 -std=$3"
        status=1
    }
    count=$((count + 1))
}

for header in $(cd include && find . -name '*.h' | LC_ALL=C sort); do
    header=${header#./}
    for standard in c11 c17; do
        try gcc c $standard "$header"
        try clang c $standard "$header"
    done
    try g++ c++ c++17 "$header"
    try clang++ c++ c++17 "$header"
done
echo "$count compilations"
[ $count -gt 0 ] && exit $status
