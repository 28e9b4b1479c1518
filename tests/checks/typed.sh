#!/bin/sh
# SPDX-License-Identifier: MIT
# weft/typed.h in C and C++: right use compiles without a warning, wrong use
# does not compile, whatever the warnings are.
cd "$(dirname "$0")/../.." || exit 1
for compiler in gcc clang g++ clang++; do
    command -v $compiler >/dev/null || { echo "no $compiler"; exit 77; }
done
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

cat >"$work/use" <<'END'
#include <weft/tcp.h>
#include <weft/typed.h>

struct job { int size; };
static void *fetch(struct job *job) { return weft_from_int(job->size); }
WEFT_TYPED(fetch, struct job *);
static void *serve(weft_tcp *peer) { return peer; }
WEFT_TYPED(serve, weft_tcp *);
static void *look(const struct job *job) { return weft_from_int(job->size); }
WEFT_TYPED(look, const struct job *);
static void *untyped(struct job *job) { return job; }

int use(weft_group *, struct job *, const struct job *, weft_tcp *);
int use(weft_group *group, struct job *job, const struct job *fixed,
        weft_tcp *peer)
{
    intptr_t n;
    struct job jobs[2] = {{1}, {2}};
    int other = untyped(job) == NULL;
    weft_detach(weft_spawn_typed(serve, peer));
    weft_detach(weft_spawn_typed(look, fixed));
    weft_detach(weft_spawn_typed(fetch, jobs));
    weft_detach(weft_spawn(WEFT_TYPED_FN(fetch), WEFT_TYPED_ARG(fetch, job)));
    int rc = weft_await_int(weft_spawn_typed(fetch, &jobs[1]), &n);
#ifdef USE
    rc = weft_await_int(USE, &n);
#endif
    return rc < 0 || other ? rc : weft_group_spawn_typed(group, fetch, job);
}
#ifdef TYPE
static TYPE;
#endif
END

status=0
count=0
try() { # expected compiler language standard [macro]
    expected=$1
    count=$((count + 1))
    if [ "$expected" = right ]; then
        warnings='-Wall -Wextra -Wpedantic -Werror'
    else
        warnings=-w
    fi
    # shellcheck disable=SC2086
    "$2" -x "$3" -std="$4" -fsyntax-only -Iinclude $warnings \
        -Wno-unused-function "${5:--DRIGHT}" "$work/use" >"$work/log" 2>&1 &&
        is=right || is=wrong
    [ "$is" = "$expected" ] && return
    echo "$2: ${5:-right use}: $is"
    cat "$work/log"
    status=1
}

for language in 'gcc c c11' 'clang c c11' 'g++ c++ c++17' 'clang++ c++ c++17'; do
    # shellcheck disable=SC2086
    set -- $language
    try right "$@"
    try right "$@" '-DUSE=weft_spawn_typed(fetch, job)'
    try right "$@" \
        '-DTYPE=void *f(int *p) { return p; } WEFT_TYPED(f, int *)'
    for arg in '&other' '(void *)job' 3 fixed jobs[0] peer; do
        try wrong "$@" "-DUSE=weft_spawn_typed(fetch, $arg)"
    done
    try wrong "$@" '-DUSE=weft_spawn_typed(untyped, job)'
    try wrong "$@" \
        '-DTYPE=void *f(int *p) { return p; } WEFT_TYPED(f, long *)'
    try wrong "$@" \
        '-DTYPE=void *f(const int *p) { return 0; } WEFT_TYPED(f, int *)'
    try wrong "$@" \
        '-DTYPE=void *f(intptr_t n) { return 0; } WEFT_TYPED(f, intptr_t)'
    try wrong "$@" '-DTYPE=int f(int *p) { return *p; } WEFT_TYPED(f, int *)'
done
echo "$count compilations"
[ $count -gt 0 ] && exit $status
