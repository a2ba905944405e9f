#!/bin/bash
# docs/protocol.md is what the library does: its tables are the library's, a codec that knows nothing but the page reads and
# writes the vectors of schemas/wire (as tests/unit/frame_vectors.c does with the library's), and these are as their schema says.
set -eu
wire=$WEFT_TOP/schemas/wire
shopt -s extglob
"$WEFT_BUILD/weft" schema validate "$wire/vectors.schema.json" "$wire"/+([a-z_]).json
python3 "$WEFT_TOP/tests/docs/protocol.py" "$WEFT_TOP"
