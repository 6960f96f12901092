#!/bin/sh
# configure.sh DIR [meson options]: set DIR up once; a later call with other options reconfigures it.
# The compiler is taken from CC at the first call, and with it that of C++ (which the tests need for RE2).
set -eu
cd "$(dirname "$0")/.."
dir=$1
shift
wanted="${CC:-cc} $*"
case "${CC:-}" in
*clang) export CXX=clang++ ;;
*gcc) export CXX=g++ ;;
esac
if [ -f "$dir/build.ninja" ] && [ "$(cat "$dir/.configured" 2>/dev/null)" = "$wanted" ]; then
    exit 0
fi
rm -rf "$dir"
meson setup "$dir" "$@" >"$dir.log" 2>&1 || {
    cat "$dir.log" >&2
    rm -f "$dir.log"
    exit 1
}
rm -f "$dir.log"
echo "$wanted" >"$dir/.configured"
