#!/bin/sh
# Have prometheus3, a Prometheus 3: prometheus3.sh FOLDER. It is the package of a newer Debian than most machines have, from the
# archive that this machine's apt knows, unpacked into FOLDER.
set -eu
suite=forky
folder=$1
mkdir -p "$folder/bin"
command -v prometheus3 >/dev/null && exit 0
. "$(dirname "$0")/apt.sh"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
# shellcheck disable=SC2016 # apt's own variables
find_archive() {
    apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null | sed -n 's/^Debian //p' | head -n 1
}
archive=$(find_archive)
[ -n "$archive" ] || {
    apt_as_root apt-get update >/dev/null
    archive=$(find_archive)
}
[ -n "$archive" ] && [ -e "$keyring" ] || {
    echo "no Debian archive here: install a Prometheus 3 by hand, as prometheus3" >&2
    exit 1
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
echo "deb [signed-by=$keyring] $archive $suite main" >"$work/newer.list"
set -- -o Dir::Etc::SourceList="$work/newer.list" -o Dir::Etc::SourceParts=- -o Dir::State::Lists="$work/lists" \
    -o Dir::Cache="$work/cache" -o APT::Sandbox::User=root
apt-get "$@" update >/dev/null
apt_unpack prometheus "$work" "$@"
cp "$work/root/usr/bin/prometheus" "$folder/bin/prometheus3"
"$folder/bin/prometheus3" --version 2>&1 | grep -q "version 3\." || {
    echo "the Prometheus of Debian's $suite does not run here, or is no Prometheus 3" >&2
    exit 1
}
