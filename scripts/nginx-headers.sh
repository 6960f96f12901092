#!/bin/sh
# Make nginx's configured headers (ngx_auto_config.h) as Debian's nginx was configured, so that our
# module has the binary signature that the installed nginx loads.
#
#     scripts/nginx-headers.sh DIRECTORY        writes DIRECTORY/{src,objs} and prints DIRECTORY
#
# Takes some seconds, so it is done once an nginx-dev version; writes nothing outside DIRECTORY.
set -eu

out=$1
tree=${NGINX_SRC:-/usr/share/nginx/src}
[ -x "$tree/configure" ] || {
    echo "nginx-headers: $tree/configure isn't there: install nginx-dev" >&2
    exit 1
}
version=$(sed -n 's/^#define nginx_version *//p' "$tree/src/core/nginx.h")
package=$(dpkg-query -W -f '${Version}' nginx-dev 2>/dev/null || echo "$version")

if [ "$(cat "$out/version" 2>/dev/null || true)" != "$package" ]; then
    rm -rf "$out"
    mkdir -p "$out"
    cp -rL "$tree/." "$out"
    cd "$out"
    bash -c '. ./conf_flags && bash ./configure "${NGX_CONF_FLAGS[@]}"' >configure.log 2>&1 || {
        tail -n 20 configure.log >&2
        exit 1
    }
    # A lone marker at the end: a run that was cut short is done again.
    echo "$package" >version
fi
echo "$out"
