#!/bin/sh
# The README's program compiles as it stands there, warning-free, and prints what the README says it prints.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
block() { awk -v want="$1" '/^```/ { if (inside) { inside = 0; next } n++; inside = 1; next } inside && n == want' "$WEFT_TOP/README.md"; }
block 1 >"$work/greet.c"
block 2 >"$work/wanted"
"${CC:-cc}" -std=c11 -Wall -Wextra -Werror -I"$WEFT_TOP/include" "$work/greet.c" "$WEFT_BUILD/libweft.a" -pthread -o "$work/greet"
"$work/greet" >"$work/printed"
diff -u "$work/wanted" "$work/printed"
