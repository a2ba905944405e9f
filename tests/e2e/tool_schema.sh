#!/bin/bash
# weft schema check, validate and id, as a person and as a script would use them: what they print, where, and their exit status.
. "$WEFT_TOP/tests/lib/tool.sh"

cat >person.json <<'JSON'
{"type": "object", "required": ["name"], "additionalProperties": false,
 "properties": {"name": {"type": "string", "minLength": 1}, "age": {"type": "integer", "minimum": 0},
                "email": {"type": "string", "format": "email"}}}
JSON
echo '{"name": "Ann", "age": 7}' >ann.json
echo '{"name": 7, "age": -1}' >wrong.json
echo '{"name": "Bob",}' >broken.json
echo '{"type": "strin"}' >typo.json
echo '{"$ref": "https://example.org/person"}' >refers.json

# --- the tool ---------------------------------------------------------------------------------------------------------

run 0 --version
out_is "weft $(sed -n 's/^#define WEFT_VERSION "\(.*\)"/\1/p' "$WEFT_TOP/include/weft/version.h")"
for words in "" schema "schema check" "schema validate" "schema id"; do
    # shellcheck disable=SC2086
    run 0 $words --help && no_err
    out_like "^usage: weft ${words:-VERB}"
done
run 2 && no_out && err_like '^usage: weft VERB'
run 2 schema && no_out && err_like '^usage: weft schema VERB'
run 2 shcema && no_out && err_like 'no verb shcema' && err_like '^Try: weft --help'
run 2 schema vaildate && err_like 'no verb vaildate' && err_like '^Try: weft schema --help'
run 2 schema validate --al && run 2 schema validate --every person.json ann.json
err_like 'no option --every' && err_like '^Try: weft schema validate --help'
run 2 schema check --all person.json && err_like 'no option --all'
run 2 schema check && err_like 'which FILE'
run 2 schema validate && err_like 'which SCHEMA'
run 2 schema id && err_like 'one FILE'
run 2 schema id person.json typo.json && err_like 'one FILE'
run 2 schema check --draft && err_like '--draft needs a value'
run 2 schema check --draft 4 person.json && err_like '--draft 4'
for bad in https://example.org/a =person.json https://example.org/a=-; do
    run 2 schema check --ref "$bad" person.json && err_like "--ref $bad" && err_like 'URI=FILE'
done

# --- check ------------------------------------------------------------------------------------------------------------

run 0 schema check person.json && no_out && no_err
run 0 schema check - <person.json && no_out && no_err
run 0 schema check weft:listing person.json && no_err
run 2 schema check person.json typo.json broken.json absent.json && no_out
for name in typo broken absent; do err_like "^weft: $name.json: .+"; done
run 2 schema check refers.json && err_like 'https://example.org/person' && err_like '--ref URI=FILE'
run 0 schema check --ref https://example.org/person=person.json refers.json && no_err
run 2 schema check --ref https://example.org/person=absent.json refers.json && err_like '^weft: absent.json: No such file'
run 2 schema check --ref person=person.json refers.json && err_like 'the URI of a source, "person", is not absolute'
run 2 schema check --ref urn:a#b=person.json refers.json && err_like 'the URI of a source, "urn:a#b", has a fragment'
run 2 schema check . && err_like '^weft: \.: Is a directory'
run 2 schema check weft:lists && err_like 'no such schema' && err_like 'weft:listing' && err_like 'weft:envelope'
echo '{"$schema": "https://example.org/draft-99"}' >unknown.json
run 2 schema check unknown.json && err_like 'https://example.org/draft-99'
printf '\xff{}' >bytes.json
run 2 schema check bytes.json && err_like '^weft: bytes.json: '
: >empty.json
run 2 schema check empty.json && err_like '^weft: empty.json: '
if [ "$(id -u)" -ne 0 ]; then
    cp person.json locked.json && chmod 0 locked.json
    run 2 schema check locked.json && err_like '^weft: locked.json: Permission denied'
fi

# --- validate: people -------------------------------------------------------------------------------------------------

