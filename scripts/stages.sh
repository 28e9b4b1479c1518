# SPDX-License-Identifier: MIT
# Sourced by bash scripts that go through stages: each is announced, timed, and
# listed at the end with its verdict. A failed stage does not stop the others;
# stages_end gives the exit status of all.
stages_began=$SECONDS
stages_table=
stages_failed=0

# stage NAME COMMAND...: the command's own status, too.
stage() {
    local name=$1 began=$SECONDS status=0 verdict=ok
    shift
    echo "== $name"
    "$@" || status=$?
    if [ "$status" -ne 0 ]; then
        verdict="FAILED ($status)"
        stages_failed=1
    fi
    stages_table+=$(printf '%6d s  %-28s %s' \
        $((SECONDS - began)) "$name" "$verdict")$'\n'
    return "$status"
}

# Something that was left out, and why.
stage_skipped() {
    stages_table+=$(printf '%8s  %-28s %s' - "$1" "skipped: $2")$'\n'
}

stages_end() {
    printf '\n%s%6d s  %s\n' "$stages_table" $((SECONDS - stages_began)) total
    exit "$stages_failed"
}
