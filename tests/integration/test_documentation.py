"""Every block of the documentation: its mark, what its YAML and queries mean to what reads them, and what its commands print."""

from pathlib import Path
from typing import Final

import pytest

from tools.blocks.block import Block, blocks_of, problems
from tools.blocks.checks import check
from tools.blocks.run import run
from tools.blocks.shell import shell

PAGES: Final = sorted(Path("docs").rglob("*.md"))
BLOCKS: Final = {page: blocks_of(page) for page in PAGES}
RUN: Final = [page for page, blocks in BLOCKS.items() if any(block.runs for block in blocks)]


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_block_has_its_mark(page: Path) -> None:
    assert list(problems(BLOCKS[page])) == []


@pytest.mark.parametrize("block", [block for blocks in BLOCKS.values() for block in blocks], ids=str)
def test_a_block_means_what_its_mark_says(block: Block) -> None:
    check(block)


@pytest.mark.parametrize("page", RUN, ids=str)
@pytest.mark.timeout(300)
def test_a_page_runs_word_for_word(page: Path, tmp_path: Path) -> None:
    with shell(tmp_path) as running:
        shown = run(BLOCKS[page], running)
    wrong = [str(one) for one in shown if one.found is None]
    assert not wrong, "\n\n".join([*wrong, f"if that is right: python -m tools.blocks --write {page}"])
