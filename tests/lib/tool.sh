# shellcheck shell=bash disable=SC2034,SC2154
# tool.sh: for scripts that run the tool and the daemon as a user would: work, a directory of their own, is where they run, and
# nothing of theirs is left at the end. They end with: exit $failed

set -u
weft=$WEFT_BUILD/weft
weftd=$WEFT_BUILD/weftd
work=$(mktemp -d)
failed=0
started=()
unset WEFT_URL XDG_RUNTIME_DIR
cd "$work" || exit 1

# Only what was started here, by number, and has not ended: that number may be another's by now. A process of its own group that
# is left has failed the test before.
clean() {
    exec 2>/dev/null # the shell says of each that it was killed
    for pid in "${started[@]}"; do grep -qs "^PPid:[[:space:]]*$$\$" "/proc/$pid/status" && kill -KILL "$pid"; done
    wait
    rm -rf "$work"
}
trap clean EXIT

fail() {
    echo "line ${BASH_LINENO[*]:0:2}: $*"
    for stream in out err; do [ ! -s $stream ] || { echo "  $stream:" && head -c 1000 $stream; }; done
    failed=1
}

# run STATUS ARGUMENT...: runs weft with those, on its own standard input; out and err hold what it says.
run() {
    local wanted=$1 status=0
    shift
    asked="weft $*"
    "$weft" "$@" >out 2>err || status=$?
    [ $status -eq "$wanted" ] || fail "$asked: exit status $status, not $wanted"
}

# What the last run said: exactly this, something like that (an extended regular expression), or nothing.
out_is() { [ "$(cat out)" = "$1" ] || fail "$asked: did not print: $1"; }
out_like() { grep -qE -- "$1" out || fail "$asked: printed nothing like: $1"; }
err_like() { grep -qE -- "$1" err || fail "$asked: said nothing like: $1"; }
no_out() { [ ! -s out ] || fail "$asked: printed something"; }
no_err() { [ ! -s err ] || fail "$asked: said something"; }

# until COMMAND...: waits until it succeeds, for half a minute at most; then the test has failed.
until_so() {
    local tries=0
    until "$@" 2>/dev/null; do
        sleep 0.02
        tries=$((tries + 1))
        [ $tries -lt 1500 ] || { fail "never came: $*"; exit 1; }
    done
}
has() { grep -qsE -- "$1" "$2"; } # has PATTERN FILE
gone() { ! kill -0 "$1"; }        # gone PID, of a process that is not our child

# node ARGUMENT...: starts weftd, which is $node then, with its first address in url; it has listened.
node() {
    : >node.out
    "$weftd" "$@" >node.out 2>>node.err &
    node=$!
    started+=("$node")
    until_so has '^ready ' node.out
    url=$(sed -n 's/^ready //p;q' node.out)
}

# worker NAME ARGUMENT...: starts weft work, which is $worker then and says what it says in NAME.out and NAME.err.
worker() {
    local name=$1
    shift
    : >"$name.out"
    "$weft" work --name "$name" "$@" >"$name.out" 2>"$name.err" &
    worker=$!
    started+=("$worker")
    until_so has '^ready ' "$name.out"
}

# ends STATUS PID: it ends by itself, so.
ends() {
    local status=0
    wait "$2" || status=$?
    [ $status -eq "$1" ] || fail "exit status $status, not $1"
}
