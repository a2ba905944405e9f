#!/bin/sh
# The simulator as a program: the promises are kept, from a fixed seed and from one of its own, which it prints; the same seed
# gives the same run; what it does not understand it says, with status 2.
set -eu
sim=$WEFT_BUILD/sim
"$sim" --seconds 2
"$sim" --seed 7 --events 200000 --json >"$WEFT_BUILD/sim.first"
"$sim" --seed 7 --events 200000 --json >"$WEFT_BUILD/sim.second"
met() { sed 's/"seconds.*"failed"/"failed"/' "$1"; }
test "$(met "$WEFT_BUILD/sim.first")" = "$(met "$WEFT_BUILD/sim.second")"
grep -q '"failed": false' "$WEFT_BUILD/sim.first"
"$sim" --world large --seed 3 --events 5000 --trace | grep -q 'dispatch on dispatch.sim.c0'
"$sim" --help | grep -q -e '--seed'
for wrong in --seed --seed=x --events=0 --world=flat more; do
    status=0
    "$sim" $wrong 2>"$WEFT_BUILD/sim.says" || status=$?
    test $status -eq 2
    test -s "$WEFT_BUILD/sim.says"
done
