#!/bin/bash
# run.sh PROGRAM...: runs test programs side by side and counts their test cases.
#
# A PROGRAM is built with cmocka, or is a script (.sh), which is one test case: status 0 is passed. PROGRAM@dialled is that
# program with WEFT_TEST_DIAL=1: the nodes that it opens are clients of others (tests/lib/dialled.h). Prints a line for each
# program, then the whole output of those that failed, and last "N passed, N failed". A program that crashes, runs out of
# time, leaves some of its tests unrun or has none adds at least one to the failed. A skipped test is neither.
#
#     WEFT_BUILD   directory of the build          WEFT_TOP   directory of the source       CC, CXX   compilers, for scripts
#     TIMEOUT      seconds for a program (300)     REPEAT     runs of each program (1)      WRAP      command to run it by
#     JOBS         programs at a time (one for each processor)

set -u
here=$(cd "$(dirname "$0")" && pwd)
export WEFT_TOP=${WEFT_TOP:-${here%/tests}}
export WEFT_BUILD=${WEFT_BUILD:-$WEFT_TOP/build/debug}
export TIMEOUT=${TIMEOUT:-300} REPEAT=${REPEAT:-1} WRAP=${WRAP:-} LOGS=${LOGS:-$WEFT_BUILD/logs}

# count PATTERN FILE: the lines of cmocka's TAP output. A test may have printed something before on the same line.
count() { grep -c "$1" "$2"; }

# run_once PROGRAM LOG: sets passed, failed, skipped and remark.
run_once() {
    local program=${1%@dialled} log=$2 start=$SECONDS status
    [[ $program == "$1" ]] || local -x WEFT_TEST_DIAL=1
    # The outer redirection is for what the shell says of a killed program; the remark says it again.
    # shellcheck disable=SC2086
    { timeout -k 5 "$TIMEOUT" $WRAP "$program" >"$log" 2>&1 </dev/null; } 2>/dev/null
    status=$?
    passed=0 failed=0 skipped=0 remark=
    if [[ $program == *.sh ]]; then
        passed=$((status == 0)) failed=$((status != 0))
    else
        local promised
        promised=$(sed -n 's/^1\.\.\([0-9]*\)$/\1/p' "$log" | paste -sd+ | sed 's/^$/0/')
        skipped=$(count 'not ok [0-9][0-9]* # SKIP' "$log")
        failed=$(($(count 'not ok [0-9][0-9]* ' "$log") - skipped))
        passed=$(($(count 'ok [0-9][0-9]* - ' "$log") - $(count 'not ok [0-9][0-9]* - ' "$log")))
        local unrun=$((promised - passed - failed - skipped))
        if ((unrun > 0)); then
            failed=$((failed + unrun)) remark="$unrun did not finish"
        elif ((passed + failed == 0)); then
            failed=1 remark="ran no test"
        elif ((status != 0 && failed == 0)); then
            failed=1 remark="exit status $status"
        fi
    fi
    if ((status == 124 || (status == 137 && SECONDS - start >= TIMEOUT))); then
        remark="timed out after $TIMEOUT s"
    elif ((status > 128 && status <= 192)); then
        remark="killed by SIG$(kill -l $((status - 128)))${remark:+, $remark}"
    fi
}

# run PROGRAM: up to REPEAT times, until it fails; the counts are those of the last run.
run() {
    local program=$1 name=${1#"$WEFT_TOP"/} log round start=${EPOCHREALTIME/./}
    name=${name#"${WEFT_BUILD#"$WEFT_TOP"/}"/} name=${name/@dialled/ (dialled)}
    log=${name//\//.} log=$LOGS/${log// (dialled)/.dialled}
    [[ $program == /* ]] || program=$WEFT_TOP/$program
    for ((round = 1; round <= REPEAT; round++)); do
        run_once "$program" "$log.log"
        ((failed)) && break
    done
    ((failed && REPEAT > 1)) && remark="run $round of $REPEAT${remark:+, $remark}"
    local ms=$(((${EPOCHREALTIME/./} - start) / 1000)) line
    line=$(printf '%-44s %4d passed' "$name" "$passed")
    ((failed)) && line+=", $failed FAILED"
    ((skipped)) && line+=", $skipped skipped"
    printf '%s%s  %d.%02d s\n' "$line" "${remark:+ ($remark)}" $((ms / 1000)) $((ms % 1000 / 10))
    echo "$passed $failed $name" >"$log.count"
}

if [[ ${1:-} == --one ]]; then
    run "$2"
    exit 0
fi

if (($# == 0)); then
    echo "run.sh: no test program given" >&2
    exit 2
fi

# What the tests run must not take itself for a part of the make that runs us.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES WEFT_TEST_DIAL
export CMOCKA_MESSAGE_OUTPUT=TAP MALLOC_PERTURB_=165
# The sanitizer reports a fault with its stack, where cmocka would catch the signal and go on.
export ASAN_OPTIONS=handle_segv=2:handle_sigbus=2:handle_sigfpe=2:detect_stack_use_after_return=1:${ASAN_OPTIONS:-}
# It would let every process of a test sleep a second before its end.
export TSAN_OPTIONS=suppressions=$here/tsan.supp:atexit_sleep_ms=20:${TSAN_OPTIONS:-}
export UBSAN_OPTIONS=print_stacktrace=1:${UBSAN_OPTIONS:-}

rm -rf "$LOGS"
mkdir -p "$LOGS"
printf '%s\0' "$@" | xargs -0 -n 1 -P "${JOBS:-$(nproc)}" "$here/run.sh" --one

passed=0 failed=0 reported=0
for counts in "$LOGS"/*.count; do
    read -r p f name <"$counts"
    passed=$((passed + p)) failed=$((failed + f)) reported=$((reported + 1))
    ((f)) && printf '\n---- %s\n' "$name" && cat "${counts%.count}.log" && echo
done
if ((reported != $#)); then
    echo "run.sh: $(($# - reported)) of $# programs did not report"
    failed=$((failed + $# - reported))
fi
echo "$passed passed, $failed failed"
((failed == 0))
