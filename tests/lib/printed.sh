# shellcheck shell=bash disable=SC2154
# printed.sh: an example says in its opening comment what it prints: the lines after "It prints:", indented by three.
# For the scripts of tests/docs and tests/e2e, which set work to a directory of their own.

# check_printed SOURCE PROGRAM [ARGUMENT...]: the program ends well and prints that.
check_printed() {
    sed -n '/It prints:$/,/^ \*\//p' "$1" | sed -n 's/^ \*   //p' >"$work/wanted"
    if ! [ -s "$work/wanted" ]; then
        echo "$1 does not say what it prints"
        return 1
    fi
    "${@:2}" >"$work/printed" || { echo "$2: status $?"; return 1; }
    diff -u "$work/wanted" "$work/printed"
}
