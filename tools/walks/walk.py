"""The walks: which sections of which page, and what must be seen in the end."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.blocks.block import Block, blocks_of
from tools.blocks.run import Shown, run
from tools.blocks.shell import Shell


@dataclass(frozen=True)
class Walk:
    """A walk through sections of a page (all of them, if none is named). `look` is run by tools.walks.look in the end."""

    name: str
    page: Path
    sections: tuple[str, ...]
    look: str

    def blocks(self) -> list[Block]:
        """Return the blocks to run, but for the end of what runs: that comes after the look."""
        found = [block for block in blocks_of(self.page) if not self.sections or block.section in self.sections]
        while found and found[-1].mark == "stop":
            found.pop()
        return found

    def take(self, shell: Shell, tell: Callable[[str], None]) -> list[Shown]:
        """Take the walk, and return the output that the page shows. Raises Failed at the first stumble."""
        shown = run(self.blocks(), shell, tell)
        tell("\nWhat is seen then:")
        for line in shell.run(f"python -m tools.walks.look {self.look}").lines():
            tell(f"  {line}")
        return shown


_QUICK_START: Final = Path("docs/quick-start.md")

WALKS: Final = (
    Walk("demo", _QUICK_START, ("The demo",), "demo http://localhost:9837"),
    Walk(
        "first-device",
        _QUICK_START,
        ("Your first device", "When something is missing"),
        "first-device http://localhost:9837 pbd UMD0D23202",
    ),
    Walk("history", Path("docs/history.md"), (), "month http://127.0.0.1:9090 2026-10-15"),
)
