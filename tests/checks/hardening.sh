#!/bin/sh
# SPDX-License-Identifier: MIT
# Looks at the built files for what the flags promise: no executable stack, no
# writable code, addresses bound and sealed at the start, position-independent,
# stack protector and fortified calls in use.
# Usage: hardening.sh FOLDER (of shipped.sh)
folder=${1:?the folder of shipped.sh}
status=0

must() { # file, what, then a command that says it is so
    file=$1
    what=$2
    shift 2
    "$@" || { echo "${file##*/}: $what"; status=1; }
}
header() { readelf -hW "$1" | grep -Eq "$2"; }
segment() { readelf -lW "$1" | grep -Eq "$2"; }
dynamic() { readelf -dW "$1" | grep -Eq "$2"; }
symbol() { nm "$1" | grep -Eq "$2"; }
no() { ! "$@"; }

linked() {
    must "$1" "not position-independent" header "$1" 'Type: +DYN'
    must "$1" "the stack is executable" \
        segment "$1" 'GNU_STACK .* RW +0x'
    must "$1" "a segment is writable and executable" \
        no segment "$1" 'LOAD .* RWE '
    must "$1" "no RELRO" segment "$1" 'GNU_RELRO'
    must "$1" "not bound at the start" dynamic "$1" 'BIND_NOW|FLAGS.* NOW'
    must "$1" "relocations in its code" no dynamic "$1" 'TEXTREL'
    must "$1" "a search path of the build machine" no dynamic "$1" 'R(UN)?PATH'
    must "$1" "no stack protector" symbol "$1" ' U __stack_chk_fail'
    must "$1" "no fortified call" symbol "$1" ' U __[a-z]+_chk(@|$)'
}

perf=$folder/static/perf/weft-perf
shared=$folder/shared/libweft.so
archive=$folder/static/libweft.a

linked "$shared"
linked "$perf"
must "$perf" "not a PIE" dynamic "$perf" 'FLAGS_1.* PIE'

# One object without the note makes the stack of a whole program executable.
must "$archive" "an object asks for an executable stack" \
    no sh -c "readelf -SW '$archive' | grep -E 'note.GNU-stack .* A?X'"
objects=$(readelf -SW "$archive" | grep -c '^File: ')
notes=$(readelf -SW "$archive" | grep -c 'note.GNU-stack')
must "$archive" "$notes stack notes in $objects objects" \
    test "$objects" -gt 0 -a "$objects" -eq "$notes"

# A path of the build machine would also differ from build to build. Debug
# information may name it.
top=$(cd "$(dirname "$0")/../.." && pwd)
bare=$(mktemp) || exit 1
trap 'rm -f "$bare"' EXIT
for file in "$archive" "$shared" "$perf"; do
    objcopy --strip-debug "$file" "$bare"
    must "$file" "names the folder it was built in" \
        no grep -Fqa "$top/" "$bare"
done

[ $status -eq 0 ] && echo "$objects objects, libweft.so and weft-perf: as promised"
exit $status
