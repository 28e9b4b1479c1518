#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# weft-perf as its users run it: the server against curl, then the generator,
# the mixed load and all micro workloads, each small. Checks answers and exit
# statuses, no times. Usage: smoke.sh path/to/weft-perf
set -uo pipefail

perf=$1
command -v curl >/dev/null || { echo "no curl"; exit 77; }

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

start() { # arguments of serve
    "$perf" serve --port 0 --workers 2 "$@" >"$work/out" 2>"$work/err" &
    server=$!
    for _ in $(seq 200); do
        [[ -s $work/out ]] && break
        sleep 0.05
    done
    url=http://$(sed -n '1s/^listening on //p' "$work/out")
}

# Waits for a process of ours that was told to end; its status. One that does
# not end in 20 s is killed, and has the status of that. (No helper in the
# background: a subshell that is killed at once may run our EXIT trap.)
reap() { # process id
    local state=Z
    for _ in $(seq 400); do
        read -r _ _ state _ <"/proc/$1/stat" || state=Z # reaped already
        [[ $state == Z ]] && break
        sleep 0.05
    done 2>/dev/null
    [[ $state == Z ]] || kill -KILL "$1"
    wait "$1" 2>/dev/null
}

stop() { # name
    local status=0
    kill -TERM "$server"
    reap "$server" || status=$?
    server=
    check "$1: exit status after SIGTERM" 0 "$status"
    check "$1: nothing on standard error" "" "$(cat "$work/err")"
}

get() { # curl's arguments
    curl --silent --max-time 20 "$@"
}

status_of() { # curl's arguments
    get --path-as-is -o /dev/null -w '%{http_code}' "$@"
}

# Bytes to the server as they are; the status of the first answer.
raw() { # bytes, for printf
    local host=${url#http://}
    {
        exec 3<>"/dev/tcp/${host%:*}/${host#*:}"
        # shellcheck disable=SC2059
        printf "$1" >&3
        timeout 20 head -n 1 <&3
        exec 3>&-
    } 2>/dev/null | sed -n '1s/^HTTP\/1.1 \([0-9]*\).*/\1/p'
}

# --- a tree with secrets around it ---
mkdir -p "$work/root/sub" "$work/small"
echo secret >"$work/secret"
echo hello >"$work/root/a file"
: >"$work/root/empty"
head -c 65536 /dev/urandom >"$work/root/sub/even"
head -c 1234567 /dev/urandom >"$work/root/sub/odd"
ln -s ../secret "$work/root/out"
ln -s "$work/secret" "$work/root/absolute"
ln -s .. "$work/root/up"
ln -s "a file" "$work/root/in"
mkfifo "$work/root/pipe"
truncate -s 65M "$work/root/huge"

# --- serve ---
start --root "$work/root"
check "/" "Hello, world" "$(get "$url/")"
check "HEAD /" "200 0" "$(get -I -o /dev/null -w '%{http_code} %{size_download}' "$url/")"
for file in "a%20file" in empty sub/even sub/odd; do
    name=$(printf '%b' "${file//%/\\x}")
    get "$url/file/$file" -o "$work/copy"
    cmp -s "$work/copy" "$work/root/$name"
    check "/file/$file byte for byte" 0 $?
    check "/sha256/$file" "$(sha256sum <"$work/root/$name" | cut -c1-64)" \
        "$(get "$url/sha256/$file")"
done
check "HEAD of a file" 1234567 "$(get -I "$url/file/sub/odd" | tr -d '\r' |
    sed -n 's/^Content-Length: //p')"
for path in ../secret %2e%2e/secret ..%2fsecret sub/../../secret out absolute \
    up/secret /etc/passwd %2fetc/passwd a%00 %zz pipe sub nothing "a%20file/x"; do
    for route in file sha256; do
        code=$(status_of "$url/$route/$path")
        check "/$route/$path is refused" 4 "${code:0:1}"
    done
done
check "nothing of what is outside comes out" "" \
    "$(get --path-as-is "$url/file/%2e%2e/secret" "$url/file/out" "$url/file/up/secret")"
