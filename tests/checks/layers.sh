#!/bin/sh
# SPDX-License-Identifier: MIT
# Includes point down only: include < sched < future < loop < exec.
# perf/ and examples/ see the public headers and their own; tests/ see all.
# Our files are named from the top of the tree, and no headers include each
# other in a circle. Usage: layers.sh [top]
cd "${1:-$(dirname "$0")/../..}" || exit 1

find include sched future loop exec tests perf examples docs \
    -name '*.[chS]' -type f | LC_ALL=C sort | xargs awk '
BEGIN {
    split("include sched future loop exec", rooms)
    for (i in rooms)
        floor[rooms[i]] = i
}
function room(path) { return substr(path, 1, index(path, "/") - 1) }
function wrong(why) {
    printf "%s:%d: %s: %s\n", FILENAME, FNR, $0, why
    bad = 1
}
FNR == 1 { files++ }
!/^[ \t]*#[ \t]*include[ \t]/ { next }
{
    text = $0
    sub(/^[ \t]*#[ \t]*include[ \t]*/, "", text)
    own = text ~ /^"/
    path = substr(text, 2)
    sub(/[">].*/, "", path)
    here = room(FILENAME)
    includes++

    if (!own) { # ours by <> are the public ones only
        if (path ~ /^(sched|future|loop|exec)\//)
            wrong("an internal header in <>")
        if (path ~ /^weft[\/.]/)
            edge("include/" path)
        next
    }
    if (path ~ /^weft[\/.]/) {
        wrong("public headers are included in <>")
        next
    }
    if (index(path, "/") == 0 || path ~ /\.\./) {
        wrong("name it from the top of the tree")
        next
    }
    if (path !~ /\.h$/)
        wrong("only headers are included")
    if ((getline line < path) < 0)
        wrong("there is no such file")
    close(path)
    there = room(path)
    if (here == "include")
        wrong("a public header includes public headers only")
    else if (here in floor) {
        if (!(there in floor) || floor[there] > floor[here])
            wrong(there " is above " here)
    } else if (here != "tests" && there != here)
        wrong(here " sees public headers and its own only")
    edge(path)
}
function edge(to) {
    if (FILENAME ~ /\.h$/)
        edges[++n] = FILENAME " " to
}
END {
    printf "%d includes in %d files\n", includes, files
    for (i = 1; i <= n; i++)
        print edges[i] | "tsort >/dev/null"
    if (n > 0 && close("tsort >/dev/null") != 0) {
        print "headers include each other in a circle (above)"
        bad = 1
    }
    exit bad || files == 0
}'
