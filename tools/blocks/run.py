"""The blocks of a page that run: in one shell, in their order, and compared with the output that the page shows."""

import textwrap
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.blocks.block import Block, outputs
from tools.blocks.output import found_in
from tools.blocks.shell import Failed, Output, Shell

#: Seconds until a program that runs on has logged what the page shows.
_PATIENCE: Final = 30


@dataclass(frozen=True)
class Shown:
    """A block of output: the lines that the page shows, those of a run that they match (None: they match none), and all of it."""

    block: Block
    lines: list[str]
    found: list[str] | None
    output: list[str]

    def __str__(self) -> str:
        return "\n".join([f"{self.block}: expected:", *self.lines, "got:", *self.output])


def run(blocks: Sequence[Block], shell: Shell, tell: Callable[[str], None] = lambda line: None) -> list[Shown]:
    """Run the blocks that are marked so, write the files that others name, and return what is shown of the output.

    Raises Failed for a block that fails.
    """
    pairs = [(block, source) for block, source in outputs(blocks) if source and source.runs]
    ran: dict[Block, Output] = {}
    for block in blocks:
        if block.mark == "stop":
            shell.stop()
        elif block.runs:
            tell(f"\n{block}\n{textwrap.indent(block.text.rstrip(), '$ ')}")
            ran[block] = _run(block, [shown for shown, source in pairs if source is block], shell)
            for line in ran[block].lines():
                tell(f"  {line}")
        elif block.file:
            path = shell.folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
            tell(f"\n{block}\n> {block.file}")
    return [_compare(block, source, ran[source]) for block, source in pairs]


def written_anew(page: Path, shown: Sequence[Shown]) -> str:
    """Return the text of a page with the output of a run in the place of what it shows."""
    text = page.read_text(encoding="utf-8")
    for one in sorted(shown, key=lambda it: it.block.span, reverse=True):
        start, end = one.block.span
        lines = one.output if one.found is None else one.found
        text = text[:start] + textwrap.indent("".join(f"{line}\n" for line in lines), one.block.indent) + text[end:]
    return text


def _run(block: Block, shown: Sequence[Block], shell: Shell) -> Output:
    """Run a block. One that is repeated until its text is there is so until what is shown is there, too."""
    text = block.argument
    if text is None:
        return shell.run(block.text, runs_on=block.runs_on)
    wanted = [one.text.splitlines() for one in shown]
    output = shell.repeat(
        block.text, lambda got: text in "\n".join(got) and all(found_in(lines, got, gaps=False) is not None for lines in wanted)
    )
    if text not in "\n".join(output.lines()):
        raise Failed("\n".join([f"{block}: no {text!r} in:", *output.lines()]))
    return output


def _compare(block: Block, source: Block, output: Output) -> Shown:
    lines = block.text.splitlines()
    end = time.monotonic() + (_PATIENCE if source.runs_on else 0)
    while True:
        got = output.lines()
        found = found_in(lines, got, gaps=source.runs_on)
        if found is not None or time.monotonic() >= end:
            # of a program that runs on, as much as was shown
            return Shown(block, lines, found, got[: len(lines) or None] if source.runs_on else got)
        time.sleep(0.1)
