#!/bin/sh
# The simulation keeps all promises: from a fixed seed, and from one of its own, which it prints.
set -eu
"$WEFT_BUILD/sim" --seed 7 --events 500000
"$WEFT_BUILD/sim" --seconds 3
