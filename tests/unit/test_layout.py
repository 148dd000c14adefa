"""Where modules and tests stand, and what they may import: the rules that no linter has."""

import ast
import os
import re
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.isolation import Refused, isolated

EXPORTER, UNIT = Path("exporter"), Path("tests/unit")

#: Of no module: they test the documentation and this layout.
OF_THE_WHOLE = {"test_docs", "test_layout", "test_messages", "test_prose"}


def python_files(*folders: str) -> list[str]:
    return sorted(str(path) for folder in folders for path in Path(folder).rglob("*.py"))


def imports(path: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(Path(path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", sorted(UNIT.rglob("test_*.py")), ids=str)
def test_a_unit_test_stands_beside_its_module(path: Path) -> None:
    name = path.stem.removeprefix("test_")
    room = EXPORTER / path.parent.relative_to(UNIT)
    found = [room / f"{name}.py", room / f"__{name}__.py", room / name / "__init__.py"]
    assert path.stem in OF_THE_WHOLE or any(module.exists() for module in found)


@pytest.mark.parametrize("path", python_files("exporter"))
def test_a_module_has_at_most_300_lines(path: str) -> None:
    assert len(Path(path).read_text(encoding="utf-8").splitlines()) <= 300


@pytest.mark.parametrize("path", python_files("tests", "tools", "benchmarks", "grafana"))
def test_of_the_tests_only_their_helpers_are_imported(path: str) -> None:
    assert [name for name in imports(path) if name.startswith("tests.") and not name.startswith("tests.helpers.")] == []


def test_the_site_has_the_contribution_guide_itself() -> None:
    guide, on_the_site = Path("CONTRIBUTING.md"), Path("docs/contributing/index.md")
    assert on_the_site.is_symlink()
    assert on_the_site.resolve() == guide.resolve()
    text = guide.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 100
    # a relative link could work in one of the two places only
    assert re.findall(r"\]\((?!https?:)[^)]*\)", text) == []


def listen() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))


def connect() -> None:
    with socket.socket() as client:
        client.connect(("127.0.0.1", 1))


@pytest.mark.parametrize(
    "attempt",
    [
        listen,
        connect,
        lambda: subprocess.run(["true"], check=True),
        lambda: os.system("true"),
        lambda: get_context("spawn").Process(target=print).start(),
    ],
    ids=["listen", "connect", "subprocess", "system", "multiprocessing"],
)
@pytest.mark.parametrize("anywhere", [False, True], ids=["here", "in a thread"])
def test_a_unit_test_is_refused_sockets_and_processes(attempt: Callable[[], Any], anywhere: bool) -> None:
    def swallow() -> None:
        with pytest.raises(Refused, match="see tests/integration"):
            attempt()

    def run() -> None:
        with isolated():
            if anywhere:
                thread = threading.Thread(target=swallow)
                thread.start()
                thread.join()
            else:
                swallow()

    with pytest.raises(AssertionError, match="a unit test opens no socket and starts no process"):
        run()
