#!/bin/bash
# weft call: one payload and many, each outcome and its exit status, and a node that goes.
. "$WEFT_TOP/tests/lib/tool.sh"

echo '{"type": "object", "required": ["n"]}' >job.json
node --listen "ipc://$work/s" --channel dispatch.t.echo --channel dispatch.t.nobody --channel "dispatch.t.job:job.json" \
    --channel event.t.news --channel dispatch.t.small,payload_bytes_max=10 --channel dispatch.t.fails --channel dispatch.t.detached \
    --channel dispatch.t.short,depth_max=5 --channel dispatch.t.many
export WEFT_URL=$url
worker echo dispatch.t.echo --exec cat --concurrent 8
worker fails dispatch.t.fails --exec 'echo no such photo >&2; exit 3'
worker job dispatch.t.job --exec 'echo "not json"'

# --- what it takes ------------------------------------------------------------------------------------------------------

for verb in ping ls why call work; do run 0 $verb --help && no_err && out_like "^usage: weft $verb " && out_like '^Exit status:'; done
run 2 call && err_like 'which CHANNEL'
run 2 call dispatch.t.echo a b && err_like 'one PAYLOAD'
run 2 call dispatch.t.echo --lines a && err_like 'what is a'
run 2 call dispatch.t.echo --priority soon && err_like '--priority soon: it is one of urgent, high, normal, low'
run 2 call dispatch.t.echo --timeout-ms 0 && err_like '--timeout-ms 0: it is a number from 1'
run 2 call dispatch.t.echo --every && err_like 'no option --every' && err_like '^Try: weft call --help'

# --- where the node is --------------------------------------------------------------------------------------------------

run 3 call --connect "ipc://$work/nowhere" --connect-ms 1000 dispatch.t.echo x && no_out
err_like "nobody listens there \(--connect\); is weftd running there\?$"
run 0 call --connect "ipc://$work/nowhere,$url" dispatch.t.echo x && out_is x
run 2 call --connect '' dispatch.t.echo x && err_like "^weft: --connect '': name a URL" && err_like '^Try: weft call --help$'
run 2 call --connect "$work/s" dispatch.t.echo x && err_like '--connect'
WEFT_URL='' XDG_RUNTIME_DIR=$work/none
export XDG_RUNTIME_DIR
run 3 call --connect-ms 0 dispatch.t.echo x && err_like 'the default: --connect URL or WEFT_URL'
unset XDG_RUNTIME_DIR
WEFT_URL=$url

# --- payloads -----------------------------------------------------------------------------------------------------------

run 0 call dispatch.t.echo 'hello' && no_err
[ "$(od -c out | head -1)" = "$(printf hello | od -c | head -1)" ] || fail "the result is not as it came"
run 0 call dispatch.t.echo < <(echo from input) && out_is 'from input'
run 0 call dispatch.t.echo - < <(echo from input) && out_is 'from input'
run 0 call dispatch.t.echo '' && no_out
head -c 12000000 /dev/urandom >big
run 0 call dispatch.t.echo <big && cmp -s big out || fail "12 MB came back otherwise"
run 2 call dispatch.t.echo < <(head -c 17000000 /dev/zero) && err_like 'the standard input: File too large'

# --- each outcome -------------------------------------------------------------------------------------------------------

run 1 call dispatch.t.fails '{}' && no_out && err_like '^weft: failed, exit_3: no such photo$'
run 5 call dispatch.t.nobody x --timeout-ms 50 && err_like '^weft: timed_out, schedule_to_close$'
run 5 call dispatch.t.nobody x --start-ms 50 && err_like '^weft: timed_out, schedule_to_start$'
run 7 call dispatch.t.nobody x --no-worker reject && err_like '^weft: rejected, no_worker'
run 7 call dispatch.t.absent x && err_like '^weft: rejected, no_channel: '
run 7 call event.t.news x && err_like '^weft: rejected, refused: only a dispatch channel takes dispatches$'
run 7 call dispatch.t.small 'more than ten bytes' && err_like 'payload_too_large'
run 7 call dispatch.t.job '{"m": 1}' && err_like 'schema_mismatch: .*"n"'
run 0 call dispatch.t.job '{"n": 1}' && out_is 'not json' # no result schema asks for more

# --- many ---------------------------------------------------------------------------------------------------------------

seq 2000 >numbers
run 0 call dispatch.t.echo --lines <numbers && no_err
cmp -s numbers out || fail "2000 lines came back otherwise"
run 0 call dispatch.t.echo --lines --outstanding 1 < <(seq 20) && out_is "$(seq 20)"
run 0 call dispatch.t.echo --lines < <(printf 'a\n\n  \nb') && out_is $'a\nb'
run 7 call dispatch.t.job --lines < <(printf '{"n": 1}\n{"m": 1}\n{"n": 2}\n{}\n') && out_is $'not json\nnot json'
err_like '^weft: line 2: rejected, schema_mismatch' && err_like '^weft: line 4: rejected'
run 2 call dispatch.t.echo --lines < <(head -c 17000000 /dev/zero | tr '\0' x && echo && echo next) && out_is next
err_like 'line 1: longer than 16777216 bytes'

