#!/bin/bash
# What docs/schema.md says is refused is refused, with the error that it says; its formats are those that are asserted, and its
# bounds are those of the header.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
guide=$WEFT_TOP/docs/schema.md weft=$WEFT_BUILD/weft failed=0

fail() {
    echo "schema.sh: $*"
    failed=1
}

cat >"$work/ask.c" <<'C'
/* ask: the defaults. ask SCHEMA: the error of compiling it. */
#include <stdio.h>
#include <string.h>
#include <weft/schema.h>

int main(int argc, char **argv)
{
    weft_schema_options options = WEFT_SCHEMA_OPTIONS;
    weft_schema *schema = NULL;
    if (argc == 1) {
        printf("`schema_bytes_max`\t%u MiB\n`document_bytes_max`\t%u MiB\n`depth_max`\t%u\n", options.schema_bytes_max >> 20,
               options.document_bytes_max >> 20, options.depth_max);
        printf("`steps_max`\t%u,%03u,%03u\n", options.steps_max / 1000000, options.steps_max / 1000 % 1000,
               options.steps_max % 1000);
        return 0;
    }
    puts(weft_error_name(weft_schema_compile((weft_bytes){argv[1], strlen(argv[1])}, &options, &schema)));
    weft_schema_release(schema);
    return 0;
}
C
private=$(sed -n 's/^Libs.private: //p' "$WEFT_TOP/src/weft.pc.in")
# shellcheck disable=SC2086
"${CC:-cc}" -std=c11 -Wall -Werror -I"$WEFT_TOP/include" -o "$work/ask" "$work/ask.c" "$WEFT_BUILD/libweft.a" $private

"$work/ask" >"$work/rows"
while IFS=$'\t' read -r bound usual; do
    grep -q "^| $bound:\{0,1\}[^|]*| $usual[ |]" "$guide" || fail "$bound is $usual by default"
done <"$work/rows"

echo true >"$work/any.json"
awk '/^```json$/ { inside = 1; next } /^```/ { inside = 0 } inside' "$guide" >"$work/refused"
[ "$(wc -l <"$work/refused")" -ge 5 ] || fail "where are the texts that are refused?"
while read -r text; do
    printf '%s' "$text" >"$work/text.json"
    "$weft" schema validate "$work/any.json" "$work/text.json" 2>/dev/null && fail "not refused: $text"
done <"$work/refused"

sed -n '/^## Patterns/,/^## /s/^|.*| `\(.*\)` |$/\1/p' "$guide" >"$work/patterns"
[ "$(wc -l <"$work/patterns")" -ge 6 ] || fail "where are the patterns?"
while read -r pattern; do
    schema=$(python3 -c 'import json, sys; print(json.dumps({"pattern": sys.argv[1]}))' "$pattern")
    error=$("$work/ask" "$schema")
    [ "$error" = WEFT_EUNSUPPORTED ] || fail "the pattern $pattern is $error"
done <"$work/patterns"
for uri in https://json-schema.org/draft/2019-09/schema http://json-schema.org/draft-06/schema#; do
    error=$("$work/ask" "{\"\$schema\": \"$uri\"}")
    [ "$error" = WEFT_EUNSUPPORTED ] || fail "$uri is $error"
done
[ "$("$work/ask" '{"multipleOf": 12345678901234567890123456789012345678}')" = WEFT_OK ] || fail "multipleOf of 38 digits"
[ "$("$work/ask" '{"multipleOf": 123456789012345678901234567890123456789}')" = WEFT_EINVAL ] || fail "multipleOf of 39 digits"

tr '\n' ' ' <"$guide" | grep -o 'Asserted are [^.]*' | grep -o '`[a-z0-9-]*`' | tr -d '`' >"$work/formats"
sed -n 's/^    {"\(.*\)", .*},$/\1/p' "$WEFT_TOP/src/schema/format.c" | diff - "$work/formats" || fail "other formats"
echo '"\\"' >"$work/backslash.json"
while read -r format; do
    echo "{\"format\": \"$format\"}" >"$work/format.json"
    "$weft" schema validate --assert-formats "$work/format.json" "$work/backslash.json" >/dev/null && fail "$format is not asserted"
done <"$work/formats"
echo '{"format": "idn-hostname"}' >"$work/format.json"
"$weft" schema validate --assert-formats "$work/format.json" "$work/backslash.json" || fail "idn-hostname is asserted"
exit $failed
