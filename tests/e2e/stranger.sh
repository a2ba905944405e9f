#!/bin/bash
# A stranger's machine: weft is installed into a directory of its own; outside of the project each example is built against
# that by pkg-config, with the shared and with the static library, runs, and prints what it says. The commands are those of
# docs/embedding.md.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. "$WEFT_TOP/tests/lib/printed.sh"
stage=$work/stage

# What was built for the tests is installed, by the compilers that built it: others, or the same by another name, would build
# everything anew, which takes minutes on a busy machine, and while other tests use it.
make() {
    command make -s -C "$WEFT_TOP" FLAVOUR="$(basename "$WEFT_BUILD")" BUILD="$(dirname "$WEFT_BUILD")" \
        ${CC:+"CC=$CC"} ${CXX:+"CXX=$CXX"} "$@"
}
cc() { command "${CC:-cc}" "$@"; }

# The block of commands that holds the word.
commands() {
    awk -v word="$1" '/^```sh/ { inside = 1; text = ""; next } /^```/ { if (inside && index(text, word)) printf "%s", text
        inside = 0 } inside { text = text $0 "\n" }' "$WEFT_TOP/docs/embedding.md"
}

mkdir "$work/away"
cd "$work/away"
cp "$WEFT_TOP"/examples/*.c "$WEFT_TOP"/examples/*.cc .
cp epoll.c app.c
commands DESTDIR >"$work/commands"
grep -q pkg-config "$work/commands"
echo "$SECONDS s: installs" # each step, so that one which runs out of time says where
. "$work/commands"
echo "$SECONDS s: installed"
export LD_LIBRARY_PATH=$stage/usr/lib
check_printed app.c ./app
[ -f "$stage/usr/share/man/man7/weft.7" ]

# try SOURCE [LIBRARY]: both kinds; with another library, only weft is static.
try() {
    local name=${1%.*} compiler=cc static
    read -ra static <<<"-static $(pkg-config --static --cflags --libs weft)"
    [ $# -eq 1 ] || read -ra static <<<"$(pkg-config --cflags --libs-only-L weft) -l:libweft.a -lnng -lsodium -lpcre2-8 -pthread"
    [[ $1 != *.cc ]] || compiler=${CXX:-c++}
    # shellcheck disable=SC2046
    $compiler -Wall -Wextra -Werror -o "$name" "$1" $(pkg-config --cflags --libs weft) -pthread "${@:2}"
    $compiler -o "$name.static" "$1" "${static[@]}" "${@:2}"
    echo "$SECONDS s: $1 runs"
    if [ "$name" = headers ]; then # its figures come from the run
        ./headers /usr/include/linux | grep -q ' 0 unaccounted for, 0 accounted for twice'
        return
    fi
    work=$work/$name
    mkdir "$work"
    check_printed "$1" ./"$name"
    LD_LIBRARY_PATH="" check_printed "$1" ./"$name.static"
    echo "$SECONDS s: $1 is done"
}

declare -A running
for source in $(grep -l "<weft/" -- *.c *.cc); do # relay.c is a part of fabric.sh, which the demo runs
    [ "$source" != app.c ] || continue
    library=$(sed -n 's/^#include <\(sodium\|uv\)\.h>/-l\1/p' "$source")
    # shellcheck disable=SC2086
    try "$source" $library &
    running[$source]=$!
done
failed=0
for source in "${!running[@]}"; do
    wait "${running[$source]}" || { echo "$source: not as it should be"; failed=1; }
done
exit $failed
