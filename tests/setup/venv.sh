#!/bin/sh
# Make a virtual environment: venv.sh PYTHON FOLDER. Debian and Ubuntu keep the venv module in a package of its own.
set -eu
python=$1
folder=$2
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.11" >&2
    exit 1
}
"$python" -m venv "$folder" 2>/dev/null && exit 0
rm -rf "$folder"
. "$(dirname "$0")/apt.sh"
apt_install python3-venv
"$python" -m venv "$folder"
