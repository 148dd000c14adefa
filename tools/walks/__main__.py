"""`python -m tools.walks [NAME ...]`: take the walks."""

import argparse
import sys
import tempfile
from pathlib import Path

from tools.blocks.shell import Failed, shell
from tools.walks.walk import WALKS, Walk


def main() -> int:
    """Take the walks that are named, or all; 1 if one stumbles."""
    known = {walk.name: walk for walk in WALKS}
    parser = argparse.ArgumentParser(prog="python -m tools.walks", description="Do what the documentation tells a newcomer.")
    parser.add_argument("walks", nargs="*", choices=[*known, []], metavar="WALK", help=", ".join(known))
    names = parser.parse_args().walks or list(known)
    stumbled = [name for name in names if not _take(known[name])]
    print(f"\n{len(names) - len(stumbled)} of {len(names)} walks without a stumble")
    return 1 if stumbled else 0


def _take(walk: Walk) -> bool:
    print(f"\n=== {walk.name}: {walk.page}", flush=True)
    try:
        with tempfile.TemporaryDirectory(prefix="walk-") as folder, shell(Path(folder)) as running:
            shown = walk.take(running, lambda line: print(line, flush=True))
    except Failed as failure:
        print(f"\nStumbled: {failure}")
        return False
    wrong = [one for one in shown if one.found is None]
    for one in wrong:
        print(f"\nNot as the page shows it: {one}")
    return not wrong


if __name__ == "__main__":
    sys.exit(main())
