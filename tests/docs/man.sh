#!/bin/bash
# The manual pages: each call of the library has one, which leads to a page that names it; groff has nothing to say of any, nor
# mandoc, where there is one.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
"$WEFT_TOP/tools/man.sh" "$work/man"
cd "$work/man"

for call in $(nm -D --defined-only "$WEFT_BUILD/libweft.so" | sed -n 's/.* T \(weft_[a-z_]*\)$/\1/p'); do
    page=man3/$call.3
    if [ -f "$page" ]; then page=$(sed -n 's/^\.so //p;q' "$page" | grep . || echo "$page"); fi
    grep -sq "^[^.].*[ *]$call(" "$page" || { echo "$call: not on its page"; failed=1; }
done
for page in man7/weft.7 $(grep -L '^\.so' man3/*); do
    groff -man -Kutf8 -Tutf8 -ww "$page" >"$work/text" 2>"$work/said"
    [ ! -s "$work/said" ] && [ "$(wc -l <"$work/text")" -gt 15 ] || { echo "$page:"; cat "$work/said"; failed=1; }
    if command -v mandoc >/dev/null; then mandoc -T lint -W error "$page" || failed=1; fi
done
exit $failed
