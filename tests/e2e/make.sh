#!/bin/bash
# The Makefile takes from the environment what it names as the user's, and nothing else.
set -u
unset T V WERROR ARGS SEED EVENTS SIM_S CPPFLAGS LDFLAGS REPEAT TIMEOUT WRAP STRESS_S SOAK_S
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# commands [NAME=VALUE...]: what it would run for everything, and what it says of its variables.
commands() { env "$@" make -C "$WEFT_TOP" -n --warn-undefined-variables BUILD="$work" programs check sim bench install uninstall 2>"$work/said"; }

commands >"$work/plain" || { cat "$work/said"; exit 1; }
[ "$(grep -c -- '-lnng' "$work/plain")" -gt 10 ] || { echo 'it links nothing'; failed=1; }
# An undefined variable is one that the environment may set.
for name in $(sed -n "s/.*undefined variable '\(.*\)'.*/\1/p" "$work/said" | sort -u); do
    case $name in
    T | V | WERROR | ARGS | SEED | EVENTS | SIM_S | CPPFLAGS | LDFLAGS | REPEAT | TIMEOUT | WRAP | STRESS_S | SOAK_S | DESTDIR) ;;
    *) echo "$name: neither defined nor the user's" && failed=1 ;;
    esac
done
commands stage=/no/such >"$work/staged"
grep -qF /no/such "$work/staged" && { echo 'stage of the environment is linked'; failed=1; }
exit $failed
