"""Builds the exporter in Go, from the packages that Debian has of client_golang."""

import os
import shutil
import subprocess
from pathlib import Path

#: Where Debian's golang-*-dev packages put their sources.
_SOURCES = Path("/usr/share/gocode")
_LIBRARY = _SOURCES / "src/github.com/prometheus/client_golang"


def build(folder: Path) -> tuple[Path | None, str]:
    """Build the program. Return its path or None, and what it was built with or why it was not."""
    go = shutil.which("go")
    if go is None or not _LIBRARY.exists():
        return None, "not measured: needs Debian's golang-go and golang-github-prometheus-client-golang-dev"
    program = folder / "exporter-in-go"
    environment = {**os.environ, "GO111MODULE": "off", "GOPATH": str(_SOURCES), "GOFLAGS": ""}
    source = Path(__file__).with_name("go")
    subprocess.run([go, "build", "-o", str(program), "."], cwd=source, env=environment, check=True)
    version = subprocess.run([go, "env", "GOVERSION"], env=environment, check=True, capture_output=True, text=True).stdout.strip()
    return program, f"{version}, client_golang {_library_version()}"


def _library_version() -> str:
    query = ["dpkg-query", "--show", "--showformat=${Version}", "golang-github-prometheus-client-golang-dev"]
    try:
        return subprocess.run(query, check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return "of an unknown version"