run 0 schema validate person.json ann.json && no_out && no_err
run 1 schema validate person.json wrong.json && no_err
out_like '^wrong.json: /(name|age): .+ \(#/properties/(name/type|age/minimum)\)$'
[ "$(wc -l <out)" -eq 1 ] || fail "$asked: not one line"
run 1 schema validate --all person.json ann.json wrong.json
out_like '^wrong.json: /name: .+ \(#/properties/name/type\)$' && out_like '^wrong.json: /age: .+ \(#/properties/age/minimum\)$'
[ "$(wc -l <out)" -eq 2 ] || fail "$asked: not two lines"
echo '[]' >list.json
run 1 schema validate person.json list.json && out_like '^list.json: [^/].* \(#/type\)$'
run 2 schema validate person.json broken.json wrong.json ann.json
err_like '^weft: broken.json: .+' && out_like '^wrong.json: /'
run 2 schema validate person.json absent.json . wrong.json
err_like '^weft: absent.json: No such file' && err_like '^weft: \.: Is a directory' && out_like '^wrong.json: /'
run 2 schema validate typo.json ann.json && no_out && err_like '^weft: typo.json: '
run 2 schema validate absent.json ann.json && no_out && err_like '^weft: absent.json: No such file'
run 2 schema validate person.json empty.json && no_out && err_like '^weft: empty.json: '
run 0 schema validate - ann.json <person.json && no_out
run 2 schema validate - - <person.json && err_like 'twice'
run 2 schema validate - <person.json && err_like 'twice'
run 2 schema validate person.json - - <ann.json && err_like 'twice'
run 0 schema validate ./person.json -- ann.json

# What it prints of a document it escapes: nobody's terminal is told what to do.
printf '{"name": "x", "\\u001b[31m\\n\\u202e\\u2028\177": 1}' >escape.json
for json in '' --json; do
    # shellcheck disable=SC2086
    run 1 schema validate $json person.json escape.json && out_like '/\\u001b\[31m\\u000a\\u202e\\u2028\\u007f'
    [ "$(wc -l <out)" -eq 1 ] && ! grep -qP '[^\x20-\x7e]' out || fail "$asked: control characters"
done

# --- validate: lines --------------------------------------------------------------------------------------------------

printf '{"name": "a"}\n\n{"name": 1}\r\n{"name"\n  \t\r\n{"name": "b"}' >lines
run 2 schema validate person.json - <lines
out_is "$(grep '^line 3: /name: ' out)" && err_like '^weft: line 4: '
cp out out.named
run 2 schema validate person.json <lines
cmp -s out out.named || fail "$asked: not as with -"
run 2 schema validate --json person.json - <lines && no_err
[ "$(sed -n '1p;4p' out)" = "$(printf '{"valid": true}\n{"valid": true}')" ] || fail "$asked: not valid, valid"
[[ $(sed -n 2p out) == '{"valid": false, "errors": [{"instance": "/name", "schema": "#/properties/name/type", "keyword": "type", "message": "'*'"}]}' ]] ||
    fail "$asked: line 2"
[[ $(sed -n 3p out) == '{"error": "line 4: '*'"}' && $(wc -l <out) -eq 4 ]] || fail "$asked: line 3"
run 0 schema validate person.json - </dev/null && no_out && no_err
run 2 schema validate person.json - <. && err_like 'standard input: Is a directory'
run 2 schema validate person.json - <&- && err_like 'standard input: Bad file'

# --json: each line is JSON, whatever stands in the documents and names; with --all there are all of them.
run 1 schema validate --all --json person.json wrong.json && no_err
python3 - <<'PY' || fail "$asked: not the two errors"
import json
(line,) = open("out")
errors = json.loads(line)["errors"]
assert {(e["instance"], e["schema"], e["keyword"]) for e in errors} == {
    ("/name", "#/properties/name/type", "type"), ("/age", "#/properties/age/minimum", "minimum")}, errors
assert all(set(e) == {"instance", "schema", "keyword", "message"} and e["message"] for e in errors)
PY
printf '"\xc3("\n"\\ud800"\n"\\u0000\\"\\\\\x7f"\n{"a/b~c\\"\\n\xe2\x82\xac": 1}\n[1\x00]\n' >strange
run 2 schema validate --json --all person.json - <strange && no_err
run 2 schema validate --json person.json $'no\xffsuch\n"file"' $'\xc0\xaf' $'\xed\xa0\x80' $'\xe2\x82' && no_err
"$weft" schema validate --json --all person.json - <strange | cat - out >outs
python3 - <<'PY' || fail "$asked: not JSON"
import json
lines = [json.loads(line) for line in open("outs", encoding="utf-8", errors="strict")]
assert ["error" in line for line in lines] == [True, True, False, False] + 5 * [True], lines
assert lines[6]["error"] == "\ufffd\ufffd: No such file or directory", lines
assert any(e["instance"] == "/a~1b~0c\"\n\u20ac" for e in lines[3]["errors"]) or lines[3]["errors"][0]["keyword"] == "required"
PY

