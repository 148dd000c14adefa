#!/bin/sh
# Have what builds and runs an image where no engine runs: buildah, podman, runc and debootstrap.
set -eu
for tool in buildah podman runc debootstrap; do
    PATH="$PATH:/usr/sbin:/sbin" command -v "$tool" >/dev/null || {
        . "$(dirname "$0")/apt.sh"
        apt_install buildah podman runc debootstrap
        exit 0
    }
done
