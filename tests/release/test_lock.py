"""requirements/*.txt and tests/grafana/schema/package-lock.json: what is installed here and in the image, to the byte.

Only files are compared, so that no release of anything turns a test red: not what is installed, not what an index has.
"""

import json
import re
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

RUN: Final = Path("requirements/run.txt")
BUILD: Final = Path("requirements/build.txt")
DEV: Final = Path("requirements/dev.txt")
LOCKS: Final = (RUN, BUILD, DEV)
PACKAGES: Final = Path("tests/grafana/schema/package.json")

#: Where all of it must be installable, as markers see it.
ENVIRONMENTS: Final = [
    {
        "implementation_name": "cpython",
        "implementation_version": f"{python}.1",
        "os_name": "posix",
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{python}.1",
        "python_version": python,
        "sys_platform": "linux",
        "extra": "",
    }
    for python in ("3.11", "3.12", "3.13")
    for machine in ("x86_64", "aarch64")
]

_HASH: Final = r"    --hash=sha256:[0-9a-f]{64}"
_REASON: Final = r"    # via \S.*\n|    # via\n(?:    #   \S.*\n)+"
_PIN: Final = re.compile(
    rf"(?P<requirement>[a-z0-9-]+==\S+(?: ; [^\\]+?)?) \\\n(?P<hashes>(?:{_HASH} \\\n)*{_HASH}\n)(?P<reasons>{_REASON})"
)


class Pin(NamedTuple):
    """One version of one package, where its marker holds. `reasons` are the resolver's: packages, files, this project."""

    requirement: Requirement
    hashes: frozenset[str]
    reasons: frozenset[str]

    @property
    def name(self) -> str:
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> str:
        (specifier,) = self.requirement.specifier
        return specifier.version


def _pins(lock: Path) -> list[Pin]:
    text = lock.read_text(encoding="utf-8")
    assert _PIN.sub("", text) == "", "something other than pins with hashes and reasons"
    return [
        Pin(
            Requirement(found["requirement"]),
            frozenset(re.findall(r"sha256:(\w+)", found["hashes"])),
            frozenset(line.removeprefix("    # via").strip("\n #") for line in found["reasons"].splitlines()) - {""},
        )
        for found in _PIN.finditer(text)
    ]


def _applies(requirement: Requirement, environment: dict[str, str]) -> bool:
    return requirement.marker is None or requirement.marker.evaluate(environment)


def _installed(lock: Path, environment: dict[str, str]) -> dict[str, tuple[str, frozenset[str]]]:
    """Return version and hashes of each package that `lock` brings into `environment`."""
    applying = [pin for pin in _pins(lock) if _applies(pin.requirement, environment)]
    found = {pin.name: (pin.version, pin.hashes) for pin in applying}
    assert len(found) == len(applying), "a package with two versions"
    return found


def _asked_for(lock: Path) -> list[Requirement]:
    """Return what `lock` is to bring by name, by pyproject.toml and requirements/build.in."""
    pyproject = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
    project = pyproject["project"]
    build = Path("requirements/build.in").read_text(encoding="utf-8").splitlines()
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    lines = {
        RUN: project["dependencies"],
        BUILD: [*pyproject["build-system"]["requires"], *build],
        DEV: [*project["dependencies"], *extras, *pyproject["build-system"]["requires"], *build],
    }[lock]
    return [wanted for line in lines if (wanted := Requirement(line)).name != project["name"]]


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda one: f"{one['python_version']}-{one['platform_machine']}")
@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_what_is_asked_for_is_locked(lock: Path, environment: dict[str, str]) -> None:
    installed = _installed(lock, environment)
    for wanted in _asked_for(lock):
        if _applies(wanted, environment):
            version, _ = installed.get(canonicalize_name(wanted.name), ("", None))
            assert version, f"{wanted.name} is not locked: make lock"
            assert wanted.specifier.contains(version, prereleases=True), f"{version} is locked for {wanted}: make lock"


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_what_is_locked_is_needed(lock: Path) -> None:
    by_name: defaultdict[str, set[str]] = defaultdict(set)
    for pin in _pins(lock):
        by_name[pin.name] |= pin.reasons
    named = {
        name for name, reasons in by_name.items() if reasons & {"atess-exporter (pyproject.toml)", "-r requirements/build.in"}
    }
    assert named == {canonicalize_name(wanted.name) for wanted in _asked_for(lock)}, "other names are locked: make lock"
    needed: set[str] = set()
    more = named
    while more:
        needed |= more
        more = {name for name, reasons in by_name.items() if reasons & needed} - needed
    assert needed == set(by_name), "locked and not needed: make lock"


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda one: f"{one['python_version']}-{one['platform_machine']}")
def test_what_users_run_is_what_is_tested(environment: dict[str, str]) -> None:
    tested = _installed(DEV, environment)
    for lock in (RUN, BUILD):
        assert _installed(lock, environment).items() <= tested.items(), "other versions are tested than are run: make lock"


@pytest.mark.parametrize("lock", [*LOCKS, PACKAGES.with_name("package-lock.json")], ids=lambda path: path.stem)
def test_no_index_is_named(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert "://" not in text
    assert "index" not in text


def test_node_packages_are_locked_with_hashes() -> None:
    wanted = json.loads(PACKAGES.read_text(encoding="utf-8"))
    lock = json.loads(PACKAGES.with_name("package-lock.json").read_text(encoding="utf-8"))
    root = lock["packages"].pop("")
    assert root["devDependencies"] == wanted["devDependencies"]
    assert {f"node_modules/{name}" for name in wanted["devDependencies"]} <= lock["packages"].keys()
    for name, package in lock["packages"].items():
        assert package["integrity"].startswith("sha512-"), name


def test_nothing_is_installed_that_is_not_locked() -> None:
    files = [
        *map(Path, ("Makefile", "Dockerfile", ".ci/run")),
        *Path("tests/setup").glob("*.sh"),
        *Path(".github/workflows").glob("*.yml"),
    ]
    makefile = Path("Makefile").read_text(encoding="utf-8")
    variables = dict(re.findall(r"^(\w+) \??:?= (.*)$", makefile, re.MULTILINE))
    installs = 0
    for file in files:
        text = file.read_text(encoding="utf-8").replace("\\\n", " ").replace("&&", "\n")
        for command in re.findall(r"^(?![ \t]*#).*(?:pip|PIP|npm|uv)\b.*\b(?:install|download|sync|ci)\b.*$", text, re.MULTILINE):
            whole = re.sub(r"\$\((\w+)\)", lambda found: variables.get(found[1], ""), command)
            if "apt_install" not in whole and not re.search(r"\bnpm ci\b", whole):
                installs += 1
                assert "--require-hashes" in whole or {"--no-index", "--no-deps"} <= set(whole.split()), (
                    f"{file}: {whole.strip()}"
                )
    assert installs >= 8
