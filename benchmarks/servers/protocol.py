"""What the servers say and are told."""

import sys
from collections.abc import Callable


def serve(url: str, change: Callable[[], None]) -> None:
    """Say where the server is, and call `change` for every line of standard input."""
    print(f"listening on {url}", flush=True)
    for _ in sys.stdin:
        change()
        print("changed", flush=True)
