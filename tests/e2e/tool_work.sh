#!/bin/bash
# weft work: what a command gets and what becomes of its end; and that nothing of it is left, however its task or its worker ends.
. "$WEFT_TOP/tests/lib/tool.sh"

echo '{"type": "object"}' >object.json
node --listen "ipc://$work/s" --template 'dispatch.t.*,on_crash=redispatch,cancel_grace_ms=30000' \
    --channel dispatch.t.typed,result_schema=object.json,on_crash=redispatch --channel dispatch.t.once,on_crash=fail
export WEFT_URL=$url

# --- what it takes ------------------------------------------------------------------------------------------------------

run 2 work && err_like 'which CHANNEL'
run 2 work dispatch.t.a && err_like 'one command is wanted'
run 2 work dispatch.t.a --exec cat -- cat && err_like 'one command is wanted'
run 2 work dispatch.t.a --exec cat --content-type $'\xff' && no_out && err_like '--content-type: it is not 1 to 127 characters of printable ASCII'
run 2 work dispatch.t.a --exec cat --concurrent 0 && err_like '--concurrent 0: it is a number from 1 to 1024'
run 2 work dispatch.t.a -- "$work/no-such-program" && no_out && err_like '/no-such-program: cannot be run: No such file or directory$'
run 2 work --connect "ipc://$work/nowhere" dispatch.t.a -- no-such-program && err_like '^weft: no-such-program: cannot be run: No such file'
run 2 work dispatch.t.a -- '' && err_like 'cannot be run: No such file'
run 2 work dispatch.t.a -- / && err_like '^weft: /: cannot be run: Permission denied$'
mkdir -p closed open here && printf '#!/bin/sh\necho ran\n' | tee closed/mixed open/mixed here/mixed >closed/only && chmod +x open/mixed here/mixed
PATH=$work/closed:$PATH run 2 work dispatch.t.a -- only && err_like '^weft: only: cannot be run: Permission denied$'
run 2 work dispatch.no.template --exec cat && err_like 'no channel'
if [ -e /dev/full ]; then
    asked='weft work, whose output is full'
    timeout 10 "$weft" work dispatch.t.a --exec cat >/dev/full 2>err &
    ends 2 $!
    err_like '^weft: the output cannot be written: No space left on device$' && [ "$(wc -l <err)" -eq 1 ] || fail 'said otherwise'
fi
run 3 work --connect "ipc://$work/nowhere" --connect-ms 50 dispatch.t.a --exec cat && err_like 'is weftd running'

# --- a task -------------------------------------------------------------------------------------------------------------

worker tells dispatch.t.tells --type a --type b --exec 'env | grep ^WEFT_ | sort; wc -c'
asked='weft work --exec env'
run 0 call --type a --content-type text/plain --timeout-ms 60000 dispatch.t.tells 'four'
out_like '^WEFT_ACTIVITY_TYPE=a$' && out_like '^WEFT_ATTEMPT=1$' && out_like '^WEFT_CHANNEL=dispatch.t.tells$'
out_like '^WEFT_CONTENT_TYPE=text/plain$' && out_like '^WEFT_DISPATCH=[0-9]+:[0-9]+$' && out_like '^WEFT_WORKER=tells$'
out_like '^WEFT_REMAINING_MS=[0-9]+$' && out_like '^WEFT_URL=ipc:' && out_like '^4$'
run 7 call --type c --no-worker reject dispatch.t.tells x
worker plain dispatch.t.plain -- printf '%s|' 'as it' stands '$HOME'
run 0 call dispatch.t.plain x && out_is 'as it|stands|$HOME|'

# Large in both directions, at once, and a command that reads nothing, or not all.
head -c 8000000 /dev/urandom >big
worker both dispatch.t.both --exec 'cat; cat big' --concurrent 2
run 0 call dispatch.t.both <big && cat big big | cmp -s - out || fail '8 MB in, 16 MB out: not those'
worker deaf dispatch.t.deaf --exec 'echo deaf'
run 0 call dispatch.t.deaf <big && out_is deaf
worker huge dispatch.t.huge --result-max 1000 --exec 'yes'
run 1 call dispatch.t.huge x && err_like 'failed, result_too_large'

