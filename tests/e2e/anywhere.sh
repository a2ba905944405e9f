#!/bin/bash
# One source, both ways: examples/anywhere.c prints the same where its node is weftd, each time, as where it has its own (which
# tests/docs/examples.sh sees).
. "$WEFT_TOP/tests/lib/tool.sh"
. "$WEFT_TOP/tests/lib/printed.sh"

for address in "ipc://$work/node.sock" tcp://127.0.0.1:0; do
    node --listen "$address"
    for _ in 1 2; do
        check_printed "$WEFT_TOP/examples/anywhere.c" "$WEFT_BUILD/examples/anywhere" "$url" || fail "not the same at $url"
    done
    run 0 ls --connect "$url"
    no_out
    kill "$node"
    ends 0 "$node"
done

# Nobody is there: it says so.
if "$WEFT_BUILD/examples/anywhere" "ipc://$work/none.sock" >out 2>err; then fail "dialled nobody, and went on"; fi
err_like '^anywhere: dial a node: WEFT_ELOST'
exit $failed
