#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs the library, static and shared, moves the installed tree, and builds
# and runs tests/install from there, outside of this tree: by find_package(weft)
# and by pkg-config, in C and in C++. Usage: install.sh FOLDER [compiler]
cd "$(dirname "$0")/../.." || exit 1
folder=${1:?the folder of shipped.sh}
cc=${2:-gcc}
case $cc in
*clang*) cxx=clang++ ;;
*) cxx=g++ ;;
esac
program=$PWD/tests/install
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

die() {
    echo "$*"
    [ ! -f "$work/log" ] || cat "$work/log"
    exit 1
}

by_cmake() { # kind
    cmake -S "$program" -B "$work/cmake-$1" -DCMAKE_C_COMPILER="$cc" \
        -DCMAKE_CXX_COMPILER=$cxx -DCMAKE_PREFIX_PATH="$work/$1" \
        >"$work/log" 2>&1 || die "$1: find_package(weft) failed"
    cmake --build "$work/cmake-$1" >"$work/log" 2>&1 ||
        die "$1: does not build by find_package(weft)"
    for language in c cxx; do
        "$work/cmake-$1/hello-$language" >"$work/log" 2>&1 ||
            die "$1: the $language program failed ($?)"
    done
}

by_pkg_config() { # kind
    kind=$1
    PKG_CONFIG_PATH=$(dirname "$(find "$work/$kind" -name weft.pc)")
    export PKG_CONFIG_PATH
    cflags=$(pkg-config --cflags weft) || die "$kind: pkg-config --cflags"
    libs=$(pkg-config --libs weft) || die "$kind: pkg-config --libs"
    # shellcheck disable=SC2086
    "$cc" $cflags "$program/hello.c" -o "$work/hello-pc-c" $libs \
        >"$work/log" 2>&1 || die "$kind: does not build by pkg-config in C"
    # shellcheck disable=SC2086
    $cxx -x c++ $cflags "$program/hello.c" -x none -o "$work/hello-pc-cxx" \
        $libs >"$work/log" 2>&1 ||
        die "$kind: does not build by pkg-config in C++"
    for language in c cxx; do
        LD_LIBRARY_PATH=$(dirname "$PKG_CONFIG_PATH") \
            "$work/hello-pc-$language" >"$work/log" 2>&1 ||
            die "$kind: the $language program by pkg-config failed ($?)"
    done
}

for kind in static shared; do
    cmake --install "$folder/$kind" --prefix "$work/first" >"$work/log" 2>&1 ||
        die "$kind: cmake --install failed"
    # Nothing may remember where it was installed to.
    mv "$work/first" "$work/$kind"
    by_cmake $kind
    by_pkg_config $kind
    echo "$kind: ok"
done

# And all of the public headers are there.
(cd include && find . -name '*.h' | LC_ALL=C sort) >"$work/ours"
(cd "$work/static/include" && find . -name '*.h' | LC_ALL=C sort) >"$work/theirs"
diff "$work/ours" "$work/theirs"
