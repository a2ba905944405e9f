#!/bin/bash
# The public headers compile alone, each, as C11 and as C++17, pedantically, with every compiler that is here; and every
# macro of defaults, WEFT_X_OPTIONS for the struct weft_x_options, sets all fields and works as an initialiser, as a
# value, and with fields overridden.
set -eu
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
strict='-pedantic -Wall -Wextra -Wshadow -Wconversion -Wundef -Werror'
failed=0

# compilers LANGUAGE: those that are here, each once.
compilers() {
    local name
    case $1 in
    c) set -- "$CC" gcc clang ;;
    *) set -- "$CXX" g++ clang++ ;;
    esac
    for name in "$@"; do command -v $name; done | sort -u
}

# try WHAT COMMAND...
try() {
    if ! "${@:2}" 2>"$scratch/log"; then
        echo "$1: $2"
        cat "$scratch/log"
        failed=1
    fi
}

macros=$(sed -n 's/^#define \(WEFT_[A-Z_]*_OPTIONS\) *\(\\\|(.*\|{.*\)$/\1/p' "$WEFT_TOP"/include/weft/*.h | sort -u)
structs=$(sed -n 's/^typedef struct \(weft_[a-z_]*_options\) {$/\1/p' "$WEFT_TOP"/include/weft/*.h | sort -u)
if [[ -z $macros || $(tr 'A-Z' 'a-z' <<<"$macros") != "$structs" ]]; then
    echo "these structs of options have no macro of defaults, or these macros no struct:"
    diff <(tr 'A-Z' 'a-z' <<<"$macros") <(echo "$structs")
    exit 1
fi

# One function for each macro; main calls them all.
{
    echo '#include <weft/weft.h>'
    echo '#ifdef __cplusplus'
    for macro in $macros; do
        echo "static unsigned check_${macro,,}() { ${macro,,} o = $macro, p{}; p = $macro; p.version += o.version;" \
            "const ${macro,,} q = {${macro}_VALUES}; return p.version == 2 && q.version == 1; }"
    done
    echo '#else'
    for macro in $macros; do
        echo "static unsigned check_${macro,,}(void) { static ${macro,,} s = $macro; ${macro,,} o = $macro, p;" \
            "p = (${macro,,})$macro; p.version += o.version;" \
            "const ${macro,,} q = {${macro}_VALUES, .version = 3};" \
            "return s.version == 1 && p.version == 2 && q.version == 3; }"
    done
    echo '#endif'
    echo 'int main(void) { return 0'
    for macro in $macros; do echo " + !check_${macro,,}()"; done
    echo '; }'
} >"$scratch/options.c"
cp "$scratch/options.c" "$scratch/options.cc"

# Each in a file of its own, where nothing that a header before it brought along can help.
for header in "$WEFT_TOP"/include/weft/*.h; do
    echo "#include <weft/${header##*/}>" | tee "$scratch/${header##*/}.c" >"$scratch/${header##*/}.cc"
done
for cc in $(compilers c); do
    try 'headers as C11' "$cc" -std=c11 $strict -I"$WEFT_TOP/include" -fsyntax-only "$scratch"/*.h.c
done
for cxx in $(compilers c++); do
    try 'headers as C++17' "$cxx" -std=c++17 $strict -I"$WEFT_TOP/include" -fsyntax-only "$scratch"/*.h.cc
done

for cc in $(compilers c); do # overriding is what the user wants here
    override=-Wno-override-init
    "$cc" --version | grep -q clang && override=-Wno-initializer-overrides
    try 'options in C' "$cc" -std=c11 $strict $override -I"$WEFT_TOP/include" -o "$scratch/options" "$scratch/options.c"
    try 'options in C' "$scratch/options"
done
for cxx in $(compilers c++); do
    try 'options in C++' "$cxx" -std=c++17 $strict -I"$WEFT_TOP/include" -o "$scratch/options" "$scratch/options.cc"
    try 'options in C++' "$scratch/options"
done
exit $failed
