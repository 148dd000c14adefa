"""The `files` subcommand: dashboards, rules, units and the example config, for who installed the exporter with pip."""

import shutil
import sys
from argparse import Namespace
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Final

#: What is copied, by where it is in the repository. The wheel has the same under exporter/files.
SOURCES: Final = (
    "config.example.yaml",
    "grafana/dashboards",
    "prometheus/alerts.yml",
    "prometheus/prometheus.yml",
    "prometheus/rules.yml",
    "deploy/kubernetes",
    "deploy/nginx",
    "deploy/systemd",
)


def run(options: Namespace) -> int:
    """Copy the files into the folder `options.output`, over none that is there. Return 1 if that cannot be."""
    output: Path = options.output
    home = _home()
    names = list(_names(home))
    taken = [name for name in names if (output / name).exists()]
    if taken:
        print(f"{output / taken[0]} exists already; name another folder, or move it away", file=sys.stderr)
        return 1
    try:
        for name in names:
            (output / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(home / name, output / name)
            print(output / name)
    except OSError as error:
        print(f"cannot write {error.filename2 or error.filename or output}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


def _home() -> Path:
    """Return the folder that has them: in an installed package its own, in a checkout the repository."""
    package = Path(str(resources.files("exporter")))
    installed = package / "files"
    return installed if installed.is_dir() else package.parent


def _names(home: Path) -> Iterator[Path]:
    for source in SOURCES:
        found = [home / source] if (home / source).is_file() else sorted((home / source).rglob("*"))
        yield from (path.relative_to(home) for path in found if path.is_file())