# Its end. A signal and 75 are deaths: the others have it then, or nobody.
worker fails dispatch.t.fails --exec 'echo first >&2; printf "last é" >&2; exit 9'
run 1 call dispatch.t.fails x && err_like 'failed, exit_9: first\\u000alast é$' && has '^last' fails.err
worker silent dispatch.t.silent --exec 'exit 1'
run 1 call dispatch.t.silent x && err_like 'failed, exit_1: exit status 1$'
worker shot dispatch.t.once --exec 'sh -c "kill -9 \$\$"; exit $?'
run 4 call dispatch.t.once x && kill "$worker" && ends 0 "$worker"
PATH=$work/closed:$work/open:$PATH worker found dispatch.t.found -- mixed
run 0 call dispatch.t.found x && out_is ran
(cd here && PATH=:$PATH && exec "$weft" work dispatch.t.empty -- mixed >../empty.out) & started+=($!)
until_so has '^ready ' empty.out
run 0 call dispatch.t.empty x && out_is ran
cp "$(type -P true)" vanishing
worker absent dispatch.t.absent -- "$work/vanishing"
run 0 call dispatch.t.absent x && rm vanishing
run 1 call dispatch.t.absent x && err_like 'failed, not_started: No such file or directory$'
worker dies dispatch.t.once --exec 'kill -KILL $$'
run 4 call dispatch.t.once x && err_like '^weft: worker_died'
worker again dispatch.t.again --exec 'test $WEFT_ATTEMPT -eq 2 || exit 75; echo the second time'
run 0 call dispatch.t.again x && out_is 'the second time'
worker typed dispatch.t.typed --exec 'echo no JSON'
run 1 call dispatch.t.typed x && err_like 'failed, result_schema_mismatch'

# A helper that stays behind holds the output open, and keeps nobody waiting: it ends with the command.
worker behind dispatch.t.behind --exec 'sleep 1000 & echo $! >behind.pid; echo done'
run 0 call dispatch.t.behind x && out_is 'done'
until_so gone "$(cat behind.pid)"

# Nor do those that have left the group, and write for ever.
"$weft" work dispatch.t.loud --exec 'for i in 1 2 3 4; do setsid yes >&2 & done; sleep 0.2; echo $!' >loud.out 2>/dev/null &
started+=($!)
until_so has '^ready ' loud.out
run 0 call dispatch.t.loud --timeout-ms 20000 x && out_like '^[0-9]+$' && until_so gone "$(cat out)" # nobody reads them

# --- many at a time -----------------------------------------------------------------------------------------------------

# Each waits for all the others: so there are four at once.
worker four dispatch.t.four --concurrent 4 --exec 'read n; : >here.$n; until [ $(ls here.* | wc -l) -eq 4 ]; do sleep 0.02; done; echo $n'
run 0 call --lines dispatch.t.four < <(seq 4) && out_is "$(seq 4)"
run 0 ls --workers dispatch.t.four && out_like ' four .* 0 of 4 +4 '

# --- it is cancelled ----------------------------------------------------------------------------------------------------

# stuck CHANNEL: calls it; the command's process and its child write their numbers to stuck.pids.
stuck='echo $$ >pids; sleep 1000 & echo $! >>pids; mv pids stuck.pids; wait'
call_stuck() {
    rm -f stuck.pids
    "$weft" call "$@" >out 2>err &
    asking=$!
    until_so test -e stuck.pids
    mapfile -t pids <stuck.pids
}
none_left() { for pid in "${pids[@]}"; do until_so gone "$pid"; done; }

worker stuck dispatch.t.stuck --exec "$stuck"
call_stuck dispatch.t.stuck x
kill -KILL "$asking"
wait "$asking" 2>/dev/null
none_left
call_stuck dispatch.t.stuck x --run-ms 200
asked='weft call, of what is stuck' && ends 5 "$asking" && err_like 'timed_out, start_to_close'
none_left
kill "$worker" && ends 0 "$worker"
worker firm dispatch.t.stuck --kill-ms 100 --exec "trap '' TERM; $stuck; wait; wait"
call_stuck dispatch.t.stuck x
kill -KILL "$asking"
wait "$asking" 2>/dev/null
none_left
kill "$worker" && ends 0 "$worker"

