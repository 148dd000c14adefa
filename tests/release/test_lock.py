"""requirements/*.txt: what the image is made of, to the byte."""

import re
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import requires
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

RUN: Final = Path("requirements/run.txt")
BUILD: Final = Path("requirements/build.txt")

_HASH: Final = r"    --hash=sha256:[0-9a-f]{64}"
_PIN: Final = re.compile(rf"(?P<requirement>[a-z0-9-]+==\S+(?: ; [^\\]+?)?) \\\n(?:{_HASH} \\\n)*{_HASH}\n")


def _pins(lock: Path) -> dict[str, Requirement]:
    text = lock.read_text(encoding="utf-8")
    assert _PIN.sub("", text) == "", "something other than pins with hashes"
    pins = [Requirement(found["requirement"]) for found in _PIN.finditer(text)]
    return {canonicalize_name(pin.name): pin for pin in pins}


def _version(pin: Requirement) -> str:
    (specifier,) = pin.specifier
    return specifier.version


def _needed(wanted: Iterable[Requirement]) -> Iterator[Requirement]:
    """`wanted` with all that they need in turn, judged by what is installed here."""
    seen = set()
    queue = list(wanted)
    while queue:
        requirement = queue.pop()
        extras = requirement.extras or {""}
        if requirement.marker and not any(requirement.marker.evaluate({"extra": extra}) for extra in extras):
            continue
        yield requirement
        key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if key not in seen:
            seen.add(key)
            for line in requires(requirement.name) or ():
                inner = Requirement(line)
                if not inner.marker or any(inner.marker.evaluate({"extra": extra}) for extra in extras):
                    inner.marker = None
                    queue.append(inner)


def _project() -> list[Requirement]:
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [Requirement(line) for line in project["dependencies"]]


def test_the_lock_is_current() -> None:
    pins = _pins(RUN)
    needed = list(_needed(_project()))
    for requirement in needed:
        pin = pins.get(canonicalize_name(requirement.name))
        assert pin is not None, f"{requirement.name} is not locked: make lock"
        assert requirement.specifier.contains(_version(pin), prereleases=True), f"{pin} is not {requirement}: make lock"
    names = {canonicalize_name(requirement.name) for requirement in needed}
    unneeded = {name for name, pin in pins.items() if pin.marker is None} - names
    assert not unneeded, "locked and not needed: make lock"


def test_what_builds_the_wheel_is_locked_too() -> None:
    pins = _pins(BUILD)
    backend = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]
    for line in [*backend, *BUILD.with_suffix(".in").read_text(encoding="utf-8").split()]:
        requirement = Requirement(line)
        assert requirement.specifier.contains(_version(pins[canonicalize_name(requirement.name)]))


@pytest.mark.parametrize("lock", [RUN, BUILD])
def test_no_index_is_named(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert "://" not in text
    assert "index" not in text
