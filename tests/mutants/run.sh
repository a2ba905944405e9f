#!/bin/bash
# run.sh [WORD...]: breaks the core on purpose, one patch at a time, and expects the tests to notice. Words choose patches.
#
# A patch begins with a line that says what it breaks. It is applied to a copy of src/core; the simulation, the search
# through all states and the one through all orders are linked with what it changed, and run until one of them fails. A patch
# may name another test that is to be tried first, in a second line: "catcher: tests/unit/core_ring.c".
# One of src/remote or src/frame is for the simulation of nodes and clients (tests/wire), with all of the library, to notice;
# or, as all of src/net and src/exec are, for the catcher that it names, with all of the library and real sockets.
#
# Prints for each mutant what caught it, and last "N passed, N failed": a mutant that nobody notices has failed, and so has a
# patch that does not apply or compile. First of all nothing may be caught where nothing is broken. Two run side by side.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
export top CC=${CC:-cc}
export EVENTS=3000000 # of the simulation, at most
export WORLDS=120     # of the one of nodes and clients
export catchers='exhaustive core_orders'

# compile DIRECTORY SOURCE...: objects beside the sources' names; headers of DIRECTORY/src go first.
compile() {
    local root=$1
    shift
    printf '%s\0' "$@" | xargs -0 -n 1 -P 2 sh -c '
        out=$1/$(echo "$2" | tr / .).o
        cd "$1" && test -e "$2" || cd "$top" || exit 255
        $CC -std=c11 -D_GNU_SOURCE -DWEFT_TEST -O1 -pthread -I"$1/src" -I"$top/include" -I"$top/src" -I"$top/tests" -c "$2" -o "$out" || exit 255' \
        compile "$root"
}

