#!/bin/sh
# The demonstration's account holds: every task once, three deaths seen, re-dispatches counted.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$WEFT_BUILD/examples/headers" >"$work/printed" || { cat "$work/printed"; exit 1; }
grep -q ' 0 unaccounted for, 0 accounted for twice' "$work/printed" || { cat "$work/printed"; exit 1; }
test "$(grep -c 'holding .* seen' "$work/printed")" -eq 3 || { cat "$work/printed"; exit 1; }
grep -q 'deaths 3$' "$work/printed" || { cat "$work/printed"; exit 1; }