check "a digest of too large a file" 413 "$(status_of "$url/sha256/huge")"
for route in "burn?us=100" "block?us=100" "sleep?us=100" "fork?us=0" \
    "fork?us=10000" children; do
    check "/$route" "200" "$(status_of "$url/$route")"
done
check "no number" 400 "$(status_of "$url/burn?us=x")"
check "/fork: no number" 400 "$(status_of "$url/fork")"
check "/children: awaited" "3 children" "$(get "$url/children")"
check "POST" 405 "$(status_of -d hello "$url/")"
check "POST in chunks" 405 "$(status_of -H 'Transfer-Encoding: chunked' -d hello "$url/")"
check "POST after 100 Continue" 405 "$(status_of -H 'Expect: 100-continue' -d hello "$url/")"
check "too large a body" 413 "$(status_of --data-binary @"$work/root/huge" "$url/")"
check "another method" 501 "$(status_of -X BREW "$url/")"
check "counters" "requests" "$(get "$url/stats" | grep -o requests)"
check "several requests on a connection" "$(printf '200\n200\n200')" \
    "$(get -o /dev/null -w '%{http_code}\n' "$url/" -o /dev/null "$url/" -o /dev/null "$url/")"
check "bare LF" 400 "$(raw 'GET / HTTP/1.1\nHost: a\n\n')"
check "folded field" 400 "$(raw 'GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n')"
check "two lengths" 400 "$(raw 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx')"
check "length and coding" 400 "$(raw 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n')"
check "another version" 505 "$(raw 'GET / HTTP/3.0\r\nHost: a\r\n\r\n')"
check "too long a line" 414 "$(raw "GET /$(printf '%09000d' 0) HTTP/1.1\r\nHost: a\r\n\r\n")"
check "too large a head" 431 "$(raw "GET / HTTP/1.1\r\nHost: a\r\nA: $(printf '%040000d' 0)\r\n\r\n")"
check "three at once" 3 "$(
    host=${url#http://}
    exec 3<>"/dev/tcp/${host%:*}/${host#*:}"
    one='GET / HTTP/1.1\r\nHost: a\r\n'
    printf "$one\r\n$one\r\n${one}Connection: close\r\n\r\n" >&3
    grep -c 'Hello, world' <&3
)"

# --- load ---
json=$("$perf" load "$url/" --rate 200 --duration 2 --warmup 0.2 --poisson --json)
status=$?
check "load: exit status 0 or 3 (late)" yes "$([[ $status == [03] ]] && echo yes || echo $status)"
check "load: no failures" '"failed":0' "$(grep -o '"failed":0' <<<"$json")"
number() { sed -n "s/.*\"$1\":\([0-9]*\),.*/\1/p" <<<"$json"; }
check "load: counts sum" "$(number sent)" \
    "$(($(number done) + $(number failed) + $(number in_flight)))"
check "load: only this machine" 2 "$("$perf" load http://192.0.2.1/ >/dev/null 2>&1; echo $?)"
"$perf" load --floor --rate 100 --json >"$work/floor"
check "load: floor" floor_us "$(grep -o floor_us "$work/floor")"

# SIGINT ends it early and it still tells what it saw. (A background job of a
# script ignores SIGINT: env gives it back.)
env --default-signal=INT "$perf" load "$url/" --rate 100 --duration 100 >"$work/cut" 2>&1 &
load=$!
sleep 1
kill -INT "$load"
reap "$load"
check "load: a report after SIGINT" yes "$(grep -q '^sent: ' "$work/cut" && echo yes)"
stop serve

# --- mixed ---
for i in $(seq 20); do
    head -c $((i * 700)) /dev/urandom >"$work/small/$i"
    head -c $((i * 20000 + 262144)) /dev/urandom >"$work/small/big $i"
done
for hog in "--burn-us 1000" "--block-us 1000" "--sha256 --walkers 2 --client-workers 2"; do
    # shellcheck disable=SC2086
    json=$("$perf" mixed $hog --hogs 2 --light-rate 100 --duration 1 \
        --root "$work/small" --workers 2 --json)
    check "mixed $hog: exit status" 0 $?
    check "mixed $hog: all answered" '"fine":true' "$(grep -o '"fine":true' <<<"$json")"
