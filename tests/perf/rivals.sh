#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# weft-perf rivals against programs that only pretend; and against the real
# ones, small, where they have been built (make rivals). No times are checked.
# Usage: rivals.sh path/to/weft-perf
set -uo pipefail

perf=$1
work=$(mktemp -d)
failures=0
trap 'rm -rf "$work"' EXIT

check() { # what, wanted, is
    if [[ $2 == "$3" ]]; then
        echo "ok: $1"
    else
        echo "FAILED: $1: wanted <$2>, is <$3>"
        failures=$((failures + 1))
    fi
}

# A rival that says what it is told to; $0 and $1 are noted.
fake() { # program, what it does
    cat >"$work/$1" <<END
#!/bin/sh
echo "$1 \$1" >>"$work/log"
$2
END
    chmod +x "$work/$1"
}

says() { # nanoseconds
    echo "echo '{\"version\":\"1<2\",\"workload\":\"x\",\"ns_per_op\":$1}'"
}

run() { # arguments
    : >"$work/log"
    "$perf" rivals --programs "$work" --scale 100000 "$@" \
        >"$work/out" 2>"$work/err"
}

has() { # file, text
    grep -qF -- "$2" "$work/$1" && echo yes || cat "$work/$1"
}

# --- who is missing ---
run yield
check "nobody there: status" 1 $?
check "nobody there: says what to do" yes "$(has err '`make rivals`')"
check "nobody there: names one" yes "$(has err "Tokio: $work/tokio: not built")"
fake go "$(says 1e9)"
run yield
check "Tokio missing: status" 1 $?
check "Tokio missing: nothing was run" "" "$(cat "$work/log")"
fake tokio "$(says 2e9)"
run --pairs 1 yield
check "the others may be missing" 0 $?
check "but it is said" yes "$(has err "oneTBB: $work/tbb: not built")"

# --- in turn ---
fake tbb "exit 77"
fake libuv "$(says 3e9)"
fake glib "$(says 5e9)"
fake asyncio "$(says 4e9)"
run --pairs 3 --json "$work/json" --html "$work/html" yield
check "better than its limit: status" 0 $?
check "the one that begins changes" \
    "go tokio tbb libuv glib asyncio go tokio libuv glib asyncio tokio libuv glib asyncio go" \
    "$(cut -d' ' -f1 "$work/log" | xargs)"
check "passed" 1 "$(grep -c '^yield .* passed ' "$work/out")"
check "who has it not is not listed" no \
    "$(grep -q 'oneTBB' "$work/out" && echo yes || echo no)"
check "the others" yes "$(has out 'libuv 3000000000, GLib 5000000000, asyncio 4000000000')"
check "every run in the JSON" '"runs":[2000000000.000,2000000000.000,2000000000.000]' \
    "$(grep -oF '"runs":[2000000000.000,2000000000.000,2000000000.000]' "$work/json")"
check "the page has its end" "</body></html>" "$(tail -n 1 "$work/html")"
if command -v python3 >/dev/null; then
    check "JSON as others read it" "3 passed" "$(python3 -c '
import json, sys
found = json.load(open(sys.argv[1]))
passed = found["workloads"]["yield"]["ratio"]["passed"]
print(found["pairs"], "passed" if passed else "missed")' "$work/json")"
    check "the page as XML" "html" "$(python3 -c '
import sys, xml.dom.minidom
print(xml.dom.minidom.parse(sys.argv[1]).documentElement.tagName)' "$work/html")"
fi

fake go "$(says 0.001)"
run --pairs 1 yield
check "worse than its limit: status" 3 $?
check "missed" 1 "$(grep -c '^yield .* missed ' "$work/out")"

# --- what goes wrong ---
fake tokio 'test "$1" != spawn_one || exit 1
'"$(says 1e9)"
run --pairs 1 yield spawn_one
check "a rival fails: status" 1 $?
check "a rival fails: which, where" yes \
    "$(has err 'Tokio: spawn_one: ended with status 1')"
check "a rival fails: the rest is told" 1 "$(grep -c '^yield ' "$work/out")"
check "a rival fails: the failure is not" 0 "$(grep -c '^spawn_one ' "$work/out")"
fake tokio 'echo nonsense'
run --pairs 1 yield
check "nonsense: status" 1 $?
check "nonsense: said" yes "$(has err 'did not say how long it took')"
fake tokio 'kill -9 $$'
run --pairs 1 yield
check "a rival is killed" yes "$(has err 'Tokio: yield: ended with status 137')"
fake tokio "$(says 1e9)"
run --pairs 1 --json "$work/no/such/folder" yield
check "a file that cannot be written: status" 1 $?
run nothing
check "no such workload" 2 $?
names=$(sed -n 's/.* there are: //p' "$work/err")
check "workloads are told" yes "$([[ $names == *spawn_join*timer_cancel* ]] && echo yes)"

# --- what this weft-perf has not yet ---
for name in $names; do
    "$perf" micro "$name" --repeat 1 --scale 1000000 >/dev/null 2>&1
    [[ $? == 2 ]] || continue
    run "$name"
    check "$name: skipped: status" 0 $?
    check "$name: skipped: said" yes "$(has out "$name: skipped")"
    check "$name: skipped: not run" "" "$(cat "$work/log")"
done

# --- the real ones: right, and with an answer ---
real=$(dirname "$perf")/../../rivals
if [[ -x $real/go && -x $real/tokio ]]; then
    for program in go tokio tbb libuv glib asyncio; do
        [[ -x $real/$program ]] || continue
        for name in $names; do
            said=$("$real/$program" "$name" --workers 2 --scale 1000)
            status=$?
            [[ $status == 77 && -z $said ]] ||
                check "$program $name" "0 ns_per_op" \
                    "$status $(grep -o ns_per_op <<<"$said")"
        done
        "$real/$program" nothing --workers 2 >"$work/out"
        check "$program: has not what there is not" 77 $?
    done
    "$perf" rivals --pairs 1 --scale 1000 >"$work/out"
    check "all of them: status 0 or 3" yes \
        "$([[ $? == [03] ]] && echo yes || echo no)"
fi

echo "$failures failed"
[[ $failures == 0 ]]
