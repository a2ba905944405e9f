#!/bin/sh
# setup.sh NEED...: makes sure that what a build needs is there; quick and silent when it is.
#
# A NEED is a command; with .h at its end, a header that $CC must find; a module of Python's, named as Debian's package:
# python3-NAME; or a directory of data, /usr/share/NAME, of the package NAME. What is missing is installed by apt, as root or by
# sudo; on a system without apt, or for a user without rights, it is named and the exit status is 1.

compiler=${CC:-cc}
PATH=$PATH:/usr/sbin # servers

finds() { # finds HEADER...
    for header; do
        printf '#if !__has_include(<%s>)\n#error\n#endif\n' "$header"
    done | $compiler $CPPFLAGS -E -x c - >/dev/null 2>&1
}

# Sets missing. A compiler is there when it finds a header of the C library.
look() {
    missing=
    headers=
    for need; do
        case $need in
        *.h) headers="$headers $need" ;;
        /*) [ -e "$need" ] || missing="$missing $need" ;;
        python3-*) python3 -c "import ${need#python3-}" 2>/dev/null || missing="$missing $need" ;;
        *) command -v "$need" >/dev/null || missing="$missing $need" ;;
        esac
    done
    # shellcheck disable=SC2086
    if [ -z "$headers" ] || finds stdio.h $headers; then return; fi
    for header in stdio.h $headers; do
        finds "$header" || missing="$missing $header"
    done
}

packages() { # packages NEED...: Debian's names
    for need; do
        case $need in
        cc | gcc) echo gcc libc6-dev ;;
        c++ | g++) echo g++ ;;
        clang | clang++) echo clang libclang-rt-dev ;;
        stdio.h) echo libc6-dev ;;
        amqp.h) echo librabbitmq-dev ;;
        cmocka.h) echo libcmocka-dev ;;
        gearmand) echo gearman-job-server ;;
        groff) echo groff-base ;;
        jansson.h) echo libjansson-dev ;;
        nng/nng.h) echo libnng-dev ;;
        pcre2.h) echo libpcre2-dev ;;
        simdjson.h) echo libsimdjson-dev ;;
        sodium.h) echo libsodium-dev ;;
        uv.h) echo libuv1-dev ;;
        zmq.h) echo libzmq3-dev ;;
        *.h) ;;
        /usr/share/*) basename "$need" ;;
        *) echo "$need" ;;
        esac
    done | tr ' ' '\n' | sort -u | tr '\n' ' '
}

give_up() {
    echo "weft: missing:$missing. $1" >&2
    exit 1
}

look "$@"
[ -z "$missing" ] && exit 0

# shellcheck disable=SC2086
packages=$(packages $missing)
command -v apt-get >/dev/null || give_up "Install what your system has for Debian's packages: $packages"

if [ "$(id -u)" -eq 0 ]; then
    as_root=
elif command -v sudo >/dev/null; then
    as_root=sudo
else
    give_up "Run this as root: apt-get update && apt-get install -y $packages"
fi

apt() {
    $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 "$@" </dev/null >&2
}

# A server that is installed is not started as a service.
without_services() {
    policy=/usr/sbin/policy-rc.d
    if [ -e $policy ]; then
        "$@"
        return
    fi
    printf '#!/bin/sh\nexit 101\n' | $as_root tee $policy >/dev/null
    trap '$as_root rm -f $policy' EXIT
    trap 'exit 1' INT TERM
    $as_root chmod 755 $policy
    "$@"
}

echo "weft: installing $packages" >&2
apt update || echo "weft: apt-get update failed; trying the package lists at hand" >&2
# shellcheck disable=SC2086
without_services apt install -y --no-install-recommends $packages || give_up "apt-get failed. Mend it, or install: $packages"

look "$@"
[ -z "$missing" ] || give_up "They are missing though these packages are installed: $packages"
