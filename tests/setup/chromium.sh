#!/bin/sh
# Have a Chromium, by Debian's package where there is none. It needs too many libraries to be unpacked without being installed.
set -eu
for name in chromium chromium-browser google-chrome google-chrome-stable; do
    command -v "$name" >/dev/null && exit 0
done
. "$(dirname "$0")/apt.sh"
apt_install chromium
chromium --version >/dev/null 2>&1 || {
    echo "Debian's chromium does not run here; install a Chromium or Chrome by hand" >&2
    exit 1
}
