#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# weft-perf mixed --rivals with servers that only pretend to be others; and the
# real ones, asked for each thing they offer, where they have been built (make
# mixed). No times are checked. Usage: beside.sh path/to/weft-perf
set -uo pipefail

perf=$1
work=$(mktemp -d)
server=
failures=0

cleanup() {
    [[ -n $server ]] && kill -KILL "$server" 2>/dev/null
    rm -rf "$work"
}
trap cleanup EXIT

check() { # what, wanted, is
    if [[ $2 == "$3" ]]; then
        echo "ok: $1"
    else
        echo "FAILED: $1: wanted <$2>, is <$3>"
        failures=$((failures + 1))
    fi
}

run() { # arguments
    : >"$work/log"
    "$perf" mixed --rivals --programs "$work" "$@" >"$work/out" 2>"$work/err"
}

small() { # more arguments
    run --duration 200ms --light-rate 100 --light-connections 4 --burn-us 500 "$@"
}

has() { # file, text
    grep -qF -- "$2" "$work/$1" && echo yes || cat "$work/$1"
}

# A server that says it began, then is what it is told to be.
fake() { # program, what it does
    cat >"$work/$1" <<END
#!/bin/sh
test "\$1" != --version || { echo "$1 <1>"; exit; }
echo $1 >>"$work/log"
$2
END
    chmod +x "$work/$1"
}

# --- the command line ---
for arguments in "--hogs-list 2,1" "--hogs-list 1,x" "--hogs-list ,1" \
    "--runs 0" "--burn-us 5 --block-us 5" "--root /" "/"; do
    # shellcheck disable=SC2086
    run $arguments
    check "mixed --rivals $arguments" 2 $?
done
run --help
check "help" 0 $?
check "the help of mixed names it" yes "$("$perf" mixed --help | grep -q -- '--rivals --help' && echo yes)"
for arguments in "--threads --fork-us 5" "--server $perf --sha256 --root $work" \
    "--burn-us 5 --burn-rounds 5"; do
    # shellcheck disable=SC2086
    "$perf" mixed $arguments 2>/dev/null
    check "mixed $arguments" 2 $?
done

# --- weft and threads alone, and what they leave behind ---
small --hogs-list 0,2 --runs 1 --json "$work/json" --html "$work/html"
check "nobody else there: status" 0 $?
check "nobody else there: said" yes "$(has err "Go: $work/go: not built, skipped")"
check "a row for each" "0weft 0threads 2weft 2threads" \
    "$(awk '$1 ~ /^[0-9]+$/ && $2 ~ /^(weft|threads)$/ { print $1 $2 }' "$work/out" | xargs)"
check "the generator's floor" yes "$(grep -q '^the generator.s floor, .*p99' "$work/out" && echo yes)"
check "the page has its end" "</body></html>" "$(tail -n 1 "$work/html")"
check "the page loads nothing" 0 "$(grep -cE 'https?:|url\(|<script|<link|<img|@import' "$work/html")"
if command -v python3 >/dev/null; then
    check "JSON as others read it" "2 500 ['threads', 'weft'] ['0', '2'] True" "$(python3 -c '
import json, sys
found = json.load(open(sys.argv[1]))
servers = found["servers"]
cell = servers["threads"]["hogs"]["2"]
print(found["workers"], found["burn_us"], sorted(servers),
      sorted(servers["weft"]["hogs"]),
      len(cell["p99_us"]["runs"]) == 1 and "median" in cell["hogs_per_second"])' "$work/json")"
    check "the page as XML" "html" "$(python3 -c '
import sys, xml.dom.minidom
print(xml.dom.minidom.parse(sys.argv[1]).documentElement.tagName)' "$work/html")"
fi
small --hogs-list 1 --runs 1 --block-us 300
check "two kinds of hogs" 2 $?
run --duration 200ms --light-rate 100 --hogs-list 1 --runs 1 --block-us 300
check "hogs that block" yes "$(has out 'blocks for 300 us')"
small --hogs-list 0 --runs 1 --html "$work/no/such/folder"
check "a file that cannot be written: status" 1 $?

# --- in turn ---
fake go "exec '$perf' \"\$@\""
fake libuv "exec '$perf' \"\$@\" --threads"
small --hogs-list 1 --runs 4 --html "$work/html"
check "with others: status" 0 $?
# The first two are those that ran alone.
check "the one that begins changes" "go libuv go libuv go libuv go libuv libuv go" \
    "$(xargs <"$work/log")"
check "versions are told" yes "$(has html 'go &lt;1&gt;')"

# --- what goes wrong ---
fake tokio "exit 3"
small --hogs-list 0 --runs 1
check "a server that does not start: status" 1 $?
check "a server that does not start: which" yes "$(has err 'Tokio: ')"

# --- the real ones ---
real=$(dirname "$perf")/../../rivals
ask() { # path
    curl --silent --max-time 20 -w ' %{http_code}' "$url$1" | tr '\n' ' '
}
for program in "$perf" "$perf --threads" "$real/go" "$real/tokio" "$real/libuv"; do
    read -r path option <<<"$program"
    [[ -x $path ]] && command -v curl >/dev/null || continue
    rm -f "$work/said"
    # shellcheck disable=SC2086
    "$path" serve --port 0 --follow-parent $$ --workers 2 $option >"$work/said" &
    server=$!
    for _ in $(seq 200); do
        [[ -s $work/said ]] && break
        sleep 0.05
    done
    url=http://$(sed -n '1s/^listening on //p' "$work/said")
    name="$(basename "$path") $option"
    check "$name: /" "Hello, world  200" "$(ask /)"
    check "$name: /burn" "done  200" "$(ask '/burn?n=100000')"
    check "$name: /block" "done  200" "$(ask '/block?us=1000')"
    check "$name: what it has not" 404 "$(ask /nothing | tail -c 3)"
    kill -TERM "$server"
    wait "$server" 2>/dev/null
    server=
done

echo "$failures failed"
[[ $failures == 0 ]]