# link DIRECTORY PROGRAM MAIN: the objects of DIRECTORY before those of the unbroken one.
link() {
    local objects='' object
    for object in "$work"/base/*.o; do
        case ${object##*/} in
        tests.lib.fixture*.c.o) [[ $2 == other ]] || continue ;;
        tests.e2e.*) continue ;;
        tests.prop.* | tests.unit.* | tests.spec.* | tests.sim.sim.c.o) [[ ${object##*/} == "$3" ]] || continue ;;
        esac
        [[ -e $1/${object##*/} ]] && object=$1/${object##*/}
        objects+=" $object"
    done
    # shellcheck disable=SC2086
    $CC -pthread -o "$1/$2" $objects -lcmocka
}

link_all() {
    local name
    link "$1" sim tests.sim.sim.c.o || return
    for name in $catchers; do link "$1" "$name" "tests.prop.$name.c.o" || return; done
}

catcher_of() { sed -n '2s/^catcher: //p' "$1"; }
of_wire() { grep -q '^+++ b/src/\(remote\|frame\)/' "$1" && [[ ! $(catcher_of "$1") ]]; }
of_sockets() { grep -q '^+++ b/src/\(net\|exec\|remote\|frame\)/' "$1" && [[ $(catcher_of "$1") ]]; }

# link_wire DIRECTORY: what takes the place of some of the library stands before it.
link_wire() {
    local object objects=''
    for object in "$work"/wire/{src,gen}.*.o; do
        [[ -e $1/${object##*/} ]] && object=$1/${object##*/}
        objects+=" $object"
    done
    rm -f "$1/lib.a"
    # shellcheck disable=SC2086
    ar rcs "$1/lib.a" $objects &&
        $CC -pthread -o "$1/sim-wire" "$work"/wire/tests.*.o -Wl,--wrap=weft__line_new "$1/lib.a" -lcmocka -lsodium -lpcre2-8
}

# with_sockets DIRECTORY CATCHER: links the catcher with all of the library, and says whether it fails.
with_sockets() {
    local object objects='' catcher=${2//\//.}.o
    for object in "$work"/wire/{src,gen}.*.o; do
        [[ -e $1/${object##*/} ]] && object=$1/${object##*/}
        objects+=" $object"
    done
    # shellcheck disable=SC2086
    $CC -pthread -o "$1/sockets" "$work/base/$catcher" "$work"/wire/tests.lib.*.o $objects -lcmocka -lnng -lsodium -lpcre2-8 \
        >"$1/log" 2>&1 || { cat "$1/log" >&2; return; }
    timeout 60 "$1/sockets" >"$1/log" 2>&1 || echo "$2"
}

noticed_on_the_wire() {
    timeout 300 "$1/sim-wire" --seed 3 --worlds "$WORLDS" >"$1/log" 2>&1 && return
    echo "the simulation of nodes and clients: $(
        sed -n 's/^weft: [^:]*:[0-9]*: \(broken invariant\)/\1/p; s/^broken: //p; s/^again.*/a fault/p' "$1/log" | head -n 1)"
}

# noticed DIRECTORY [SECONDS]: says who fails, and how soon; nothing where nobody does.
noticed() {
    local name
    if ! timeout "${2:-60}" "$1/sim" --seed 1 --events "$EVENTS" >"$1/log" 2>&1; then
        echo "the simulation, after $(sed -n 's/^stopped after \([0-9]*\) events.*/\1/p' "$1/log") events: $(
            sed -n 's/^weft: [^:]*:[0-9]*: \(broken invariant\)/\1/p; s/^broken: event [0-9]*: //p
                s/^stopped .*/a fault/p' "$1/log" | head -n 1)"
        return
    fi
    for name in $catchers; do
        timeout "${2:-60}" "$1/$name" >"$1/log" 2>&1 || {
            echo "$name: $(sed -n 's/^weft: [^:]*:[0-9]*: //p; s/^broken: //p; s/.*error: //p' "$1/log" | head -n 1)"
            return
        }
    done
}

# end_unbroken DIRECTORY CATCHER: what was to pass with nothing broken has failed; says how.
end_unbroken() {
    tail -n 30 "$1/log"
    echo "nothing is broken, and it is caught by $2: mend that first"
    echo '0 passed, 1 failed'
    exit 1
}

# mutant PATCH: prints its line, which ends in ok or FAILED.
mutant() {
    local name dir other by='' changed
    name=$(basename "$1" .patch) dir=$work/$(basename "$1")
    mkdir -p "$dir/src"
    cp -r "$top"/src/{core,remote,frame,net,exec} "$dir/src"
    if ! (cd "$dir" && patch -s -p1 --no-backup-if-mismatch <"$1") >"$dir/log" 2>&1; then
        cat "$dir/log" >&2
        printf '%-28s does not apply: FAILED\n' "$name"
        return
    fi
    changed=$(cd "$dir" && for f in src/*/*.c; do cmp -s "$f" "$top/$f" || echo "$f"; done)
    # shellcheck disable=SC2086
    if ! { compile "$dir" $changed && if of_wire "$1"; then link_wire "$dir"; elif ! of_sockets "$1"; then link_all "$dir"; fi; } >"$dir/log" 2>&1; then
        cat "$dir/log" >&2
        printf '%-28s does not compile: FAILED\n' "$name"
        return
    fi
    other=$(catcher_of "$1")
    if [[ $other ]] && ! of_sockets "$1"; then
        local object=${other//\//.}.o
        link "$dir" other "$object" >"$dir/log" 2>&1 && ! timeout 60 "$dir/other" >"$dir/log" 2>&1 && by=$other
    fi
    if of_wire "$1"; then
        by=$(noticed_on_the_wire "$dir")
    elif of_sockets "$1"; then
        by=$(with_sockets "$dir" "$other")
    else
        by=${by:-$(noticed "$dir")}
    fi
    printf '%-28s %s\n' "$name" "${by:+caught by ${by:0:150}: ok}${by:-nobody notices: FAILED}" | sed 's/: ok.*/: ok/'
    rm -rf "$dir"
}

if [[ ${1:-} == --one ]]; then
    mutant "$2"
    exit 0
fi

work=$(mktemp -d)
export work
trap 'rm -rf "$work"' EXIT
patches=()
for patch in "$top"/tests/mutants/*.patch; do
    for word in "${@:-}"; do [[ $patch == *"$word"* ]] && patches+=("$patch") && break; done
done

mkdir "$work/base"
cd "$top" || exit 2
mapfile -t others < <(sed -sn '2s/^catcher: //p' "${patches[@]}" | sort -u)
if ! { compile "$work/base" src/base/*.c src/core/*.c src/api/types.c src/api/error.c tests/lib/{audit*,check,failmem}.c \
    tests/lib/fixture*.c tests/sim/*.c tests/prop/{exhaustive,core_orders}.c "${others[@]}" && link_all "$work/base"; } >"$work/log" 2>&1; then
    cat "$work/log"
    echo '0 passed, 1 failed'
    exit 1
fi
mapfile -t wires < <(for patch in "${patches[@]}"; do of_wire "$patch" && echo "$patch"; done)
mapfile -t sockets < <(for patch in "${patches[@]}"; do of_sockets "$patch" && catcher_of "$patch"; done | sort -u)
whole=$(for patch in "${patches[@]}"; do { of_wire "$patch" || of_sockets "$patch"; } && echo 1; done | wc -l)
by=''
((whole == ${#patches[@]})) || by=$(noticed "$work/base" 300)
[[ ! $by ]] || end_unbroken "$work/base" "$by"
if ((whole)); then
    mkdir -p "$work/wire/gen"
    tools/embed.sh schemas/*.schema.json >"$work/wire/gen/schemas.c"
    if ! { compile "$work/wire" src/*/*.c gen/schemas.c tests/wire/*.c tests/lib/{audit*,check,dialled,failmem}.c &&
        link_wire "$work/wire"; } >"$work/log" 2>&1; then
        cat "$work/log"
        echo '0 passed, 1 failed'
        exit 1
    fi
    by=''
    ((${#wires[@]} == 0)) || by=$(noticed_on_the_wire "$work/wire")
    for catcher in "${sockets[@]}"; do by=${by:-$(with_sockets "$work/wire" "$catcher")}; done
    [[ ! $by ]] || end_unbroken "$work/wire" "$by"
fi
printf '%s\0' "${patches[@]}" | xargs -0 -n 1 -P 2 "$0" --one | tee "$work/lines"
passed=$(grep -c ': ok$' "$work/lines")
failed=$((${#patches[@]} - passed))
echo "$passed passed, $failed failed"
((failed == 0 && passed > 0))
