#!/bin/sh
# install.sh DIRECTORY: puts what measure.js needs into DIRECTORY, from npm's registry, in the versions of package-lock.json.
# Where that cannot be, says so; the other benches do without.
set -u
here=$(dirname "$0")
node=$(command -v node) && npm=$(command -v npm) || { echo 'bench: no node and npm here: nothing is measured against ajv' >&2; exit 0; }
if [ -e "$1/installed" ] && cmp -s "$here/package-lock.json" "$1/installed"; then exit 0; fi
mkdir -p "$1" && rm -f "$1/installed" && cp "$here/package.json" "$here/package-lock.json" "$1" || exit 1
if (cd "$1" && "$npm" ci --ignore-scripts --no-audit --no-fund --loglevel=error --fetch-retries=1 --fetch-timeout=20000 >npm.log 2>&1); then
    cp "$here/package-lock.json" "$1/installed"
else
    echo "bench: npm cannot install ajv ($(sed -n 's/^npm error code //p' "$1/npm.log" | head -n 1)): nothing is measured against it" >&2
fi
