#!/bin/bash
# The C and C++ of the documents is code that the tests run: each ```c and ```cpp block of README.md and docs/*.md stands in
# a file of examples/ as it is, but for its indentation, or is a program. That compiles without warnings, and prints what the
# block without a language that follows it says.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# blocks DOCUMENT: writes each block to $work/N.LANGUAGE (text where it names none), and its first line's number to $work/N.line.
blocks() {
    rm -f "$work"/[0-9]*
    awk -v work="$work" '
        /^```/ && !inside { inside = 1; n++; language = substr($0, 4); if (language == "") language = "text"
                            file = sprintf("%s/%03d", work, n); print NR + 1 >(file ".line"); close(file ".line")
                            file = file "." language; printf "" >file; next }
        /^```/ { inside = 0; close(file); next }
        inside { print >file }' "$1"
}

# stands FILE: whether its lines stand in a row in some example.
stands() {
    awk 'function bare(line) { sub(/^[ \t]+/, "", line); return line }
        NR == FNR { wanted = wanted bare($0) "\n"; next }
        FNR == 1 { if (index("\n" text, "\n" wanted)) found = 1; text = "" }
        { text = text bare($0) "\n" }
        END { if (index("\n" text, "\n" wanted)) found = 1; exit !found }' "$1" "$WEFT_TOP"/examples/*.c "$WEFT_TOP"/examples/*.cc
}

private=$(sed -n 's/^Libs.private: //p' "$WEFT_TOP/src/weft.pc.in")

# runs FILE PRINTED: whether the program compiles and prints that.
runs() {
    # shellcheck disable=SC2086
    "${CC:-cc}" -std=c11 -Wall -Wextra -Werror -I"$WEFT_TOP/include" "$1" "$WEFT_BUILD/libweft.a" -o "$work/program" $private &&
        "$work/program" >"$work/printed" && diff -u "$2" "$work/printed"
}

count=0
for document in "$WEFT_TOP/README.md" "$WEFT_TOP"/docs/*.md; do
    blocks "$document"
    for block in "$work"/*.c "$work"/*.cpp; do
        [ -f "$block" ] || continue
        count=$((count + 1))
        number=$(basename "${block%.*}")
        next=$work/$(printf %03d $((10#$number + 1))).text
        if grep -q '^int main(' "$block"; then
            [ -f "$next" ] && runs "$block" "$next" && continue
            echo "${document#"$WEFT_TOP"/}:$(cat "$work/$number.line"): the program does not print what is said after it"
        else
            stands "$block" && continue
            echo "${document#"$WEFT_TOP"/}:$(cat "$work/$number.line"): this code stands in no example"
        fi
        failed=1
    done
done
[ "$count" -ge 12 ] || { echo "only $count blocks found"; failed=1; }
exit $failed
