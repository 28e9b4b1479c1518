#!/bin/sh
# SPDX-License-Identifier: MIT
# Prints how big each room is and its longest function; a function over 60
# lines or a file over 600 in any of them is an error. Usage: sizes.sh [top]
cd "${1:-$(dirname "$0")/../..}" || exit 1
command -v ctags >/dev/null || { echo "no ctags"; exit 77; }

# "files lines code": code is what is neither blank nor comment. Then the files
# that are too long, one a line.
count_lines() {
    awk '
    FNR == 1 { files++; inside = 0 }
    {
        lines++
        text = $0
        rest = ""
        while (text != "") {
            at = index(text, inside ? "*/" : "/*")
            if (!inside)
                rest = rest (at ? substr(text, 1, at - 1) : text)
            if (!at)
                break
            text = substr(text, at + 2)
            inside = !inside
        }
        sub(/\/\/.*/, "", rest)
        if (rest ~ /[^ \t]/)
            code++
        if (FNR == 601)
            over = over "\nover 600 lines: " FILENAME
    }
    END { printf "%6d %7d %7d%s\n", files, lines, code, over }' "$@"
}

# The longest function, then those that are too long, one a line.
measure_functions() {
    ctags -f - --languages=C --langmap=C:.c.h --kinds-C=f --fields=ne \
        --excmd=number "$@" | awk -F '\t' '
    {
        start = end = 0
        for (i = 4; i <= NF; i++) {
            if ($i ~ /^line:/)
                start = substr($i, 6)
            if ($i ~ /^end:/)
                end = substr($i, 5)
        }
        size = end ? end - start + 1 : 0
        if (size > longest) {
            longest = size
            name = $1 "() in " $2
        }
        if (size > 60)
            over = over "\nover 60 lines: " $1 "() in " $2 ":" start ", " size
    }
    END { printf "%4d %s%s\n", longest, name, over }'
}

found=
printf '%-9s%6s %7s %7s  %s\n' room files lines code 'longest function'
for room in include sched future loop exec tests perf examples docs; do
    # Our file names have no blanks: the list is to be split.
    files=$(find "$room" -name '*.[chS]' -type f | LC_ALL=C sort)
    [ -n "$files" ] || continue
    # shellcheck disable=SC2086
    lines=$(count_lines $files)
    # shellcheck disable=SC2086
    functions=$(measure_functions $files)
    printf '%-9s%s %s\n' "$room" "$(echo "$lines" | head -n 1)" \
        "$(echo "$functions" | head -n 1)"
    found="$found$(echo "$lines" | tail -n +2; echo "$functions" | tail -n +2)"
done
[ -z "$found" ] || { echo "$found"; exit 1; }
