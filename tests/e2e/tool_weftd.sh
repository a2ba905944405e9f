#!/bin/bash
# weftd: what it takes, where it listens, and how it ends.
. "$WEFT_TOP/tests/lib/tool.sh"

# daemon STATUS ARGUMENT...: runs weftd, which is to end by itself.
daemon() {
    local wanted=$1 status=0
    shift
    asked="weftd $*"
    timeout 60 "$weftd" "$@" >out 2>err || status=$?
    [ $status -eq "$wanted" ] || fail "$asked: exit status $status, not $wanted"
}

# --- what it takes ------------------------------------------------------------------------------------------------------

daemon 0 --help && no_err && out_like '^usage: weftd \[OPTION...\]' && out_like '^  policy=round_robin'
daemon 0 --version && out_is "weftd $(sed -n 's/^#define WEFT_VERSION "\(.*\)"/\1/p' "$WEFT_TOP/include/weft/version.h")"
daemon 2 -frob && no_out && err_like '^weftd: there is no option -f$'
daemon 2 --t x && no_out && err_like '^weftd: --t may be one of several options$'
daemon 2 --quiet=yes && no_out && err_like '^weftd: --quiet takes no value$'
daemon 2 --frobnicate && no_out && err_like '^weftd: there is no option --frobnicate' && err_like '^Try: weftd --help$'
daemon 2 tcp://127.0.0.1:0 && err_like 'what is tcp://127.0.0.1:0\?'
daemon 2 --drain-ms soon && err_like '--drain-ms soon: it is a number'
# bad CHANNEL SENTENCE [STATUS]: a channel that is refused, and why.
bad() { daemon "${3:-2}" --listen "ipc://$work/s" --channel "$1" && no_out && err_like "$2"; }
bad dispatch.t 'dispatch.t'
bad dispatch.t.a,colour=red 'a channel has no colour'
bad dispatch.t.a,policy 'policy: it is KEY=VALUE'
bad dispatch.t.a,depth_max=1,depth_max=2 'depth_max is given twice'
bad dispatch.t.a,policy=best 'policy=best: it is one of round_robin, least_loaded, sticky'
bad dispatch.t.a,overlapping=1 'overlapping=1: it is one of yes, no'
bad dispatch.t.a,depth_max=-1 'depth_max -1: it is a number'
bad dispatch.t.a:absent.json 'absent.json: No such file' 1
echo '{"type": "strin"}' >typo.json
bad dispatch.t.a:typo.json '^weftd: typo.json: ' 1
bad dispatch.t.a,dead_letter=dispatch.t.b 'dispatch.t.b' 1
mkdir -p other && echo '{"type": "object"}' >job.json && echo '{"type": "array"}' >other/job.json
bad dispatch.t.a:job.json,result_schema=other/job.json 'other/job.json: another schema.s file has this name' 1
daemon 2 --listen http://127.0.0.1:1 && err_like '--listen http://127.0.0.1:1: '
daemon 2 --listen tcp://192.0.2.1:7000 && err_like '--listen tcp://192.0.2.1:7000: '

# Where the host gives some of the threads that are wanted, and not all.
for room in 60000 80000 90000 100000; do
    (ulimit -s 8192 && ulimit -v $room && daemon 1 --listen "ipc://$work/s" && no_out && err_like 'no threads to be had' &&
        run 3 ping --connect-ms 50 --connect "ipc://$work/s" && err_like 'no threads to be had' && exit $failed) || failed=1
done

# --- channels -----------------------------------------------------------------------------------------------------------

node --verbose --listen tcp://127.0.0.1:0 --listen "tcp://[::1]:0" --listen "ipc://$work/s" --channel event.t.news \
    --channel dispatch.t.letters --template 'dispatch.made.*,depth_max=7' \
    --channel dispatch.t.all:job.json,policy=sticky,queue_full=shed_lowest,depth_max=5,bytes_max=1000000,payload_bytes_max=1000,on_crash=redispatch,attempts_max=4,redispatch_wait_ms=forever,overlapping=yes,no_worker=reject,starve_ms=1,cancel_grace_ms=2,schedule_to_start_ms=3,start_to_close_ms=4,schedule_to_close_ms=5,heartbeat_ms=6,dead_letter=dispatch.t.letters,dedup_ms=7,dedup_max=8,result_schema=job.json,opaque=yes
