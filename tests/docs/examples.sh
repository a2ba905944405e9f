#!/bin/bash
# Each example prints what its opening comment says that it prints. (The demonstration, whose figures come from the run, is
# tests/e2e/demo.sh's.)
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. "$WEFT_TOP/tests/lib/printed.sh"
for source in "$WEFT_TOP"/examples/*.c "$WEFT_TOP"/examples/*.cc; do
    name=$(basename "${source%.*}")
    [ "$name" = headers ] && continue
    check_printed "$source" "$WEFT_BUILD/examples/$name"
done
