#!/bin/sh
# Have prometheus and promtool: prometheus.sh FOLDER. Where they are missing, Debian's package is unpacked into FOLDER, not
# installed, so that no Prometheus service starts on this machine.
set -eu
folder=$1
mkdir -p "$folder/bin"
command -v prometheus >/dev/null && command -v promtool >/dev/null && exit 0
. "$(dirname "$0")/apt.sh"
command -v apt-get >/dev/null || {
    echo "not a Debian or Ubuntu machine: install prometheus and promtool by hand" >&2
    exit 1
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
fetch() { (cd "$work" && apt-get download prometheus >/dev/null 2>&1); }
fetch || {
    apt_as_root apt-get update >/dev/null
    fetch
} || {
    echo "cannot download Debian's package prometheus" >&2
    exit 1
}
dpkg-deb --extract "$work"/prometheus_*.deb "$work/root"
cp "$work/root/usr/bin/prometheus" "$work/root/usr/bin/promtool" "$folder/bin/"
"$folder/bin/promtool" --version >/dev/null 2>&1 || {
    echo "Debian's promtool does not run here" >&2
    exit 1
}
