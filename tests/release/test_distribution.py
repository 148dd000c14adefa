"""sdist and wheel as a release has them."""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import requests

from exporter import __version__
from exporter.commands.files import SOURCES
from tests.helpers.processes import eventually, running

WHEELHOUSE: Final = Path(".tools/wheelhouse").absolute()
#: Nothing that a machine has set for pip, and no way out of it.
OFFLINE: Final = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")} | {
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_NO_INDEX": "1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
}


def _build(folder: Path) -> Path:
    """A copy of what a clean checkout has of the package, built; the folder with the files."""
    shutil.copytree("exporter", folder / "exporter", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(name, folder)
    for name in SOURCES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if Path(name).is_dir() else shutil.copy)(name, folder / name)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", "dist"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder / "dist"


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _build(tmp_path_factory.mktemp("first"))


def _files() -> Iterator[str]:
    """The files beside the package that a wheel carries, as the repository has them."""
    for source in map(Path, SOURCES):
        yield from (str(file) for file in ([source] if source.is_file() else source.rglob("*")) if file.is_file())


def _hashes(folder: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}


def test_the_same_source_gives_the_same_bytes(dist: Path, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        again = _build(tmp_path)
    finally:
        os.umask(before)
    os.utime(tmp_path / "exporter" / "cli.py", (0, 0))
    assert _hashes(again) == _hashes(dist)
    assert set(_hashes(dist)) == {f"atess_exporter-{__version__}-py3-none-any.whl", f"atess_exporter-{__version__}.tar.gz"}


def test_both_carry_all_that_is_not_python(dist: Path) -> None:
    data = {
        str(file)
        for file in Path("exporter").rglob("*")
        if file.is_file() and file.suffix != ".pyc" and "__pycache__" not in file.parts
    }
    assert {"exporter/catalogue/data/pbd.yaml", "exporter/py.typed"} <= data
    with zipfile.ZipFile(next(dist.glob("*.whl"))) as wheel:
        assert data <= set(wheel.namelist())
        assert not [name for name in wheel.namelist() if not name.startswith(("exporter/", "atess_exporter-"))]
    with tarfile.open(next(dist.glob("*.tar.gz"))) as sdist:
        assert data <= {name.partition("/")[2] for name in sdist.getnames()}


@pytest.mark.timeout(300)
def test_the_wheel_runs_the_demo_in_an_empty_environment(dist: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    scripts = tmp_path / "venv" / "bin"
    assert any(WHEELHOUSE.glob("*.whl")), "no wheels: run the tests by make test"
    links = ["--find-links", str(WHEELHOUSE), "--find-links", str(dist)]
    subprocess.run([str(scripts / "pip"), "install", "--quiet", *links, "atess-exporter"], env=OFFLINE, cwd=tmp_path, check=True)
    with running([str(scripts / "atess-exporter"), "demo", "--web.listen-address", "127.0.0.1:0"]) as demo:
        files = tmp_path / "files"
        subprocess.run([str(scripts / "atess-exporter"), "files", "--output", str(files)], cwd=tmp_path, check=True)
        assert {str(file.relative_to(files)) for file in files.rglob("*") if file.is_file()} == set(_files())
        assert all((files / name).read_bytes() == Path(name).read_bytes() for name in _files())
        page = demo.wait_for(r"scrape (\S+)", 60)[1]
        eventually(lambda: "atess_epv_today{" in requests.get(page, timeout=10).text, 60)
        assert 'atess_exporter_build_info{python_version="' in requests.get(page, timeout=10).text
        assert "simulated" in requests.get(page.removesuffix("metrics"), timeout=10).text
