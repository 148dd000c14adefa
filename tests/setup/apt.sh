# Sourced: apt for whoever may use it, root or by sudo.
apt_as_root() {
    if [ "$(id -u)" = 0 ]; then
        DEBIAN_FRONTEND=noninteractive "$@"
    elif command -v sudo >/dev/null; then
        sudo DEBIAN_FRONTEND=noninteractive "$@"
    else
        echo "this needs root: $*" >&2
        return 1
    fi
}

apt_install() {
    command -v apt-get >/dev/null || {
        echo "not a Debian or Ubuntu machine: install by hand: $*" >&2
        return 1
    }
    apt_as_root apt-get install --yes --no-install-recommends "$@" >/dev/null 2>&1 && return 0
    apt_as_root apt-get update >/dev/null
    apt_as_root apt-get install --yes --no-install-recommends "$@" >/dev/null
}

# Unpack Debian's package into FOLDER without installing it, so that no service of it starts: apt_unpack PACKAGE FOLDER [APT-OPTION ...]
apt_unpack() {
    unpack_package=$1
    unpack_folder=$2
    shift 2
    command -v apt-get >/dev/null || {
        echo "not a Debian or Ubuntu machine: install by hand: $unpack_package" >&2
        return 1
    }
    (cd "$unpack_folder" && apt-get "$@" download "$unpack_package" >/dev/null 2>&1) || {
        [ $# -gt 0 ] || apt_as_root apt-get update >/dev/null
        (cd "$unpack_folder" && apt-get "$@" download "$unpack_package" >/dev/null 2>&1)
    } || {
        echo "cannot download Debian's package $unpack_package" >&2
        return 1
    }
    dpkg-deb --extract "$unpack_folder/${unpack_package}"_*.deb "$unpack_folder/root"
}
