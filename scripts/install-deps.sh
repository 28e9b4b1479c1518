#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs the Debian 12 packages that are missing, and says which:
#
#   scripts/install-deps.sh run     what `make run` and `make install` need
#   scripts/install-deps.sh test    that, and what tests and checks need
#   scripts/install-deps.sh rivals  the first, and what `make rivals` and `make mixed` need
#
# As root, or through sudo. With nothing missing it touches nothing.
set -euo pipefail

run=(
    gcc libc6-dev make cmake ninja-build pkg-config
    libjemalloc-dev liburing-dev libssl-dev libunwind-dev
)
test=(
    "${run[@]}"
    g++ clang libclang-rt-14-dev binutils
    libcriterion-dev relacy-dev python3 curl valgrind wrk
    universal-ctags clang-format clang-tidy
    gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user
)
rivals=(
    "${run[@]}"
    g++ golang-go cargo rustc python3
    librust-async-channel-dev librust-libc-dev librust-tokio-dev
    libglib2.0-dev libtbb-dev libuv1-dev
)

case "${1:-}" in
run) wanted=("${run[@]}") ;;
test) wanted=("${test[@]}") ;;
rivals) wanted=("${rivals[@]}") ;;
*)
    echo "usage: $0 run|test|rivals" >&2
    exit 2
    ;;
esac

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "packages: this is not Debian; nothing installed. Needed by name:"
    printf '  %s\n' "${wanted[*]}"
    exit 0
fi

installed=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' 2>/dev/null |
    awk '$1 == "ii" || $1 == "hi" { print $2 }')
missing=()
for package in "${wanted[@]}"; do
    grep -qxF -- "$package" <<<"$installed" || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
    echo "packages: nothing missing"
    exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "packages: missing: ${missing[*]}" >&2
        echo "packages: neither root nor sudo here; as root, run:" >&2
        echo "  apt-get install ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
fi

echo "packages: installing ${missing[*]}"
"${as_root[@]}" apt-get update -q
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -q -y --no-install-recommends "${missing[@]}"
