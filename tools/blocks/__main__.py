"""`python -m tools.blocks [--write] PAGE ...`: try every block of these pages."""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tools.blocks.block import blocks_of, problems
from tools.blocks.checks import Wrong, check
from tools.blocks.run import run, written_anew
from tools.blocks.shell import Failed, shell


def main() -> int:
    """Tell every problem; 1 if there is one."""
    parser = argparse.ArgumentParser(prog="python -m tools.blocks", description="Try every block of documentation pages.")
    parser.add_argument("--write", action="store_true", help="write the output that the pages show anew")
    parser.add_argument("pages", nargs="+", type=Path, metavar="PAGE")
    options = parser.parse_args()
    found = [problem for page in options.pages for problem in _try(page, write=options.write)]
    for problem in found:
        print(f"\n{problem}")
    return 1 if found else 0


def _try(page: Path, *, write: bool) -> Iterator[str]:
    blocks = blocks_of(page)
    wrong = list(problems(blocks))
    yield from wrong
    for block in blocks:
        try:
            check(block)
        except Wrong as mistake:
            yield str(mistake)
    if wrong or not any(block.runs for block in blocks):
        return
    try:
        with tempfile.TemporaryDirectory(prefix="page-") as folder, shell(Path(folder)) as running:
            shown = run(blocks, running, print)
    except Failed as failure:
        yield str(failure)
        return
    if write:
        page.write_text(written_anew(page, shown), encoding="utf-8")
    else:
        yield from (str(one) for one in shown if one.found is None)


if __name__ == "__main__":
    sys.exit(main())
