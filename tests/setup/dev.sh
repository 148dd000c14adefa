#!/bin/sh
# Install requirements/dev.txt into a virtual environment: dev.sh FOLDER. By uv, which pip takes from the same lock: uv is done in
# seconds where pip needs half a minute.
set -eu
bin=$1/bin
uv_lock=$(mktemp)
trap 'rm -f "$uv_lock"' EXIT
sed -n '/^uv==/,/[^\\]$/p' requirements/dev.txt >"$uv_lock"
"$bin/python" -m pip install --quiet --quiet --require-hashes --only-binary=:all: --requirement "$uv_lock"
# uv reads no configuration of pip's; whoever has set a mirror there means uv too
mirror=$("$bin/python" -m pip config list | sed -n "s/.*\.index-url='\(.*\)'$/\1/p" | tail -n 1)
[ -z "$mirror" ] || export UV_DEFAULT_INDEX="$mirror"
"$bin/uv" pip sync --quiet --python "$bin/python" --system-certs --require-hashes --only-binary=:all: requirements/dev.txt
