#!/bin/sh
# Install what scripts/packages.txt names and this machine lacks. Quiet, and no package manager is
# started, where nothing is missing. As root directly, else through sudo.
set -eu
cd "$(dirname "$0")/.."

installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing=
while read -r package command; do
    case $package in '' | '#'*) continue ;; esac
    if [ -n "$command" ] && command -v "$command" >/dev/null 2>&1; then
        continue
    fi
    installed "$package" || missing="$missing $package"
done <scripts/packages.txt
[ -n "$missing" ] || exit 0

echo "setup: installing$missing"
if [ "$(id -u)" = 0 ]; then
    as_root=
elif command -v sudo >/dev/null 2>&1; then
    as_root=sudo
else
    echo "setup: neither root nor sudo here; as root, run: apt-get install --no-install-recommends$missing" >&2
    exit 1
fi

# A freshly installed nginx must not take port 80, neither now nor at the next boot: brama starts its
# own. RUNLEVEL=1 stops init scripts, the mask stops systemd. An nginx that was here stays as it was.
fresh_nginx=no
case " $missing " in
*' nginx '*) [ ! -d /run/systemd/system ] || fresh_nginx=yes ;;
esac
if [ $fresh_nginx = yes ]; then
    $as_root systemctl mask --runtime --quiet nginx.service
fi
$as_root apt-get update -qq
# shellcheck disable=SC2086 # a list of words
$as_root env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends $missing >/dev/null
if [ $fresh_nginx = yes ]; then
    $as_root systemctl unmask --runtime --quiet nginx.service
    $as_root systemctl disable --quiet nginx.service
fi