# An answer comes when its line has come, and not with the next.
coproc "$weft" call dispatch.t.echo --lines
for word in one two three; do
    echo $word >&"${COPROC[1]}"
    read -r -t 30 answer <&"${COPROC[0]}" || fail "no answer before the next line"
    [ "$answer" = $word ] || fail "$word: $answer"
done
asking=$COPROC_PID
eval "exec ${COPROC[1]}>&-"
ends 0 "$asking"

# --- as JSON ------------------------------------------------------------------------------------------------------------

{ echo '{"a": [1,'; echo ' 2]}'; } >pretty.json
run 0 call --json dispatch.t.echo <pretty.json && cat out >>replies
[ "$(wc -l <out)" -eq 1 ] && out_like '"data": \{"a": \[1,  2\]\} ?\}' || fail "the result is not in its line"
run 0 call --json dispatch.t.echo 'a "text" of é' && out_like '"datacontenttype": "text/plain", "data": "a \\"text\\" of é"' && cat out >>replies
run 0 call --json dispatch.t.echo < <(printf '\377\0') && out_like '"application/octet-stream", "data_base64": "/wA="' && cat out >>replies
run 1 call --json dispatch.t.fails x && out_like '"outcome": "failed"' && out_like '"message": "no such photo"' && cat out >>replies
run 5 call --json dispatch.t.nobody x --timeout-ms 50 && cat out >>replies
run 7 call --json dispatch.t.absent x && out_like '"code": "no_channel"' && cat out >>replies
run 7 call --json dispatch.t.job x && cat out >>replies
run 0 call --json dispatch.t.echo --lines <numbers && head -n 50 out >>replies
[ "$(sed 's/^{"request": "\([0-9]*\)".*/\1/' out | sort -n | cmp - numbers && echo same)" = same ] || fail "2000 requests, other answers"
run 0 schema validate --ref urn:weft:schema:envelope="$WEFT_TOP/schemas/envelope.schema.json" \
    "$WEFT_TOP/schemas/dispatch-response.schema.json" - <replies || cat out
python3 - replies <<'PY' || fail "a number that JSON readers do not keep"
import json, sys
for line in open(sys.argv[1]):
    reply = json.loads(line)
    assert reply["id"] is None or reply["id"]["session"] < 2 ** 53
PY

# --- detached, and why --------------------------------------------------------------------------------------------------

run 7 call --detach dispatch.t.absent x && no_out && err_like '^weft: rejected, no_channel: '
run 7 call --detach --lines dispatch.t.short < <(seq 20) && [ "$(wc -l <out)" -eq 5 ] || fail "not five of twenty were admitted"
[ "$(grep -c '^weft: line [0-9]*: rejected, queue_full' err)" -eq 15 ] || fail "not fifteen of twenty were refused"
run 7 call --detach --json dispatch.t.short x && no_err && out_like '"id": null, "admission": "rejected", .*"queue_full"' && cp out refused.json
run 0 schema validate weft:dispatch-acknowledgement - <refused.json
head -c 5000000 big | base64 -w 0 >line && echo >>line
run 0 call --detach --lines dispatch.t.many < <(for i in 1 2 3 4 5 6; do cat line; done) && no_err && [ "$(wc -l <out)" -eq 6 ]
out_like '^[0-9]+:[0-9]+$' && run 0 ls --json dispatch.t.many && out_like '"queued":6,' || fail "what was said to be there is not"
run 0 call --detach dispatch.t.nobody later && no_err && out_like '^[0-9]+:[0-9]+$'
id=$(cat out)
run 0 call --detach --json --lines dispatch.t.detached < <(printf 'a\n\nb\n') && no_err && [ "$(wc -l <out)" -eq 2 ] && cp out sent.json
out_like '^\{"request": "3", "id": \{"session": [0-9]+, "number": [0-9]+\}, "admission": "sent", '
run 0 schema validate weft:dispatch-acknowledgement - <sent.json
run 0 why "$(sed -n 's/.*"session": \([0-9]*\), "number": \([0-9]*\).*/\1:\2/p;q' sent.json)" && out_like 'no worker is registered'
run 0 why "$id" && out_like 'no worker is registered'
run 0 why --json "$id" && cp out why.json && run 0 schema validate weft:why why.json
run 1 why 1:2 && no_out && err_like '^weft: no such dispatch: 1:2 \(it has ended, or never was\)$'
worker late dispatch.t.nobody --exec 'cat >got; echo $WEFT_DISPATCH >dispatched'
until_so has "^$id$" dispatched
[ "$(cat got)" = later ] || fail "the detached one came otherwise"

# --- the node goes ------------------------------------------------------------------------------------------------------

worker slow dispatch.t.small --exec 'touch begun; sleep 1000'
"$weft" call --lost-ms 200 dispatch.t.small x >out 2>err &
asking=$!
until_so test -e begun
kill -KILL "$node"
asked='weft call, whose node was killed'
ends 8 "$asking" && no_out && err_like '^weft: node_lost$'
wait "$node" 2>/dev/null

exit $failed
