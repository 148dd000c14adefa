import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.readme import README, written_anew

SEPARATOR = re.compile(r"\|(?: *:?-+:? *\|)+")


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


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "benchmarks/results.md"])
def test_every_row_is_part_of_a_table_with_a_header(name: str) -> None:
    text = Path(name).read_text(encoding="utf-8")
    found = list(tables(text))
    assert found or name != "README.md"
    for number, block in found:
        place = f"{name}:{number}"
        assert len(block) > 2, f"{place}: rows without a header"
        assert SEPARATOR.fullmatch(block[1]), f"{place}: no line of dashes under the first row"
        assert {cells(row) for row in block} == {cells(block[0])}, f"{place}: rows of different lengths"


def test_the_generated_parts_of_the_readme_are_current() -> None:
    text = README.read_text(encoding="utf-8")
    assert text == written_anew(text), "run: python -m tools.readme"
