#!/bin/sh
# Have nginx: nginx.sh FOLDER. Where it is missing, Debian's package is unpacked into FOLDER, not installed, so that no service starts.
set -eu
folder=$1
mkdir -p "$folder/bin"
PATH="$PATH:/usr/sbin:/sbin" command -v nginx >/dev/null && exit 0
. "$(dirname "$0")/apt.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
apt_unpack nginx "$work"
cp "$work/root/usr/sbin/nginx" "$folder/bin/"
"$folder/bin/nginx" -v >/dev/null 2>&1 || {
    echo "Debian's nginx does not run here; install nginx by hand" >&2
    exit 1
}
