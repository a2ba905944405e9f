#!/bin/sh
# fabric.sh [BUILD [DIRECTORY [TASKS]]]: the fabric across processes. Headers under DIRECTORY (/usr/include) are the tasks; each is the
# BLAKE2b-256 of a file, computed by a command of the shell.
#
# weftd is the node. Four workers are processes of the tool; three are on its socket, and the fourth comes by tcp, through a
# stretch of network that can be cut (relay.c). A client dispatches all tasks, many at a time. Meanwhile one worker is killed
# with tasks in hand, and the network of the fourth is cut, and mended. At the end every task is accounted for: each has one outcome,
# each digest is right, and what was dispatched again is what the killed worker had, and no more.
set -eu
build=${1:-build/release}
directory=${2:-/usr/include}
tasks=${3:-1500}
weft=$build/weft
work=$(mktemp -d)
started=
# What has ended is no child of ours, and its number may be another's.
cleanup() {
    for pid in $started; do ! grep -qs "^PPid:[[:space:]]*$$\$" "/proc/$pid/status" || kill -9 "$pid" 2>/dev/null || :; done
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM
unset WEFT_URL
export PATH

die() { echo "fabric: $*" >&2; exit 1; }

# until_so COMMAND...: waits for it, half a minute at most.
until_so() {
    tries=0
    until "$@"; do
        tries=$((tries + 1))
        [ $tries -lt 600 ] || die "never came: $*"
        sleep 0.05
    done
}
says() { grep -q "$1" "$2" 2>/dev/null; }
answered() { [ "$(wc -l <"$work/replies")" -ge "$1" ]; }

# --- the node ------------------------------------------------------------------------------------------------------------

cat >"$work/task.json" <<'JSON'
{"type": "object", "required": ["path"], "additionalProperties": false,
 "properties": {"path": {"type": "string", "pattern": "^/.*\\.h$", "maxLength": 4095}}}
JSON
echo '{"type": "string", "pattern": "^[0-9a-f]{64}$"}' >"$work/digest.json"
channel=dispatch.demo.blake2b

"$build/weftd" --listen "ipc://$work/weft.sock" --listen tcp://127.0.0.1:0 \
    --channel "$channel:$work/task.json,result_schema=$work/digest.json,on_crash=redispatch" >"$work/node" &
node=$!
started="$started $node"
until_so says '^ready tcp' "$work/node"
export WEFT_URL="ipc://$work/weft.sock"
"$weft" ping

# --- the workers ---------------------------------------------------------------------------------------------------------

mkfifo "$work/relay.in"
"$build/examples/relay" 127.0.0.1 "$(sed -n 's/^ready tcp.*://p' "$work/node")" <"$work/relay.in" >"$work/relay" &
relay=$!
started="$started $relay"
exec 9>"$work/relay.in"
until_so says . "$work/relay"

# What each runs: the payload is its standard input, what it prints the result.
cat >"$work/digest.sh" <<'SH'
path=$(sed 's/^{"path":"\(.*\)"}$/\1/')
digest=$(b2sum -l 256 <"$path") && echo "\"${digest%% *}\""
SH

# worker NAME URL: $worker is its process.
worker() {
    "$weft" work "$channel" --connect "$2" --name "$1" --concurrent 2 -- sh "$work/digest.sh" >"$work/$1" 9>&- &
    worker=$!
    started="$started $worker"
    until_so says '^ready' "$work/$1"
}
worker near-1 "$WEFT_URL"
near_1=$worker
worker near-2 "$WEFT_URL"
working=$worker
worker near-3 "$WEFT_URL"
working="$working $worker"
worker far "tcp://127.0.0.1:$(cat "$work/relay")"
working="$working $worker"

find "$directory" -type f -name '*.h' 2>/dev/null | grep -v '["\\]' | head -n "$tasks" >"$work/paths"
tasks=$(wc -l <"$work/paths")
[ "$tasks" -ge 100 ] || die "$tasks header files under $directory; the demonstration wants at least 100"
sed 's/.*/{"path":"&"}/' "$work/paths" >"$work/tasks"

printf '\n%s header files under %s: each is a task. Before it begins:\n\n' "$tasks" "$directory"
"$weft" ls --workers

# --- the work, and what befalls it --------------------------------------------------------------------------------------

: >"$work/replies"
"$weft" call "$channel" --lines --json --outstanding 64 <"$work/tasks" >"$work/replies" 9>&- &
client=$!
started="$started $client"

until_so answered $((tasks / 4))
kill -9 "$near_1"
printf '\nAfter a quarter of the tasks worker near-1 was killed: SIGKILL to process %s.\n' "$near_1"

until_so answered $((tasks / 2))
kill -USR1 "$relay"
detached() { "$weft" ls --workers >"$work/cut" && says '^  far .*detached' "$work/cut"; }
until_so detached
printf 'After half of them the network of worker far was cut:\n\n'
cat "$work/cut"
kill -USR2 "$relay"
resumed() { "$weft" ls --workers >"$work/mended" && says '^  far .*ready' "$work/mended"; }
until_so resumed
printf '\nAnd mended: far is the same worker, with the tasks it had.\n'

status=0
wait "$client" || status=$?
[ $status -eq 0 ] || die "weft call ended with status $status"

# --- the account ---------------------------------------------------------------------------------------------------------

printf '\nWhen all was done:\n\n'
"$weft" ls --workers --deaths | tee "$work/after"
sed -n 's/^{"request": "\([0-9]*\)".*"outcome": "\([a-z_]*\)".*"attempts": \([0-9]*\).*"worker": "\([^"]*\)".*/\1 \2 \3 \4/p' \
    "$work/replies" >"$work/account"
awk -v tasks="$tasks" '
    { seen[$1]++; outcomes[$2]++; again += $3 > 1; workers[$4]++ }
    END {
        for (i = 1; i <= tasks; i++) { missing += !seen[i]; twice += seen[i] > 1 }
        printf "\n%d tasks, %d completed, %d unaccounted for, %d accounted for twice; %d were dispatched again\n",
            tasks, outcomes["completed"], missing, twice, again
        for (name in workers) printf "  %-8s %d\n", name, workers[name]
        exit missing || twice || outcomes["completed"] != tasks || again < 1 || again > 2
    }' "$work/account" || die "the account is not right"
sed -n 's/^{"request": "\([0-9]*\)".*"data": "\([0-9a-f]*\)".*/\1 \2/p' "$work/replies" | sort -n >"$work/digests"
tr '\n' '\0' <"$work/paths" | xargs -0 b2sum -l 256 | awk '{ print NR, $1 }' | cmp -s - "$work/digests" ||
    die "a digest is wrong"
[ "$(sed '1,/^  DIED/d' "$work/after" | wc -l)" -eq 1 ] || die "more than one has died"
echo "every digest is right, and one participant has died: near-1, whose tasks another worker has done"

# Orderly ends: those that are left take no more, and the node waits for what is open.
for pid in $working $node; do
    status=0
    kill "$pid"
    wait "$pid" || status=$?
    [ $status -eq 0 ] || die "process $pid ended with status $status"
done
