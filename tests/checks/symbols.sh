#!/bin/sh
# SPDX-License-Identifier: MIT
# What the library calls itself: every external symbol begins with weft_, a
# shared library shows the public ones only, and all that the headers declare.
# Usage: symbols.sh FOLDER (of shipped.sh)
cd "$(dirname "$0")/../.." || exit 1
folder=${1:?the folder of shipped.sh}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

nm --extern-only --defined-only --format=posix "$folder/static/libweft.a" |
    awk 'NF > 1 { print $1 }' | LC_ALL=C sort -u >"$work/archive"
nm --dynamic --defined-only --format=posix "$folder/shared/libweft.so" |
    awk '{ print $1 }' | LC_ALL=C sort -u >"$work/shared"
# A declaration may go over lines, so the headers are read as one; a macro of
# the same name is no declaration.
cat include/weft/*.h | sed '/^#/d' | tr '\n' ' ' |
    grep -o 'WEFT_API [^;{]*' | sed 's/__attribute__ *((.*//' |
    sed 's/.*[ *]\(weft_[a-z0-9_]*\) *(.*/\1/' | LC_ALL=C sort -u \
    >"$work/declared"

status=0
complain() { # what, list on stdin
    names=$(cat)
    [ -z "$names" ] || { printf '%s:\n%s\n' "$1" "$names"; status=1; }
}
grep -v '^weft_' "$work/archive" >"$work/foreign"
complain "not weft's name" <"$work/foreign"
grep -v '^weft_[a-z]' "$work/shared" >"$work/private"
complain "exported, but not public" <"$work/private"
LC_ALL=C comm -13 "$work/declared" "$work/shared" >"$work/undeclared"
complain "exported, but in no header" <"$work/undeclared"
LC_ALL=C comm -23 "$work/declared" "$work/shared" >"$work/missing"
complain "declared, but not exported" <"$work/missing"

echo "$(wc -l <"$work/archive") external symbols," \
    "$(wc -l <"$work/shared") exported, $(wc -l <"$work/declared") declared"
[ -s "$work/archive" ] && [ -s "$work/shared" ] && exit $status
