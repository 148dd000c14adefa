#!/bin/sh
# Have systemd-analyze, by Debian's package where it is missing. The package alone changes no init system (systemd-sysv would) and
# starts nothing where systemd is not running.
set -eu
command -v systemd-analyze >/dev/null && exit 0
. "$(dirname "$0")/apt.sh"
apt_install systemd
