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
