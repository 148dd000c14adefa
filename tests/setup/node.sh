#!/bin/sh
# Have node and npm, by Debian's packages where they are missing.
set -eu
command -v node >/dev/null && command -v npm >/dev/null && exit 0
. "$(dirname "$0")/apt.sh"
apt_install nodejs npm
