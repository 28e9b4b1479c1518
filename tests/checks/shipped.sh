#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds what is shipped, optimised and without assertions, for the checks that
# look at it: FOLDER/static with weft-perf, FOLDER/shared.
# Usage: shipped.sh FOLDER [compiler]
cd "$(dirname "$0")/../.." || exit 1
folder=${1:?a folder to build in}

build() { # name options...
    name=$1
    shift
    cmake -S . -B "$folder/$name" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo \
        -DCMAKE_C_COMPILER="$cc" -DWEFT_WERROR=ON -DWEFT_BUILD_TESTS=OFF \
        -DWEFT_BUILD_EXAMPLES=OFF "$@" >"$folder/$name.log" 2>&1 &&
        cmake --build "$folder/$name" >>"$folder/$name.log" 2>&1 || {
        cat "$folder/$name.log"
        return 1
    }
}

cc=${2:-gcc}
mkdir -p "$folder" &&
    build static -DBUILD_SHARED_LIBS=OFF -DWEFT_BUILD_PERF=ON &&
    build shared -DBUILD_SHARED_LIBS=ON -DWEFT_BUILD_PERF=OFF
