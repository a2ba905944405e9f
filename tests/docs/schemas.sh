#!/bin/bash
# Each schema of schemas/ compiles, as it stands and as one of the library's own, and has examples, valid and invalid. An
# invalid one differs from a valid one in one thing; invalid/expected says in which: file, place in it, keyword.
set -eu
export LC_ALL=C
weft=$WEFT_BUILD/weft
failed=0
fail() { echo "$*"; failed=1; }

# refused NAME FILE AT KEYWORD: whether it is, there and by that.
refused() {
    local said status=0
    said=$("$weft" schema validate --all --json "weft:$1" "$2") || status=$?
    [ $status -eq 1 ] && grep -q "{\"instance\": \"$3\", \"schema\": \"[^\"]*\", \"keyword\": \"$4\"" <<<"$said" && return
    fail "$2: not refused at $3 by $4: $said"
}

cd "$WEFT_TOP/schemas"
for schema in *.schema.json; do
    name=${schema%.schema.json}
    examples=examples/$name
    "$weft" schema check "$schema" || fail "$schema does not compile"
    [ "$("$weft" schema id "$schema")" = "$("$weft" schema id "weft:$name")" ] || fail "$schema is not weft:$name"
    "$weft" schema validate "$schema" "$examples"/valid/*.json || fail "$schema: refuses a valid example"
    echo "{\"\$ref\": \"urn:weft:schema:$name\"}" | "$weft" schema validate - "$examples"/valid/*.json ||
        fail "$schema: not by its URI"
    [ "$(cut -d ' ' -f 1 "$examples/invalid/expected")" = "$(cd "$examples/invalid" && ls -- *.json)" ] ||
        fail "$examples/invalid/expected names others than there are"
    while read -r file at keyword; do
        refused "$name" "$examples/invalid/$file" "${at#.}" "${keyword#.}"
    done <"$examples/invalid/expected"
done
exit $failed
