#!/bin/bash
# run.sh [WORD...]: breaks the library on purpose, one patch at a time, and expects a test to notice. Words choose patches.
#
# Each patch is applied to a copy of the source; then the catchers run in turn until one fails: the exhaustive search, the
# specs, the simulation. Prints a line for each mutant and last "N passed, N failed": a mutant that no catcher notices has
# failed, and so has a patch that does not apply or compile. Two copies work side by side.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
make_in() { env -u MAKEFLAGS -u MAKELEVEL -u MAKEOVERRIDES make -s -C "$1" FLAVOUR=debug "${@:2}"; }

specs=$(cd "$top" && printf 'build/debug/%s ' tests/spec/*.c | sed 's/\.c / /g')
catchers="build/debug/tests/prop/exhaustive $specs build/debug/sim"

# caught COPY: the first catcher that fails, or nothing.
caught() {
    local copy=$1 program
    for program in $catchers; do
        case $program in
        */sim) (cd "$copy" && timeout 60 "$program" --seed 1 --events 3000000) >"$copy/log" 2>&1 ;;
        *) (cd "$copy" && DEPTH=9 timeout 60 "$program") >"$copy/log" 2>&1 ;;
        esac || {
            echo "${program#build/debug/}"
            return
        }
    done
}

# try COPY PATCH: prints the mutant's line; the last word is ok or FAILED.
try() {
    local copy=$1 patch=$2 name by
    name=$(basename "$patch" .patch)
    if ! (cd "$copy" && patch -s -p1 --no-backup-if-mismatch <"$patch") >"$copy/log" 2>&1; then
        printf '%-36s does not apply: FAILED\n' "$name"
        cat "$copy/log" >&2
        exit 1
    fi
    if make_in "$copy" $catchers WERROR=0 >"$copy/log" 2>&1; then
        by=$(caught "$copy")
        printf '%-36s %s\n' "$name" "${by:+caught by $by: ok}${by:-not caught: FAILED}" | sed 's/: ok.*/: ok/'
    else
        printf '%-36s does not compile: FAILED\n' "$name"
        cat "$copy/log" >&2
    fi
    (cd "$copy" && patch -s -R -p1 --no-backup-if-mismatch <"$patch")
}

patches=()
for patch in "$top"/tests/mutants/*.patch; do
    for word in "${@:-}"; do [[ $patch == *"$word"* ]] && patches+=("$patch") && break; done
done

mkdir "$work/1" && cp -r "$top"/{Makefile,include,src,tests,tools} "$work/1"
if ! make_in "$work/1" -j2 $catchers >"$work/log" 2>&1; then
    tail -n 20 "$work/log"
    echo '0 passed, 1 failed'
    exit 1
fi
by=$(caught "$work/1")
if [[ $by ]]; then
    echo "unbroken, it is caught already by $by: mend that first"
    echo '0 passed, 1 failed'
    exit 1
fi
cp -rp "$work/1" "$work/2"
for half in 0 1; do
    for ((i = half; i < ${#patches[@]}; i += 2)); do try "$work/$((half + 1))" "${patches[i]}"; done | tee "$work/lines$half" &
done
wait
passed=$(cat "$work"/lines? | grep -c ': ok$')
failed=$((${#patches[@]} - passed))
echo "$passed passed, $failed failed"
((failed == 0 && passed > 0))