# Malformed in each way: an error, and the next line is looked at all the same.
while read -r text; do
    printf '%b\n{"name": "next"}\n' "$text" >malformed
    run 2 schema validate --json person.json - <malformed
    [ "$(wc -l <out)" -eq 2 ] && [[ $(head -n 1 out) == '{"error": '* && $(tail -n 1 out) == '{"valid": true}' ]] || fail "taken: $text"
done <<'TEXTS'
{
}
[1,]
[1 2]
{"a" 1}
{"a": 1,}
{a: 1}
{'a': 1}
{"a": 1, "a": 2}
{"a": 1} 2
"a
"\\x"
"\\u12"
"\\ud800"
"\\udc00\\ud800"
"\t"
"\xff"
"\xc0\x80"
"\xed\xa0\x80"
"\xf4\x90\x80\x80"
\xef\xbb\xbf{}
01
+1
.5
1.
1e
-
0x10
NaN
Infinity
nul
True
// a
[1\x0c]
TEXTS

# A hundred thousand lines, in the memory of some.
awk 'BEGIN { for (i = 0; i < 100000; i++) print i % 1000 == 500 ? "{\"name\": 1}" : "{\"name\": \"n" i "\", \"age\": " i "}" }' >many
run 1 schema validate --json person.json - <many && no_err
[ "$(grep -c '^{"valid": true}$' out)/$(grep -c '^{"valid": false' out)/$(wc -l <out)" = 99900/100/100000 ] || fail "$asked: other counts"
run 1 schema validate person.json - <many
[ "$(sed 's/:.*//' out | sed -n '1p;$p' | tr '\n' ' ')" = 'line 501 line 99501 ' ] || fail "$asked: other lines"
(ulimit -v 200000 && yes '{"name": "somebody whose name is not short, but neither very long"}' | head -n 3000000 | "$weft" schema validate person.json -) 2>err ||
    fail "200 MB of lines do not fit"

# A line that is too long is an error, and the next is looked at.
{ printf '{"name": "' && head -c 17000000 /dev/zero | tr '\0' x && printf '"}\n{"name": "next"}\n'; } >long
run 2 schema validate --json person.json - <long
[ "$(sed -n 2p out)" = '{"valid": true}' ] && [[ $(sed -n 1p out) == '{"error": "line 1: longer than 16777216 bytes"}' ]] || fail "$asked: the long line"
run 2 schema validate person.json long && err_like '^weft: long: File too large'

# An answer comes when its line has come.
coproc "$weft" schema validate --json person.json -
answering=$COPROC_PID
for name in '"a"' 1 '"b"'; do
    echo "{\"name\": $name}" >&"${COPROC[1]}"
    read -r -t 60 answer <&"${COPROC[0]}" || fail "no answer before the next line"
    [[ $answer == '{"valid": '* ]] || fail "$name: $answer"
done
eval "exec ${COPROC[1]}>&-"
wait "$answering"

# Nobody reads any more: it ends by SIGPIPE, or says so where that is ignored, and reads no further.
"$weft" schema validate --json person.json - <many 2>err | head -n 1 >out
status=("${PIPESTATUS[@]}")
[ "${status[0]}" -eq 141 ] && [ ! -s err ] && [ "$(cat out)" = '{"valid": true}' ] || fail "a closed pipe: ${status[0]}"
(trap '' PIPE && yes '{"name": "a"}' 2>/dev/null | timeout 60 "$weft" schema validate --json person.json - 2>err) | head -n 1 >out
grep -q '^weft: the output cannot be written: Broken pipe' err || fail "a closed pipe, and SIGPIPE ignored"
"$weft" schema validate --json person.json ann.json >/dev/full 2>err
[ $? -eq 2 ] && grep -q '^weft: the output cannot be written: No space left' err || fail "a full disk"
"$weft" --version >/dev/full 2>err
[ $? -eq 2 ] || fail "a full disk, and --version"

# --- validate: options ------------------------------------------------------------------------------------------------

