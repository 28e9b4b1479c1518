#!/bin/sh
# SPDX-License-Identifier: MIT
# Every function of a public header stands directly below a /** comment */ that
# has all the fields of the house form, in their order.
# Usage: docstrings.sh [header...]
cd "$(dirname "$0")/../.." || exit 1
if [ $# -eq 0 ]; then
    set -- include/*.h include/weft/*.h
fi

awk '
BEGIN { nf = split("Context Suspends Cancellation Ownership Returns", field) }
function check(    i, at, last) {
    functions++
    if (doc == "") {
        printf "%s:%d: no comment: %s\n", FILENAME, FNR, $0
        bad = 1
        return
    }
    last = 0
    for (i = 1; i <= nf; i++) {
        at = match(doc, "\n \\* " field[i] ": +[^ \n]")
        if (at == 0) {
            printf "%s:%d: no \"%s:\" above: %s\n", FILENAME, FNR, field[i], $0
            bad = 1
        } else if (at < last) {
            printf "%s:%d: \"%s:\" out of order above: %s\n",
                   FILENAME, FNR, field[i], $0
            bad = 1
        } else
            last = at
    }
}
FNR == 1 { doc = ""; inside = 0 }
/^\/\*\*/ { inside = 1; doc = "" }
inside {
    doc = doc "\n" $0
    if (/\*\/[ \t]*$/)
        inside = 0
    next
}
/^(WEFT_API|static inline)/ { check() }
# Whatever follows a comment uses it up.
{ doc = "" }
END {
    printf "%d public functions\n", functions
    exit bad || functions == 0
}' "$@"
