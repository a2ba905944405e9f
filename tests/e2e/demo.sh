#!/bin/sh
# The demonstrations' accounts hold. Across processes: as examples/fabric.sh finds itself. In one: every task once, three deaths seen, re-dispatches counted, one bad task refused; it ends
# with the listing and a `why` whose answer was right.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$WEFT_BUILD/examples/headers" >"$work/printed" || { cat "$work/printed"; exit 1; }
grep -q ' 0 unaccounted for, 0 accounted for twice' "$work/printed" || { cat "$work/printed"; exit 1; }
test "$(grep -c 'holding .* seen' "$work/printed")" -eq 3 || { cat "$work/printed"; exit 1; }
grep -q 'deaths 3$' "$work/printed" || { cat "$work/printed"; exit 1; }
grep -q ': rejected, schema_mismatch: /path: expected a string, got the number 7$' "$work/printed" || { cat "$work/printed"; exit 1; }
grep -q '^  gpu-1 *capacity *1 of 1 in flight' "$work/printed" || { cat "$work/printed"; exit 1; }
grep -q '^  cpu-1 *activity_type ' "$work/printed" || { cat "$work/printed"; exit 1; }
tail -n 1 "$work/printed" | grep -q 'the second went: completed$' || { cat "$work/printed"; exit 1; }

"$WEFT_TOP/examples/fabric.sh" "$WEFT_BUILD" /usr/include 400 >"$work/printed" 2>&1 || { cat "$work/printed"; exit 1; }
grep -q '^400 tasks, 400 completed, 0 unaccounted for, 0 accounted for twice; [12] were' "$work/printed" || { cat "$work/printed"; exit 1; }
grep -q '^  far *detached' "$work/printed" || { cat "$work/printed"; exit 1; }