echo '{"name": "Ann", "email": "nobody"}' >mail.json
run 0 schema validate person.json mail.json
run 1 schema validate --assert-formats person.json mail.json && out_like '^mail.json: /email: .* \(#/properties/email/format\)$'
echo '{"items": [{"type": "integer"}], "additionalItems": false}' >tuple.json
printf '[1]\n[1, 2]\n' >tuples
run 1 schema validate --draft 7 tuple.json - <tuples && out_like '^line 2: ' && [ "$(wc -l <out)" -eq 1 ] || fail "$asked: not draft-07"
run 1 schema validate --draft draft-07 tuple.json - <tuples
run 2 schema validate --draft 2020-12 tuple.json - <tuples && err_like '^weft: tuple.json: '
run 2 schema validate tuple.json - <tuples
echo '{"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "integer"}], "additionalItems": false}' >tuple7.json
run 1 schema validate --draft 2020-12 tuple7.json - <tuples && out_like '^line 2: '
run 1 schema validate --ref https://example.org/person=person.json refers.json ann.json wrong.json
out_like '^wrong.json: /name: .* \(https://example.org/person#/properties/name/type\)$'
cp person.json 'per=son.json' && echo '{"$ref": "https://example.org/?a=b"}' >query.json
run 0 schema validate --ref 'https://example.org/?a=b=person.json' query.json ann.json
echo '{"allOf": [{"$ref": "urn:a"}, {"$ref": "urn:b"}]}' >two.json
echo '{"required": ["age"]}' >aged.json
run 0 schema validate two.json --ref urn:a=person.json ann.json --ref=urn:b=aged.json
run 0 schema validate weft:envelope "$WEFT_TOP"/schemas/examples/envelope/valid/*.json && no_out

# Bounds: a document that is too deep, a pattern that would take for ever.
awk 'BEGIN { for (i = 0; i < 2000; i++) printf "["; for (i = 0; i < 2000; i++) printf "]" }' >deep.json
run 2 schema validate person.json deep.json && err_like '^weft: deep.json: '
echo '{"pattern": "^(a|aa)+$"}' >slow.json
awk 'BEGIN { printf "\""; for (i = 0; i < 5000; i++) printf "a"; printf "b\"\n" }' >slow
run 2 schema validate slow.json slow && err_like '^weft: slow: '

seq -s, 0 2000 | sed 's/^/[/; s/$/]/' >numbers.json && echo '{"items": {"minimum": 1000}}' >thousand.json
run 1 schema validate thousand.json numbers.json
run 2 schema validate --steps 1000 thousand.json numbers.json && err_like '^weft: numbers.json: .* more than 1000 steps'
run 2 schema validate --all --json --steps 4100 thousand.json numbers.json
out_like '^\{"valid": false, "errors": \[\{"instance": "/0", .*\}\], "error": ".* more than 4100 steps'
for bad in 0 -1 x 7x 4294967296 99999999999999999999 ''; do
    run 2 schema validate --steps "$bad" thousand.json numbers.json && err_like "--steps $bad: it is a number from 1 to 4294967295"
done
run 2 schema check --steps 7 thousand.json && err_like 'no option --steps'

echo '{"name": 7, "age": 1, "\u006eame": "Ann"}' >twice.json
run 2 schema validate person.json twice.json && no_out && err_like '^weft: twice.json: .*byte 23: a key stands twice'
run 0 schema validate --duplicate-keys person.json twice.json && no_out && no_err
echo '{"name": "Ann", "name": 7}' | run 1 schema validate --duplicate-keys person.json - && out_like '^line 1: /name: .*the number 7'
echo '{"type": "object", "type": "array"}' >type-twice.json
run 2 schema validate --duplicate-keys type-twice.json ann.json && err_like '^weft: type-twice.json: .*a key stands twice'
run 2 schema check --duplicate-keys person.json && err_like 'no option --duplicate-keys'

# --- id ---------------------------------------------------------------------------------------------------------------

run 0 schema id person.json && no_err && out_like '^[0-9a-f]{64}$'
cp out id.person
python3 -c 'import json; print(json.dumps(json.load(open("person.json")), indent=3, sort_keys=True))' >same.json
run 0 schema id same.json && cmp -s out id.person || fail "$asked: another id"
run 0 schema id - <same.json && cmp -s out id.person || fail "$asked: another id"
echo '{"minimum": 1.0}' >one.json && echo '{"minimum": 1}' >uno.json && echo '{"minimum": 2}' >due.json
run 0 schema id one.json && cp out id.one && run 0 schema id uno.json && cmp -s out id.one || fail "1.0 is not 1"
run 0 schema id due.json && ! cmp -s out id.one || fail "1 is 2"
printf '{}' >void.json && run 0 schema id void.json
out_is "$(printf '{}' | b2sum -l 256 | cut -d ' ' -f 1)"
echo '{"maximum": 1e400}' >huge.json
run 2 schema id huge.json && no_out && err_like '^weft: huge.json: '
run 2 schema id typo.json && no_out && err_like '^weft: typo.json: '

exit $failed