# Nobody reads our standard error, and it is full: as ever.
mkfifo unread && exec 9<>unread
"$weft" work dispatch.t.unread --drain-ms 100 --concurrent 2 \
    --exec "head -c 300000 /dev/zero >&2; read what; test \$what != go || exit 3; $stuck" >unread.out 2>unread 9>&- &
worker=$!
started+=("$worker")
until_so has '^ready ' unread.out
run 1 call --lines --timeout-ms 20000 dispatch.t.unread < <(printf 'go\ngo\n') && err_like 'failed, exit_3'
call_stuck dispatch.t.unread x --run-ms 2000
asked='weft call, of what nobody hears' && ends 5 "$asking" && err_like 'timed_out, start_to_close'
none_left
call_stuck dispatch.t.unread x
kill "$worker" && ends 1 "$worker"
none_left
kill "$asking" && wait "$asking" 2>/dev/null
exec 9>&-

# --- it ends ------------------------------------------------------------------------------------------------------------

# SIGTERM: what runs is finished, and its result told.
worker drained dispatch.t.drained --exec ': >begun; until [ -e go ]; do sleep 0.02; done; echo finished'
"$weft" call dispatch.t.drained x >out 2>err &
asking=$!
until_so test -e begun
kill "$worker"
has_drained() { "$weft" ls --workers dispatch.t.drained | grep -q ' draining '; }
until_so has_drained
: >go
asked='weft call, of a worker that drains'
ends 0 "$asking" && out_is finished
ends 0 "$worker"

# What does not end in time is given up, and goes to another.
worker slow dispatch.t.slow --drain-ms 100 --exec "$stuck"
slow=$worker
call_stuck dispatch.t.slow x
worker quick dispatch.t.slow --exec 'echo quick, attempt $WEFT_ATTEMPT'
kill "$slow" && ends 1 "$slow"
asked='weft call, of a worker that was too slow' && ends 0 "$asking" && out_is 'quick, attempt 2'
none_left
has 'was given up' slow.err || fail 'it did not say so'
kill "$worker" && ends 0 "$worker"

# A second signal, and SIGKILL: at once; its commands are killed, and the task goes to another.
for signal in TERM KILL; do
    worker first-$signal dispatch.t.kill --exec "$stuck"
    first=$worker
    call_stuck dispatch.t.kill x
    worker second-$signal dispatch.t.kill --exec 'echo another, attempt $WEFT_ATTEMPT'
    if [ $signal = TERM ]; then
        kill "$first"
        drains() { "$weft" ls --workers dispatch.t.kill | grep -q 'first-TERM .* *draining'; }
        until_so drains
        kill -INT "$first" && ends 130 "$first"
    else
        kill -KILL "$first" && ends 137 "$first" 2>/dev/null
    fi
    asked="weft call, of a worker that ended by SIG$signal"
    ends 0 "$asking" && out_is 'another, attempt 2'
    none_left
    kill "$worker" && ends 0 "$worker"
done
run 0 ls --deaths dispatch.t.kill && out_like '(signal 9 \(Killed\)|unknown) +1 +1$' # whoever reaps it may be quicker than the node

# The node goes and comes back: the worker is there again.
kill -KILL "$node"
wait "$node" 2>/dev/null
node --listen "ipc://$work/s" --template 'dispatch.t.*'
back() { "$weft" ls --workers dispatch.t.four | grep -q ' four '; }
until_so back
rm -f here.* && run 0 call --lines dispatch.t.four < <(seq 4) && out_is "$(seq 4)"

# It comes back without the channel: who works there ends, and says so.
worker left dispatch.t.left --exec cat
kill -KILL "$node"
wait "$node" 2>/dev/null
node --listen "ipc://$work/s" --channel dispatch.t.other
asked='weft work, whose channel is gone'
ends 2 "$worker"
has '^weft: dispatch.t.left: the node that came back has refused the worker: ' left.err || fail 'it did not say so'

exit $failed
