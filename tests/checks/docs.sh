#!/bin/sh
# SPDX-License-Identifier: MIT
# What the documents say is there: each ```c block stands word for word in a
# program of docs/snippets/ or examples/ (which ctest compiles and runs), each
# program of docs/snippets/ is quoted, each weft_ name is in a public header,
# each relative link leads to a file, and docs/cancellation.md has every public
# function, in the class that its header gives it. Usage: docs.sh [top]
cd "${1:-$(dirname "$0")/../..}" || exit 1
status=0
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# Blocks. Each program is one string, and so is each block.
awk '
FNR == 1 { inside = 0 }
FILENAME ~ /\.c$/ { text[FILENAME] = text[FILENAME] $0 "\n"; next }
/^```c$/ { inside = 1; block = ""; at = FILENAME ":" FNR; next }
/^```/ && inside {
    inside = 0
    blocks++
    found = 0
    for (file in text)
        if (index(text[file], block)) {
            found = 1
            quoted[file] = 1
        }
    if (!found) {
        print at ": this stands in no program"
        bad = 1
    }
}
inside { block = block $0 "\n" }
END {
    for (file in text)
        if (file ~ /^docs\// && !(file in quoted)) {
            print file ": quoted nowhere"
            bad = 1
        }
    print blocks + 0 " blocks"
    exit bad || blocks == 0
}' docs/snippets/*.c examples/*.c README.md docs/*.md || status=1

# Names: docs/*.md speak of what there is.
cat include/weft/*.h | grep -oE '(weft|WEFT)_[A-Za-z0-9_]+' |
    LC_ALL=C sort -u >"$work/names"
for document in docs/*.md; do
    grep -oE '\b(weft|WEFT)_[A-Za-z0-9_]*[A-Za-z0-9]\b' "$document" |
        LC_ALL=C sort -u | LC_ALL=C comm -23 - "$work/names" |
        grep -vE '^WEFT_(WORKERS|ENGINE|DEBUG)$|^weft_h$' |
        sed "s|^|$document: no such name: |" | grep . && status=1
    # Links, but for those to the world and within the page.
    grep -oE '\]\([^)#]+' "$document" | sed 's/^](//' |
        grep -v '^https\?:' | while read -r link; do
        [ -e "docs/$link" ] || echo "$document: leads nowhere: $link"
    done | grep . && status=1
done

# Classes: what the table of docs/cancellation.md says of each public function,
# against its header. The twins called …_named are as what they are named after.
headers=$work/headers
table=$work/table
awk '
/^\/\*\*/ { class = "neither" }
/^ \* Cancellation:/ {
    class = "neither"
    if (/ordinary|as weft_group_spawn\(/)
        class = "ordinary"
    if (/a join|as weft_run\(/)
        class = "join"
    if (/a release/)
        class = "release"
}
/^(WEFT_API|static inline)/ { declaration = ""; reading = 1 }
reading {
    declaration = declaration " " $0
    if (/[;{]/) {
        sub(/ __attribute__.*/, "", declaration)
        sub(/ *\(.*/, "", declaration)
        sub(/.*[ *]/, "", declaration)
        if (declaration !~ /_named$|^weft_failf_at$/)
            print declaration, class
        reading = 0
    }
}' include/weft/*.h | LC_ALL=C sort >"$headers"
awk -F '|' '
BEGIN { split("ordinary join release neither", class, " ") }
/^\| [a-z]+\.h / {
    for (i = 1; i <= 4; i++) {
        n = split($(i + 2), name, /[ `]+/)
        for (j = 1; j <= n; j++)
            if (name[j] != "")
                print name[j], class[i]
    }
}' docs/cancellation.md | LC_ALL=C sort >"$table"
diff "$table" "$headers" >"$work/diff" || {
    echo "docs/cancellation.md (<) and the headers (>) disagree:"
    cat "$work/diff"
    status=1
}
echo "$(wc -l <"$table") functions"
[ -s "$table" ] || status=1
exit $status
