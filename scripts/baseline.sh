#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Instructions that an operation of each row of `weft-perf micro` takes, counted
# by callgrind, against perf/baseline/instructions.txt:
#
#   scripts/baseline.sh [PROGRAM]            fails if a row grew by over 5 %
#   scripts/baseline.sh --update [PROGRAM]   writes the file anew
#
# PROGRAM is an optimised weft-perf; without it the release preset is built.
# A row runs at two sizes, on one worker, and the difference counts: what a
# runtime costs to start and stop cancels out. There is no monitor, to which all
# that runs under callgrind is stuck. Time has little say in it (about
# 1 %: which queue has its turn when the first task comes), so the machine may
# be busy. Exit status 77: nothing to compare with here (no
# valgrind, or another compiler than the one the file names).
set -euo pipefail
export LC_ALL=C WEFT_ENGINE=epoll
unset WEFT_WORKERS WEFT_DEBUG MALLOC_CONF

top=$(cd "$(dirname "$0")/.." && pwd)
file=$top/perf/baseline/instructions.txt
limit=5   # per cent
scale=100 # of a row that the file does not know yet

# --- one row: a process of its own, for xargs ---

# "operations instructions" of one run.
count() { # row, scale
    local out=$work/$1.$2
    valgrind --tool=callgrind --callgrind-out-file="$out" \
        --toggle-collect=perf_calibrate --collect-atstart=yes \
        "$perf" micro --workers 1 --no-monitor --repeat 1 --json \
        --scale "$2" "$1" \
        >"$out.json" 2>"$out.log" || {
        cat "$out.log" >&2
        return 1
    }
    echo "$(sed -n 's/.*"ops":\([0-9]*\).*/\1/p' "$out.json")" \
        "$(sed -n 's/^totals: //p' "$out")"
}

# "row scale instructions", from two runs.
measure() { # row, scale
    local small large
    small=$(count "$1" "$2")
    large=$(count "$1" $(($2 / 4)))
    echo "$small $large" | awk -v row="$1" -v scale="$2" '
    $3 <= $1 || $4 <= $2 {
        printf "%s: no bigger at a quarter of scale %d: choose another\n",
            row, scale >"/dev/stderr"
        exit 1
    }
    { printf "%s %d %.1f\n", row, scale, ($4 - $2) / ($3 - $1) }'
}

# What the clock adds (an allocator that tidies up, a turn for others) is not
# there every time: the least of three counts, if the first is too many.
grew() { # line
    awk -v limit="$limit" -v row="${1%% *}" -v now="${1##* }" \
        '$1 == row && $2 != "-" { exit !(now > $3 * (1 + limit / 100)) }
         END { if (NR == 0) exit 1 }' "$file"
}

if [ "${1:-}" = --row ]; then
    perf=$2 work=$3
    line=$(measure "$4" "$5")
    for _ in 1 2; do
        grew "$line" || break
        again=$(measure "$4" "$5")
        line=$(printf '%s\n%s\n' "$line" "$again" | sort -n -k3 | head -n 1)
    done
    echo "$line" >"$work/$4.line"
    exit
fi

# --- what there is ---

update=false
if [ "${1:-}" = --update ]; then
    update=true
    shift
fi
command -v valgrind >/dev/null || { echo "no valgrind"; exit 77; }
if [ $# -eq 0 ]; then
    (cd "$top" && cmake --preset release >/dev/null &&
        cmake --build --preset release --target weft-perf >/dev/null)
    set -- "$top/build/release/perf/weft-perf"
fi
perf=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Each compiler signs what it makes; gcc's own start files are in every program.
compiler() {
    readelf -p .comment "$perf" | awk -v machine="$(uname -m)" '
    /GCC: / { gcc = "gcc " $NF }
    match($0, /clang version [0-9.]+/) {
        clang = "clang " substr($0, RSTART + 14, RLENGTH - 14)
    }
    END { print (clang ? clang : gcc) " on " machine }'
}

# The harness names its rows when it is asked for one that there is not.
rows() {
    { "$perf" micro none 2>&1 || true; } |
        sed -n 's/.*there are: calibrate //p' | tr ' ' '\n'
}

line_of() { # row
    awk -v row="$1" '$1 == row' "$file" 2>/dev/null
}

is_left_out() { # row
    [ "$(line_of "$1" | awk '{ print $2 }')" = - ]
}

# "row scale" of all that are counted.
counted() {
    for row in $(rows); do
        is_left_out "$row" || line_of "$row" | awk -v row="$row" \
            -v scale="$scale" '{ scale = $2 } END { print row, scale }'
    done
}

# --- the two commands ---

new_file() { # the measured
    sed -n '/^#/p' "$file"
    echo "compiler $(compiler)"
    for row in $(rows); do
        if is_left_out "$row"; then
            line_of "$row"
        else
            awk -v row="$row" '$1 == row {
                printf "%-14s %6d %10.1f\n", $1, $2, $3 }' "$1"
        fi
    done
}

compare() { # the measured
    awk -v limit="$limit" '
    function grown() { return ($3 / before[$1] - 1) * 100 }
    FNR == NR {
        if ($2 + 0 > 0)
            before[$1] = $3
        next
    }
    {
        count++
        verdict = ""
        if (!($1 in before)) {
            verdict = "  NOT IN THE FILE"
            bad = 1
            printf "%-14s %10s %10.1f %8s%s\n", $1, "-", $3, "", verdict
            next
        }
        if (grown() > limit) {
            verdict = "  GREW"
            bad = 1
        } else if (grown() < -limit)
            verdict = "  shrank: write the file anew to keep it"
        printf "%-14s %10.1f %10.1f %+7.1f%%%s\n", $1, before[$1], $3,
            grown(), verdict
        delete before[$1]
    }
    END {
        for (row in before) {
            printf "%-14s %10.1f %10s %8s  NOT MEASURED\n", row, before[row],
                "-", ""
            bad = 1
        }
        exit bad || count == 0
    }' "$file" "$1"
}

wanted=$(sed -n 's/^compiler //p' "$file")
if ! $update && [ -z "$wanted" ]; then
    echo "${file#"$top"/} names no compiler"
    exit 1
fi
if ! $update && [ "$wanted" != "$(compiler)" ]; then
    echo "skipped: the file is of $wanted, this weft-perf of $(compiler)"
    exit 77
fi
counted | xargs -P "$(nproc)" -L 1 "$0" --row "$perf" "$work"
counted | while read -r row _; do cat "$work/$row.line"; done >"$work/all"
if $update; then
    new_file "$work/all" >"$work/new"
    cp "$work/new" "$file"
    echo "written: ${file#"$top"/}"
    exit
fi
printf '%-14s %10s %10s\n' 'instructions' before after
compare "$work/all" || {
    echo "If that is as it should be: scripts/baseline.sh --update, and say" \
        "why in the commit"
    exit 1
}
