#!/bin/bash
# Each example prints what its opening comment says that it prints. (The demonstrations, whose figures come from the run, are
# tests/e2e/demo.sh's, and so is what serves them.)
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. "$WEFT_TOP/tests/lib/printed.sh"
for source in "$WEFT_TOP"/examples/*.c "$WEFT_TOP"/examples/*.cc; do
    name=$(basename "${source%.*}")
    case $name in headers | relay) continue ;; esac
    check_printed "$source" "$WEFT_BUILD/examples/$name"
done