done
check "mixed: the walkers' bytes" "$(cat "$work"/small/* | wc -c)" \
    "$(sed -n 's/.*"walk_bytes":\([0-9]*\),.*/\1/p' <<<"$json")"
check "mixed: a table" yes "$("$perf" mixed --hogs 1 --light-rate 50 --duration 0.5 |
    grep -q 'everything was answered' && echo yes)"
for shape in "--burn-mix 100,300,1000" "--fork-us 2000" "--fresh-hogs" \
    "--fresh-hogs --block-us 1000" "--burst 20" "--burst 20 --fresh-hogs" \
    "--heavy-every 5 --hogs 0" "--heavy-every 5 --fork-us 2000" \
    "--light-path /children" "--light-closed" "--no-monitor --workers 2"; do
    # shellcheck disable=SC2086
    json=$("$perf" mixed --hogs 2 $shape --light-rate 100 --duration 0.2 --json)
    check "mixed $shape: all answered" '0 "fine":true' "$? $(grep -o '"fine":true' <<<"$json")"
done
check "mixed: the heavy ones are apart" '"every":5,"done":10' "$("$perf" mixed --hogs 0 \
    --heavy-every 5 --burn-us 100 --light-rate 500 --duration 0.1 --json |
    grep -o '"every":5,"done":10')"
check "mixed: a light path that is not there" 1 "$("$perf" mixed --light-path /nothing \
    --duration 0.2 >/dev/null 2>&1; echo $?)"
for wrong in "--burn-mix 3,x" "--burn-mix 3 --fork-us 3" "--light-path x" \
    "--light-closed --heavy-every 3" "--heavy-every 1" "--burst x"; do
    # shellcheck disable=SC2086
    check "mixed $wrong: refused" 2 "$("$perf" mixed $wrong >/dev/null 2>&1; echo $?)"
done
json=$("$perf" mixed --shapes --runs 1 --duration 0.1 --light-rate 100 --workers 2 --json 2>"$work/shapes")
check "mixed --shapes: exit status" 0 $?
check "mixed --shapes: all of them" "$(wc -l <"$work/shapes")" "$(grep -o '"title"' <<<"$json" | wc -l)"
check "mixed --shapes: each has run" "$(wc -l <"$work/shapes")" \
    "$(grep -o '"runs":1,"unanswered":0' <<<"$json" | wc -l)"
check "mixed --shapes: what is no option" 2 "$("$perf" mixed --shapes more >/dev/null 2>&1; echo $?)"

check "mixed: a pool with a queue" yes "$("$perf" mixed --threads --at-once 1 --block-us 1000 --hogs 2 \
    --light-rate 100 --duration 0.2 --json | grep -q '"fine":true' && echo yes)"

# --- stuck ---
table=$("$perf" stuck --duration 50ms 2>"$work/ways")
check "stuck: exit status" 0 $?
check "stuck: a row for each way" "$(($(wc -l <"$work/ways") + 1))" "$(wc -l <<<"$table")"
check "stuck: all are measured" 0 "$(grep -c '  0 ns' <<<"$table")"
check "stuck: what is no option" 2 "$("$perf" stuck more >/dev/null 2>&1; echo $?)"

# --- micro ---
names=$("$perf" micro --help | sed -n '/^workloads/,/^$/s/^  \([a-z_]*\) .*/\1/p')
check "micro: the help names them" yes "$([[ $names == calibrate*spawn_join*mutex*uts*sleepers* ]] && echo yes)"
check "micro: all that the help names" "$names" "$("$perf" micro --scale 1000 --repeat 1 --workers 2 --json |
    sed -n 's/.*"workload":"\([a-z_]*\)".*/\1/p')"
check "rivals: the help names them" yes "$("$perf" rivals --help | grep -q '^  foreign_pipe ' && echo yes)"
check "micro: a table, counters" yes "$("$perf" micro yield --scale 1000 --repeat 2 --stats |
    grep -q '^yield ' && echo yes)"
check "micro: no such workload" 2 "$("$perf" micro nothing >/dev/null 2>&1; echo $?)"
check "no command" 2 "$("$perf" >/dev/null 2>&1; echo $?)"
check "help" 0 "$("$perf" serve --help >/dev/null; echo $?)"

echo "$failures failed"
[[ $failures == 0 ]]
