#!/bin/sh
# Have prometheus and promtool: prometheus.sh FOLDER. Where they are missing, Debian's package is unpacked into FOLDER, not
# installed, so that no Prometheus service starts on this machine.
set -eu
folder=$1
mkdir -p "$folder/bin"
command -v prometheus >/dev/null && command -v promtool >/dev/null && exit 0
. "$(dirname "$0")/apt.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
apt_unpack prometheus "$work"
cp "$work/root/usr/bin/prometheus" "$work/root/usr/bin/promtool" "$folder/bin/"
"$folder/bin/promtool" --version >/dev/null 2>&1 || {
    echo "Debian's promtool does not run here" >&2
    exit 1
}
