#!/bin/sh
# Have systemd-analyze, systemd-socket-activate, and the kill(1) that the unit reloads with, by Debian's packages where they are missing. The package systemd
# changes no init system (systemd-sysv would) and starts nothing where systemd is not running.
set -eu
command -v systemd-analyze >/dev/null && command -v systemd-socket-activate >/dev/null && [ -x /bin/kill ] && exit 0
. "$(dirname "$0")/apt.sh"
apt_install systemd procps
