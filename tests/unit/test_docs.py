"""The documentation: its tables, its generated parts, and that nothing which a user can set or see is missing."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
import yaml
from pydantic import BaseModel

from exporter.catalogue.types import DeviceType, load_catalogue
from exporter.cli import parser
from exporter.config.schema import ConfigFile
from exporter.documentation import SITE, field_url
from exporter.web.webfile import WebFile
from tools.reference.pages import DOCS, current

SEPARATOR = re.compile(r"\|(?: *:?-+:? *\|)+")
PAGES = [
    *(Path(name) for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "benchmarks/results.md")),
    *sorted(DOCS.rglob("*.md")),
]


def tables(text: str) -> Iterator[tuple[int, list[str]]]:
    """The number of the first line of each run of lines that are a table's, and the lines."""
    lines = re.sub(r"^```.*?^```", lambda code: "\n" * code[0].count("\n"), text, flags=re.DOTALL | re.MULTILINE).split("\n")
    block: list[str] = []
    for number, line in enumerate([*lines, ""], 1):
        if line.startswith("|"):
            block.append(line)
        elif block:
            yield number - len(block), block
            block = []


def cells(row: str) -> int:
    """How many cells a row has; an escaped bar, or one in code, is text (GitHub wants it escaped in code too)."""
    return len(re.findall(r"(?<!\\)\|", row)) - 1


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_row_is_part_of_a_table_with_a_header(page: Path) -> None:
    for number, block in tables(page.read_text(encoding="utf-8")):
        place = f"{page}:{number}"
        assert len(block) > 2, f"{place}: rows without a header"
        assert SEPARATOR.fullmatch(block[1]), f"{place}: no line of dashes under the first row"
        assert {cells(row) for row in block} == {cells(block[0])}, f"{place}: rows of different lengths"


@pytest.mark.parametrize(("page", "text"), current().items(), ids=lambda value: str(value) if isinstance(value, Path) else "")
def test_the_generated_parts_are_current(page: Path, text: str) -> None:
    assert page.read_text(encoding="utf-8") == text, "run: make docs-reference"


def test_the_readme_is_a_short_front_door() -> None:
    assert len(Path("README.md").read_text(encoding="utf-8").splitlines()) <= 180


def test_every_flag_is_in_the_reference() -> None:
    page = (DOCS / "reference" / "flags.md").read_text(encoding="utf-8")
    commands = {"atess-exporter": parser()}
    for action in parser()._actions:
        if isinstance(action.choices, dict):
            commands |= action.choices
    sections = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    assert sections.keys() == commands.keys()
    for name, command in commands.items():
        flags = set(re.findall(r"^  (?:-h, )?(--[\w.-]+)", command.format_help(), re.MULTILINE)) - {"--help"}
        assert flags == set(re.findall(r"^\| `(--[\w.-]+)", sections[name], re.MULTILINE)), name


def test_every_config_key_is_in_the_reference() -> None:
    page = (DOCS / "configure" / "keys.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (\w+)$", page, re.MULTILINE) == list(ConfigFile.model_fields)
    keys = re.findall(r"^\| `(\S+)` \|", page, re.MULTILINE)
    patterns = [re.sub(r"<\w+>(?:\\\[\\\])?", "[^.]+", re.escape(key)) for key in keys]
    # what the example has in comments counts too
    example = re.sub(r"^# ?(?= *[a-z_]+:)", "", Path("config.example.yaml").read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = set(keys_in(yaml.safe_load(example)))
    assert len(found) > 30
    for key in found:
        assert key in ConfigFile.model_fields or any(re.fullmatch(pattern, key) for pattern in patterns), key


def keys_in(document: object, above: str = "") -> Iterator[str]:
    """The paths of the keys of a config, but for those that are names of labels or of devices."""
    if isinstance(document, dict):
        for key, value in document.items():
            path = f"{above}{key}"
            if isinstance(value, dict) and path.rpartition(".")[2] != "info":
                yield from keys_in(value, f"{path}.")
            elif isinstance(value, list) and value and isinstance(value[0], dict):
                for one in value:
                    yield from keys_in(one, f"{path}.")
            elif path.split(".")[0] != "devices" or path.count(".") > 1:
                yield path


@pytest.mark.parametrize("device_type", load_catalogue().values(), ids=lambda one: one.type)
def test_every_known_field_has_the_anchor_that_links_lead_to(device_type: DeviceType) -> None:
    for of_type in (device_type.type, None):
        for field in device_type.known_fields:
            page, _, anchor = field_url(field, of_type).removeprefix(f"{SITE}reference/fields/").partition("#")
            text = (DOCS / "reference" / "fields" / f"{page.strip('/') or 'index'}.md").read_text(encoding="utf-8")
            assert text.count(f'<a id="{anchor}"></a>') == 1, f"{page}#{anchor}"


def test_every_key_of_the_web_config_is_on_its_page() -> None:
    text = (DOCS / "connect" / "tls.md").read_text(encoding="utf-8")
    for key in keys_of(WebFile):
        assert re.search(rf"(?<![\w-]){key}(?![\w-])", text), key


def keys_of(section: type[BaseModel]) -> Iterator[str]:
    """The names of the keys of a section and of those in it."""
    for name, field in section.model_fields.items():
        yield field.alias or name
        for part in (field.annotation, *get_args(field.annotation)):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from keys_of(part)
