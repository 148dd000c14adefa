"""The documentation's blocks (marks, what their YAML and queries mean, what their commands print) and its pictures."""

import os
import re
from pathlib import Path
from typing import Final

import pytest
from PIL import Image

from tools.blocks.block import Block, blocks_of, problems
from tools.blocks.checks import check
from tools.blocks.run import run
from tools.blocks.shell import shell
from tools.pictures import dark
from tools.walks.walk import WALKS

PAGES: Final = [Path("README.md"), *sorted(Path("docs").rglob("*.md"))]
BLOCKS: Final = {page: blocks_of(page) for page in PAGES}
#: But those that tests/browser/test_walks.py runs.
RUN: Final = [page for page in PAGES if any(block.runs for block in BLOCKS[page]) and page not in {walk.page for walk in WALKS}]


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


# --- pictures ---

IMAGE: Final = re.compile(r"!\[(?P<alt>[^\]]*)\]\((?P<path>[^)#\s]+)\)|<img[^>]*>")
PICTURES: Final = sorted(Path("docs/pictures").glob("*.png"))


def images(page: Path) -> list[tuple[str, str]]:
    """The alternative text and the path of each image of a page, below docs/."""
    found = [(match["alt"], match["path"]) for match in IMAGE.finditer(page.read_text(encoding="utf-8")) if match["path"]]
    return [(alt, os.path.normpath(page.parent / path)) for alt, path in found]


def test_every_picture_is_shown_on_a_page() -> None:
    shown = {path for page in PAGES for _, path in images(page)}
    assert {str(picture) for picture in PICTURES if picture.stem.endswith("-light")} == shown


def test_every_picture_is_said_in_words() -> None:
    said = {f"{page}: {path}": alt for page in PAGES for alt, path in images(page)}
    # as much as a screen reader needs, and not the file's name
    assert [where for where, alt in said.items() if len(alt.split()) < 3] == []
    # an element would be a picture that nothing here sees
    assert [str(page) for page in PAGES if "<img" in page.read_text(encoding="utf-8")] == []


@pytest.mark.parametrize("picture", PICTURES, ids=str)
def test_a_picture_is_small_and_has_its_other_theme(picture: Path) -> None:
    name, _, theme = picture.stem.rpartition("-")
    assert picture.with_stem(f"{name}-{'dark' if theme == 'light' else 'light'}").exists()
    assert picture.stat().st_size < 150_000
    with Image.open(picture) as image:
        assert (image.format, image.mode) == ("PNG", "P")
        assert image.width > 1000


def test_the_site_shows_the_dark_pictures_too() -> None:
    assert dark.on_page_markdown("Look:\n\n![All of them](../pictures/a-light.png)\n") == (
        "Look:\n\n![All of them](../pictures/a-light.png#only-light)\n![All of them](../pictures/a-dark.png#only-dark)\n"
    )
    hooks = re.search(r"^hooks: \[(.*)\]$", Path("mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
    assert hooks is not None
    assert Path(hooks[1]).resolve() == Path(dark.__file__)
