#!/bin/bash
# api_fork.c again, with the shared library in place of the static one.
set -eu
program=$(mktemp)
trap 'rm -f "$program"' EXIT
$CC -std=c11 -D_GNU_SOURCE -pthread -I"$WEFT_TOP/include" -I"$WEFT_TOP/tests" -o "$program" \
    "$WEFT_TOP/tests/e2e/api_fork.c" "$WEFT_BUILD/libtest.a" -L"$WEFT_BUILD" -lweft -lcmocka -Wl,-rpath,"$WEFT_BUILD"
readelf -d "$program" | grep -q 'libweft\.so'
"$program"
