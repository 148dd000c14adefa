"""The walks of a newcomer, word for word from the documentation's pages, with Chromium and a real Prometheus in the end."""

from pathlib import Path

import pytest

from tools.blocks.block import blocks_of
from tools.blocks.shell import Failed, shell
from tools.walks.walk import WALKS, Walk


@pytest.mark.timeout(300)
@pytest.mark.parametrize("walk", WALKS, ids=lambda walk: walk.name)
def test_a_newcomer_gets_there_without_a_stumble(walk: Walk, tmp_path: Path) -> None:
    with shell(tmp_path) as running:
        shown = walk.take(running, print)
    assert [str(one) for one in shown if one.found is None] == []


def test_the_walks_leave_out_nothing_of_their_pages() -> None:
    for page in {walk.page for walk in WALKS}:
        walked = {block for walk in WALKS if walk.page == page for block in walk.blocks()}
        assert [str(block) for block in blocks_of(page) if block.runs and block not in walked] == []


def test_a_look_that_does_not_see_what_it_wants_is_a_stumble(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("## One\n\n<!-- run -->\n```sh\npython -m http.server --bind 127.0.0.1 8000 &\n```\n")
    with shell(tmp_path) as running, pytest.raises(Failed, match=r"tools\.walks\.look month"):
        Walk("nothing", page, ("One",), "month http://127.0.0.1:8000 2026-10-15").take(running, print)
