"""The fenced blocks of a page and their marks."""

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

#: The marks of a language's blocks; those of `sh` and `yaml` need one.
_MARKS: Final = {
    "sh": ("run", "run until", "not run"),
    "yaml": ("config", "config part", "device file", "web-config", "prometheus", "rules", "file", "not checked"),
    "console": ("not compared",),
}
_ANY_OTHER: Final = ("file",)
_TAKES_TEXT: Final = ("run until", "not run", "not checked", "not compared", "file")
#: One name for one language, or a block could pass unseen.
_OTHER_NAMES: Final = {"": "text", "bash": "sh", "shell": "sh", "yml": "yaml"}

_FENCE: Final = re.compile(
    r"^(?P<indent> *)```(?P<language>[^\n]*)\n(?P<text>.*?)^(?P=indent)```$|^(?P<stop><!-- stop -->)$", re.MULTILINE | re.DOTALL
)
_COMMENT: Final = re.compile(r" *<!-- (?P<kind>[^:\n]+?)(?:: (?P<argument>[^\n]*))? -->")


@dataclass(frozen=True)
class Block:
    """A block of `page`, whose fence is at `line`, or a mark without one (`stop`).

    `span` is where its text is in the page, `section` the heading of the second level that it stands under.
    """

    page: Path
    line: int
    section: str
    language: str
    text: str
    span: tuple[int, int]
    indent: str = ""
    mark: str | None = None
    argument: str | None = None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def runs(self) -> bool:
        return self.mark in ("run", "run until")

    @property
    def runs_on(self) -> bool:
        """Whether it leaves a program running."""
        return self.runs and any(line.rstrip().endswith(" &") for line in self.text.splitlines())

    @property
    def file(self) -> str | None:
        """The name of the file that the page tells to write."""
        return None if self.language in ("sh", "console") or self.mark == "not checked" else self.argument


def blocks_of(page: Path) -> list[Block]:
    """Return the blocks of a page in their order."""
    text = page.read_text(encoding="utf-8")
    blocks = []
    for fence in _FENCE.finditer(text):
        before = text[: fence.start()]
        where = page, before.count("\n") + 1, _section(before)
        if fence["stop"]:
            blocks.append(Block(*where, "", "", fence.span(), mark="stop"))
            continue
        language = fence["language"].strip()
        mark, argument = _mark(before, _MARKS.get(language, _ANY_OTHER))
        inner = textwrap.dedent(fence["text"])
        blocks.append(Block(*where, language, inner, fence.span("text"), fence["indent"], mark, argument))
    return blocks


def outputs(blocks: Sequence[Block]) -> Iterator[tuple[Block, Block | None]]:
    """Yield each `console` block that is to be compared, and the block whose output it is: the one before it."""
    source = None
    for block in blocks:
        if block.language != "console":
            source = block if block.language == "sh" else None
        elif block.mark is None:
            yield block, source


def problems(blocks: Sequence[Block]) -> Iterator[str]:
    """Yield what is wrong with the marks, a line each."""
    for block in blocks:
        if block.language in _OTHER_NAMES and block.mark != "stop":
            yield f"{block}: say {_OTHER_NAMES[block.language]} after the fence, not {block.language or 'nothing'}"
        elif block.language in ("sh", "yaml") and block.mark is None:
            yield f"{block}: no mark; expected one of {', '.join(_MARKS[block.language])}"
        elif block.mark in _TAKES_TEXT and not block.argument:
            yield f"{block}: expected <!-- {block.mark}: ... -->"
        elif block.mark == "run" and block.argument:
            yield f"{block}: only `run until` takes a text"
    for block, source in outputs(blocks):
        if source is None:
            yield f"{block}: no sh block before it; expected <!-- not compared: ... -->"


def _section(before: str) -> str:
    headings = re.findall(r"^## (.*)$", before, re.MULTILINE)
    return headings[-1] if headings else ""


def _mark(before: str, kinds: Sequence[str]) -> tuple[str | None, str | None]:
    """Return the mark among the comments on the lines directly before a fence, and what it says after its colon."""
    for line in reversed(before.splitlines()):
        comment = _COMMENT.fullmatch(line)
        if comment is None:
            break
        if comment["kind"] in kinds:
            return comment["kind"], comment["argument"]
    return None, None
