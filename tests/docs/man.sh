#!/bin/bash
# The manual pages: each call of the library has one, which leads to a page that names it; groff has nothing to say of any, nor
# mandoc, where there is one. The tool has one, which tells each option of each verb.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
"$WEFT_TOP/tools/man.sh" "$work/man" "$WEFT_BUILD/weft" "$WEFT_BUILD/weftd"
cd "$work/man"

for call in $(nm -D --defined-only "$WEFT_BUILD/libweft.so" | sed -n 's/.* T \(weft_[a-z_]*\)$/\1/p'); do
    page=man3/$call.3
    if [ -f "$page" ]; then page=$(sed -n 's/^\.so //p;q' "$page" | grep . || echo "$page"); fi
    grep -sq "^[^.].*[ *]$call(" "$page" || { echo "$call: not on its page"; failed=1; }
done
# told PAGE COMMAND...: the page tells what that says with --help.
told() {
    local page=$1
    shift
    groff -man -Kutf8 -Tascii -P-cbou -rHY=0 "$page" | tr -s ' \n' ' ' >"$work/page"
    "$@" --help | sed 's/^usage: //' | tr -s ' ' >"$work/help"
    while read -r line; do
        grep -qF -- "$line" "$work/page" || { echo "$page does not say: $line"; failed=1; }
    done <"$work/help"
}
for verb in ping ls why call work 'schema check' 'schema validate' 'schema id'; do
    # shellcheck disable=SC2086
    told man1/weft.1 "$WEFT_BUILD/weft" $verb
done
told man8/weftd.8 "$WEFT_BUILD/weftd"
for page in man1/weft.1 man8/weftd.8 man7/weft.7 $(grep -L '^\.so' man3/*); do
    groff -man -Kutf8 -Tutf8 -ww "$page" >"$work/text" 2>"$work/said"
    [ ! -s "$work/said" ] && [ "$(wc -l <"$work/text")" -gt 15 ] || { echo "$page:"; cat "$work/said"; failed=1; }
    if command -v mandoc >/dev/null; then mandoc -T lint -W error "$page" || failed=1; fi
done
exit $failed