[ "$(sed 's/:[0-9]*$//' node.out)" = "$(printf 'ready %s\n' tcp://127.0.0.1 'tcp://[::1]' "ipc://$work/s")" ] || fail 'other addresses'
for url in $(sed 's/^ready //' node.out); do
    run 0 ping --connect "$url" && out_like "^${url%%[*}.*: node [0-9a-f]{8}, pid $node, weft "
done
export WEFT_URL=$url
worker made dispatch.made.here --exec cat
run 0 ping --json --count 2 --interval-ms 0 && [ "$(wc -l <out)" -eq 2 ] && out_like "\"pid\": $node,"
run 0 ls --json && no_err && cp out listing.json
run 0 schema validate weft:listing listing.json
python3 - listing.json <<'PY' || fail 'the listing'
import json, sys
channels = {c["info"]["name"]: c for c in json.load(open(sys.argv[1]))["channels"]}
assert sorted(channels) == ["dispatch.made.here", "dispatch.t.all", "dispatch.t.letters", "event.t.news"], sorted(channels)
assert channels["dispatch.made.here"]["options"]["depth_max"] == 7
got = channels["dispatch.t.all"]["options"]
want = dict(policy="sticky", queue_full="shed_lowest", depth_max=5, bytes_max=1000000, payload_bytes_max=1000,
            on_crash="redispatch", attempts_max=4, overlapping=True, no_worker="reject", starve_ms=1, cancel_grace_ms=2,
            schedule_to_start_ms=3, start_to_close_ms=4, schedule_to_close_ms=5, heartbeat_ms=6,
            dead_letter="dispatch.t.letters", dedup_ms=7, dedup_max=8, schema="job.json", result_schema="job.json", opaque=True)
assert all(got[key] == value for key, value in want.items()), got
PY
run 0 ls 'dispatch.*.*' --workers && out_like '^dispatch.t.all ' && out_like '^  made .* ready ' && [ "$(grep -c ^event out)" -eq 0 ] || fail "$asked"
run 2 ls 'nomatch*' && err_like 'nomatch\*: not a pattern of channels, which is <kind>.<namespace>.<name>, with \* for any characters of a part$'
run 1 ls 'dispatch.nobody.*' && err_like 'no channel matches'
run 1 why dispatch.t.nobody && err_like 'no channel'
run 0 why dispatch.made.here && out_like 'worker made would get it' && out_like '^  made +eligible '
run 0 why dispatch.t.letters && out_like 'no worker is registered'
has 'info worker made of dispatch.made.here was registered' node.err || fail 'it did not tell of a worker'

kill "$worker" && ends 0 "$worker"

# Somebody listens there; and a socket that was left is taken.
daemon 1 --listen "ipc://$work/s" && err_like 'somebody listens there'
kill -KILL "$node"
wait "$node" 2>/dev/null
[ -S s ] || fail 'no socket was left'
node --listen "ipc://$work/s" --channel dispatch.t.echo --channel dispatch.t.slow

first=$node

# --- as many descriptors as it may have -----------------------------------------------------------------------------------

soft=$(ulimit -Sn)
ulimit -Sn 64
node --listen "ipc://$work/many"
ulimit -Sn "$soft"
[ "$(awk '/^Max open files/ { print $4 }' "/proc/$node/limits")" = "$(ulimit -Hn)" ] || fail 'the limit of descriptors is as it was'
kill "$node" && ends 0 "$node"
node=$first

# --- clients that come and go leave nothing -----------------------------------------------------------------------------

worker echo dispatch.t.echo --exec cat --concurrent 4
for round in 1 2 3 4 5 6 7 8 9 10; do
    asking=()
    for call in 1 2 3 4 5 6; do
        "$weft" call dispatch.t.echo $round.$call >/dev/null & asking+=($!)
    done
    for pid in "${asking[@]}"; do ends 0 "$pid"; done
done
# The node's own, the worker's, and that which asks.
alone() { "$weft" ls --json | grep -q '"participants":3,'; }
until_so alone
run 0 ls dispatch.t.echo && out_like 'open +1 +0 +0 +60 +60 +0 '

# --- whose workers have no connection ------------------------------------------------------------------------------------

node --listen "ipc://$work/t" --beat-ms 300 --resume-ms 600000 --channel dispatch.t.far
for far in 1 2; do
    worker far-$far dispatch.t.far --connect "$url" --exec cat
    kill -STOP "$worker"
    has_lost() { "$weft" ls --connect "$url" --workers dispatch.t.far | grep -q " far-$far  *detached "; }
    until_so has_lost
    run 0 why --connect "$url" dispatch.t.far
    case $far in
    1) out_like 'it would wait: the session of one worker has no connection: it waits for that to come back, or' ;;
    2) out_like 'it would wait: the sessions of 2 workers have no connection: it waits for them to come back, or' ;;
    esac
done
kill -KILL "$node"
wait "$node" 2>/dev/null
node=$first

# --- it ends ------------------------------------------------------------------------------------------------------------

# SIGTERM: what runs ends first, and is told; nothing new is let in.
worker slow dispatch.t.slow --exec ': >begun; until [ -e go ]; do sleep 0.02; done; echo finished'
"$weft" call dispatch.t.slow x >told 2>&1 &
asking=$!
until_so test -e begun
kill -TERM "$node"
refused() { "$weft" call --connect-ms 0 dispatch.t.echo x >out 2>err; [ $? -ne 0 ]; }
until_so refused
: >go
ends 0 "$asking" && [ "$(cat told)" = finished ] || fail 'what ran was not told'
ends 0 "$node"
[ ! -e s ] || fail 'its socket is left'

# With workers that have nothing to do it ends at once, however the connections come to their end.
for round in 1 2 3 4 5 6 7 8; do
    node --listen "ipc://$work/s" --drain-ms 1000000 --channel dispatch.t.idle
    working=()
    for name in a b c d; do worker $name dispatch.t.idle --exec cat && working+=("$worker"); done
    kill "$node" && ends 0 "$node"
    kill "${working[@]}"
    for pid in "${working[@]}"; do ends 0 "$pid"; done
done

# Not for longer than it was told.
node --listen "ipc://$work/s" --drain-ms 100 --channel dispatch.t.slow
"$weft" call dispatch.t.slow x >told 2>&1 &
asking=$!
waits() { "$weft" ls dispatch.t.slow | grep -qE 'open +[0-9] +(1 +0|0 +1) '; }
rm -f go begun
until_so waits
kill -INT "$node" && ends 0 "$node"
ends 6 "$asking" && has '^weft: cancelled, node_closed' told || fail 'other words for what was cancelled'

# A second signal ends it at once.
rm -f go
node --verbose --listen "ipc://$work/s" --drain-ms 1000000 --channel dispatch.t.nobody
"$weft" call dispatch.t.nobody x --lost-ms 0 >told 2>&1 &
asking=$!
waits_too() { "$weft" ls dispatch.t.nobody | grep -qE 'open +0 +1 '; }
until_so waits_too
kill -HUP "$node"
until_so has 'Hangup: draining, for at most 1000000 ms' node.err
kill -TERM "$node" && ends 143 "$node"
ends 8 "$asking"

exit $failed
